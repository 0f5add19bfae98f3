#include "kernelgw/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 30 };

void kg_progress_init(struct kg_progress *p, const char *name, bool quiet)
{
    *p = (struct kg_progress){
        .name = name, .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .done = -1};
}

static long long number(const json_t *model, const char *key)
{
    return (long long)json_integer_value(json_object_get(model, key));
}

static void show_bar(const char *name, const json_t *model, const char *state)
{
    long long done = number(model, "cells_done");
    long long total = number(model, "cells_total");
    long long seconds = number(model, "wall_ms") / 1000;
    int full = total > 0 ? (int)(done * BAR / total) : 0;
    char bar[BAR + 1];
    memset(bar, ' ', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = 0;
    fprintf(stderr, "\r\033[K%s [%s] %lld/%lld cells %lld:%02lld %s", name, bar, done, total,
            seconds / 60, seconds % 60, state);
}

void kg_progress_show(struct kg_progress *p, const json_t *model)
{
    const char *state = json_string_value(json_object_get(model, "state"));
    long long done = number(model, "cells_done");
    unsigned position = (unsigned)number(model, "position");
    bool news = done != p->done || position != p->position || strcmp(state, p->state) != 0;
    if (p->quiet)
        return;
    if (p->terminal) {
        show_bar(p->name, model, state);
    } else if (news && position) {
        fprintf(stderr, "%s: queued, position %u\n", p->name, position);
    } else if (news && strcmp(state, "running") == 0) {
        fprintf(stderr, "%s: %lld of %lld cells done\n", p->name, done,
                number(model, "cells_total"));
    }
    p->done = done;
    p->position = position;
    snprintf(p->state, sizeof p->state, "%s", state);
}

void kg_progress_end(struct kg_progress *p)
{
    if (p->terminal && !p->quiet)
        fputc('\n', stderr);
}

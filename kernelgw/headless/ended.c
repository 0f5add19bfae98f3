/* Runs that have ended, as the next server tells of them: how they ended, and the document of those that have no file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"
#include "notebooks/document.h"

static const char *const outcomes[] = {"ok", "error", "timeout", "stopped", "died", "failed"};

json_t *kg_nb_ended_entry(const struct kg_nbrun *r)
{
    return json_pack("{s:s,s:s,s:O*,s:I,s:I,s:I,s:s,s:s}", "outcome", r->outcome, "reason",
                     r->reason, "error", r->error, "cells_done", (json_int_t)r->cells_done,
                     "cells_total", (json_int_t)r->cells_total, "ended_us", (json_int_t)r->ended_us,
                     "trouble", r->store.trouble, "moved", r->store.moved);
}

static void copy_text(char *out, size_t size, const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    snprintf(out, size, "%s", text ? text : "");
}

static size_t count_of(const json_t *entry, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(entry, key));
    return n > 0 ? (size_t)n : 0;
}

bool kg_nb_ended_read(struct kg_nbrun *r, const json_t *entry)
{
    const char *outcome = json_string_value(json_object_get(entry, "outcome"));
    for (size_t i = 0; outcome && i < KG_COUNT(outcomes); i++)
        if (strcmp(outcome, outcomes[i]) == 0)
            r->outcome = outcomes[i];
    if (!r->outcome)
        return false;
    const json_t *error = json_object_get(entry, "error");
    r->error = json_is_object(error) ? json_deep_copy(error) : NULL;
    copy_text(r->reason, sizeof r->reason, entry, "reason");
    copy_text(r->store.trouble, sizeof r->store.trouble, entry, "trouble");
    copy_text(r->store.moved, sizeof r->store.moved, entry, "moved");
    r->cells_done = count_of(entry, "cells_done");
    r->cells_total = count_of(entry, "cells_total");
    r->ended_us = json_integer_value(json_object_get(entry, "ended_us"));
    int64_t age_ms = (kg_clock_wall_us() - r->ended_us) / 1000;
    uint64_t now = kg_clock_ms();
    r->ended_ms = age_ms <= 0 ? now : now > (uint64_t)age_ms ? now - (uint64_t)age_ms : 0;
    r->state = KG_N_ENDED;
    return true;
}

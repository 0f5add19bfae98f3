#include "kernelgw/core/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/workspace.h"

enum { NAME_MAX_BYTES = 64 };

bool kg_terminal_name_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return n >= 1 && n <= NAME_MAX_BYTES;
}

struct kg_terminal *kg_terminal_find(struct kg_core *core, const char *name)
{
    struct kg_terminal *t = NULL;
    HASH_FIND_STR(core->terminals, name, t);
    return t;
}

static void forget(struct kg_terminal *t)
{
    struct kg_terminal_client *c, *next;
    HASH_DEL(t->core->terminals, t);
    DL_FOREACH_SAFE(t->clients, c, next) {
        DL_DELETE(t->clients, c);
        c->terminal = NULL;
    }
    kg_log(KG_INFO, "terminal", "gone", "name=%s", t->name);
    kg_run_unwatch(t->run, &t->watch);
    free(t->name);
    free(t);
}

static void on_wake(void *user)
{
    struct kg_terminal *t = user;
    t->last_activity_us = kg_clock_wall_us();
    if (kg_run_ended(t->run))
        forget(t);
}

static struct kg_terminal *add(struct kg_core *core, struct kg_run *r)
{
    struct kg_terminal *t = kg_calloc(1, sizeof *t);
    t->name = kg_strdup(r->spec.terminal);
    t->core = core;
    t->run = r;
    t->last_activity_us = kg_clock_wall_us();
    t->watch = (struct kg_run_watch){.wake = on_wake, .user = t};
    HASH_ADD_KEYPTR(hh, core->terminals, t->name, strlen(t->name), t);
    kg_run_watch(r, &t->watch);
    return t;
}

/* 1, 2, 3: the first that is free. */
static char *free_name(struct kg_core *core)
{
    for (unsigned n = 1;; n++) {
        char *name = kg_asprintf("%u", n);
        if (!kg_terminal_find(core, name))
            return name;
        free(name);
    }
}

static int choose_runtime(struct kg_run_spec *s, const struct kg_core *core, const char *language,
                          struct kg_err *err)
{
    const struct kg_runtimes *all = &core->runtimes;
    s->runtime = kg_runtimes_for_program(all, language ? language : "python");
    if (!s->runtime && language)
        return kg_err_set(err, -ENOENT, "no runtime runs programs in \"%.60s\" here", language);
    for (size_t i = 0; i < all->count && !s->runtime; i++)
        if (all->items[i].program)
            s->runtime = &all->items[i];
    return s->runtime ? 0 : kg_err_set(err, -ENOENT, "no runtime here runs programs");
}

static int make_spec(struct kg_run_spec *s, struct kg_core *core,
                     const struct kg_terminal_wish *wish, struct kg_err *err)
{
    *s = (struct kg_run_spec){.tty = {true, KG_TTY_ROWS, KG_TTY_COLS}};
    if (wish->session && !kg_workspace_name_ok(wish->session))
        return kg_err_set(err, -EINVAL,
                          "session must be a name of 1 to 100 bytes, without slashes");
    int rc = choose_runtime(s, core, wish->language, err);
    if (rc == 0)
        rc = kg_network_wish(&s->network, core, wish->network, "network", err);
    if (rc == 0)
        rc = kg_wish_parse(&s->wish, &core->config, wish->limits, false, err);
    if (rc < 0)
        return rc;
    s->terminal = wish->name ? kg_strdup(wish->name) : free_name(core);
    s->entry = kg_asprintf("terminal-%s", s->terminal);
    s->owner = wish->owner ? kg_strdup(wish->owner) : NULL;
    s->session = wish->session ? kg_strdup(wish->session) : NULL;
    return 0;
}

static bool same_owner(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

int kg_terminal_open(struct kg_core *core, const struct kg_terminal_wish *wish,
                     struct kg_terminal **out, struct kg_err *err)
{
    if (wish->name && !kg_terminal_name_ok(wish->name))
        return kg_err_set(err, -EINVAL, "name must be 1 to %d letters, digits and _",
                          NAME_MAX_BYTES);
    *out = wish->name ? kg_terminal_find(core, wish->name) : NULL;
    if (*out && !same_owner((*out)->run->spec.owner, wish->owner))
        return kg_err_set(err, -EEXIST, "the name %s is taken", wish->name);
    if (*out)
        return 0;
    if (HASH_COUNT(core->terminals) >= core->config.max_terminals)
        return kg_err_set(err, -EAGAIN, "there are %u terminals, as many as may be",
                          core->config.max_terminals);
    struct kg_run_spec spec;
    struct kg_run *r = NULL;
    int rc = make_spec(&spec, core, wish, err);
    if (rc == 0)
        rc = kg_run_start(core, &spec, &r, err);
    kg_run_spec_release(&spec);
    if (rc < 0)
        return rc;
    *out = add(core, r);
    kg_log(KG_INFO, "terminal", "open", "name=%s run=%s", (*out)->name, r->id);
    return 0;
}

void kg_terminal_adopt(struct kg_core *core, struct kg_run *r)
{
    if (!kg_terminal_find(core, r->spec.terminal))
        add(core, r);
}

void kg_terminal_end(struct kg_terminal *t)
{
    kg_run_stop_now(t->run); /* whose end takes t */
}

void kg_terminal_join(struct kg_terminal *t, struct kg_terminal_client *c)
{
    *c = (struct kg_terminal_client){.terminal = t};
    DL_APPEND(t->clients, c);
}

/* The smallest of all, as terminado has it: who has less room than the terminal sees nothing right. */
static void fit(struct kg_terminal *t)
{
    struct kg_tty size = {true, UINT16_MAX, UINT16_MAX};
    const struct kg_terminal_client *c;
    DL_FOREACH(t->clients, c) {
        if (c->rows && c->rows < size.rows)
            size.rows = c->rows;
        if (c->cols && c->cols < size.cols)
            size.cols = c->cols;
    }
    const struct kg_tty *now = &t->run->spec.tty;
    if (size.rows == UINT16_MAX || size.cols == UINT16_MAX ||
        (size.rows == now->rows && size.cols == now->cols))
        return;
    kg_run_resize(t->run, &size, NULL);
}

void kg_terminal_part(struct kg_terminal_client *c)
{
    struct kg_terminal *t = c->terminal;
    if (!t)
        return;
    DL_DELETE(t->clients, c);
    c->terminal = NULL;
    fit(t);
}

void kg_terminal_size(struct kg_terminal_client *c, uint16_t rows, uint16_t cols)
{
    c->rows = rows;
    c->cols = cols;
    if (c->terminal)
        fit(c->terminal);
}

void kg_terminal_used(struct kg_terminal_client *c)
{
    if (c->terminal)
        c->terminal->last_activity_us = kg_clock_wall_us();
}

void kg_terminal_model(const struct kg_terminal *t, struct kg_json *j)
{
    char when[KG_ISO_SIZE];
    kg_clock_iso(when, t->last_activity_us);
    kg_json_object_begin(j);
    kg_json_kstr(j, "name", t->name);
    kg_json_kstr(j, "last_activity", when);
    kg_json_object_end(j);
}

void kg_terminals_tick(struct kg_core *core, int64_t now_wall_us)
{
    int64_t idle_us = (int64_t)core->config.cull_terminal_s * 1000000;
    struct kg_terminal *t, *next;
    if (!idle_us)
        return;
    HASH_ITER(hh, core->terminals, t, next) {
        if (now_wall_us - t->last_activity_us < idle_us)
            continue;
        kg_log(KG_INFO, "terminal", "culled", "name=%s", t->name);
        kg_terminal_end(t);
    }
}

void kg_terminals_close(struct kg_core *core)
{
    struct kg_terminal *t, *next;
    HASH_ITER(hh, core->terminals, t, next)
        forget(t);
}

#include "kernelgw/core/shelf.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/queue.h"

struct kg_shelved {
    struct kg_shelved *prev, *next;
    struct kg_workspace
        *workspace; /* NULL: it is off the shelf, and freed by the answer that is due */
    struct kg_shelf_kind kind;
    struct pl_box *box;
    bool clearing; /* the agent, or the engine after it, has not answered yet */
    uint64_t since_ms;
};

static void take_off(struct kg_shelved *s)
{
    DL_DELETE(s->workspace->shelf, s);
    s->workspace = NULL;
    if (!s->clearing)
        free(s);
}

static void on_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    (void)user; /* nothing runs in it */
    (void)rec;
    (void)body;
}

static void on_gone(void *user, const char *why, bool oom)
{
    struct kg_shelved *s = user;
    (void)why;
    (void)oom;
    struct kg_core *core = s->workspace->core;
    take_off(s);
    kg_queue_pump(core);
}

static const struct pl_box_events events = {.record = on_record, .gone = on_gone};

static bool same_kind(const struct kg_shelf_kind *a, const struct kg_shelf_kind *b)
{
    return a->runtime == b->runtime && a->networked == b->networked &&
           memcmp(&a->limits, &b->limits, sizeof a->limits) == 0;
}

enum kg_shelf_find kg_shelf_find(const struct kg_workspace *w, const struct kg_shelf_kind *kind)
{
    enum kg_shelf_find found = KG_SHELF_NONE;
    const struct kg_shelved *s;
    DL_FOREACH(w->shelf, s)
        if (same_kind(&s->kind, kind)) {
            if (!s->clearing)
                return KG_SHELF_READY;
            found = KG_SHELF_SOON;
        }
    return found;
}

struct pl_box *kg_shelf_take(struct kg_workspace *w, const struct kg_shelf_kind *kind)
{
    struct kg_shelved *s;
    DL_FOREACH(w->shelf, s)
        if (!s->clearing && same_kind(&s->kind, kind)) {
            struct pl_box *box = s->box;
            take_off(s);
            return box;
        }
    return NULL;
}

static void drop(struct kg_shelved *s)
{
    pl_box_destroy(s->box);
    take_off(s);
}

static void settle(struct kg_shelved *s, const char *why_not)
{
    s->clearing = false;
    if (!s->workspace) {
        free(s);
        return;
    }
    struct kg_core *core = s->workspace->core;
    if (why_not) {
        kg_log(KG_INFO, "workspace", "box not kept", "why=\"%s\"", why_not);
        drop(s);
    }
    kg_queue_pump(core);
}

/* Whatever ran out of memory in it may have been a part of its service; and that the box's cgroup has killed nothing yet
 * is what tells a program's own end from a lack of memory. */
static void judged(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    (void)err; /* an engine that can't tell now has not told otherwise */
    settle(user, stats && stats->oom_kills > 0 ? "something in it ran out of memory" : NULL);
}

static void cleared(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_shelved *s = user;
    if (err || !json_is_true(json_object_get(reply, "ok"))) {
        const char *why = err ? err->text : json_string_value(json_object_get(reply, "error"));
        settle(s, why ? why : "");
    } else if (s->workspace) {
        pl_box_stats(s->box, judged, s);
    } else {
        settle(s, NULL);
    }
}

void kg_shelf_put(struct kg_workspace *w, const struct kg_shelf_kind *kind, struct pl_box *box)
{
    if (w->ending || kg_shelf_count(w) >= KG_SHELF_MAX) {
        pl_box_destroy(box);
        return;
    }
    struct kg_shelved *s = kg_calloc(1, sizeof *s);
    s->workspace = w;
    s->kind = *kind;
    s->box = box;
    s->since_ms = kg_clock_ms();
    s->clearing = true;
    DL_APPEND(w->shelf, s);
    pl_box_set_events(box, &events, s);
    pl_box_request(box, "files.clear", json_pack("{s:b}", "all", true), NULL, 0, cleared, s);
}

void kg_shelf_expire(struct kg_workspace *w, uint64_t now_ms)
{
    struct kg_shelved *s, *next;
    DL_FOREACH_SAFE(w->shelf, s, next)
        if (now_ms - s->since_ms >= KG_SHELF_MS)
            drop(s);
}

void kg_shelf_clear(struct kg_workspace *w)
{
    while (w->shelf)
        drop(w->shelf);
}

bool kg_shelf_give_way(struct kg_core *core)
{
    struct kg_shelved *oldest = NULL;
    for (struct kg_workspace *w = core->workspaces; w; w = w->hh.next)
        if (w->shelf && (!oldest || w->shelf->since_ms < oldest->since_ms))
            oldest = w->shelf;
    if (oldest)
        drop(oldest);
    return oldest != NULL;
}

unsigned kg_shelf_count(const struct kg_workspace *w)
{
    unsigned n = 0;
    const struct kg_shelved *s;
    DL_FOREACH(w->shelf, s)
        n++;
    return n;
}

bool kg_shelf_has_networked(const struct kg_workspace *w)
{
    const struct kg_shelved *s;
    DL_FOREACH(w->shelf, s)
        if (s->kind.networked)
            return true;
    return false;
}

size_t kg_shelf_boxes(const struct kg_workspace *w, struct pl_box **out)
{
    size_t n = 0;
    const struct kg_shelved *s;
    DL_FOREACH(w->shelf, s)
        out[n++] = s->box;
    return n;
}

#include "kernelgw/core/workspace_usage.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/shelf.h"

struct census {
    struct kg_usage *list;
    size_t count, due;
    kg_usage_done *done;
    void *user;
};

struct asking {
    struct census *census;
    size_t index;
};

static void settle(struct census *c)
{
    if (--c->due > 0)
        return;
    c->done(c->user, c->list, c->count);
    for (size_t i = 0; i < c->count; i++)
        kg_workspace_unref(c->list[i].workspace);
    free(c->list);
    free(c);
}

static void told(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct asking *a = user;
    struct census *c = a->census;
    (void)err; /* the box is gone: it uses nothing any more */
    if (stats)
        c->list[a->index].memory_bytes += stats->memory_bytes;
    free(a);
    settle(c);
}

static void ask(struct census *c, size_t index, struct pl_box *box)
{
    struct asking *a = kg_malloc(sizeof *a);
    *a = (struct asking){c, index};
    c->due++;
    pl_box_stats(box, told, a);
}

/* Also without a box to ask: the answer comes later in any case. */
static void at_last(uv_handle_t *timer)
{
    struct census *c = timer->data;
    free(timer);
    settle(c);
}

void kg_workspaces_measure(struct kg_core *core,
                           bool (*wanted)(const void *user, const struct kg_workspace *w),
                           kg_usage_done *done, void *user)
{
    struct census *c = kg_calloc(1, sizeof *c);
    *c = (struct census){.done = done, .user = user, .due = 1};
    c->list = kg_calloc(HASH_COUNT(core->workspaces) + 1, sizeof *c->list);
    for (struct kg_workspace *w = core->workspaces; w; w = w->hh.next) {
        if (!wanted(user, w))
            continue;
        w->refs++;
        w->census_index = c->count;
        w->census = c;
        c->list[c->count++].workspace = w;
        struct pl_box *kept[KG_SHELF_MAX];
        size_t n = kg_shelf_boxes(w, kept);
        for (size_t i = 0; i < n; i++)
            ask(c, w->census_index, kept[i]);
    }
    for (const struct kg_run *r = core->runs; r; r = r->hh.next)
        if (r->box && r->workspace && r->workspace->census == c)
            ask(c, r->workspace->census_index, r->box);
    for (const struct kg_kernel *k = core->kernels; k; k = k->hh.next)
        if (k->box && k->workspace && k->workspace->census == c)
            ask(c, k->workspace->census_index, k->box);
    for (size_t i = 0; i < c->count; i++)
        c->list[i].workspace->census = NULL; /* it was a mark of this call alone */
    uv_timer_t *timer = kg_calloc(1, sizeof *timer);
    uv_timer_init(core->loop, timer);
    timer->data = c;
    uv_close((uv_handle_t *)timer, at_last);
}

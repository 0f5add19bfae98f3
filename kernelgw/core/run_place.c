#include "kernelgw/core/run_place.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/queue.h"
#include "kernelgw/core/shelf.h"

enum { PAUSE_MS = 1000 };

void kg_run_claim(struct pl_claim *claim, struct kg_run *r)
{
    const struct kg_program *p = r->spec.runtime->program;
    r->limits = r->spec.runtime->pool.program_limits;
    r->limits.memory_mb = p->memory_mb;
    kg_wish_apply(&r->spec.wish, &r->limits);
    r->limits.memory_mb = kg_program_most_memory(p, r->spec.wish.memory_mb);
    *claim = (struct pl_claim){
        .runtime = r->spec.runtime->pool.name, .kind = PL_PROGRAM, .limits = &r->limits};
    if (r->spec.network)
        claim->net = kg_workspace_net(r->workspace);
}

static struct kg_shelf_kind kind_of(struct kg_run *r)
{
    struct pl_claim claim;
    kg_run_claim(&claim, r);
    return (struct kg_shelf_kind){r->spec.runtime, r->spec.network, r->limits};
}

bool kg_run_place_ready(struct kg_run *r)
{
    if (!r->workspace || !r->workspace->shelf)
        return true;
    struct kg_shelf_kind kind = kind_of(r);
    return kg_shelf_find(r->workspace, &kind) != KG_SHELF_SOON;
}

static void claimed(void *user, struct pl_box *box, const json_t *info, const struct kg_err *err)
{
    (void)info;
    struct kg_run *r = user;
    struct kg_core *core = r->core;
    r->claim = 0;
    core->queue.claims--;
    if (r->deleted || kg_run_ended(r)) {
        if (box)
            pl_box_destroy(box);
    } else if (box) {
        kg_run_placed(r, box);
    } else if (err->code == -EBUSY) {
        /* Boxes that are kept for somebody give way to who needs one now. */
        core->queue.pause_ms = kg_shelf_give_way(core) ? 0 : kg_clock_ms() + PAUSE_MS;
        kg_queue_again(r);
    } else {
        kg_run_lost(r, err->text);
    }
    kg_run_unref(r);
    kg_queue_pump(core);
}

void kg_run_place(struct kg_run *r)
{
    struct pl_box *box = NULL;
    struct pl_claim claim;
    if (r->workspace && r->workspace->shelf) {
        struct kg_shelf_kind kind = kind_of(r);
        box = kg_shelf_take(r->workspace, &kind);
    }
    if (box) {
        kg_run_placed(r, box);
        return;
    }
    kg_run_claim(&claim, r);
    r->refs++;
    r->core->queue.claims++;
    r->claim = pl_claim(r->core->pool, &claim, claimed, r);
    kg_run_wake(r); /* it has a step now, rather than a position */
}

/* A box that has run out of memory is worn out (so is one in which a part of the program has: the shelf asks). What a
 * service keeps from one program to the next is the language's affair, and stays in the session. */
static bool reusable(const struct kg_run *r)
{
    const char *reason = json_string_value(json_object_get(r->exit, "reason"));
    return r->workspace && r->state == KG_R_EXITED && !r->deleted && !r->core->closing && reason &&
           strcmp(reason, "oom") != 0;
}

void kg_run_give_back(struct kg_run *r)
{
    struct pl_box *box = r->box;
    r->box = NULL;
    if (!box)
        return;
    if (!reusable(r)) {
        pl_box_destroy(box);
        return;
    }
    struct kg_shelf_kind kind = {r->spec.runtime, r->spec.network, r->limits};
    kg_shelf_put(r->workspace, &kind, box);
}

/*
 * Boxes that an earlier gateway had handed out and whose owner still knows them: taken over as they are. Each is in the
 * table from the start, so that the sweep takes none of them for a stray, and waits there for the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

static void attach(struct pl_box *b)
{
    struct pl_pool *p = b->pool;
    pl_box_enter(b, PL_CREATING, "to be taken over");
    pl_box_set_timer(b, p->tuning.create_ms, pl_box_create_timer);
    pl_box_op_begun(b);
    b->asked = true;
    p->engine->ops->attach(p->engine, b->id, pl_box_made, b);
}

void pl_adopt_waiting(struct pl_pool *p)
{
    struct pl_box *b;
    TAILQ_FOREACH(b, &p->boxes, entry)
    if (b->adopted && b->state == PL_NEW)
        attach(b);
}

uint64_t pl_adopt(struct pl_pool *p, const char *box, const struct pl_claim *claim,
                  pl_claim_done *done, void *user)
{
    struct pl_claimed *c = pl_claim_new(p, claim, done, user);
    struct kg_err err = {0};
    if (c->state == PL_ENDED)
        return c->id;
    if (strlen(box) != PL_BOX_ID_LEN || pl_pool_find(p, box)) {
        kg_err_set(&err, -EINVAL, "box %.40s can't be taken over", box);
        pl_claim_end(c, &err);
        return c->id;
    }
    struct pl_box *b = kg_calloc(1, sizeof *b);
    memcpy(b->id, box, PL_BOX_ID_SIZE);
    b->pool = p;
    b->stock = c->stock;
    b->claim = c;
    b->dedicated = b->adopted = true;
    b->begun_ms = kg_clock_ms();
    TAILQ_INIT(&b->pending);
    const struct pl_runtime *r = c->stock->runtime;
    b->limits = c->stock->kind == PL_KERNEL ? r->kernel_limits : r->program_limits;
    if (c->has_limits)
        b->limits = c->limits;
    /* in_force stays unknown: it may have been lent something when its gateway ended */
    uv_timer_init(p->loop, &b->timer);
    b->timer.data = b;
    c->state = PL_STARTING;
    c->box = b;
    if (c->net)
        pl_net_enter(c->net, b);
    pl_pool_add(p, b);
    p->box_count++;
    if (p->engine_up)
        attach(b);
    return c->id;
}

static void on_taken_back(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    if (err && b->state == PL_CLAIMED)
        kg_log(KG_WARN, "pool", "box keeps what it was lent", "box=%.12s why=\"%s\"", b->id,
               err->text);
    pl_box_op_ended(b);
}

void pl_adopted(struct pl_box *b)
{
    struct pl_claimed *c = b->claim;
    struct pl_pool *p = b->pool;
    b->made_mark = p->list_mark;
    pl_box_enter(b, PL_IDLE, "taken over");
    pl_box_enter(b, PL_CLAIMED, "taken over");
    if (b->stock->kind == PL_KERNEL && pl_box_boosted(b)) {
        /* its gateway may have ended in the middle of a restart, which is lent CPU */
        pl_box_op_begun(b);
        pl_box_end_boost(b, on_taken_back, b);
    }
    pl_claim_deliver(c, b);
    pl_warm_pump(p); /* it has counted among those that start: others have waited for that */
}

/*
 * What a box may use while it lives: figures that change from phase to phase, and processor time that is lent.
 *
 * A box that starts or compiles may have up to two cores for that time. Boxes share the processor evenly, whatever their
 * limits, so a loan takes only what the others leave; but as many loans as there are cores use up all that an idle
 * machine has to give, and what is asked for beyond them is not lent. Starting boxes are never refused, since no more of
 * them are under way at once than there are cores.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { LENT_CPU_MILLI = 2000 };

uint32_t pl_lent_cpu(const struct pl_box *b)
{
    uint32_t most = b->pool->host_cpu_milli;
    if (most > LENT_CPU_MILLI)
        most = LENT_CPU_MILLI;
    return b->limits.cpu_milli && b->limits.cpu_milli < most ? most : b->limits.cpu_milli;
}

void pl_lend(struct pl_box *b)
{
    b->pool->lent += !b->lent;
    b->lent = true;
}

void pl_lend_end(struct pl_box *b)
{
    b->pool->lent -= b->lent;
    b->lent = false;
}

static bool lend_if_idle(struct pl_box *b)
{
    if (!b->lent && b->pool->lent >= b->pool->host_cpu_milli / 1000)
        return false;
    pl_lend(b);
    return true;
}

struct change {
    struct pl_box *box;
    struct pl_limits to;
    void (*done)(void *user);
    void *user;
};

static void on_changed(void *user, const struct kg_err *err)
{
    struct change *c = user;
    struct pl_box *b = c->box;
    if (!err || err->code == -EBUSY)
        b->in_force.cpu_milli = c->to.cpu_milli;
    if (!err)
        b->in_force.memory_mb = c->to.memory_mb;
    else if (b->state == PL_CLAIMED)
        kg_log(KG_WARN, "pool", "box keeps its limits",
               "box=%.12s memory_mb=%u wanted=%u why=\"%s\"", b->id, b->in_force.memory_mb,
               c->to.memory_mb, err->text);
    c->done(c->user);
    pl_box_op_ended(b);
    free(c);
}

bool pl_box_use(struct pl_box *b, const struct pl_use *use, void (*done)(void *user), void *user)
{
    struct pl_limits to = {.memory_mb = use->memory_mb, .cpu_milli = b->limits.cpu_milli};
    if (b->state != PL_CLAIMED || !(b->pool->engine->ops->caps & PL_ENGINE_LIMITS))
        return false;
    if (use->lend && lend_if_idle(b))
        to.cpu_milli = pl_lent_cpu(b);
    else
        pl_lend_end(b);
    if (to.memory_mb == b->in_force.memory_mb && to.cpu_milli == b->in_force.cpu_milli)
        return false;
    struct change *c = kg_malloc(sizeof *c);
    *c = (struct change){b, to, done, user};
    pl_box_op_begun(b);
    b->pool->engine->ops->limits(b->pool->engine, b->id, &to, on_changed, c);
    return true;
}

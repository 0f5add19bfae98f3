#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { FIRST_RETRY_MS = 500 };

static void on_stray_destroyed(void *user, const struct kg_err *err)
{
    struct pl_pool *p = user;
    if (!err)
        p->swept++;
    else if (!p->closing)
        kg_log(KG_WARN, "pool", "stray box could not be destroyed", "why=\"%s\"", err->text);
}

/* A box that is not in our table. Ours are there before the engine hears of them, and stay until it has nothing
 * of them; so this is what an earlier gateway left, or what a broken engine forgot to end. */
static void on_stray(struct pl_pool *p, const struct pl_listed *found)
{
    bool ours = strcmp(found->owner, p->owner) == 0;
    if (!ours && found->owner_here)
        return; /* another gateway's, which lives */
    if (p->swept_once && (!ours || found->age_ms < p->tuning.orphan_ms))
        return;
    kg_log(KG_INFO, "pool", "stray box", "box=%.12s age_ms=%llu", found->id,
           (unsigned long long)found->age_ms);
    p->engine->ops->destroy(p->engine, found->id, on_stray_destroyed, p);
}

static bool should_exist(const struct pl_pool *p, const struct pl_box *b)
{
    return b->made && b->made_mark < p->list_mark && b->state > PL_CREATING &&
           b->state < PL_DRAINING;
}

/* Boxes that the engine made, before it was asked for the list, and that the list does not have. */
static void fail_lost(struct pl_pool *p)
{
    struct pl_box *b;
    struct pl_box *next;
    for (b = TAILQ_FIRST(&p->boxes); b; b = next) {
        next = TAILQ_NEXT(b, entry); /* boxes leave the list later only, in their handle's close */
        if (!should_exist(p, b) || b->seen_mark == p->list_mark)
            continue;
        struct kg_err err = {0};
        kg_err_set(&err, -EIO, "the engine has no box %.12s any more", b->id);
        p->lost++;
        pl_box_fail(b, &err, false);
    }
}

static void on_sweep(uv_timer_t *timer)
{
    pl_sweep_now(timer->data);
}

static void on_list(void *user, const struct pl_listed *boxes, size_t n, const struct kg_err *err)
{
    struct pl_pool *p = user;
    p->listing = false;
    if (p->closing)
        return;
    if (err) {
        kg_log(KG_WARN, "pool", "sweep failed", "why=\"%s\"", err->text);
        if (!p->swept_once && p->engine_up)
            uv_timer_start(&p->sweep, on_sweep, FIRST_RETRY_MS, p->tuning.sweep_ms);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct pl_box *b = pl_pool_find(p, boxes[i].id);
        if (b)
            b->seen_mark = p->list_mark;
        else
            on_stray(p, &boxes[i]);
    }
    p->swept_once = true;
    p->sweeps++;
    fail_lost(p);
}

void pl_sweep_now(struct pl_pool *p)
{
    if (p->listing || p->closing || !p->engine_up)
        return;
    p->listing = true;
    p->list_mark++;
    p->engine->ops->list(p->engine, on_list, p);
    pl_nets_sweep(p);
}

void pl_sweep_start(struct pl_pool *p)
{
    uv_timer_start(&p->sweep, on_sweep, p->tuning.sweep_ms, p->tuning.sweep_ms);
}

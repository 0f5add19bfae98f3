#include "kernelgw/core/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run_place.h"

static struct kg_flow *flow_of(const struct kg_core *core, const char *key)
{
    struct kg_flow *f = NULL;
    HASH_FIND_STR(core->queue.flows, key, f);
    return f;
}

int kg_queue_may_add(const struct kg_core *core, const char *key, struct kg_err *err)
{
    const struct kg_flow *f = flow_of(core, key);
    if (core->queue.waiting >= core->config.queue_max)
        return kg_err_set(err, -EAGAIN, "%u runs wait already, as many as may: try again later",
                          core->queue.waiting);
    if (f && f->count >= core->config.queue_session)
        return kg_err_set(err, -EDQUOT, "%u runs of this session wait already, as many as may",
                          f->count);
    return 0;
}

static void join(struct kg_core *core, struct kg_flow *f, struct kg_run *r)
{
    struct kg_run *after = f->waiting; /* who comes again was there before those */
    while (after && after->queue_number < r->queue_number)
        after = after->queue_next;
    if (f->count++ == 0)
        DL_APPEND(core->queue.turns, f);
    if (after)
        DL_PREPEND_ELEM2(f->waiting, after, r, queue_prev, queue_next);
    else
        DL_APPEND2(f->waiting, r, queue_prev, queue_next);
    r->waits = true;
    core->queue.waiting++;
}

static void part(struct kg_core *core, struct kg_run *r)
{
    struct kg_flow *f = r->flow;
    DL_DELETE2(f->waiting, r, queue_prev, queue_next);
    r->waits = false;
    core->queue.waiting--;
    if (--f->count == 0)
        DL_DELETE(core->queue.turns, f);
}

void kg_queue_add(struct kg_run *r, const char *key)
{
    struct kg_core *core = r->core;
    struct kg_flow *f = flow_of(core, key);
    if (!f) {
        f = kg_calloc(1, sizeof *f);
        f->key = kg_strdup(key);
        f->named = r->workspace != NULL;
        HASH_ADD_KEYPTR(hh, core->queue.flows, f->key, strlen(f->key), f);
    }
    r->flow = f;
    r->queued_ms = kg_clock_ms();
    r->queue_number = ++core->queue.number;
    join(core, f, r);
}

void kg_queue_remove(struct kg_run *r)
{
    struct kg_core *core = r->core;
    struct kg_flow *f = r->flow;
    if (!f)
        return;
    if (r->waits) {
        part(core, r);
    } else {
        f->live--;
        core->queue.live--;
    }
    r->flow = NULL;
    if (f->live == 0 && f->count == 0) {
        HASH_DEL(core->queue.flows, f);
        free(f->key);
        free(f);
    }
}

void kg_queue_again(struct kg_run *r)
{
    struct kg_flow *f = r->flow;
    f->live--;
    r->core->queue.live--;
    join(r->core, f, r);
    if (r->core->queue.turns != f) { /* its turn was not used */
        DL_DELETE(r->core->queue.turns, f);
        DL_PREPEND(r->core->queue.turns, f);
    }
}

unsigned kg_queue_position(const struct kg_run *r)
{
    if (!r->waits)
        return 0;
    unsigned own = 0;
    for (const struct kg_run *at = r->flow->waiting; at != r; at = at->queue_next)
        own++;
    unsigned ahead = own;
    bool before = true; /* flows whose turn comes before ours */
    const struct kg_flow *f;
    DL_FOREACH(r->core->queue.turns, f) {
        if (f == r->flow) {
            before = false;
            continue;
        }
        unsigned rounds = own + before;
        ahead += f->count < rounds ? f->count : rounds;
    }
    return ahead + 1;
}

static bool may_begin(const struct kg_core *core, const struct kg_flow *f)
{
    return !f->named || f->live < core->config.session_runs;
}

/* One round of turns at most. Returns whether one has begun. */
static bool begin_one(struct kg_core *core)
{
    struct kg_flow *f, *next;
    DL_FOREACH_SAFE(core->queue.turns, f, next) {
        struct kg_run *r = f->waiting;
        if (!may_begin(core, f) || !kg_run_place_ready(r))
            continue;
        part(core, r);
        f->live++;
        core->queue.live++;
        if (f->count) { /* to the end of the line */
            DL_DELETE(core->queue.turns, f);
            DL_APPEND(core->queue.turns, f);
        }
        kg_run_place(r);
        return true;
    }
    return false;
}

void kg_queue_pump(struct kg_core *core)
{
    if (core->queue.pumping || core->closing || kg_clock_ms() < core->queue.pause_ms)
        return;
    core->queue.pumping = true; /* what begins may end at once, and come back here */
    while (core->queue.live < core->config.max_runs && core->queue.claims < KG_CLAIMS_AT_ONCE &&
           begin_one(core))
        ;
    core->queue.pumping = false;
}

void kg_queue_tick(struct kg_core *core, uint64_t now_ms)
{
    struct kg_flow *f, *next;
    core->queue.pumping = true; /* nobody's turn comes while the line is looked through */
    DL_FOREACH_SAFE(core->queue.turns, f, next) {
        struct kg_run *r = f->waiting; /* the oldest of its flow */
        if (now_ms - r->queued_ms < (uint64_t)core->config.queue_s * 1000)
            continue;
        kg_autofree char *why =
            kg_asprintf("it had no turn within %u s: try again later", core->config.queue_s);
        kg_run_lost(r, why);
    }
    core->queue.pumping = false;
    core->queue.pause_ms = 0;
    kg_queue_pump(core);
    /* who watches one that waits may have a new position to tell */
    DL_FOREACH(core->queue.turns, f)
        for (struct kg_run *r = f->waiting; r; r = r->queue_next)
            kg_run_wake(r);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { DESTROY_RETRY_MS = 250, DESTROY_RETRY_MAX_MS = 10000 };

#define S(state) (1u << (state))
static const struct {
    const char *name;
    unsigned next;
} steps[PL_STATES] = {
    [PL_NEW] = {"new", S(PL_CREATING) | S(PL_DRAINING)},
    [PL_CREATING] = {"creating", S(PL_BOOTING) | S(PL_DRAINING)},
    [PL_BOOTING] = {"booting", S(PL_WARMING) | S(PL_IDLE) | S(PL_DRAINING)},
    [PL_WARMING] = {"warming", S(PL_IDLE) | S(PL_DRAINING)},
    [PL_IDLE] = {"idle", S(PL_CLAIMED) | S(PL_DRAINING)},
    [PL_CLAIMED] = {"claimed", S(PL_DRAINING)},
    [PL_DRAINING] = {"draining", S(PL_GONE)},
    [PL_GONE] = {"gone", 0},
};

const char *pl_box_state_name(enum pl_box_state state)
{
    return state < PL_STATES ? steps[state].name : "?";
}

static void count(struct pl_box *b, enum pl_box_state state, int by)
{
    uint32_t d = (uint32_t)by;
    switch (state) {
    case PL_CREATING:
    case PL_BOOTING:
    case PL_WARMING:
        b->pool->starting += d;
        *(b->dedicated ? &b->stock->dedicated : &b->stock->starting) += d;
        break;
    case PL_IDLE: b->stock->idle += d; break;
    case PL_CLAIMED: b->stock->claimed += d; break;
    case PL_DRAINING: b->pool->draining += d; break;
    default: break;
    }
}

void pl_box_enter(struct pl_box *b, enum pl_box_state to, const char *why)
{
    if (!(steps[b->state].next & S(to))) {
        kg_log(KG_ERROR, "pool", "box step is not legal", "box=%.12s from=%s to=%s why=\"%s\"",
               b->id, pl_box_state_name(b->state), pl_box_state_name(to), why);
        abort();
    }
    kg_log(KG_DEBUG, "pool", "box", "box=%.12s runtime=%s from=%s to=%s why=\"%s\"", b->id,
           b->stock->runtime->name, steps[b->state].name, steps[to].name, why);
    uv_timer_stop(&b->timer); /* a state's deadline ends with it */
    if (b->state == PL_IDLE)
        TAILQ_REMOVE(&b->pool->idle, b, idle_entry);
    count(b, b->state, -1);
    b->state = to;
    count(b, to, 1);
    if (to == PL_IDLE)
        TAILQ_INSERT_TAIL(&b->pool->idle, b, idle_entry);
}

void pl_box_set_timer(struct pl_box *b, uint32_t ms, uv_timer_cb fired)
{
    uv_timer_start(&b->timer, fired, ms, 0);
}

/* The end of a box: in PL_GONE with nothing under way. */
static void on_handle_closed(uv_handle_t *handle)
{
    struct pl_box *b = handle->data;
    struct pl_pool *p = b->pool;
    pl_pool_remove(p, b);
    json_decref(b->start);
    json_decref(b->info);
    free(b);
    pl_pool_step_close(p);
}

void pl_box_op_begun(struct pl_box *b)
{
    b->ops++;
}

void pl_box_op_ended(struct pl_box *b)
{
    b->ops--;
    if (b->state == PL_GONE && b->ops == 0 && !b->closing_handle) {
        b->closing_handle = true;
        uv_close((uv_handle_t *)&b->timer, on_handle_closed);
    }
}

static void on_destroy_timer(uv_timer_t *timer)
{
    pl_box_destroy_at_engine(timer->data);
}

static void be_gone(struct pl_box *b, const char *why)
{
    pl_box_enter(b, PL_GONE, why);
    pl_net_leave(b);
    b->pool->box_count--;
    pl_warm_pump(b->pool);
}

static void on_destroyed(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    struct pl_pool *p = b->pool;
    b->destroying = false;
    /* While the pool closes, an engine that is away may still come back in time. */
    if (err && err->code != -ECANCELED && (!p->closing || err->code == -ENOTCONN)) {
        uint32_t wait = DESTROY_RETRY_MS << (b->destroy_tries < 6 ? b->destroy_tries : 6);
        if (b->destroy_tries++ == 0 && err->code != -ENOTCONN)
            kg_log(KG_WARN, "pool", "box could not be destroyed yet", "box=%.12s why=\"%s\"", b->id,
                   err->text);
        pl_box_set_timer(b, wait < DESTROY_RETRY_MAX_MS ? wait : DESTROY_RETRY_MAX_MS,
                         on_destroy_timer);
        pl_box_op_ended(b);
        return;
    }
    if (err)
        kg_log(KG_WARN, "pool", "box left behind", "box=%.12s why=\"%s\"", b->id, err->text);
    be_gone(b, err ? err->text : "destroyed");
    pl_box_op_ended(b);
}

void pl_box_destroy_at_engine(struct pl_box *b)
{
    if (b->destroying)
        return;
    pl_box_op_begun(b);
    if (b->pool->engine_closing || b->left) { /* the next gateway will see to it */
        be_gone(b, b->left ? "left to the next gateway" : "left behind");
        pl_box_op_ended(b);
        return;
    }
    b->destroying = true;
    b->pool->engine->ops->destroy(b->pool->engine, b->id, on_destroyed, b);
}

void pl_box_retry_destroy(struct pl_box *b)
{
    if (b->state == PL_DRAINING && uv_is_active((uv_handle_t *)&b->timer)) {
        uv_timer_stop(&b->timer);
        pl_box_destroy_at_engine(b);
    }
}

void pl_box_drain(struct pl_box *b, const char *why)
{
    pl_box_enter(b, PL_DRAINING, why);
    pl_lend_end(b);
    b->events = NULL;
    pl_link_close(b->link);
    b->link = NULL;
    struct kg_err err = {0};
    kg_err_set(&err, -ECANCELED, "box %.12s is destroyed", b->id);
    pl_request_fail_all_soon(b, &err);
    if (!b->asked) /* else the answer to create comes first */
        pl_box_destroy_at_engine(b);
}

void pl_box_fail(struct pl_box *b, const struct kg_err *err, bool oom)
{
    enum pl_box_state was = b->state;
    if (was == PL_DRAINING || was == PL_GONE)
        return;
    struct kg_err why = *err;
    kg_log(KG_WARN, "pool", "box failed", "box=%.12s runtime=%s state=%s oom=%d why=\"%s\"", b->id,
           b->stock->runtime->name, pl_box_state_name(was), oom, why.text);
    const struct pl_box_events *events = b->events;
    void *user = b->user;
    pl_box_op_begun(b); /* it stays until the callbacks below have returned */
    struct pl_pendings due = TAILQ_HEAD_INITIALIZER(due);
    TAILQ_CONCAT(&due, &b->pending, entry);
    pl_box_drain(b, why.text);
    TAILQ_CONCAT(&b->pending, &due, entry);
    if (was == PL_IDLE)
        b->stock->lost++;
    else if (was != PL_CLAIMED || b->claim)
        pl_warm_failed(b, &why);
    pl_request_fail_all(b, &why);
    if (was == PL_CLAIMED && events && events->gone)
        events->gone(user, why.text, oom);
    pl_box_op_ended(b);
    pl_warm_pump(b->pool);
}

const char *pl_box_id(const struct pl_box *b)
{
    return b->id;
}

uint64_t pl_box_last_seq(const struct pl_box *b)
{
    return b->link ? pl_link_last_seq(b->link) : 0;
}

void pl_box_set_events(struct pl_box *b, const struct pl_box_events *events, void *user)
{
    if (b->state != PL_CLAIMED)
        return; /* it is gone already: gone() is its last word */
    b->events = events;
    b->user = user;
}

int pl_box_send(struct pl_box *b, uint8_t channel, const void *frame, size_t n, struct kg_err *err)
{
    if (!b->link)
        return kg_err_set(err, -ENOTCONN, "box %.12s is gone", b->id);
    if (channel >= KG_CH_COUNT)
        return kg_err_set(err, -EINVAL, "no channel has the number %u", channel);
    struct kg_rec rec = {.type = KG_REC_MSG, .channel = channel};
    return pl_link_send(b->link, &rec, frame, n, err);
}

void pl_box_hold(struct pl_box *b, bool hold)
{
    if (b->link)
        pl_link_hold(b->link, hold);
}

void pl_box_destroy(struct pl_box *b)
{
    if (b->state == PL_CLAIMED)
        pl_box_drain(b, "given back");
}

struct stats_wait {
    struct pl_box *box;
    pl_stats_done *done;
    void *user;
};

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct stats_wait *wait = user;
    wait->done(wait->user, stats, err);
    pl_box_op_ended(wait->box);
    free(wait);
}

void pl_box_stats(struct pl_box *b, pl_stats_done *done, void *user)
{
    struct stats_wait *wait = kg_calloc(1, sizeof *wait);
    *wait = (struct stats_wait){b, done, user};
    pl_box_op_begun(b);
    b->pool->engine->ops->stats(b->pool->engine, b->id, on_stats, wait);
}

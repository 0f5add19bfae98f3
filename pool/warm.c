#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { CLAIM_ATTEMPTS = 2 };

void pl_warm_pump(struct pl_pool *p)
{
    if (!p->closing)
        pl_turn_soon(&p->turn, &p->pump);
}

static struct pl_box *take_idle(struct pl_pool *p, const struct pl_stock *s)
{
    struct pl_box *b;
    if (s->idle == 0)
        return NULL;
    TAILQ_FOREACH(b, &p->idle, idle_entry)
    if (b->stock == s)
        return b;
    return NULL;
}

/* Back to the queue, with its place: the list is in order of asking. */
static void wait_again(struct pl_claimed *c, bool cold)
{
    c->box = NULL;
    c->state = PL_WAITING;
    c->cold = c->cold || cold;
}

/* The box is not what was asked for: another one is made for the claim. */
static void not_as_wished(struct pl_box *b, const char *what, const char *why)
{
    struct pl_claimed *c = b->claim;
    kg_log(KG_INFO, "pool", what, "runtime=%s why=\"%s\"", c->stock->runtime->name, why);
    b->claim = NULL;
    wait_again(c, true);
    pl_box_drain(b, what);
    pl_warm_pump(b->pool);
}

static void on_configured(void *user, const json_t *reply, const struct kg_err *failed)
{
    struct pl_box *b = user;
    struct pl_claimed *c = b->claim;
    struct kg_err err = {0};
    if (b->state == PL_CLAIMED && c) {
        if (pl_reply_error(reply, failed, &err) == 0) {
            uv_timer_stop(&b->timer);
            pl_claim_deliver(c, b);
        } else {
            /* The kernel may be half changed: it is nobody's any more. */
            const char *code = json_string_value(json_object_get(reply, "code"));
            /* One number on Linux, and either name. */
            if (code && (strcmp(code, "ENOTSUP") == 0 || strcmp(code, "EOPNOTSUPP") == 0))
                c->stock->no_configure = true;
            not_as_wished(b, "warm kernel can't be configured", err.text);
        }
    }
    pl_box_op_ended(b);
}

static void on_limited(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    struct pl_claimed *c = b->claim;
    if (b->state == PL_CLAIMED && c && err) {
        not_as_wished(b, "box can't be given its limits", err->text);
    } else if (b->state == PL_CLAIMED && c) {
        uv_timer_stop(&b->timer);
        b->limits = b->in_force = c->limits;
        pl_claim_deliver(c, b);
    }
    pl_box_op_ended(b);
}

static void on_limit_timer(uv_timer_t *timer)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ETIMEDOUT, "the box was not given its limits in time");
    pl_box_fail(timer->data, &err, false);
}

static void on_configure_timer(uv_timer_t *timer)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ETIMEDOUT, "the warm kernel did not take its environment in time");
    pl_box_fail(timer->data, &err, false);
}

static void on_bring_timer(uv_timer_t *timer)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ETIMEDOUT, "the box's network was not made the session's in time");
    pl_box_fail(timer->data, &err, false);
}

static void ready_it(struct pl_claimed *c, struct pl_box *b);

static void hand_over(struct pl_claimed *c, struct pl_box *b)
{
    pl_box_enter(b, PL_CLAIMED, "claim");
    b->claim = c;
    c->box = b;
    c->state = PL_READYING;
    c->stock->refill_at_ms = kg_clock_ms() + b->pool->tuning.refill_ms;
    if (c->net && !b->net) {
        pl_box_set_timer(b, b->pool->tuning.configure_ms, on_bring_timer);
        pl_net_bring(c->net, b);
        return;
    }
    ready_it(c, b);
}

void pl_warm_brought(struct pl_box *b)
{
    uv_timer_stop(&b->timer);
    ready_it(b->claim, b);
}

void pl_warm_not_brought(struct pl_box *b, const char *why)
{
    not_as_wished(b, "box can't bring its network", why);
}

/* Gives a claimed box the limits, environment and directory that were asked for. */
static void ready_it(struct pl_claimed *c, struct pl_box *b)
{
    if (!b->dedicated && c->has_limits) {
        pl_box_op_begun(b);
        pl_box_set_timer(b, b->pool->tuning.configure_ms, on_limit_timer);
        b->pool->engine->ops->limits(b->pool->engine, b->id, &c->limits, on_limited, b);
        return;
    }
    if (b->dedicated || (!c->env && !c->cwd)) {
        pl_claim_deliver(c, b);
        return;
    }
    json_t *req = json_object();
    json_object_set_new(req, "env", c->env ? json_incref(c->env) : json_object());
    json_object_set_new(req, "cwd", c->cwd ? json_string(c->cwd) : json_null());
    pl_box_op_begun(b);
    pl_box_set_timer(b, b->pool->tuning.configure_ms, on_configure_timer);
    pl_box_request(b, "kernel.configure", req, NULL, 0, on_configured, b);
}

void pl_warm_ready(struct pl_box *b)
{
    b->stock->failures_in_row = 0;
    b->stock->retry_at_ms = 0;
    if (b->claim)
        hand_over(b->claim, b);
    pl_warm_pump(b->pool);
}

static void backoff(struct pl_stock *s, const struct kg_err *err)
{
    const struct pl_tuning *t = &s->pool->tuning;
    uint64_t wait = (uint64_t)t->backoff_ms << (s->failures_in_row < 10 ? s->failures_in_row : 10);
    s->failures_in_row++;
    s->failed_at_ms = kg_clock_ms();
    s->retry_at_ms = s->failed_at_ms + (wait < t->backoff_max_ms ? wait : t->backoff_max_ms);
    memcpy(s->last_error, err->text, sizeof s->last_error);
}

/* Another box may do better when making this one failed; not when its kernel or the engine has said no. */
static bool worth_another(int code)
{
    return code != -EIO && code != -ETIMEDOUT && code != -EINVAL && code != -ENOENT;
}

static void failed_for(struct pl_claimed *c, const struct kg_err *err)
{
    bool again = worth_another(err->code);
    if (err->code != -ENOTCONN && (++c->attempts >= CLAIM_ATTEMPTS || !again)) {
        struct kg_err why = *err;
        why.code = err->code == -ETIMEDOUT ? -ETIMEDOUT : -EIO;
        pl_claim_end(c, &why);
    } else {
        wait_again(c, false);
    }
}

void pl_warm_failed(struct pl_box *b, const struct kg_err *err)
{
    struct pl_stock *s = b->stock;
    struct pl_claimed *c = b->claim;
    b->claim = NULL;
    s->failures++;
    if (b->adopted) { /* there is no other box like it */
        if (c)
            pl_claim_end(c, err);
        return;
    }
    if (c && c->state == PL_READYING) { /* a stock kernel that broke in the last moment */
        c->attempts++;
        wait_again(c, true);
        return;
    }
    if (err->code != -ENOTCONN && err->code != -ECANCELED)
        backoff(s, err);
    if (!c)
        TAILQ_FOREACH(c, &s->pool->claims, entry)
    if (c->state == PL_WAITING && !c->cold && c->stock == s)
        break;
    if (c)
        failed_for(c, err);
}

static void hand_out(struct pl_pool *p)
{
    struct pl_claimed *c;
    struct pl_claimed *next;
    for (c = TAILQ_FIRST(&p->claims); c; c = next) {
        next = TAILQ_NEXT(c, entry);
        if (c->state != PL_WAITING)
            continue;
        struct pl_box *b = NULL;
        if (c->net && !c->cold && pl_net_way(c->net, false) == PL_NET_JOIN)
            c->cold = true;
        if (c->net && pl_net_way(c->net, c->cold) == PL_NET_WAIT)
            continue;
        if (!c->cold)
            b = take_idle(p, c->stock);
        if (!c->counted) {
            c->counted = true;
            (*(c->cold ? &c->stock->cold : b ? &c->stock->hits : &c->stock->misses))++;
            if (!c->cold)
                pl_demand_arrived(c->stock);
        }
        if (b)
            hand_over(c, b);
    }
}

static void sooner(uint64_t *next, uint64_t at)
{
    if (at < *next)
        *next = at;
}

static void expire(struct pl_pool *p, uint64_t now, uint64_t *next)
{
    struct pl_claimed *c;
    TAILQ_FOREACH(c, &p->claims, entry)
    {
        if (c->state == PL_ENDED || c->state == PL_READYING)
            continue;
        struct kg_err err = {0};
        uint64_t asked = c->asked_us / 1000;
        uint64_t limit = asked + p->tuning.claim_ms;
        uint64_t down = (asked > p->down_since_ms ? asked : p->down_since_ms) + p->tuning.down_ms;
        if (now >= limit) {
            kg_err_set(&err, -ETIMEDOUT, "no box of %s became ready within %u s%s%s",
                       c->stock->runtime->name, p->tuning.claim_ms / 1000,
                       c->stock->failures_in_row ? ": " : "",
                       c->stock->failures_in_row ? c->stock->last_error : "");
            pl_claim_give_up(c, &err);
        } else if (!p->engine_up && c->state == PL_WAITING && now >= down) {
            kg_err_set(&err, -EAGAIN, "boxes can't be made at present: %s", p->down_why);
            pl_claim_give_up(c, &err);
        } else {
            sooner(next, limit);
            if (!p->engine_up)
                sooner(next, down);
        }
    }
}

/* Boxes that somebody has or that are on their way to somebody. */
static uint32_t spoken_for(const struct pl_pool *p)
{
    uint32_t n = 0;
    for (size_t i = 0; i < p->stock_count; i++) {
        const struct pl_stock *s = &p->stocks[i];
        n += s->claimed + s->dedicated + (s->starting < s->waiting ? s->starting : s->waiting);
    }
    return n;
}

/* Everything is full: a claim goes before stock; when nothing is left to give up, it is told so. */
static void make_place(struct pl_pool *p, struct pl_claimed *c)
{
    if (spoken_for(p) >= p->max_boxes) {
        struct kg_err err = {0};
        kg_err_set(&err, -EBUSY, "all %u boxes are in use", p->max_boxes);
        pl_claim_end(c, &err);
        return;
    }
    struct pl_box *b = TAILQ_FIRST(&p->idle);
    if (p->draining == 0 && b)
        pl_box_drain(b, "makes place for a claim");
}

static void start_for_claims(struct pl_pool *p, uint64_t now, uint64_t *next)
{
    struct pl_claimed *c;
    TAILQ_FOREACH(c, &p->claims, entry)
    if (c->state == PL_WAITING && !c->cold)
        c->stock->waiting++;
    for (size_t i = 0; i < p->stock_count; i++)
        p->stocks[i].covered = p->stocks[i].starting;
    TAILQ_FOREACH(c, &p->claims, entry)
    {
        struct pl_stock *s = c->stock;
        if (c->state != PL_WAITING || !p->engine_up)
            continue;
        if (c->net && pl_net_way(c->net, c->cold) == PL_NET_BEGIN)
            pl_net_make(c->net);
        if (c->net && pl_net_way(c->net, c->cold) == PL_NET_WAIT)
            continue;
        if (!c->cold && s->covered > 0) {
            s->covered--;
            s->riders++;
            continue;
        }
        uint64_t at = s->retry_at_ms;
        if (at >
            s->failed_at_ms + 2ull * p->tuning.backoff_ms) /* who waits is not made to wait long */
            at = s->failed_at_ms + 2ull * p->tuning.backoff_ms;
        if (now < at) {
            sooner(next, at);
        } else if (p->box_count >= p->max_boxes) {
            make_place(p, c);
        } else if (p->starting < p->max_starting) {
            if (c->cold) {
                c->state = PL_STARTING;
                c->box = pl_box_start(s, c, true);
            } else {
                pl_box_start(s, NULL, true);
            }
        }
    }
}

/* Stock that is starting, as much of it as claims wait for. */
static void hurry(struct pl_pool *p)
{
    struct pl_box *b;
    TAILQ_FOREACH(b, &p->boxes, entry)
    {
        bool starting = b->state == PL_CREATING || b->state == PL_BOOTING || b->state == PL_WARMING;
        if (!starting || b->dedicated || b->stock->riders == 0)
            continue;
        b->stock->riders--;
        if (!b->wanted)
            pl_box_wanted(b);
    }
}

/* Starting a successor takes all of a core or two, just when the one that was handed out has its first cell to run. While
 * the stock has others that can wait a moment; the last one's successor can't. */
static uint64_t refill_at(const struct pl_stock *s)
{
    uint64_t at = s->idle > 0 ? s->refill_at_ms : 0;
    return at > s->retry_at_ms ? at : s->retry_at_ms;
}

static void refill(struct pl_pool *p, uint64_t now, uint64_t *next)
{
    bool more = p->engine_up;
    while (more) { /* one of each in turn */
        more = false;
        for (size_t i = 0; i < p->stock_count; i++) {
            struct pl_stock *s = &p->stocks[i];
            if (s->idle + s->starting >= s->target + s->waiting)
                continue;
            if (p->starting >= p->max_starting || p->box_count >= p->max_boxes)
                return;
            if (now < refill_at(s)) {
                sooner(next, refill_at(s));
                continue;
            }
            pl_box_start(s, NULL, false);
            more = true;
        }
    }
}

/* What became ready for a claim that was cancelled meanwhile. */
static void trim(struct pl_pool *p)
{
    for (size_t i = 0; i < p->stock_count; i++) {
        struct pl_stock *s = &p->stocks[i];
        while (s->idle > s->target)
            pl_box_drain(take_idle(p, s), "more than the stock's target");
    }
}

static void on_retry(uv_timer_t *timer)
{
    pl_warm_pump(timer->data);
}

void pl_warm_run(struct pl_task *task)
{
    struct pl_pool *p = kg_container_of(task, struct pl_pool, pump);
    if (p->closing)
        return;
    uint64_t now = kg_clock_ms();
    uint64_t next = UINT64_MAX;
    hand_out(p);
    if (p->closing) /* by who was handed one */
        return;
    for (size_t i = 0; i < p->stock_count; i++)
        p->stocks[i].waiting = p->stocks[i].riders = 0;
    expire(p, now, &next);
    pl_demand_update(p, now, &next);
    start_for_claims(p, now, &next);
    hurry(p);
    refill(p, now, &next);
    trim(p);
    uv_timer_stop(&p->retry);
    if (next != UINT64_MAX)
        uv_timer_start(&p->retry, on_retry, next > now ? next - now : 1, 0);
}

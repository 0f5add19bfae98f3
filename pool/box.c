#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { BOOST_CPU_MILLI = 2000, DESTROY_RETRY_MS = 250, DESTROY_RETRY_MAX_MS = 10000 };

#define S(state) (1u << (state))
static const struct {
    const char *name;
    unsigned next;
} steps[PL_STATES] = {
    [PL_NEW] = {"new", S(PL_CREATING)},
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

static void destroy_at_engine(struct pl_box *b);

static void on_destroy_timer(uv_timer_t *timer)
{
    destroy_at_engine(timer->data);
}

static void be_gone(struct pl_box *b, const char *why)
{
    pl_box_enter(b, PL_GONE, why);
    b->pool->box_count--;
    pl_warm_pump(b->pool);
}

static void on_destroyed(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    struct pl_pool *p = b->pool;
    b->destroying = false;
    if (err && !p->closing && err->code != -ECANCELED) {
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

static void destroy_at_engine(struct pl_box *b)
{
    if (b->destroying)
        return;
    pl_box_op_begun(b);
    if (b->pool->engine_closing) { /* the next gateway's sweep will see to it */
        be_gone(b, "left behind");
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
        destroy_at_engine(b);
    }
}

void pl_box_drain(struct pl_box *b, const char *why)
{
    pl_box_enter(b, PL_DRAINING, why);
    b->events = NULL;
    pl_link_close(b->link);
    b->link = NULL;
    struct kg_err err = {0};
    kg_err_set(&err, -ECANCELED, "box %.12s is destroyed", b->id);
    pl_request_fail_all_soon(b, &err);
    if (!b->asked) /* else the answer to create comes first */
        destroy_at_engine(b);
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

static void fail_timeout(struct pl_box *b, const char *what)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ETIMEDOUT, "%s in time", what);
    pl_box_fail(b, &err, false);
}

static void on_create_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the engine did not make the box");
}

static void on_boot_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the box's agent did not say hello");
}

static void on_ready_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the kernel did not answer");
}

static void on_redial_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the box's agent did not dial again");
}

bool pl_box_boosted(const struct pl_box *b)
{
    return (b->pool->engine->ops->caps & PL_ENGINE_LIMITS) && b->stock->kind == PL_KERNEL;
}

/* A starting kernel may use more of an idle machine than a running one. */
uint32_t pl_box_boost_cpu(const struct pl_box *b)
{
    uint32_t most = b->pool->host_cpu_milli;
    if (most > BOOST_CPU_MILLI)
        most = BOOST_CPU_MILLI;
    return b->limits.cpu_milli && b->limits.cpu_milli < most ? most : b->limits.cpu_milli;
}

static void become_idle(struct pl_box *b)
{
    struct pl_stock *s = b->stock;
    uint64_t ms = kg_clock_ms() - b->begun_ms;
    s->ready_count++;
    s->ready_ms_sum += ms;
    s->ready_ms_last = ms;
    if (ms > s->ready_ms_max)
        s->ready_ms_max = ms;
    pl_box_enter(b, PL_IDLE, "ready");
    pl_warm_ready(b);
}

static void on_boost_ended(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    if (b->state == PL_WARMING && err) {
        struct kg_err why = *err;
        kg_err_wrap(&why, "limit the box's CPU");
        pl_box_fail(b, &why, false);
    } else if (b->state == PL_WARMING) {
        become_idle(b);
    }
    pl_box_op_ended(b);
}

int pl_reply_error(const json_t *reply, const struct kg_err *err, struct kg_err *out)
{
    if (err) {
        *out = *err;
        return out->code;
    }
    if (json_is_true(json_object_get(reply, "ok")))
        return 0;
    const char *text = json_string_value(json_object_get(reply, "error"));
    return kg_err_set(out, -EIO, "%s", text ? text : "the agent refused without a reason");
}

static void on_started(void *user, const json_t *reply, const struct kg_err *failed)
{
    struct pl_box *b = user;
    struct kg_err err = {0};
    if (b->state == PL_WARMING) {
        if (pl_reply_error(reply, failed, &err) < 0) {
            kg_err_wrap(&err, "start kernel");
            pl_box_fail(b, &err, false);
        } else {
            json_decref(b->info);
            b->info = json_incref(json_object_get(reply, "kernel_info"));
            if (pl_box_boosted(b)) {
                pl_box_op_begun(b);
                b->pool->engine->ops->limits(b->pool->engine, b->id, b->limits.cpu_milli, 0,
                                             on_boost_ended, b);
            } else {
                become_idle(b);
            }
        }
    }
    pl_box_op_ended(b);
}

static void on_link_up(void *user)
{
    struct pl_box *b = user;
    if (b->state != PL_BOOTING) {
        uv_timer_stop(&b->timer); /* it has dialled again */
        return;
    }
    if (b->stock->kind == PL_PROGRAM) {
        become_idle(b);
        return;
    }
    pl_box_enter(b, PL_WARMING, "hello");
    json_int_t ready = json_integer_value(json_object_get(b->start, "ready_ms"));
    uint32_t limit = ready > 0 && ready < 3600 * 1000 ? (uint32_t)ready : b->pool->tuning.ready_ms;
    /* The agent's own limit comes first: it can say what went wrong. */
    pl_box_set_timer(b, limit + limit / 4, on_ready_timer);
    pl_box_op_begun(b);
    pl_box_request(b, "kernel.start", kg_steal(&b->start), NULL, 0, on_started, b);
}

static void on_link_down(void *user, const char *why)
{
    struct pl_box *b = user;
    struct kg_err err = {0};
    kg_err_set(&err, -ECONNRESET, "link to box %.12s was lost: %s", b->id, why);
    if (b->state != PL_CLAIMED || b->claim) {
        pl_box_fail(b, &err, false);
        return;
    }
    pl_box_set_timer(b, b->pool->tuning.redial_ms, on_redial_timer);
    pl_request_fail_all(b, &err);
}

static void on_link_broken(void *user, const struct kg_err *err)
{
    pl_box_fail(user, err, false);
}

/* What a kernel in stock says is of no interest, except that it has died. */
static void watch_event(struct pl_box *b, struct kg_slice body)
{
    json_t *event = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "event"));
    if (name && strcmp(name, "kernel_exit") == 0) {
        struct kg_err err = {0};
        kg_err_set(&err, -EIO, "the kernel exited before it was used");
        pl_box_fail(b, &err, false);
    }
    json_decref(event);
}

static void on_link_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct pl_box *b = user;
    if (rec->type == KG_REC_REPLY)
        pl_request_reply(b, body);
    else if (b->events)
        b->events->record(b->user, rec, body);
    else if (rec->type == KG_REC_EVENT && (b->state == PL_IDLE || b->claim))
        watch_event(b, body);
}

static const struct pl_link_events link_events = {
    .up = on_link_up,
    .record = on_link_record,
    .down = on_link_down,
    .broken = on_link_broken,
};

static void on_made(void *user, const struct pl_made *made, const struct kg_err *failed)
{
    struct pl_box *b = user;
    struct pl_pool *p = b->pool;
    struct kg_err err = {0};
    b->asked = false;
    if (b->state == PL_DRAINING) { /* nobody wants it any more */
        if (!failed)
            close(made->listen_fd);
        destroy_at_engine(b);
    } else if (failed) {
        err = *failed;
        kg_err_wrap(&err, "make a box");
        pl_box_fail(b, &err, false);
    } else {
        b->made = true;
        b->pid = made->pid;
        b->made_mark = p->list_mark;
        pl_box_enter(b, PL_BOOTING, "made");
        const struct pl_link_config config = {
            .turn = &p->turn,
            .box = b->id,
            .uid = made->uid,
            .epoch = p->epoch,
            .hello_ms = p->tuning.hello_ms,
        };
        b->link = pl_link_open(&config, made->listen_fd, &link_events, b, &err);
        if (b->link)
            pl_box_set_timer(b, p->tuning.boot_ms, on_boot_timer);
        else
            pl_box_fail(b, &err, false);
    }
    pl_box_op_ended(b);
}

/* The runtime's request with the claim's environment and directory. */
json_t *pl_box_start_request(const struct pl_runtime *runtime, const struct pl_claimed *claim)
{
    json_t *start = json_deep_copy(runtime->kernel_start);
    if (!claim)
        return start;
    if (claim->env) {
        json_t *env = json_object_get(start, "env");
        if (!json_is_object(env)) {
            env = json_object();
            json_object_set_new(start, "env", env);
        }
        json_object_update(env, claim->env);
    }
    if (claim->cwd)
        json_object_set_new(start, "cwd", json_string(claim->cwd));
    return start;
}

struct pl_box *pl_box_start(struct pl_stock *stock, struct pl_claimed *claim)
{
    struct pl_pool *p = stock->pool;
    const struct pl_runtime *runtime = stock->runtime;
    struct pl_box *b = kg_calloc(1, sizeof *b);
    kg_random_hex(b->id, PL_BOX_ID_LEN / 2);
    b->pool = p;
    b->stock = stock;
    b->claim = claim;
    b->dedicated = claim != NULL;
    b->begun_ms = kg_clock_ms();
    TAILQ_INIT(&b->pending);
    b->limits = stock->kind == PL_KERNEL ? runtime->kernel_limits : runtime->program_limits;
    if (claim && claim->has_limits)
        b->limits = claim->limits;
    if (stock->kind == PL_KERNEL)
        b->start = pl_box_start_request(runtime, claim);
    uv_timer_init(p->loop, &b->timer);
    b->timer.data = b;
    pl_pool_add(p, b); /* before the engine hears of it: the sweep never takes it for a stray */
    p->box_count++;
    pl_box_enter(b, PL_CREATING, claim ? "for a claim" : "for stock");
    pl_box_set_timer(b, p->tuning.create_ms, on_create_timer);
    struct pl_box_spec spec = {.id = b->id, .image = runtime->image, .limits = b->limits};
    if (pl_box_boosted(b))
        spec.limits.cpu_milli = pl_box_boost_cpu(b);
    pl_box_op_begun(b);
    b->asked = true;
    p->engine->ops->create(p->engine, &spec, on_made, b);
    return b;
}

const char *pl_box_id(const struct pl_box *b)
{
    return b->id;
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

/* From a box's creation to its readiness, and what its link says on the way. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

/* What starts for the stock: cells and programs that people wait for go first. */
enum { WEIGHT_USUAL = 100, WEIGHT_HUMBLE = 20 };

enum { READY_MAX_MS = 3600000 };

static void fail_timeout(struct pl_box *b, const char *what)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ETIMEDOUT, "%s in time", what);
    pl_box_fail(b, &err, false);
}

void pl_box_create_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the engine did not make the box");
}

static void on_boot_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the box's agent did not say hello");
}

static void on_service_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the service did not get ready");
}

static void on_ready_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the kernel did not answer");
}

static void on_redial_timer(uv_timer_t *timer)
{
    fail_timeout(timer->data, "the box's agent did not dial again");
}

static bool has_service(const struct pl_box *b)
{
    const struct pl_runtime *r = b->stock->runtime;
    return r->service &&
           (b->stock->kind == PL_KERNEL ? r->service_for_kernels : r->service_for_programs);
}

bool pl_box_boosted(const struct pl_box *b)
{
    return (b->pool->engine->ops->caps & PL_ENGINE_LIMITS) &&
           (b->stock->kind == PL_KERNEL || has_service(b));
}

void pl_box_end_boost(struct pl_box *b, pl_engine_done *done, void *user)
{
    struct pl_limits own = {.cpu_milli = b->limits.cpu_milli,
                            .cpu_weight = b->humble ? WEIGHT_USUAL : 0};
    b->humble = false;
    pl_lend_end(b);
    b->pool->engine->ops->limits(b->pool->engine, b->id, &own, done, user);
}

static void on_wanted(void *user, const struct kg_err *err)
{
    struct pl_box *b = user;
    if (err) /* it will be ready a little later */
        kg_log(KG_DEBUG, "pool", "box keeps its weight", "box=%.12s why=\"%s\"", b->id, err->text);
    pl_box_op_ended(b);
}

void pl_box_wanted(struct pl_box *b)
{
    static const struct pl_limits usual = {.cpu_weight = WEIGHT_USUAL};
    b->wanted = true;
    if (!b->humble || (b->state != PL_BOOTING && b->state != PL_WARMING))
        return; /* one that isn't made yet is told when it is */
    b->humble = false;
    pl_box_op_begun(b);
    b->pool->engine->ops->limits(b->pool->engine, b->id, &usual, on_wanted, b);
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
    pl_demand_ready(b, ms);
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

int pl_reply_error(const json_t *reply, const struct kg_err *failed, struct kg_err *out)
{
    if (failed) {
        *out = *failed;
        return out->code;
    }
    if (json_is_true(json_object_get(reply, "ok")))
        return 0;
    const char *text = json_string_value(json_object_get(reply, "error"));
    return kg_err_set(out, -EIO, "%s", text ? text : "the agent refused without a reason");
}

/* Its kernel and its service are ready. */
static void become_ready(struct pl_box *b)
{
    if (!pl_box_boosted(b)) {
        become_idle(b);
        return;
    }
    pl_box_op_begun(b);
    pl_box_end_boost(b, on_boost_ended, b);
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
            become_ready(b);
        }
    }
    pl_box_op_ended(b);
}

/* The agent's own limit comes first: it can say what went wrong. */
static uint32_t ready_limit(const struct pl_box *b, const json_t *request)
{
    json_int_t ready = json_integer_value(json_object_get(request, "ready_ms"));
    uint32_t limit = ready > 0 && ready < READY_MAX_MS ? (uint32_t)ready : b->pool->tuning.ready_ms;
    return limit + limit / 4;
}

static void start_kernel(struct pl_box *b)
{
    pl_box_set_timer(b, ready_limit(b, b->start), on_ready_timer);
    pl_box_op_begun(b);
    pl_box_request(b, "kernel.start", kg_steal(&b->start), NULL, 0, on_started, b);
}

static void on_service(void *user, const json_t *reply, const struct kg_err *failed)
{
    struct pl_box *b = user;
    struct kg_err err = {0};
    if (b->state == PL_WARMING && pl_reply_error(reply, failed, &err) < 0) {
        kg_err_wrap(&err, "start service");
        pl_box_fail(b, &err, false);
    } else if (b->state == PL_WARMING) {
        b->serving = true;
        if (b->stock->kind == PL_KERNEL)
            start_kernel(b);
        else
            become_ready(b);
    }
    pl_box_op_ended(b);
}

static void start_service(struct pl_box *b)
{
    const json_t *service = b->stock->runtime->service;
    pl_box_set_timer(b, ready_limit(b, service), on_service_timer);
    pl_box_op_begun(b);
    pl_box_request(b, "service.start", json_deep_copy(service), NULL, 0, on_service, b);
}

static void on_link_up(void *user)
{
    struct pl_box *b = user;
    if (b->state != PL_BOOTING) {
        uv_timer_stop(&b->timer); /* it has dialled again */
        return;
    }
    if (b->adopted) {
        pl_adopted(b);
        return;
    }
    bool service = has_service(b);
    if (!service && b->stock->kind == PL_PROGRAM) {
        become_idle(b);
        return;
    }
    pl_box_enter(b, PL_WARMING, "hello");
    if (service)
        start_service(b);
    else
        start_kernel(b);
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

/* What a box that is nobody's yet says is of no interest, except that its kernel or its service has died. One that dies
 * on its way is told by the reply to the request that started it. */
static void watch_event(struct pl_box *b, struct kg_slice body)
{
    json_t *event = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "event"));
    bool kernel = name && strcmp(name, "kernel_exit") == 0 && b->state != PL_WARMING;
    bool service = name && strcmp(name, "service_exit") == 0 && b->serving;
    if (kernel || service) {
        struct kg_err err = {0};
        kg_err_set(&err, -EIO, "the %s exited before it was used", kernel ? "kernel" : "service");
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
    else if (rec->type == KG_REC_EVENT &&
             (b->state == PL_WARMING || b->state == PL_IDLE || b->claim))
        watch_event(b, body);
}

static const struct pl_link_events link_events = {
    .up = on_link_up,
    .record = on_link_record,
    .down = on_link_down,
    .broken = on_link_broken,
};

void pl_box_made(void *user, const struct pl_made *made, const struct kg_err *failed)
{
    struct pl_box *b = user;
    struct pl_pool *p = b->pool;
    struct kg_err err = {0};
    b->asked = false;
    if (b->state == PL_DRAINING) { /* nobody wants it any more */
        if (!failed)
            close(made->listen_fd);
        pl_box_destroy_at_engine(b);
    } else if (failed) {
        err = *failed;
        if (b->net && err.code == -ENOENT) /* the engine may have lost it: it is made anew */
            b->net->state = PL_NET_NONE;
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
        if (b->wanted)
            pl_box_wanted(b);
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

struct pl_box *pl_box_start(struct pl_stock *stock, struct pl_claimed *claim, bool wanted)
{
    struct pl_pool *p = stock->pool;
    const struct pl_runtime *runtime = stock->runtime;
    struct pl_box *b = kg_calloc(1, sizeof *b);
    kg_random_hex(b->id, PL_BOX_ID_LEN / 2);
    b->pool = p;
    b->stock = stock;
    b->claim = claim;
    b->dedicated = claim != NULL;
    b->wanted = wanted;
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
    pl_box_set_timer(b, p->tuning.create_ms, pl_box_create_timer);
    struct pl_box_spec spec = {.id = b->id, .image = runtime->image, .limits = b->limits};
    b->in_force = b->limits;
    if (pl_box_boosted(b)) {
        pl_lend(b);
        spec.limits.cpu_milli = pl_lent_cpu(b);
        b->humble = !wanted;
        spec.limits.cpu_weight = wanted ? 0 : WEIGHT_HUMBLE;
    }
    pl_box_op_begun(b);
    b->asked = true;
    if (claim && claim->net) {
        pl_net_enter(claim->net, b);
        spec.net = claim->net->id;
    }
    p->engine->ops->create(p->engine, &spec, pl_box_made, b);
    return b;
}

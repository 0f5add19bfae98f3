#include "pool/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

const struct pl_tuning pl_tuning_default = {
    .hello_ms = 5000,
    .boot_ms = 10000,
    .create_ms = 20000,
    .redial_ms = 5000,
    .ready_ms = 30000,
    .configure_ms = 10000,
    .claim_ms = 60000,
    .down_ms = 5000,
    .refill_ms = 200,
    .sweep_ms = 30000,
    .orphan_ms = 60000,
    .backoff_ms = 250,
    .backoff_max_ms = 10000,
    .close_ms = 10000,
    .close_down_ms = 3000,
};

static unsigned bucket(const char *id)
{
    unsigned n = 0;
    for (int i = 0; i < 4 && id[i]; i++)
        n = n * 31 + (unsigned char)id[i];
    return n % PL_BUCKETS;
}

struct pl_box *pl_pool_find(const struct pl_pool *p, const char *id)
{
    struct pl_box *b = p->buckets[bucket(id)];
    while (b && strcmp(b->id, id) != 0)
        b = b->hash_next;
    return b;
}

void pl_pool_add(struct pl_pool *p, struct pl_box *b)
{
    struct pl_box **head = &p->buckets[bucket(b->id)];
    b->hash_next = *head;
    *head = b;
    TAILQ_INSERT_TAIL(&p->boxes, b, entry);
}

void pl_pool_remove(struct pl_pool *p, struct pl_box *b)
{
    struct pl_box **at = &p->buckets[bucket(b->id)];
    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    TAILQ_REMOVE(&p->boxes, b, entry);
}

static void on_engine_exit(void *user, const char *box, int status, bool oom)
{
    struct pl_box *b = pl_pool_find(user, box);
    struct kg_err err = {0};
    if (!b)
        return;
    kg_err_set(&err, -EIO, "the box ended with status %d%s", status, oom ? ", out of memory" : "");
    pl_box_fail(b, &err, oom);
}

static void on_engine_up(void *user)
{
    struct pl_pool *p = user;
    struct pl_box *b;
    p->engine_up = true;
    kg_log(KG_INFO, "pool", "engine is up", "engine=%s", p->engine->ops->name);
    TAILQ_FOREACH(b, &p->boxes, entry)
    pl_box_retry_destroy(b);
    pl_adopt_waiting(p);
    pl_sweep_now(p); /* what ended while nobody looked, and what an earlier gateway left */
    pl_warm_pump(p);
}

static void on_engine_down(void *user, const char *why)
{
    struct pl_pool *p = user;
    if (p->engine_up)
        kg_log(KG_WARN, "pool", "engine is down", "engine=%s why=\"%s\"", p->engine->ops->name,
               why);
    p->engine_up = false;
    p->down_since_ms = kg_clock_ms();
    snprintf(p->down_why, sizeof p->down_why, "%s", why);
    pl_warm_pump(p);
}

static const struct pl_engine_events engine_events = {
    .exit = on_engine_exit,
    .up = on_engine_up,
    .down = on_engine_down,
};

static void set_stocks(struct pl_pool *p, const struct pl_pool_config *config)
{
    p->stock_count = config->runtime_count * 2;
    p->stocks = kg_calloc(p->stock_count ? p->stock_count : 1, sizeof *p->stocks);
    for (size_t i = 0; i < p->stock_count; i++) {
        struct pl_stock *s = &p->stocks[i];
        s->pool = p;
        s->runtime = &config->runtimes[i / 2];
        s->kind = i % 2 ? PL_PROGRAM : PL_KERNEL;
        if (s->kind == PL_PROGRAM)
            s->minimum = s->runtime->stock_boxes;
        else
            s->minimum = s->runtime->kernel_start ? s->runtime->stock_kernels : 0;
        s->target = s->minimum;
    }
}

static uint32_t cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

int pl_pool_open_on(struct pl_pool **out, const struct pl_pool_config *config,
                    struct pl_engine *engine, const struct pl_tuning *tuning, struct kg_err *err)
{
    if (config->max_boxes == 0)
        return kg_err_set(err, -EINVAL, "max_boxes is 0");
    struct pl_pool *p = kg_calloc(1, sizeof *p);
    p->loop = config->loop;
    p->engine = engine;
    p->owner = kg_strdup(config->owner);
    p->epoch = (uint64_t)kg_clock_wall_us() / 1000;
    p->tuning = *tuning;
    p->max_boxes = config->max_boxes;
    p->stock_extra_bytes = (uint64_t)config->stock_extra_mb << 20;
    p->quiet = true;
    p->max_starting = config->max_starting ? config->max_starting : cores();
    p->host_cpu_milli = cores() * 1000;
    TAILQ_INIT(&p->boxes);
    TAILQ_INIT(&p->idle);
    TAILQ_INIT(&p->claims);
    pl_nets_open(p);
    set_stocks(p, config);
    pl_turn_open(&p->turn, p->loop);
    p->pump.run = pl_warm_run;
    uv_timer_init(p->loop, &p->retry);
    uv_timer_init(p->loop, &p->sweep);
    uv_timer_init(p->loop, &p->close_limit);
    p->retry.data = p->sweep.data = p->close_limit.data = p;
    p->open_handles = 4; /* the turn counts as one */
    p->down_since_ms = kg_clock_ms();
    snprintf(p->down_why, sizeof p->down_why, "the engine is not up yet");
    engine->events = &engine_events;
    engine->user = p;
    engine->turn = &p->turn;
    engine->ops->start(engine);
    pl_sweep_start(p);
    *out = p;
    return 0;
}

int pl_pool_open(struct pl_pool **out, const struct pl_pool_config *config, struct kg_err *err)
{
    struct pl_engine *engine = NULL;
    int rc = 0;
    if (strcmp(config->engine, "oci") == 0)
        engine = pl_engine_oci_new(config->loop, config->boxd, config->owner);
    else if (strcmp(config->engine, "process") == 0)
        rc = pl_engine_process_new(&engine, config->loop, config->run_dir, config->agent,
                                   config->owner, err);
    else
        rc = kg_err_set(err, -EINVAL, "there is no engine %s", config->engine);
    if (rc < 0)
        return rc;
    return pl_pool_open_on(out, config, engine, &pl_tuning_default, err);
}

static void finished_handle(struct pl_pool *p)
{
    if (--p->open_handles > 0)
        return;
    void (*closed)(void *user) = p->closed;
    void *user = p->closed_user;
    free(p->stocks);
    free(p->owner);
    free(p);
    if (closed)
        closed(user);
}

static void on_turn_closed(void *user)
{
    finished_handle(user);
}

static void on_timer_closed(uv_handle_t *handle)
{
    finished_handle(handle->data);
}

static void on_engine_closed(void *user)
{
    struct pl_pool *p = user;
    p->engine_closed = true;
    pl_pool_step_close(p);
}

static void close_engine(struct pl_pool *p)
{
    p->engine_closing = true;
    p->engine->ops->close(p->engine, on_engine_closed, p);
}

void pl_pool_step_close(struct pl_pool *p)
{
    if (!p->closing || p->finishing || !TAILQ_EMPTY(&p->boxes) || !TAILQ_EMPTY(&p->claims) ||
        (p->nets_ending && !p->engine_closing))
        return;
    if (!p->engine_closing)
        close_engine(p);
    else if (p->engine_closed) {
        p->finishing = true;
        pl_task_cancel(&p->net_ended);
        pl_turn_close(&p->turn, on_turn_closed, p);
        uv_close((uv_handle_t *)&p->retry, on_timer_closed);
        uv_close((uv_handle_t *)&p->sweep, on_timer_closed);
        uv_close((uv_handle_t *)&p->close_limit, on_timer_closed);
    }
}

static void on_close_limit(uv_timer_t *timer)
{
    struct pl_pool *p = timer->data;
    kg_log(KG_WARN, "pool", "closed with boxes left behind", "boxes=%u", p->box_count);
    if (!p->engine_closing)
        close_engine(p);
}

void pl_pool_close(struct pl_pool *p, void (*done)(void *user), void *user)
{
    struct pl_box *b;
    p->closing = true;
    p->closed = done;
    p->closed_user = user;
    pl_task_cancel(&p->pump);
    uv_timer_stop(&p->retry);
    uv_timer_stop(&p->sweep);
    pl_claim_cancel_all(p);
    TAILQ_FOREACH(b, &p->boxes, entry)
    {
        b->left = p->leaving && b->state == PL_CLAIMED && !b->claim;
        if (b->state < PL_DRAINING)
            pl_box_drain(b, "the pool closes");
        else
            pl_box_retry_destroy(b);
    }
    uv_timer_start(&p->close_limit, on_close_limit,
                   p->engine_up ? p->tuning.close_ms : p->tuning.close_down_ms, 0);
    pl_pool_step_close(p);
}

void pl_pool_leave(struct pl_pool *p, void (*done)(void *user), void *user)
{
    p->leaving = true;
    pl_pool_close(p, done, user);
}

/*
 * How much stock to keep: what the runtime asks for at least, and more while boxes are claimed faster than those would last until
 * their successors are ready, as far as the memory for that goes. The rate is followed up within seconds and down within minutes: a
 * class that comes in is served, and one that has left does not hold memory for long.
 */
#include "base/clock.h"
#include "pool/inside.h"

enum {
    LOOK_MS = 1000,  /* between looks at what was claimed */
    UP_MS = 5000,    /* over which the rate is taken, */
    DOWN_MS = 60000, /* and in which a rush is forgotten */
    HEADROOM = 2,    /* arrivals come in bunches */
    READY_MS = 1000, /* until a box of the stock has become ready, and its time is known */
    MEASURE_EVERY = 16,
};

static const double QUIET = 0.1 / 60000; /* one in ten minutes */

void pl_demand_arrived(struct pl_stock *s)
{
    s->arrivals++;
}

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct pl_box *b = user;
    if (!err)
        b->stock->box_bytes = stats->memory_bytes;
    pl_box_op_ended(b);
}

void pl_demand_ready(struct pl_box *b, uint64_t ms)
{
    struct pl_stock *s = b->stock;
    s->ready_ms_usual = s->ready_ms_usual ? (s->ready_ms_usual * 3 + ms) / 4 : ms;
    if (s->ready_count % MEASURE_EVERY != 1)
        return;
    pl_box_op_begun(b);
    b->pool->engine->ops->stats(b->pool->engine, b->id, on_stats, b);
}

/* What one more box would take: as measured, else as much as it may. */
static uint64_t box_bytes(const struct pl_stock *s)
{
    const struct pl_limits *l =
        s->kind == PL_KERNEL ? &s->runtime->kernel_limits : &s->runtime->program_limits;
    return s->box_bytes ? s->box_bytes : (uint64_t)l->memory_mb << 20;
}

static double towards(double from, double to, double dt_ms, double inert_ms)
{
    return from + (to - from) * dt_ms / (dt_ms + inert_ms);
}

/* The highest of late, and slowly down from there. */
static void follow(struct pl_stock *s, uint64_t dt_ms)
{
    double dt = (double)dt_ms;
    s->recent = towards(s->recent, (double)s->arrivals / dt, dt, UP_MS);
    s->rate = s->recent > s->rate ? s->recent : towards(s->rate, s->recent, dt, DOWN_MS);
    s->arrivals = 0;
}

/* Without regard to memory. */
static uint32_t wanted(const struct pl_stock *s)
{
    uint64_t ready_ms = s->ready_ms_usual ? s->ready_ms_usual : READY_MS;
    double n = s->rate * (double)ready_ms * HEADROOM;
    uint32_t whole = (uint32_t)n + (n > (uint32_t)n);
    return whole > s->minimum ? whole : s->minimum;
}

/* One more of each in turn, while there is memory for it. */
static void share_out(struct pl_pool *p)
{
    uint64_t left = p->stock_extra_bytes;
    bool more = true;
    for (size_t i = 0; i < p->stock_count; i++)
        p->stocks[i].target = p->stocks[i].minimum;
    while (more) {
        more = false;
        for (size_t i = 0; i < p->stock_count; i++) {
            struct pl_stock *s = &p->stocks[i];
            if (s->minimum == 0 || s->target >= wanted(s) || box_bytes(s) > left)
                continue;
            left -= box_bytes(s);
            s->target++;
            more = true;
        }
    }
}

void pl_demand_update(struct pl_pool *p, uint64_t now, uint64_t *next)
{
    bool moved = false;
    for (size_t i = 0; i < p->stock_count; i++)
        moved = moved || p->stocks[i].arrivals || p->stocks[i].rate > QUIET;
    if (p->quiet) /* a quiet time is not counted into the next rate */
        p->looked_ms = now;
    p->quiet = !moved;
    if (!moved)
        return;
    uint64_t at = p->looked_ms + LOOK_MS;
    if (now >= at) {
        for (size_t i = 0; i < p->stock_count; i++)
            follow(&p->stocks[i], now - p->looked_ms);
        p->looked_ms = now;
        at = now + LOOK_MS;
        share_out(p);
    }
    if (at < *next)
        *next = at;
}

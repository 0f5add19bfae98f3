#include "fake.h"

/* How much stock is kept, on a clock that the test sets: it is an argument. */

enum { PER_BOX_MB = 40 };

static struct pl_pool *small_pool(struct fake *f, uint32_t extra_mb)
{
    f->runtimes[0].stock_kernels = 3;
    f->runtimes[0].stock_boxes = 1;
    f->config.max_boxes = 100;
    f->config.stock_extra_mb = extra_mb;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 3 && fake_stock(f, PL_PROGRAM)->idle == 1);
    for (size_t i = 0; i < f->pool->stock_count; i++) {
        f->pool->stocks[i].ready_ms_usual = 2000;
        f->pool->stocks[i].box_bytes = (uint64_t)PER_BOX_MB << 20;
    }
    return f->pool;
}

/* n claims a second for so long, then the target. */
static uint32_t after(struct pl_pool *p, struct pl_stock *s, uint64_t *now, int seconds, unsigned n)
{
    for (int i = 0; i < seconds; i++) {
        for (unsigned k = 0; k < n; k++)
            pl_demand_arrived(s);
        uint64_t next = UINT64_MAX;
        *now += 1000;
        pl_demand_update(p, *now, &next);
    }
    return s->target;
}

static void
a_rush_raises_the_target_within_seconds_and_its_end_lowers_it_within_minutes(void **state)
{
    struct fake *f = *state;
    struct pl_pool *p = small_pool(f, 4000);
    struct pl_stock *s = fake_stock(f, PL_KERNEL);
    uint64_t now = kg_clock_ms() + 1000000; /* the pool's own looks are behind it */
    assert_int_equal(s->target, 3);
    after(p, s, &now, 1, 5); /* the first look only begins to count */
    assert_in_range(after(p, s, &now, 5, 5), 10, 20);
    assert_in_range(after(p, s, &now, 20, 5), 18,
                    20); /* 5 a second, each ready after 2 s, and as many again */
    assert_int_equal(fake_stock(f, PL_PROGRAM)->target, 1);
    uint32_t soon = after(p, s, &now, 10, 0);
    assert_in_range(soon, 14, 19);
    assert_in_range(after(p, s, &now, 60, 0), 4, 10);
    assert_int_equal(after(p, s, &now, 240, 0), 3);
    uint64_t next = UINT64_MAX;
    after(p, s, &now, 600, 0);
    pl_demand_update(p, now, &next);
    assert_true(next == UINT64_MAX); /* nothing is due while nothing happens */
}

static void one_now_and_then_is_served_by_the_minimum(void **state)
{
    struct fake *f = *state;
    struct pl_pool *p = small_pool(f, 4000);
    struct pl_stock *s = fake_stock(f, PL_KERNEL);
    uint64_t now = kg_clock_ms() + 1000000;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(after(p, s, &now, 1, 1), 3);
        assert_int_equal(after(p, s, &now, 5, 0), 3);
    }
    now += 3600 * 1000; /* a quiet hour is no part of the next rate */
    after(p, s, &now, 1, 5);
    assert_true(after(p, s, &now, 5, 5) >= 10);
}

static void memory_bounds_what_is_kept_above_the_minimum(void **state)
{
    struct fake *f = *state;
    struct pl_pool *p = small_pool(f, 5 * PER_BOX_MB);
    struct pl_stock *kernels = fake_stock(f, PL_KERNEL), *boxes = fake_stock(f, PL_PROGRAM);
    uint64_t now = kg_clock_ms() + 1000000;
    assert_int_equal(after(p, kernels, &now, 20, 50), 8);
    for (int i = 0; i < 20; i++) { /* two that want more share it */
        after(p, boxes, &now, 1, 50);
        for (unsigned k = 0; k < 50; k++)
            pl_demand_arrived(kernels);
    }
    assert_int_equal(kernels->target + boxes->target, 3 + 1 + 5);
    assert_in_range(boxes->target, 3, 4);
    kernels->box_bytes =
        0; /* not measured: as much as its limit says, which is more than there is */
    after(p, boxes, &now, 1, 50);
    assert_int_equal(kernels->target, 3);
}

static void no_stock_at_all_stays_none(void **state)
{
    struct fake *f = *state;
    fake_open(f);
    struct pl_stock *s = fake_stock(f, PL_KERNEL);
    uint64_t now = kg_clock_ms() + 1000000;
    f->pool->stock_extra_bytes = 1ull << 40;
    assert_int_equal(after(f->pool, s, &now, 20, 50), 0);
}

static void what_the_target_asks_for_is_made_and_what_is_above_it_goes(void **state)
{
    struct fake *f = *state;
    struct pl_pool *p = small_pool(f, 4000);
    struct pl_stock *s = fake_stock(f, PL_KERNEL);
    assert_true(s->ready_ms_usual > 0 && s->box_bytes > 0);
    uint64_t now = kg_clock_ms() + 1000000;
    after(p, s, &now, 20, 2);
    uint32_t target = s->target;
    assert_true(target > 3);
    pl_warm_pump(p);
    until(f, s->idle == target);
    after(p, s, &now, 300, 0);
    pl_warm_pump(p);
    until(f, s->idle == 3 && fake_boxes(f) == 4);
}

#define pool_test(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_rush_raises_the_target_within_seconds_and_its_end_lowers_it_within_minutes),
        pool_test(one_now_and_then_is_served_by_the_minimum),
        pool_test(memory_bounds_what_is_kept_above_the_minimum),
        pool_test(no_stock_at_all_stays_none),
        pool_test(what_the_target_asks_for_is_made_and_what_is_above_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

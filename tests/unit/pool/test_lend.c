/* What claimed boxes may use: limits of a claim's own, phases, and processor time that is lent. */
#include "fake.h"

static int changes;

static void on_change(void *user)
{
    (void)user;
    changes++;
}

static void open_with(struct fake *f, uint32_t cores)
{
    fake_ops.caps = PL_ENGINE_LIMITS;
    fake_open(f);
    f->pool->host_cpu_milli = cores * 1000;
    changes = 0;
}

/* A claimed box for a program. */
static struct fake_agent *claimed(struct fake *f, struct got *g, const struct pl_limits *limits)
{
    struct pl_claim claim = {.runtime = "python3", .kind = PL_PROGRAM, .limits = limits};
    claim_it(g, f, &claim);
    until(f, g->calls == 1);
    assert_non_null(g->box);
    return fake_find(f, pl_box_id(g->box));
}

static void use(struct fake *f, struct got *g, uint32_t memory_mb, bool lend)
{
    int before = changes;
    struct pl_use want = {.memory_mb = memory_mb, .lend = lend};
    assert_true(pl_box_use(g->box, &want, on_change, NULL));
    assert_int_equal(changes, before); /* never before the call has returned */
    until(f, changes == before + 1);
}

static void cpu_is_lent_for_a_phase_and_taken_back(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 4);
    struct fake_agent *a = claimed(f, &g, NULL);
    use(f, &g, 256, true);
    assert_int_equal(a->limits.cpu_milli, 2000);
    assert_int_equal(f->pool->lent, 1);
    use(f, &g, 128, false);
    assert_int_equal(a->limits.cpu_milli, 500);
    assert_int_equal(a->limits.memory_mb, 128);
    assert_int_equal(f->pool->lent, 0);
}

static void what_is_in_force_already_is_not_asked_for(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 4);
    claimed(f, &g, NULL);
    struct pl_use same = {.memory_mb = 256};
    assert_false(pl_box_use(g.box, &same, on_change, NULL));
    use(f, &g, 64, true);
    same = (struct pl_use){.memory_mb = 64, .lend = true};
    assert_false(pl_box_use(g.box, &same, on_change, NULL));
    assert_int_equal(f->limit_calls, 1);
}

static void no_more_is_lent_than_there_are_cores(void **state)
{
    struct fake *f = *state;
    struct got g[3];
    struct fake_agent *a[3];
    open_with(f, 2);
    for (int i = 0; i < 3; i++)
        a[i] = claimed(f, &g[i], NULL);
    use(f, &g[0], 256, true);
    use(f, &g[1], 256, true);
    struct pl_use want = {.memory_mb = 256, .lend = true};
    assert_false(pl_box_use(g[2].box, &want, on_change, NULL));
    assert_int_equal(a[2]->limits.cpu_milli, 500);
    pl_box_destroy(g[0].box); /* a loan ends with its box */
    assert_int_equal(f->pool->lent, 1);
    use(f, &g[2], 256, true);
    assert_int_equal(a[2]->limits.cpu_milli, 2000);
}

static void starting_kernels_count_as_loans(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 1);
    claimed(f, &g, NULL);
    f->hold_create = true;
    f->runtimes[0].stock_kernels = 1;
    fake_stock(f, PL_KERNEL)->target = 1;
    pl_warm_pump(f->pool);
    until(f, f->pool->lent == 1);
    struct pl_use want = {.memory_mb = 256, .lend = true};
    assert_false(pl_box_use(g.box, &want, on_change, NULL));
    f->hold_create = false;
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    assert_int_equal(f->pool->lent, 0);
    f->pool->host_cpu_milli = 2000;
    use(f, &g, 256, true);
}

/* A kernel for the stock, made but not answering yet. */
static struct fake_agent *warming(struct fake *f)
{
    open_with(f, 2);
    f->mood = SLOW_KERNEL;
    f->runtimes[0].stock_kernels = 1;
    fake_stock(f, PL_KERNEL)->target = 1;
    pl_warm_pump(f->pool);
    until(f, !TAILQ_EMPTY(&f->pool->boxes) && TAILQ_FIRST(&f->pool->boxes)->state == PL_WARMING);
    return fake_find(f, TAILQ_FIRST(&f->pool->boxes)->id);
}

static void what_starts_for_the_stock_gives_way_until_somebody_waits_for_it(void **state)
{
    struct fake *f = *state;
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL};
    struct got g;
    const struct fake_agent *a = warming(f);
    assert_int_equal(a->limits.cpu_weight, 20);
    claim_it(&g, f, &claim);
    until(f, a->limits.cpu_weight == 100);
    assert_int_equal(TAILQ_FIRST(&f->pool->boxes)->state, PL_WARMING);
    assert_int_equal(f->limit_calls, 1);
    pl_claim_cancel(f->pool, g.id);
    until(f, g.calls == 1);
}

static void one_that_is_not_made_yet_is_told_when_it_is(void **state)
{
    struct fake *f = *state;
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL};
    struct got g;
    open_with(f, 2);
    f->hold_create = true;
    f->mood = SLOW_KERNEL;
    f->runtimes[0].stock_kernels = 1;
    fake_stock(f, PL_KERNEL)->target = 1;
    pl_warm_pump(f->pool);
    until(f, f->pool->starting == 1);
    claim_it(&g, f, &claim);
    until(f, TAILQ_FIRST(&f->pool->boxes)->wanted);
    assert_int_equal(f->limit_calls, 0);
    f->hold_create = false;
    until(f, f->limit_calls == 1);
    assert_int_equal(f->create_weight, 20);
    assert_int_equal(fake_find(f, TAILQ_FIRST(&f->pool->boxes)->id)->limits.cpu_weight, 100);
    pl_claim_cancel(f->pool, g.id);
    until(f, g.calls == 1);
}

static void what_is_ready_or_was_started_for_somebody_gives_way_to_nobody(void **state)
{
    struct fake *f = *state;
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .cold = true};
    struct got g;
    f->runtimes[0].stock_kernels = 1;
    open_with(f, 2);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    assert_int_equal(f->create_weight, 20);
    assert_int_equal(fake_find(f, TAILQ_FIRST(&f->pool->idle)->id)->limits.cpu_weight, 100);
    claim_it(&g, f, &claim); /* a box of its own */
    until(f, g.calls == 1);
    assert_int_equal(f->create_weight, 0);
}

static void memory_in_use_is_kept_and_the_box_goes_on(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 2);
    struct fake_agent *a = claimed(f, &g, NULL);
    f->memory_used_mb = 200;
    use(f, &g, 128, true);
    assert_int_equal(a->limits.memory_mb, 256);
    assert_int_equal(a->limits.cpu_milli, 2000);
    f->memory_used_mb = 0;
    use(f, &g, 128, false); /* it is tried again when it is asked again */
    assert_int_equal(a->limits.memory_mb, 128);
}

static void an_engine_that_is_down_holds_nobody_up(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 2);
    claimed(f, &g, NULL);
    f->is_down = true;
    use(f, &g, 128, true);
    f->is_down = false;
    use(f, &g, 128, true);
}

static void a_box_destroyed_while_it_is_asked_still_answers(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with(f, 2);
    claimed(f, &g, NULL);
    struct pl_use want = {.memory_mb = 64, .lend = true};
    assert_true(pl_box_use(g.box, &want, on_change, NULL));
    pl_box_destroy(g.box);
    until(f, changes == 1 && fake_boxes(f) == 0);
    assert_int_equal(f->pool->lent, 0);
}

static void a_program_with_limits_of_its_own_comes_from_stock(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct pl_limits more = {512, 1000, 128, 64, 0};
    f->runtimes[0].stock_boxes = 1;
    open_with(f, 2);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    struct fake_agent *a = claimed(f, &g, &more);
    assert_int_equal(fake_stock(f, PL_PROGRAM)->hits, 1);
    assert_int_equal(a->limits.memory_mb, 512);
    assert_int_equal(a->limits.cpu_milli, 1000);
    assert_int_equal(a->limits.pids, 128);
    use(f, &g, 256, true);
    use(f, &g, 512, false);
    assert_int_equal(a->limits.cpu_milli, 1000); /* its own are those of the claim */
}

static void a_box_that_cannot_be_given_them_is_replaced_by_a_new_one(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct pl_limits less = {32, 500, 64, 64, 0};
    f->runtimes[0].stock_boxes = 1;
    open_with(f, 2);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    f->memory_used_mb = 100;
    struct fake_agent *a = claimed(f, &g, &less);
    assert_int_equal(a->limits.memory_mb, 32);
    until(f, fake_boxes(f) == 2); /* the refused one is gone, the stock is full again */
}

static void other_file_systems_need_a_box_of_their_own(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct pl_limits small = {128, 500, 64, 32, 0};
    f->runtimes[0].stock_boxes = 1;
    open_with(f, 2);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    claimed(f, &g, &small);
    assert_int_equal(fake_stock(f, PL_PROGRAM)->cold, 1);
}

static void an_engine_without_limits_is_asked_for_none(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct pl_limits more = {512, 1000, 128, 32, 0};
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    claimed(f, &g, &more);
    assert_int_equal(fake_stock(f, PL_PROGRAM)->hits, 1);
    struct pl_use want = {.memory_mb = 64, .lend = true};
    assert_false(pl_box_use(g.box, &want, on_change, NULL));
    assert_int_equal(f->limit_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(cpu_is_lent_for_a_phase_and_taken_back),
        pool_test(what_is_in_force_already_is_not_asked_for),
        pool_test(no_more_is_lent_than_there_are_cores),
        pool_test(starting_kernels_count_as_loans),
        pool_test(what_starts_for_the_stock_gives_way_until_somebody_waits_for_it),
        pool_test(one_that_is_not_made_yet_is_told_when_it_is),
        pool_test(what_is_ready_or_was_started_for_somebody_gives_way_to_nobody),
        pool_test(memory_in_use_is_kept_and_the_box_goes_on),
        pool_test(an_engine_that_is_down_holds_nobody_up),
        pool_test(a_box_destroyed_while_it_is_asked_still_answers),
        pool_test(a_program_with_limits_of_its_own_comes_from_stock),
        pool_test(a_box_that_cannot_be_given_them_is_replaced_by_a_new_one),
        pool_test(other_file_systems_need_a_box_of_their_own),
        pool_test(an_engine_without_limits_is_asked_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

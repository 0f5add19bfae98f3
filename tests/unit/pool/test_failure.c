#include "fake.h"

/* What goes wrong: engines, boxes, kernels; and the sweep. */

static void a_kernel_that_cannot_start_is_an_honest_error(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->mood = NO_KERNEL;
    fake_open(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    assert_null(g.box);
    assert_int_equal(g.err.code, -EIO);
    assert_string_equal(g.err.text, "start kernel: no module named ipykernel");
    until(f, fake_boxes(f) == 0);
    assert_int_equal(f->creates, 1);
}

static void a_kernel_that_never_answers_is_a_timeout(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->mood = SLOW_KERNEL;
    json_object_set_new(f->runtimes[0].kernel_start, "ready_ms", json_integer(20));
    fake_open(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -ETIMEDOUT);
    until(f, f->pool->box_count == 0);
}

static void a_box_that_cannot_be_made_is_tried_once_more(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->mood = NO_BOX;
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, f->creates == 1);
    f->mood = WELL;
    until(f, g.calls == 1);
    assert_non_null(g.box);
    f->mood = NO_BOX;
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -EIO);
    assert_string_equal(g.err.text, "make a box: no place for a box");
    assert_int_equal(f->creates, 4);
}

static void refill_backs_off_when_boxes_fail(void **state)
{
    struct fake *f = *state;
    f->mood = NO_BOX;
    f->tuning.backoff_ms = 40;
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    uint64_t began = kg_clock_ms();
    until(f, f->creates == 4); /* after 40, 80 and 160 ms */
    assert_true(kg_clock_ms() - began >= 270);
    f->mood = WELL;
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    assert_int_equal(fake_stock(f, PL_PROGRAM)->failures_in_row, 0);
}

static void a_kernel_that_dies_in_stock_is_replaced(void **state)
{
    struct fake *f = *state;
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    struct pl_box *b = TAILQ_FIRST(&f->pool->idle);
    fake_say(fake_find(f, b->id), KG_REC_EVENT, "{\"event\":\"kernel_exit\",\"exit_code\":1}");
    until(f, fake_stock(f, PL_KERNEL)->lost == 1 && fake_stock(f, PL_KERNEL)->idle == 1);
    b = TAILQ_FIRST(&f->pool->idle);
    fake_hang_up(fake_find(f, b->id)); /* nor is one without its link worth keeping */
    until(f, fake_stock(f, PL_KERNEL)->lost == 2 && fake_stock(f, PL_KERNEL)->idle == 1);
    assert_int_equal(f->creates, 3);
}

static void an_exit_of_the_box_is_told_with_its_reason(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_open(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    f->base.events->exit(f->base.user, pl_box_id(g.box), 137, true);
    assert_int_equal(g.gone, 1);
    assert_true(g.oom);
    assert_non_null(strstr(g.why, "137"));
    f->base.events->exit(f->base.user, "unknown", 0, false);
    until(f, f->pool->box_count == 0);
    assert_int_equal(f->destroys, 1); /* to be sure */
}

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    uint64_t *kills = user;
    *kills = stats ? stats->oom_kills : (uint64_t)-err->code;
}

static void stats_are_answered_also_after_the_box(void **state)
{
    struct fake *f = *state;
    struct got g;
    uint64_t kills = 0;
    fake_open(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    pl_box_stats(g.box, on_stats, &kills);
    assert_int_equal(kills, 0);
    until(f, kills == 3);
    pl_box_stats(g.box, on_stats, &kills);
    fake_down(f);
    until(f, kills == ENOTCONN);
    fake_up(f);
    pl_box_stats(g.box, on_stats, &kills);
    pl_box_destroy(g.box);
    until(f, kills == 3 || kills == ENOENT);
}

static void claims_wait_for_an_engine_that_comes_back(void **state)
{
    struct fake *f = *state;
    struct got g[3];
    fake_open(f);
    f->hold_create = true;
    for (int i = 0; i < 3; i++)
        claim_kind(&g[i], f, PL_KERNEL);
    fake_steps(f, 5);
    fake_down(f); /* with two boxes being made */
    fake_steps(f, 10);
    assert_int_equal(g[0].calls + g[1].calls + g[2].calls, 0);
    f->hold_create = false;
    fake_up(f);
    until(f, g[0].calls && g[1].calls && g[2].calls);
    for (int i = 0; i < 3; i++)
        assert_non_null(g[i].box);
    assert_int_equal(fake_boxes(f), 3);
    until(f, f->pool->draining == 0);
}

static void an_engine_that_stays_down_is_told_to_claims(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->tuning.down_ms = 30;
    fake_open(f);
    fake_down(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -EAGAIN);
    assert_non_null(strstr(g.err.text, "the fake is broken"));
}

static void boxes_that_could_not_be_destroyed_are_destroyed_later(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->tuning.close_down_ms = 50;
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    fake_down(f);
    pl_box_destroy(g.box);
    fake_steps(f, 10);
    assert_int_equal(fake_boxes(f), 1);
    assert_int_equal(f->pool->box_count, 1);
    fake_up(f);
    until(f, f->pool->box_count == 0);
    assert_int_equal(fake_boxes(f), 0);
}

static void boxes_that_ended_while_the_engine_was_away_are_gone(void **state)
{
    struct fake *f = *state;
    struct got g[2];
    fake_open(f);
    for (int i = 0; i < 2; i++) {
        claim_kind(&g[i], f, PL_PROGRAM);
        until(f, g[i].calls == 1);
    }
    fake_down(f);
    struct fake_agent *a = fake_find(f, pl_box_id(g[0].box));
    a->used = false; /* it has forgotten that one */
    fake_up(f);
    until(f, g[0].gone == 1);
    assert_int_equal(g[1].gone, 0);
    a->used = true;
    fake_end(a);
}

static struct fake_agent *stray(struct fake *f, const char *id, const char *owner, uint64_t age_ms)
{
    struct fake_agent *a = fake_new_agent(f, id);
    snprintf(a->owner, sizeof a->owner, "%s", owner);
    a->age_ms = age_ms;
    return a;
}

static void what_an_earlier_gateway_left_is_destroyed_at_the_start(void **state)
{
    struct fake *f = *state;
    stray(f, "00000000000000000000000000000001", "somebody else", 0);
    stray(f, "00000000000000000000000000000002", OWNER, 1000000);
    fake_open(f);
    until(f, fake_boxes(f) == 0);
    assert_int_equal(f->pool->swept, 2);
}

static void later_only_old_boxes_of_our_own_are_strays(void **state)
{
    struct fake *f = *state;
    fake_open(f);
    until(f, f->pool->swept_once);
    stray(f, "00000000000000000000000000000001", "somebody else", 1000000);
    stray(f, "00000000000000000000000000000002", OWNER, 1000);
    stray(f, "00000000000000000000000000000003", OWNER, 1000000);
    pl_sweep_now(f->pool);
    until(f, fake_boxes(f) == 2);
    pl_sweep_now(f->pool);
    fake_steps(f, 10);
    assert_int_equal(fake_boxes(f), 2);
    assert_null(fake_find(f, "00000000000000000000000000000003"));
}

static void two_hundred_boxes_made_amid_sweeps_all_arrive(void **state)
{
    enum { N = 200 };
    struct fake *f = *state;
    struct got *g = kg_calloc(N, sizeof *g);
    int arrived = 0;
    f->config.max_boxes = N;
    f->config.max_starting = 7;
    f->tuning.orphan_ms = 0; /* the hardest: nothing is too young to be taken for a stray */
    fake_open(f);
    for (int i = 0; i < N; i++)
        claim_kind(&g[i], f, i % 2 ? PL_KERNEL : PL_PROGRAM);
    for (int round = 0; arrived < N && round < 20000; round++) {
        pl_sweep_now(f->pool);
        f->hold_create = round % 3 == 0; /* so that lists fall between a question and its answer */
        f->hold_list = round % 4 == 0;
        fake_step(f);
        arrived = 0;
        for (int i = 0; i < N; i++)
            arrived += g[i].calls;
    }
    f->hold_create = f->hold_list = false;
    for (int i = 0; i < 10; i++) {
        pl_sweep_now(f->pool);
        fake_step(f);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(g[i].calls, 1);
        assert_int_equal(g[i].gone, 0);
        assert_non_null(g[i].box);
    }
    assert_int_equal(f->creates, N);
    assert_int_equal(f->destroys, 0);
    assert_true(f->pool->sweeps > 20);
    free(g);
}

static void closing_gives_up_on_an_engine_that_does_not_answer(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->tuning.close_ms = 30;
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    f->hold_destroy = true;
    pl_pool_close(f->pool, fake_on_closed, f);
    until(f, f->pool_closed);
    f->pool = NULL;
    assert_int_equal(fake_boxes(f), 1); /* left for the next gateway */
}

static void closing_waits_for_an_engine_that_comes_back(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    fake_down(f);
    pl_pool_close(f->pool, fake_on_closed, f);
    fake_steps(f, 20);
    assert_false(f->pool_closed);
    fake_up(f);
    until(f, f->pool_closed);
    f->pool = NULL;
    assert_int_equal(fake_boxes(f), 0);
}

static void closing_with_the_engine_down_ends(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    fake_down(f);
    pl_box_destroy(g.box);
    claim_kind(&g, f, PL_PROGRAM);
    fake_steps(f, 3);
    fake_close(f);
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err.code, -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_kernel_that_cannot_start_is_an_honest_error),
        pool_test(a_kernel_that_never_answers_is_a_timeout),
        pool_test(a_box_that_cannot_be_made_is_tried_once_more),
        pool_test(refill_backs_off_when_boxes_fail),
        pool_test(a_kernel_that_dies_in_stock_is_replaced),
        pool_test(an_exit_of_the_box_is_told_with_its_reason),
        pool_test(stats_are_answered_also_after_the_box),
        pool_test(claims_wait_for_an_engine_that_comes_back),
        pool_test(an_engine_that_stays_down_is_told_to_claims),
        pool_test(boxes_that_could_not_be_destroyed_are_destroyed_later),
        pool_test(boxes_that_ended_while_the_engine_was_away_are_gone),
        pool_test(what_an_earlier_gateway_left_is_destroyed_at_the_start),
        pool_test(later_only_old_boxes_of_our_own_are_strays),
        pool_test(two_hundred_boxes_made_amid_sweeps_all_arrive),
        pool_test(closing_gives_up_on_an_engine_that_does_not_answer),
        pool_test(closing_waits_for_an_engine_that_comes_back),
        pool_test(closing_with_the_engine_down_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

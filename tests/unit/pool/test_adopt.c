/* Boxes that outlive a gateway: left by one, taken over by the next. */
#include "fake.h"

#define BOX "0123456789abcdef0123456789abcdef"

static const struct pl_claim kernel = {.runtime = "python3", .kind = PL_KERNEL};

static void adopt_it(struct got *g, struct fake *f, const char *box)
{
    *g = (struct got){.f = f};
    assert_int_not_equal(pl_adopt(f->pool, box, &kernel, got_done, g), 0);
    assert_int_equal(g->calls, 0);
}

static void on_used(void *user)
{
    (void)user;
}

static void a_box_is_taken_over_with_what_it_said_and_is_no_stray(void **state)
{
    struct fake *f = *state;
    struct kg_err err = {0};
    struct got g;
    struct fake_agent *a = fake_new_agent(f, BOX);
    snprintf(a->owner, sizeof a->owner, "another");
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    adopt_it(&g, f, BOX); /* before the engine is up, as at a server's start */
    fake_steps(f, 3);
    assert_int_equal(g.calls, 0);
    fake_up(f);
    until(f, g.calls == 1);
    assert_non_null(g.box);
    assert_string_equal(pl_box_id(g.box), BOX);
    assert_int_equal(a->starts, 0); /* its kernel runs already */
    until(f, a->welcome);
    fake_say(a, KG_REC_MSG, "kept");
    until(f, g.records == 1);
    pl_sweep_now(f->pool);
    fake_steps(f, 5);
    assert_int_equal(f->destroys, 0);
    assert_int_equal(fake_stock(f, PL_KERNEL)->claimed, 1);
    kg_buf_release(&g.bodies);
}

static void a_box_that_is_gone_is_told_so(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_open(f);
    adopt_it(&g, f, BOX);
    until(f, g.calls == 1);
    assert_null(g.box);
    assert_non_null(strstr(g.err.text, "no such box"));
    until(f, f->pool->box_count == 0);
    assert_int_equal(f->creates, 0); /* nothing is made in its place */
}

static void a_box_whose_agent_does_not_dial_is_destroyed(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->tuning.boot_ms = 30;
    fake_new_agent(f, BOX)->mood = ABSENT;
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    adopt_it(&g, f, BOX);
    fake_up(f);
    until(f, g.calls == 1);
    assert_null(g.box);
    until(f, f->destroys == 1);
}

static void names_that_are_no_boxes_are_refused(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_open(f);
    adopt_it(&g, f, "../x");
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -EINVAL);
}

static void one_given_up_before_the_engine_is_up_is_destroyed(void **state)
{
    struct fake *f = *state;
    struct kg_err err = {0};
    struct got g = {.f = f};
    fake_new_agent(f, BOX);
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    pl_claim_cancel(f->pool, pl_adopt(f->pool, BOX, &kernel, got_done, &g));
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -ECANCELED);
    fake_up(f);
    until(f, f->destroys == 1);
}

static void who_asks_meanwhile_is_served_after_it(void **state)
{
    struct fake *f = *state;
    struct got g, other;
    f->config.max_starting = 1;
    fake_new_agent(f, BOX);
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    adopt_it(&g, f, BOX);
    claim_it(&other, f, &kernel);
    fake_up(f);
    until(f, g.calls == 1 && other.calls == 1);
    assert_non_null(g.box);
    assert_non_null(other.box);
}

static void what_a_kernel_was_lent_is_taken_back(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_ops.caps = PL_ENGINE_LIMITS;
    struct fake_agent *a = fake_new_agent(f, BOX);
    a->limits.cpu_milli = 2000; /* its gateway ended while it restarted the kernel */
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    adopt_it(&g, f, BOX);
    fake_up(f);
    until(f, g.calls == 1 && a->limits.cpu_milli == 500);
    assert_int_equal(f->pool->lent, 0);
}

static void a_phase_of_a_run_that_was_taken_over_is_given_its_limits(void **state)
{
    struct fake *f = *state;
    struct got g = {.f = f};
    fake_ops.caps = PL_ENGINE_LIMITS;
    struct fake_agent *a = fake_new_agent(f, BOX);
    a->limits.cpu_milli = 2000; /* it compiles */
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    const struct pl_claim program = {.runtime = "python3", .kind = PL_PROGRAM};
    pl_adopt(f->pool, BOX, &program, got_done, &g);
    fake_up(f);
    until(f, g.calls == 1);
    const struct pl_use own = {.memory_mb = 256};
    assert_true(pl_box_use(g.box, &own, on_used, NULL)); /* though these are the box's own */
    until(f, a->limits.cpu_milli == 500);
}

static void who_leaves_takes_the_stock_along_and_leaves_what_is_claimed(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->runtimes[0].stock_kernels = 2;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 2);
    claim_it(&g, f, &kernel);
    until(f, g.box);
    char id[PL_BOX_ID_SIZE];
    snprintf(id, sizeof id, "%s", pl_box_id(g.box));
    pl_pool_leave(f->pool, fake_on_closed, f);
    until(f, f->pool_closed);
    f->pool = NULL;
    assert_int_equal(fake_boxes(f), 1);
    assert_non_null(fake_find(f, id));
    assert_int_equal(g.gone, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_box_is_taken_over_with_what_it_said_and_is_no_stray),
        pool_test(a_box_that_is_gone_is_told_so),
        pool_test(a_box_whose_agent_does_not_dial_is_destroyed),
        pool_test(names_that_are_no_boxes_are_refused),
        pool_test(one_given_up_before_the_engine_is_up_is_destroyed),
        pool_test(who_asks_meanwhile_is_served_after_it),
        pool_test(what_a_kernel_was_lent_is_taken_back),
        pool_test(a_phase_of_a_run_that_was_taken_over_is_given_its_limits),
        pool_test(who_leaves_takes_the_stock_along_and_leaves_what_is_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

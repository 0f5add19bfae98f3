#include "fake.h"

static void a_stock_is_filled_with_kernels_that_have_answered(void **state)
{
    struct fake *f = *state;
    f->runtimes[0].stock_kernels = 2;
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 2 && fake_stock(f, PL_PROGRAM)->idle == 1);
    fake_steps(f, 20);
    assert_int_equal(f->creates, 3);
    assert_int_equal(f->pool->box_count, 3);
    assert_int_equal(f->pool->starting, 0);
}

static void a_claim_takes_from_stock_and_the_stock_is_refilled(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    claim_kind(&g, f, PL_KERNEL);
    uv_run(&f->loop, UV_RUN_NOWAIT); /* one turn is enough */
    assert_int_equal(g.calls, 1);
    assert_non_null(g.box);
    assert_string_equal(g.info, "fake");
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    assert_int_equal(f->creates, 2);
    assert_int_equal(fake_stock(f, PL_KERNEL)->hits, 1);
    pl_box_destroy(g.box);
    until(f, fake_boxes(f) == 1);
}

static void refill_waits_a_moment_while_the_stock_has_others(void **state)
{
    struct fake *f = *state;
    struct got g[2];
    f->tuning.refill_ms = 60;
    f->runtimes[0].stock_kernels = 2;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 2);
    uint64_t began = kg_clock_ms();
    claim_kind(&g[0], f, PL_KERNEL);
    until(f, f->creates == 3);
    assert_true(kg_clock_ms() - began >= 60);
    until(f, fake_stock(f, PL_KERNEL)->idle == 2);
    claim_kind(&g[0], f, PL_KERNEL);
    claim_kind(&g[1], f, PL_KERNEL);
    uv_run(&f->loop, UV_RUN_NOWAIT); /* both are gone: no waiting */
    assert_int_equal(f->pool->starting, 2);
}

static void a_warm_kernel_gets_its_environment_and_directory(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    json_t *env = json_pack("{s:s}", "USER", "ada");
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .env = env, .cwd = "/work/x"};
    claim_it(&g, f, &claim);
    json_decref(env);
    until(f, g.calls == 1);
    assert_non_null(g.box);
    struct fake_agent *a = fake_find(f, pl_box_id(g.box));
    assert_non_null(a->configured);
    assert_string_equal(json_string_value(json_object_get(a->configured, "cwd")), "/work/x");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(a->configured, "env"), "USER")), "ada");
    assert_int_equal(fake_stock(f, PL_KERNEL)->hits, 1);
}

static void check_cold(struct fake *f, const struct pl_claim *claim)
{
    struct got g;
    claim_it(&g, f, claim);
    until(f, g.calls == 1);
    assert_non_null(g.box);
    struct fake_agent *a = fake_find(f, pl_box_id(g.box));
    assert_null(a->configured);
    const char *name;
    json_t *value;
    json_t *env = json_object_get(a->started, "env");
    assert_string_equal(json_string_value(json_object_get(env, "A")), "1");
    json_object_foreach(claim->env, name, value) {
        assert_true(json_equal(json_object_get(env, name), value));
    }
    if (claim->limits)
        assert_int_equal(a->limits.memory_mb, claim->limits->memory_mb);
    pl_box_destroy(g.box);
}

static void what_a_running_kernel_cannot_take_forces_a_cold_start(void **state)
{
    struct fake *f = *state;
    static const char *const names[] = {"PYTHONPATH", "LD_PRELOAD", "NODE_OPTIONS", "JAVA_HOME"};
    fake_ops.caps = PL_ENGINE_LIMITS; /* without, nobody's limits are another's */
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    for (size_t i = 0; i < KG_COUNT(names); i++) {
        json_t *env = json_pack("{s:s}", names[i], "x");
        struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .env = env};
        check_cold(f, &claim);
        json_decref(env);
    }
    struct pl_limits own = f->runtimes[0].kernel_limits;
    struct pl_limits more = {1024, 500, 64, 64, 0};
    struct pl_claim cold = {.runtime = "python3", .kind = PL_KERNEL, .cold = true};
    check_cold(f, &cold);
    struct pl_claim big = {.runtime = "python3", .kind = PL_KERNEL, .limits = &more};
    check_cold(f, &big);
    assert_int_equal(fake_stock(f, PL_KERNEL)->cold, 6);
    assert_int_equal(fake_stock(f, PL_KERNEL)->hits, 0);
    struct got g; /* limits that are the runtime's own are no reason */
    struct pl_claim same = {.runtime = "python3", .kind = PL_KERNEL, .limits = &own};
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    claim_it(&g, f, &same);
    until(f, g.calls == 1);
    assert_int_equal(fake_stock(f, PL_KERNEL)->hits, 1);
}

static void a_kernel_that_cannot_be_configured_is_replaced_by_a_cold_one(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->runtimes[0].stock_kernels = 1;
    f->mood = NO_CONFIGURE;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    json_t *env = json_pack("{s:s}", "USER", "ada");
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .env = env};
    claim_it(&g, f, &claim);
    until(f, g.calls == 1);
    assert_non_null(g.box);
    json_t *got = json_object_get(fake_find(f, pl_box_id(g.box))->started, "env");
    assert_string_equal(json_string_value(json_object_get(got, "USER")), "ada");
    assert_true(fake_stock(f, PL_KERNEL)->no_configure); /* the next one goes cold at once */
    json_decref(env);
}

static void claims_are_served_in_order(void **state)
{
    struct fake *f = *state;
    struct got g[6];
    f->hold_create = true;
    fake_open(f);
    for (int i = 0; i < 6; i++)
        claim_kind(&g[i], f, PL_KERNEL);
    fake_steps(f, 5);
    assert_int_equal(f->pool->starting, 2); /* max_starting */
    f->hold_create = false;
    until(f, g[5].calls == 1);
    for (int i = 0; i < 6; i++) {
        assert_non_null(g[i].box);
        if (i)
            assert_true(g[i].order > g[i - 1].order);
    }
    assert_int_equal(f->creates, 6);
    assert_int_equal(fake_stock(f, PL_KERNEL)->misses, 6);
}

static void a_cancelled_claim_says_so_once_and_leaves_no_box(void **state)
{
    struct fake *f = *state;
    struct got waiting;
    struct got cold;
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .cold = true};
    f->hold_create = true;
    fake_open(f);
    claim_kind(&waiting, f, PL_KERNEL);
    claim_it(&cold, f, &claim);
    fake_steps(f, 5);
    pl_claim_cancel(f->pool, waiting.id);
    pl_claim_cancel(f->pool, cold.id);
    pl_claim_cancel(f->pool, 999);
    assert_int_equal(waiting.calls, 0);
    fake_steps(f, 2);
    assert_int_equal(waiting.calls, 1);
    assert_int_equal(waiting.err.code, -ECANCELED);
    assert_int_equal(cold.calls, 1);
    assert_int_equal(cold.err.code, -ECANCELED);
    pl_claim_cancel(f->pool, cold.id);
    f->hold_create = false;
    until(f, f->pool->box_count == 0 && fake_boxes(f) == 0);
    assert_int_equal(waiting.calls + cold.calls, 2);
}

static void a_claim_cancelled_while_its_kernel_is_configured_loses_the_kernel(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    struct pl_claim claim = {.runtime = "python3", .kind = PL_KERNEL, .cwd = "/work"};
    claim_it(&g, f, &claim);
    uv_run(&f->loop, UV_RUN_NOWAIT); /* handed over, not answered */
    assert_int_equal(g.calls, 0);
    assert_int_equal(fake_stock(f, PL_KERNEL)->claimed, 1);
    pl_claim_cancel(f->pool, g.id);
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -ECANCELED);
    until(f, f->pool->draining == 0 && fake_stock(f, PL_KERNEL)->idle == 1);
    assert_int_equal(f->destroys, 1);
}

static void a_full_pool_says_so_and_stock_gives_way_to_claims(void **state)
{
    struct fake *f = *state;
    struct got g[3];
    struct pl_claim program = {.runtime = "cpp", .kind = PL_PROGRAM};
    f->config.max_boxes = 2;
    f->runtimes[0].stock_kernels = 2;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 2);
    claim_it(&g[0], f, &program); /* a stock kernel makes place */
    until(f, g[0].calls == 1);
    assert_non_null(g[0].box);
    claim_it(&g[1], f, &program);
    until(f, g[1].calls == 1);
    assert_non_null(g[1].box);
    claim_it(&g[2], f, &program);
    until(f, g[2].calls == 1);
    assert_null(g[2].box);
    assert_int_equal(g[2].err.code, -EBUSY);
    assert_string_equal(g[2].err.text, "all 2 boxes are in use");
    pl_box_destroy(g[0].box);
    claim_it(&g[2], f, &program); /* waits for the box that is being destroyed */
    until(f, g[2].calls == 1);
    assert_non_null(g[2].box);
}

static void unknown_runtimes_and_runtimes_without_kernels_are_refused(void **state)
{
    struct fake *f = *state;
    struct got g[2];
    struct pl_claim unknown = {.runtime = "cobol", .kind = PL_KERNEL};
    struct pl_claim none = {.runtime = "cpp", .kind = PL_KERNEL};
    fake_open(f);
    claim_it(&g[0], f, &unknown);
    claim_it(&g[1], f, &none);
    until(f, g[0].calls && g[1].calls);
    assert_int_equal(g[0].err.code, -ENOENT);
    assert_int_equal(g[1].err.code, -ENOENT);
    assert_int_equal(f->creates, 0);
}

static void a_starting_kernel_gets_more_cpu_and_gives_it_back(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_ops.caps = PL_ENGINE_LIMITS;
    fake_open(f);
    f->pool->host_cpu_milli = 8000;
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    assert_int_equal(f->create_cpu, 2000);
    assert_int_equal(fake_find(f, pl_box_id(g.box))->limits.cpu_milli, 500);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    assert_int_equal(f->create_cpu, 500);
}

static void closing_ends_claims_and_boxes(void **state)
{
    struct fake *f = *state;
    struct got g[4];
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    claim_kind(&g[0], f, PL_KERNEL);
    until(f, g[0].calls == 1);
    f->hold_create = true;
    for (int i = 1; i < 4; i++)
        claim_kind(&g[i], f, PL_PROGRAM);
    fake_steps(f, 3);
    fake_close(f);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(g[i].calls, 1);
        assert_int_equal(g[i].err.code, -ECANCELED);
    }
    assert_int_equal(g[0].gone, 0);
    assert_int_equal(fake_boxes(f), 0);
    assert_true(f->closed);
}

static void the_report_counts(void **state)
{
    struct fake *f = *state;
    struct got g;
    kg_autobuf out = {0};
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    pl_pool_report(f->pool, &out);
    json_t *report = json_loadb((const char *)out.data, out.len, 0, NULL);
    assert_non_null(report);
    assert_string_equal(json_string_value(json_object_get(report, "engine")), "fake");
    json_t *kernels = json_array_get(json_object_get(report, "stock"), 0);
    assert_string_equal(json_string_value(json_object_get(kernels, "runtime")), "python3");
    assert_int_equal(json_integer_value(json_object_get(kernels, "claimed")), 1);
    assert_int_equal(json_integer_value(json_object_get(kernels, "hits")), 1);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_stock_is_filled_with_kernels_that_have_answered),
        pool_test(a_claim_takes_from_stock_and_the_stock_is_refilled),
        pool_test(refill_waits_a_moment_while_the_stock_has_others),
        pool_test(a_warm_kernel_gets_its_environment_and_directory),
        pool_test(what_a_running_kernel_cannot_take_forces_a_cold_start),
        pool_test(a_kernel_that_cannot_be_configured_is_replaced_by_a_cold_one),
        pool_test(claims_are_served_in_order),
        pool_test(a_cancelled_claim_says_so_once_and_leaves_no_box),
        pool_test(a_claim_cancelled_while_its_kernel_is_configured_loses_the_kernel),
        pool_test(a_full_pool_says_so_and_stock_gives_way_to_claims),
        pool_test(unknown_runtimes_and_runtimes_without_kernels_are_refused),
        pool_test(a_starting_kernel_gets_more_cpu_and_gives_it_back),
        pool_test(closing_ends_claims_and_boxes),
        pool_test(the_report_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

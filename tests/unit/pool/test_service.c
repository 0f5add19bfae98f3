/* Boxes with a service: started before they count as ready, and before the kernel. */
#include "fake.h"

static void with_service(struct fake *f, bool kernels, bool programs)
{
    f->runtimes[0].service =
        json_pack("{s:[s],s:{s:s},s:i}", "argv", "mariadbd", "env", "B", "2", "ready_ms", 1000);
    f->runtimes[0].service_for_kernels = kernels;
    f->runtimes[0].service_for_programs = programs;
}

static struct fake_agent *only(struct fake *f)
{
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->agents[i].used)
            return &f->agents[i];
    fail_msg("there is no box");
    return NULL;
}

static void a_kernel_starts_when_the_service_is_ready(void **state)
{
    struct fake *f = *state;
    with_service(f, true, true);
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_KERNEL)->idle == 1);
    struct fake_agent *a = only(f);
    assert_int_equal(a->services, 1);
    assert_int_equal(a->starts_before_service, 0);
    assert_int_equal(a->starts, 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(a->service, "argv"), 0)),
                        "mariadbd");
    assert_string_equal(json_string_value(json_object_get(json_object_get(a->service, "env"), "B")),
                        "2");
}

static void a_box_for_programs_is_idle_when_the_service_is_ready(void **state)
{
    struct fake *f = *state;
    fake_ops.caps = PL_ENGINE_LIMITS;
    with_service(f, true, true);
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    f->pool->host_cpu_milli = 4000;
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    struct fake_agent *a = only(f);
    assert_int_equal(a->services, 1);
    assert_int_equal(a->starts, 0);
    assert_int_equal(f->create_cpu, 2000); /* lent while the service started */
    assert_int_equal(a->limits.cpu_milli, 500);
    assert_int_equal(f->pool->lent, 0);
}

static void a_service_starts_only_where_it_is_wanted(void **state)
{
    struct fake *f = *state;
    with_service(f, true, false);
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    assert_int_equal(only(f)->services, 0);
}

static void a_service_that_does_not_start_is_told_to_who_waits(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->mood = NO_SERVICE;
    with_service(f, true, true);
    fake_open(f);
    for (int kind = PL_KERNEL; kind <= PL_PROGRAM; kind++) {
        claim_kind(&g, f, (enum pl_kind)kind);
        until(f, g.calls == 1);
        assert_null(g.box);
        assert_string_equal(g.err.text, "start service: mariadbd ended with status 1");
    }
    until(f, fake_boxes(f) == 0);
}

static void a_service_that_says_nothing_fails_its_box_in_time(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->mood = SLOW_SERVICE;
    with_service(f, true, true);
    json_object_set_new(f->runtimes[0].service, "ready_ms", json_integer(20));
    fake_open(f);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    assert_int_equal(g.err.code, -ETIMEDOUT);
    assert_non_null(strstr(g.err.text, "the service did not get ready in time"));
}

static void a_service_that_dies_in_stock_costs_its_box(void **state)
{
    struct fake *f = *state;
    with_service(f, true, true);
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    fake_say(only(f), KG_REC_EVENT, "{\"event\":\"service_exit\",\"exit_code\":1}");
    until(f, fake_stock(f, PL_PROGRAM)->lost == 1);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1 && f->creates == 2 && fake_boxes(f) == 1);
}

static void a_service_that_dies_under_its_owner_is_the_agents_to_mend(void **state)
{
    struct fake *f = *state;
    struct got g;
    with_service(f, true, true);
    f->runtimes[0].stock_boxes = 1;
    fake_open(f);
    until(f, fake_stock(f, PL_PROGRAM)->idle == 1);
    claim_kind(&g, f, PL_PROGRAM);
    until(f, g.calls == 1);
    struct fake_agent *a = fake_find(f, pl_box_id(g.box));
    fake_say(a, KG_REC_EVENT, "{\"event\":\"service_exit\",\"exit_code\":1}");
    until(f, g.records == 1); /* its owner hears of it, and keeps the box */
    fake_steps(f, 10);
    assert_int_equal(g.gone, 0);
    assert_non_null(g.box);
    kg_buf_release(&g.bodies);
}

static void a_service_that_dies_while_the_kernel_starts_costs_the_box(void **state)
{
    struct fake *f = *state;
    f->mood = SLOW_KERNEL;
    with_service(f, true, true);
    f->runtimes[0].stock_kernels = 1;
    fake_open(f);
    until(f, f->creates == 1 && fake_boxes(f) == 1 && only(f)->starts == 1);
    fake_say(only(f), KG_REC_EVENT, "{\"event\":\"service_exit\",\"exit_code\":1}");
    until(f, fake_stock(f, PL_KERNEL)->failures == 1);
    assert_non_null(strstr(fake_stock(f, PL_KERNEL)->last_error, "service exited"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_kernel_starts_when_the_service_is_ready),
        pool_test(a_box_for_programs_is_idle_when_the_service_is_ready),
        pool_test(a_service_starts_only_where_it_is_wanted),
        pool_test(a_service_that_does_not_start_is_told_to_who_waits),
        pool_test(a_service_that_says_nothing_fails_its_box_in_time),
        pool_test(a_service_that_dies_in_stock_costs_its_box),
        pool_test(a_service_that_dies_under_its_owner_is_the_agents_to_mend),
        pool_test(a_service_that_dies_while_the_kernel_starts_costs_the_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

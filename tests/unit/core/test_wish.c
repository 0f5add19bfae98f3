/* Limits that a request asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/wish.h"

static const struct kg_core_config most = {
    .memory_max_mb = 1024, .cpu_max_milli = 2000, .pids_max = 512, .run_wall_max_s = 600};

static void variables_say_it_for_clients_that_know_nothing_else(void **state)
{
    (void)state;
    struct kg_wish wish = {.pids = 99};
    struct kg_err err = {0};
    json_t *env = json_pack("{s:s,s:s,s:s}", "KERNELGW_MEMORY_MB", "256", "KERNELGW_PIDS", "100",
                            "OTHER", "x");
    assert_int_equal(kg_wish_parse_env(&wish, &most, env, &err), 0);
    assert_int_equal(wish.memory_mb, 256);
    assert_int_equal(wish.pids, 99); /* what was said by name goes first */
    assert_int_equal(wish.cpu_milli, 0);
    assert_int_equal(json_object_size(env), 1); /* the kernel sees the other alone */
    json_decref(env);
    assert_int_equal(kg_wish_parse_env(&wish, &most, NULL, &err), 0);
}

static void variables_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "0", "15", "1025", "-256", "+256", " 64", "64 ", "6x4", "0x40", "99999999999999999999"};
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_wish wish = {0};
        struct kg_err err = {0};
        json_t *env = json_pack("{s:s}", "KERNELGW_MEMORY_MB", bad[i]);
        if (kg_wish_parse_env(&wish, &most, env, &err) == 0)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_string_equal(err.text,
                            "env.KERNELGW_MEMORY_MB must be a whole number from 16 to 1024");
        json_decref(env);
    }
}

static void a_kernel_has_no_wall_limit(void **state)
{
    (void)state;
    struct kg_wish wish = {0};
    struct kg_err err = {0};
    json_t *limits = json_pack("{s:i}", "wall_s", 5);
    assert_int_equal(kg_wish_parse(&wish, &most, limits, true, &err), 0);
    assert_int_equal(wish.wall_s, 5);
    assert_true(kg_wish_parse(&wish, &most, limits, false, &err) < 0);
    assert_string_equal(err.text, "limits.wall_s: there is no such field; there is: memory_mb, "
                                  "cpu_milli, pids");
    json_decref(limits);
}

static void what_is_not_said_stays_as_it_is(void **state)
{
    (void)state;
    struct pl_limits limits = {128, 500, 64, 48, 0};
    kg_wish_apply(&(struct kg_wish){.pids = 100}, &limits);
    assert_memory_equal(&limits, (&(struct pl_limits){128, 500, 100, 48, 0}), sizeof limits);
    kg_wish_apply(&(struct kg_wish){.memory_mb = 512, .cpu_milli = 1000}, &limits);
    assert_memory_equal(&limits, (&(struct pl_limits){512, 1000, 100, 48, 0}), sizeof limits);
}

static void files_get_the_same_part_of_less_memory(void **state)
{
    (void)state;
    static const struct {
        uint32_t has, tmp, asked, gets;
    } cases[] = {{128, 48, 64, 24}, {128, 88, 64, 44}, {128, 48, 256, 48}, {1024, 48, 16, 4}};
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct pl_limits limits = {cases[i].has, 500, 64, cases[i].tmp, 0};
        kg_wish_apply(&(struct kg_wish){.memory_mb = cases[i].asked}, &limits);
        assert_int_equal(limits.memory_mb, cases[i].asked);
        assert_int_equal(limits.tmp_mb, cases[i].gets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_say_it_for_clients_that_know_nothing_else),
        cmocka_unit_test(variables_out_of_bounds_are_refused),
        cmocka_unit_test(a_kernel_has_no_wall_limit),
        cmocka_unit_test(what_is_not_said_stays_as_it_is),
        cmocka_unit_test(files_get_the_same_part_of_less_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

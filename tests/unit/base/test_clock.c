#include "unit.h"

#include "base/clock.h"

static void times_are_written_as_jupyters_clients_read_them(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } table[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {999999, "1970-01-01T00:00:00.999999Z"},
        {1770000000123456, "2026-02-02T02:40:00.123456Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        char out[KG_ISO_SIZE];
        kg_clock_iso(out, table[i].us);
        assert_string_equal(out, table[i].want);
    }
}

static void a_frozen_clock_stands_still(void **state)
{
    (void)state;
    kg_clock_freeze(1234);
    assert_int_equal(kg_clock_ms(), 1234);
    assert_int_equal(kg_clock_us(), 1234000);
    assert_int_equal(kg_clock_wall_us(), 1234000);
    kg_clock_freeze(5000);
    assert_int_equal(kg_clock_ms(), 5000);
    kg_clock_thaw();
    assert_true(kg_clock_wall_us() > 1600000000000000);
}

static void time_does_not_run_backwards(void **state)
{
    (void)state;
    uint64_t last = kg_clock_us();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = kg_clock_us();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_jupyters_clients_read_them),
        cmocka_unit_test(a_frozen_clock_stands_still),
        cmocka_unit_test(time_does_not_run_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

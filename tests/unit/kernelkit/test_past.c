/* What history_request finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/kernelkit/past.h"

static struct kk_past past;

static int set_up(void **state)
{
    (void)state;
    static const char *const cells[] = {"a = 1", "a + 1", "b = 'x'", "a + 1", "a = 2"};
    for (size_t i = 0; i < KG_COUNT(cells); i++)
        kk_past_add(&past, (int64_t)i + 1, kg_span_str(cells[i]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kk_past_release(&past);
    return 0;
}

static void expect(const char *request, const char *answer)
{
    struct kk_past_query q;
    struct kg_err err = {0};
    kg_autobuf pattern = {0}, out = {0};
    struct kg_json j;
    assert_int_equal(kk_past_query_read(&q, &pattern, kg_span_str(request), &err), 0);
    kg_json_init(&j, &out);
    kk_past_write(&past, &q, &j);
    assert_string_equal(kg_buf_cstr(&out), answer);
}

static void the_tail_is_the_last_n(void **state)
{
    (void)state;
    expect("{\"hist_access_type\":\"tail\",\"n\":2}", "[[1,4,\"a + 1\"],[1,5,\"a = 2\"]]");
    expect("{\"hist_access_type\":\"tail\",\"n\":1,\"unique\":true}", "[[1,5,\"a = 2\"]]");
}

static void a_range_is_of_lines(void **state)
{
    (void)state;
    expect("{\"hist_access_type\":\"range\",\"session\":0,\"start\":1,\"stop\":3}",
           "[[1,1,\"a = 1\"],[1,2,\"a + 1\"]]");
    expect("{\"hist_access_type\":\"range\",\"session\":1,\"start\":4}",
           "[[1,4,\"a + 1\"],[1,5,\"a = 2\"]]");
    expect("{\"hist_access_type\":\"range\",\"session\":0,\"start\":-1}", "[[1,5,\"a = 2\"]]");
    expect("{\"hist_access_type\":\"range\",\"session\":0,\"start\":3,\"stop\":-2}",
           "[[1,3,\"b = 'x'\"]]");
    expect("{\"hist_access_type\":\"range\",\"session\":2,\"start\":1}", "[]");
    expect("{\"hist_access_type\":\"range\",\"session\":-1,\"start\":1}", "[]");
}

static void a_search_is_by_pattern_and_finds_the_last(void **state)
{
    (void)state;
    expect("{\"hist_access_type\":\"search\",\"pattern\":\"a*\",\"n\":2}",
           "[[1,4,\"a + 1\"],[1,5,\"a = 2\"]]");
    expect("{\"hist_access_type\":\"search\",\"pattern\":\"a + ?\",\"unique\":true}",
           "[[1,4,\"a + 1\"]]");
    expect("{\"hist_access_type\":\"search\",\"pattern\":\"a\"}", "[]");
    expect("{\"hist_access_type\":\"search\",\"pattern\":\"*\",\"n\":1}", "[[1,5,\"a = 2\"]]");
}

static void results_are_told_when_asked_for(void **state)
{
    (void)state;
    kk_past_set_result(&past, 4, kg_span_str("no")); /* it is not the last */
    kk_past_set_result(&past, 5, kg_span_str("yes"));
    kk_past_set_result(&past, 5, kg_span_str("again"));
    expect("{\"hist_access_type\":\"tail\",\"n\":2,\"output\":true}",
           "[[1,4,[\"a + 1\",null]],[1,5,[\"a = 2\",\"yes\"]]]");
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    kg_autofree char *big = kg_calloc(1, KK_PAST_BYTES / 4);
    for (int64_t line = 6; line < 20; line++) {
        kk_past_add(&past, line, kg_span_of(big, KK_PAST_BYTES / 4));
        assert_true(past.bytes <= KK_PAST_BYTES);
    }
    assert_int_equal(past.count, 3);
    kk_past_add(&past, 20, kg_span_of(big, 0));
    for (int64_t line = 21; line < 21 + 2 * KK_PAST_CELLS; line++)
        kk_past_add(&past, line, kg_span_str("x"));
    assert_int_equal(past.count, KK_PAST_CELLS);
    kk_past_release(&past);
    assert_int_equal(past.bytes, 0);
}

static void requests_that_are_wrong_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"hist_access_type\":\"all\"}",
        "{\"hist_access_type\":1}",
        "{\"hist_access_type\":\"tail\",\"n\":\"1\"}",
        "{\"hist_access_type\":\"search\",\"pattern\":5}",
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kk_past_query q;
        struct kg_err err = {0};
        kg_autobuf pattern = {0};
        assert_true(kk_past_query_read(&q, &pattern, kg_span_str(bad[i]), &err) < 0);
        assert_true(err.text[0] != 0);
    }
}

static void patterns_are_shells(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"a", "", false},
        {"a*c", "abbc", true},
        {"a*c", "abcb", false},
        {"a*b*c", "a1b2b3c", true},
        {"*ab", "aab", true},
        {"?", "\xc3\xa9", true}, /* a character, not a byte */
        {"??", "\xc3\xa9", false},
        {"[abc]x", "bx", true},
        {"[^abc]x", "bx", false},
        {"[a-c]", "b", true},
        {"[a-c]", "d", false},
        {"[]]", "]", true},
        {"[a-]", "-", true},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
        {"[a", "a", false}, /* no end */
        {"[", "[", false},
        {"\\*", "*", false}, /* nothing is escaped */
        {"A", "a", false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++)
        assert_int_equal(kk_glob(kg_span_str(cases[i].pattern), kg_span_str(cases[i].text)),
                         cases[i].matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tail_is_the_last_n, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_range_is_of_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_search_is_by_pattern_and_finds_the_last, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(results_are_told_when_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_go_first, set_up, tear_down),
        cmocka_unit_test(requests_that_are_wrong_are_refused),
        cmocka_unit_test(patterns_are_shells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What kernels say that is no JSON, and is read all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/content.h"

static void check(const char *text, const char *expected)
{
    json_t *found = kg_content_load(kg_span_str(text));
    json_t *wanted = json_loads(expected, JSON_ALLOW_NUL, NULL);
    kg_autofree char *said = json_dumps(found, JSON_COMPACT);
    assert_non_null(wanted);
    if (!json_equal(found, wanted))
        fail_msg("%s gives %s", text, said);
    json_decref(found);
    json_decref(wanted);
}

static void strings_may_hold_nul(void **state)
{
    (void)state;
    check("{\"text\":\"a\\u0000b\"}", "{\"text\":\"a\\u0000b\"}");
    json_t *content = kg_content_load(kg_span_str("{\"text\":\"a\\u0000b\"}"));
    assert_int_equal(json_string_length(json_object_get(content, "text")), 3);
    json_decref(content);
}

static void numbers_that_json_does_not_have_are_null(void **state)
{
    (void)state;
    check("[NaN,Infinity,-Infinity,-1,{\"NaN\":\"-Infinity\"}]",
          "[null,null,null,-1,{\"NaN\":\"-Infinity\"}]");
}

static void halves_of_pairs_are_replaced(void **state)
{
    (void)state;
    check(
        "[\"\\ud800\",\"\\udfff.\",\"\\ud800\\ud83d\\ude00\",\"\\uD83D\\uDE00\",\"\\\\ud800\",NaN]",
        "[\"\\ufffd\",\"\\ufffd.\",\"\\ufffd\\ud83d\\ude00\",\"\\ud83d\\ude00\",\"\\\\ud800\",null]");
}

static void what_can_not_be_read_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "{",     "NaN",        "{\"a\\u0000\":1}",
                                      "[\"\xff\"]", "[nan]", "[\"\\ud800", "[\"\\x\"]"};
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_null(kg_content_load(kg_span_str(bad[i])));
    kg_autobuf deep = {0};
    for (int i = 0; i < 100000; i++)
        kg_buf_add_char(&deep, '[');
    assert_null(kg_content_load(kg_span_of(deep.data, deep.len)));
}

static void no_prefix_is_read_beyond_its_end(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[\"\\ud83d\\ude00\\ud800\\u0000\\n\",NaN,-Infinity],\"b\":1}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        uint8_t *exact = kg_malloc(n ? n : 1); /* so that a sanitizer sees a step too far */
        memcpy(exact, text, n);
        assert_null(kg_content_load(kg_span_of(exact, n)));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_may_hold_nul),
        cmocka_unit_test(numbers_that_json_does_not_have_are_null),
        cmocka_unit_test(halves_of_pairs_are_replaced),
        cmocka_unit_test(what_can_not_be_read_is_none),
        cmocka_unit_test(no_prefix_is_read_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

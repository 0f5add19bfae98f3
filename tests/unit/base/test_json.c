#include "unit.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *want;
    } table[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\n\r\t", 3, "\"\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\x80", 1, "\"" BAD "\""},
        {"a\xff z", 4, "\"a" BAD " z\""},
        {"\xc3", 1, "\"" BAD "\""},
        {"\xe2\x82", 2, "\"" BAD BAD "\""},
        {"\xf0\x9f\x98", 3, "\"" BAD BAD BAD "\""},
        {"\xc0\xaf", 2, "\"" BAD BAD "\""},         /* overlong */
        {"\xe0\x80\x80", 3, "\"" BAD BAD BAD "\""}, /* overlong */
        {"\xed\xa0\x80", 3, "\"" BAD BAD BAD "\""}, /* a surrogate */
        {"\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""},
        {"\xf4\x8f\xbf\xbf", 4, "\"\xf4\x8f\xbf\xbf\""},
        {"\xc3\xa9\"\xc3", 4, "\"\xc3\xa9\\\"" BAD "\""},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autobuf out = {0};
        struct kg_json j;
        /* an exact copy, so that a read behind the end is seen */
        char *copy = kg_malloc(table[i].n);
        memcpy(copy, table[i].in, table[i].n);
        kg_json_init(&j, &out);
        kg_json_strn(&j, copy, table[i].n);
        assert_string_equal(kg_buf_cstr(&out), table[i].want);
        free(copy);
    }
}

static void commas_stand_where_they_must(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_key(&j, "empty");
    kg_json_object_begin(&j);
    kg_json_object_end(&j);
    kg_json_key(&j, "list");
    kg_json_array_begin(&j);
    kg_json_int(&j, -1);
    kg_json_array_begin(&j);
    kg_json_array_end(&j);
    kg_json_bool(&j, true);
    kg_json_null(&j);
    kg_json_raw(&j, "{\"r\":1}", 7);
    kg_json_str(&j, NULL);
    kg_json_array_end(&j);
    kg_json_kstr(&j, "k\"", "v");
    kg_json_kint(&j, "n", INT64_MIN);
    kg_json_kbool(&j, "b", false);
    kg_json_object_end(&j);
    assert_string_equal(kg_buf_cstr(&out),
                        "{\"empty\":{},\"list\":[-1,[],true,null,{\"r\":1},null],\"k\\\"\":\"v\","
                        "\"n\":-9223372036854775808,\"b\":false}");
    assert_int_equal(j.depth, 0);
}

static void numbers_that_are_none_become_null(void **state)
{
    (void)state;
    static const double values[] = {0.0, -1.5, 1e300, 5e-324, 0.1};
    for (size_t i = 0; i < KG_COUNT(values); i++) {
        kg_autobuf out = {0};
        struct kg_json j;
        kg_json_init(&j, &out);
        kg_json_real(&j, values[i]);
        double back = strtod(kg_buf_cstr(&out), NULL);
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_array_begin(&j);
    kg_json_real(&j, (double)NAN);
    kg_json_real(&j, (double)INFINITY);
    kg_json_real(&j, -(double)INFINITY);
    kg_json_array_end(&j);
    assert_string_equal(kg_buf_cstr(&out), "[null,null,null]");
}

static void characters_are_measured(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t n, want;
    } table[] = {
        {"", 0, 0},
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xbf\xbf", 2, 0},
        {"\xc1\x80", 2, 0},
        {"\xc2\x80", 2, 2},
        {"\xdf\xbf", 2, 2},
        {"\xc2", 1, 0},
        {"\xc2\x7f", 2, 0},
        {"\xe0\x9f\x80", 3, 0},
        {"\xe0\xa0\x80", 3, 3},
        {"\xed\x9f\xbf", 3, 3},
        {"\xed\xa0\x80", 3, 0},
        {"\xee\x80\x80", 3, 3},
        {"\xef\xbf\xbf", 3, 3},
        {"\xe2\x82\x28", 3, 0},
        {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++)
        assert_int_equal(kg_utf8_char((const uint8_t *)table[i].s, table[i].n), table[i].want);
}

static size_t whole(const char *s)
{
    return kg_utf8_whole((const uint8_t *)s, strlen(s));
}

static void a_cut_never_falls_into_a_character(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa9z\xe2\x82\xac\xf0\x9f\x98\x80";
    static const size_t want[] = {0, 1, 1, 3, 4, 4, 4, 7, 7, 7, 7, 11};
    for (size_t n = 0; n < KG_COUNT(want); n++)
        assert_int_equal(kg_utf8_whole((const uint8_t *)text, n), want[n]);
}

static void what_is_no_utf8_is_not_held_back(void **state)
{
    (void)state;
    assert_int_equal(whole("ab\xff"), 3);
    assert_int_equal(whole("ab\xc0"), 3);
    assert_int_equal(whole("ab\xf5"), 3);
    assert_int_equal(whole("\x80"), 1);
    assert_int_equal(whole("\x80\x80\x80\x80\x80"), 5);
    assert_int_equal(whole("a\x80"), 2);
    assert_int_equal(whole("\xc3\xa9\xa9"), 3);
    assert_int_equal(whole("x\xf0"), 1);
    assert_int_equal(whole("x\xf0\x9f"), 1);
    assert_int_equal(whole("x\xe2"), 1);
}

static void a_documents_weight_is_that_of_its_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t least, most;
    } table[] = {
        {"", 0, 0},
        {"{}", 200, 300},
        {"[{},{},{},{}]", 900, 1600},
        {"\"{{{[[[,,,\"", 64, 80},           /* text is text */
        {"\"a\\\"{{{{{{{{{{{{{{\"", 64, 90}, /* an escaped quote ends none */
        {"\"\\", 64, 70},                    /* cut off */
        {"{\"a\":1,\"b\":[1,2,3]}", 600, 1100},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        char *copy = kg_malloc(strlen(table[i].text));
        memcpy(copy, table[i].text, strlen(table[i].text));
        size_t weight = kg_json_weight(copy, strlen(table[i].text));
        if (weight < table[i].least || weight > table[i].most)
            fail_msg("%s weighs %zu", table[i].text, weight);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(commas_stand_where_they_must),
        cmocka_unit_test(numbers_that_are_none_become_null),
        cmocka_unit_test(characters_are_measured),
        cmocka_unit_test(a_cut_never_falls_into_a_character),
        cmocka_unit_test(what_is_no_utf8_is_not_held_back),
        cmocka_unit_test(a_documents_weight_is_that_of_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

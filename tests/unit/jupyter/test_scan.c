/* The scan of a JSON object's top level: what it takes, what it refuses, what it cuts out. */
#include "unit.h"

#include "jupyter/scan.h"

static const char *const good[] = {
    "{}",
    " \t\r\n{ } \n",
    "[]",
    "[1]",
    "[[],{},[{}]]",
    "0",
    "-0",
    "-1.5e+10",
    "1E5",
    "10.25",
    "true",
    "false",
    "null",
    "NaN",
    "-Infinity",
    "Infinity",
    "\"\"",
    "\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "{\"a\":1,\"b\":[1,2,{\"c\":\"}\"}],\"d\":{\"e\":{}}}",
    "{ \"a\" : [ 1 , 2 ] , \"b\" : null }",
    "{\"long enough for eight bytes at once\":\"and again, with a quote \\\" inside it\"}",
};

static const char *const bad[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "{}{}",
    "[}",
    "{]",
    "[1}",
    "{\"a\":1]",
    "01",
    "-",
    "-a",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "tru",
    "truee",
    "nul",
    "NAN",
    "-NaN",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"0123456789\t\"",
    "\"\x80\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\"01234567\xc3\"",
    "\x7f",
};

static void valid_json_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < KG_COUNT(good); i++) {
        struct kg_err err = {0};
        if (jy_json_check(sp(good[i]), NULL, &err) != 0)
            fail_msg("%s: %s", good[i], err.text);
    }
}

static void invalid_json_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_err err = {0};
        size_t n = strlen(bad[i]);
        uint8_t *copy = exact_copy(bad[i], n);
        if (jy_json_check(kg_span_of(copy, n), NULL, &err) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, " at byte "));
        free(copy);
    }
}

static void a_nul_is_no_whitespace_and_no_part_of_a_string(void **state)
{
    (void)state;
    assert_int_equal(jy_json_check((struct kg_span){0}, NULL, NULL), -EPROTO);
    assert_int_equal(jy_json_check(kg_span_of("{}\0", 3), NULL, NULL), -EPROTO);
    assert_int_equal(jy_json_check(kg_span_of("\"a\0b\"", 5), NULL, NULL), -EPROTO);
}

static void every_prefix_of_an_object_is_refused(void **state)
{
    (void)state;
    const char *whole =
        "{\"a\": [1, -2.5e3, {\"b\": \"x\\u00e9\\\"\xc3\xa9\"}], \"c\": {\"d\": null}, "
        "\"e\": true}";
    size_t n = strlen(whole);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = exact_copy(whole, cut);
        struct jy_member m;
        assert_int_equal(jy_json_check(kg_span_of(copy, cut), NULL, NULL), -EPROTO);
        assert_int_equal(jy_json_find(kg_span_of(copy, cut), "zz", &m, NULL), -EPROTO);
        free(copy);
    }
    assert_int_equal(jy_json_check(sp(whole), NULL, NULL), 0);
}

static void every_special_byte_is_seen_at_every_place(void **state)
{
    (void)state;
    /* the eight bytes at once must not step over any of these */
    for (size_t n = 0; n < 24; n++) {
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                char text[32];
                text[0] = '"';
                memset(text + 1, 'a', n);
                text[1 + at] = (char)c;
                text[n + 1] = '"';
                bool ok = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                bool taken = jy_json_check(kg_span_of(text, n + 2), NULL, NULL) == 0;
                if (taken != ok)
                    fail_msg("byte %d at %zu of %zu", c, at, n);
            }
        }
    }
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    kg_autobuf deep = {0};
    for (int i = 0; i < JY_JSON_DEPTH; i++)
        kg_buf_add_str(&deep, i % 2 ? "[" : "{\"a\":");
    kg_buf_add_str(&deep, "1");
    for (int i = JY_JSON_DEPTH; i-- > 0;)
        kg_buf_add_str(&deep, i % 2 ? "]" : "}");
    assert_int_equal(jy_json_check(span_of_buf(&deep), NULL, NULL), 0);
    kg_autobuf deeper = {0};
    kg_buf_add_char(&deeper, '[');
    kg_buf_add(&deeper, deep.data, deep.len);
    kg_buf_add_char(&deeper, ']');
    struct kg_err err = {0};
    assert_int_equal(jy_json_check(span_of_buf(&deeper), NULL, &err), -EPROTO);
    assert_non_null(strstr(err.text, "nested too deep"));
    kg_buf_clear(&deep);
    for (int i = 0; i < 1000000; i++)
        kg_buf_add_char(&deep, '[');
    assert_int_equal(jy_json_check(span_of_buf(&deep), NULL, NULL), -EPROTO);
}

static void members_come_out_as_they_were_sent(void **state)
{
    (void)state;
    struct jy_scan s;
    struct jy_member m;
    struct kg_span json =
        sp(" {\"a\" : {\"x\": [1, 2] } ,\"b\\u0021\":\"t\\n\", \"c\":-1.5 ,\"d\":null, \"e\": true,"
           "\"f\":false,\"g\":[ ]} ");
    static const struct {
        const char *key, *value;
        enum jy_json_type type;
    } want[] = {
        {"a", "{\"x\": [1, 2] }", JY_JSON_OBJECT},
        {"b\\u0021", "\"t\\n\"", JY_JSON_STRING},
        {"c", "-1.5", JY_JSON_NUMBER},
        {"d", "null", JY_JSON_NULL},
        {"e", "true", JY_JSON_TRUE},
        {"f", "false", JY_JSON_FALSE},
        {"g", "[ ]", JY_JSON_ARRAY},
    };
    assert_int_equal(jy_scan_begin(&s, json, NULL), 0);
    for (size_t i = 0; i < KG_COUNT(want); i++) {
        assert_int_equal(jy_scan_next(&s, &m, NULL), 1);
        assert_span(m.key, want[i].key);
        assert_span(m.value, want[i].value);
        assert_int_equal(m.type, want[i].type);
    }
    assert_int_equal(jy_scan_next(&s, &m, NULL), 0);
}

static void finding_looks_at_the_top_level_only_and_takes_the_last(void **state)
{
    (void)state;
    struct jy_member m = {0};
    struct kg_span text;
    struct kg_span json =
        sp("{\"x\":{\"k\":1},\"k\":\"first\",\"y\":\"\\\"k\\\":2\",\"\\u006b\":\"last\"}");
    assert_int_equal(jy_json_find(json, "k", &m, NULL), 1);
    assert_span(m.value, "\"last\"");
    assert_int_equal(jy_json_find_string(json, "k", &text, NULL), 1);
    assert_span(text, "last");
    assert_int_equal(jy_json_find(json, "none", &m, NULL), 0);
    assert_span(m.value, "\"last\"");
    assert_int_equal(jy_json_find_string(json, "x", &text, NULL), 0);
    assert_int_equal(jy_json_find(sp("[\"k\"]"), "k", &m, NULL), -EPROTO);
    /* a broken rest is not overlooked */
    assert_int_equal(jy_json_find(sp("{\"k\":1,\"z\":[}"), "k", &m, NULL), -EPROTO);
}

static void whole_numbers_are_read_and_others_refused(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_int_equal(jy_json_int(sp("0"), &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(jy_json_int(sp("-9223372036854775808"), &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(jy_json_int(sp("9223372036854775807"), &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(jy_json_int(sp("9223372036854775808"), &v), -ERANGE);
    assert_int_equal(jy_json_int(sp("99999999999999999999999999"), &v), -ERANGE);
    assert_int_equal(jy_json_int(sp("1.0"), &v), -EPROTO);
    assert_int_equal(jy_json_int(sp("1e3"), &v), -EPROTO);
    assert_int_equal(jy_json_int(sp("-"), &v), -EPROTO);
    assert_int_equal(jy_json_int(sp(""), &v), -EPROTO);
    assert_int_equal(jy_json_int(sp("NaN"), &v), -EPROTO);
}

static void escapes_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *text;
    } table[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"a\\u0041\\u00e9\\u20ac", "aA\xc3\xa9\xe2\x82\xac"},
        {"\\uD83D\\uDE00!", "\xf0\x9f\x98\x80!"},
        {"\\ud83d", "\xef\xbf\xbd"},
        {"\\ude00x", "\xef\xbf\xbdx"},
        {"\\ud83dx", "\xef\xbf\xbdx"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd\x41"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autobuf out = {0};
        jy_text_decode(&out, sp(table[i].raw));
        assert_string_equal(kg_buf_cstr(&out), table[i].text);
        assert_true(jy_text_is(sp(table[i].raw), table[i].text));
        assert_true(jy_text_equal(sp(table[i].raw), sp(table[i].raw)));
    }
    kg_autobuf nul = {0};
    jy_text_decode(&nul, sp("a\\u0000b"));
    assert_int_equal(nul.len, 3);
    assert_true(jy_text_equal(sp("\\u00e9"), sp("\xc3\xa9")));
    assert_false(jy_text_equal(sp("\\u00e9"), sp("e")));
    assert_false(jy_text_equal(sp("a"), sp("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_is_taken),
        cmocka_unit_test(invalid_json_is_refused_with_its_place),
        cmocka_unit_test(a_nul_is_no_whitespace_and_no_part_of_a_string),
        cmocka_unit_test(every_prefix_of_an_object_is_refused),
        cmocka_unit_test(every_special_byte_is_seen_at_every_place),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(members_come_out_as_they_were_sent),
        cmocka_unit_test(finding_looks_at_the_top_level_only_and_takes_the_last),
        cmocka_unit_test(whole_numbers_are_read_and_others_refused),
        cmocka_unit_test(escapes_are_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/net/chunked.h"
#include "kernelgw/net/head.h"

static char text[32768];

static int parse(struct kg_head *h, const char *request)
{
    size_t n = strlen(request);
    memcpy(text, request, n + 1);
    return kg_head_parse(h, text, n);
}

static void a_head_is_read_into_its_parts(void **state)
{
    (void)state;
    struct kg_head h;
    assert_int_equal(
        parse(&h, "GET /a%2fb/?x=1#f HTTP/1.1\r\nHOST:h\r\nEmpty:\r\nTwo:  a\tb  \r\n\r\n"), 0);
    assert_string_equal(h.method, "GET");
    assert_string_equal(h.path, "/a%2fb/");
    assert_string_equal(h.query, "x=1");
    assert_string_equal(kg_head_get(&h, "host"), "h");
    assert_string_equal(kg_head_get(&h, "empty"), "");
    assert_string_equal(kg_head_get(&h, "two"), "a\tb");
    assert_null(kg_head_get(&h, "three"));
    assert_true(h.keep_alive);
    assert_int_equal(h.content_length, -1);
    assert_false(h.websocket);
}

static void targets_have_their_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } good[] = {
        {"/", "/", NULL},
        {"*", "*", NULL},
        {"http://h:1/p?q", "/p", "q"},
        {"HTTPS://h/p", "/p", NULL},
        {"/?", "/", ""},
        {"//double", "//double", NULL},
        {"/a?b?c", "/a", "b?c"},
    };
    for (size_t i = 0; i < KG_COUNT(good); i++) {
        struct kg_head h;
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", good[i].target);
        assert_int_equal(parse(&h, request), 0);
        assert_string_equal(h.path, good[i].path);
        if (good[i].query)
            assert_string_equal(h.query, good[i].query);
        else
            assert_null(h.query);
    }
    static const char *const bad[] = {"a", "http://h", "?x", "/a\tb", "/a\x7f", "h:443"};
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_head h;
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", bad[i]);
        assert_int_equal(parse(&h, request), 400);
    }
}

static void what_the_connection_becomes_is_read_from_lists(void **state)
{
    (void)state;
    static const struct {
        const char *version, *fields;
        bool keep_alive, websocket;
    } cases[] = {
        {"1.1", "", true, false},
        {"1.1", "Connection: close\r\n", false, false},
        {"1.1", "Connection: foo, CLOSE ,\r\n", false, false},
        {"1.1", "Connection: closed\r\n", true, false},
        {"1.0", "", false, false},
        {"1.0", "Connection: Keep-Alive\r\n", true, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", true, true},
        {"1.1", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c, websocket\r\n",
         true, true},
        {"1.1", "Upgrade: websocket\r\n", true, false},
        {"1.1", "Connection: upgrade\r\nUpgrade: websocket2\r\n", true, false},
        {"1.0", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", false, false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_head h;
        char request[256];
        snprintf(request, sizeof request, "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", cases[i].version,
                 cases[i].fields);
        assert_int_equal(parse(&h, request), 0);
        assert_int_equal(h.keep_alive, cases[i].keep_alive);
        assert_int_equal(h.websocket, cases[i].websocket);
    }
}

static void too_many_fields_are_431(void **state)
{
    (void)state;
    struct kg_head h;
    for (int n = 99; n <= 100; n++) {
        kg_autobuf b = {0};
        kg_buf_add_str(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 0; i < n; i++)
            kg_buf_printf(&b, "X-%d: v\r\n", i);
        kg_buf_add_str(&b, "\r\n");
        assert_int_equal(parse(&h, kg_buf_cstr(&b)), n == 99 ? 0 : 431);
    }
}

static void every_prefix_of_a_head_is_unfinished(void **state)
{
    (void)state;
    const char *request = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    size_t n = strlen(request);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(kg_head_end((const uint8_t *)request, i, 0), 0);
    assert_int_equal(kg_head_end((const uint8_t *)request, n, 0), n);
    assert_int_equal(kg_head_end((const uint8_t *)request, n, n - 1), n);
    struct kg_head h;
    for (size_t i = 0; i < n; i++) {
        memcpy(text, request, i);
        text[i] = 0;
        assert_int_equal(kg_head_parse(&h, text, i), 400);
    }
}

static void a_query_is_decoded(void **state)
{
    (void)state;
    char query[] = "a=1&b=x+y%2B%41&c&=d&e=%zz%4&bad=%00&f%20g=h=i&&a=2";
    struct kg_head_field args[8];
    size_t n = kg_query_parse(args, 8, query);
    static const char *const expected[][2] = {{"a", "1"},     {"b", "x y+A"}, {"c", ""}, {"", "d"},
                                              {"e", "%zz%4"}, {"f g", "h=i"}, {"a", "2"}};
    assert_int_equal(n, KG_COUNT(expected));
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(args[i].name, expected[i][0]);
        assert_string_equal(args[i].value, expected[i][1]);
    }
    char many[] = "a&b&c&d";
    assert_int_equal(kg_query_parse(args, 2, many), 2);
}

static void chunks_come_off_a_body(void **state)
{
    (void)state;
    static const struct {
        const char *in, *body;
        int rc;
        size_t used;
    } cases[] = {
        {"3\r\nabc\r\n0\r\n\r\nrest", "abc", 1, 13},
        {"A;x=y\r\n0123456789\r\n000\r\nT: v\r\n\r\n", "0123456789", 1, 32},
        {"3\r\nab", "ab", 0, 5},
        {"", "", 0, 0},
        {"3\nabc\r\n0\r\n\r\n", "", 400, 1},
        {"g\r\n", "", 400, 0},
        {"\r\n", "", 400, 0},
        {"3\r\nabcd\r\n", "abc", 400, 6},
        {"1000000000000000\r\n", "", 400, 15},
        {"65\r\n", "", 413, 4},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_chunked c = {0};
        kg_autobuf out = {0};
        size_t used = 99;
        int rc = kg_chunked_feed(&c, &out, 100, (const uint8_t *)cases[i].in, strlen(cases[i].in),
                                 &used);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(used, cases[i].used);
        assert_string_equal(kg_buf_cstr(&out), cases[i].body);
    }
}

static void endless_extensions_and_trailers_are_refused(void **state)
{
    (void)state;
    static const char *const starts[] = {"1;", "0\r\nTrailer: "};
    for (size_t i = 0; i < KG_COUNT(starts); i++) {
        struct kg_chunked c = {0};
        kg_autobuf in = {0};
        kg_autobuf out = {0};
        size_t used;
        kg_buf_add_str(&in, starts[i]);
        while (in.len < 5000)
            kg_buf_add_char(&in, 'x');
        assert_int_equal(kg_chunked_feed(&c, &out, 100, in.data, in.len, &used), 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_into_its_parts),
        cmocka_unit_test(targets_have_their_three_forms),
        cmocka_unit_test(what_the_connection_becomes_is_read_from_lists),
        cmocka_unit_test(too_many_fields_are_431),
        cmocka_unit_test(every_prefix_of_a_head_is_unfinished),
        cmocka_unit_test(a_query_is_decoded),
        cmocka_unit_test(chunks_come_off_a_body),
        cmocka_unit_test(endless_extensions_and_trailers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The agent's small pure parts: paths, history, how an end is told, argv and environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/agent/display.h"
#include "runtimes/agent/files.h"
#include "runtimes/agent/history.h"
#include "runtimes/agent/messages.h"
#include "runtimes/agent/own.h"
#include "runtimes/agent/spawn.h"

static void plain_paths_below_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {"a",       "a/b",     "...",          "..a/b..",
                                       ".hidden", "a b/c d", "\xe6\x97\xa5", "-c.py"};
    struct kg_err err = {0};
    for (size_t i = 0; i < KG_COUNT(good); i++)
        assert_int_equal(kk_path_check(good[i], &err), 0);
}

static void paths_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "/",     "/a",    "a/",   "a//b", ".",
                                      "..",   "./a",   "a/./b", "../a", "a/..", "a/../b",
                                      "a\nb", "a\x7f", "\x01",  "a/\t"};
    struct kg_err err = {0};
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_int_equal(kk_path_check(bad[i], &err), -EINVAL);
    assert_int_equal(kk_path_check(NULL, &err), -EINVAL);
    char longest[KK_FILES_PATH_MAX + 10];
    memset(longest, 'x', sizeof longest);
    longest[256] = 0;
    assert_int_equal(kk_path_check(longest, &err), -EINVAL);
    longest[255] = 0;
    assert_int_equal(kk_path_check(longest, &err), 0);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 ? '/' : 'a';
    longest[2 * KK_FILES_DEPTH + 1] = 0;
    assert_int_equal(kk_path_check(longest, &err), -EINVAL);
    longest[2 * KK_FILES_DEPTH - 1] = 0;
    assert_int_equal(kk_path_check(longest, &err), 0);
}

static void a_request_is_known_for_a_thousand_others(void **state)
{
    (void)state;
    struct kk_history h = {0};
    char id[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < KK_HISTORY_LEN; i++) {
            snprintf(id, sizeof id, "id-%d", i);
            assert_int_equal(kk_history_seen(&h, kg_span_str(id)), round == 1);
        }
    }
    assert_false(kk_history_seen(&h, kg_span_str("one more")));
    assert_false(kk_history_seen(&h, kg_span_str("id-0"))); /* the oldest made room */
    assert_true(kk_history_seen(&h, kg_span_str("id-5")));
    assert_false(kk_history_seen(&h, kg_span_str("")));
    assert_false(kk_history_seen(&h, kg_span_str("")));
}

static json_t *told(const struct kk_exit *e)
{
    kg_autobuf out = {0};
    kk_exit_json(&out, e);
    json_t *doc = json_loadb((const char *)out.data, out.len, 0, NULL);
    assert_non_null(doc);
    return doc;
}

static void a_good_end_is_told(void **state)
{
    (void)state;
    json_t *d = told(&(struct kk_exit){.exited = true,
                                       .reason = "exit",
                                       .phase = "run",
                                       .wall_ms = 5,
                                       .cpu_ms = 3,
                                       .rss_kb = 9,
                                       .stdout_bytes = 1,
                                       .stderr_bytes = 2});
    assert_string_equal(json_string_value(json_object_get(d, "status")), "ok");
    assert_int_equal(json_integer_value(json_object_get(d, "exit_code")), 0);
    assert_true(json_is_null(json_object_get(d, "signal")));
    assert_null(json_object_get(d, "ename"));
    assert_int_equal(json_integer_value(json_object_get(d, "wall_ms")), 5);
    assert_int_equal(json_integer_value(json_object_get(d, "stderr_bytes")), 2);
    json_decref(d);
}

static void every_bad_end_has_its_words(void **state)
{
    (void)state;
    static const struct {
        struct kk_exit e;
        const char *name;
        const char *words;
    } ends[] = {
        {{.exited = true, .exit_code = 3, .reason = "exit"}, "ExitStatus", "exit status 3"},
        {{.signal = 11, .reason = "signal"}, "Signal", "signal 11 (Segmentation fault)"},
        {{.signal = 9, .reason = "timeout", .limit = 1500}, "TimeLimitExceeded", "1.5 s"},
        {{.signal = 9, .reason = "output_limit", .limit = 10}, "OutputLimitExceeded", "10 bytes"},
        {{.signal = 9, .reason = "stopped"}, "Stopped", "stopped"},
        {{.exited = true, .exit_code = 127, .reason = "exit", .detail = "start x: no"},
         "StartError",
         "start x"},
        {{.exited = true, .exit_code = 0, .reason = "timeout", .limit = 1},
         "TimeLimitExceeded",
         "0.001 s"},
    };
    for (size_t i = 0; i < KG_COUNT(ends); i++) {
        struct kk_exit e = ends[i].e;
        e.phase = "run";
        json_t *d = told(&e);
        assert_string_equal(json_string_value(json_object_get(d, "status")), "error");
        assert_string_equal(json_string_value(json_object_get(d, "ename")), ends[i].name);
        assert_non_null(strstr(json_string_value(json_object_get(d, "evalue")), ends[i].words));
        assert_int_equal(json_array_size(json_object_get(d, "traceback")), 0);
        assert_int_equal(json_is_null(json_object_get(d, "exit_code")), !e.exited);
        json_decref(d);
    }
}

static void argv_is_a_list_of_strings(void **state)
{
    (void)state;
    json_t *v = json_loads("[\"a\", \"\", \"b c\"]", 0, NULL);
    kg_autofree char **argv = kk_argv_from_json(v, 3);
    assert_string_equal(argv[0], "a");
    assert_string_equal(argv[1], "");
    assert_string_equal(argv[2], "b c");
    assert_null(argv[3]);
    assert_null(kk_argv_from_json(v, 2));
    json_decref(v);
    static const char *const bad[] = {"[]", "{}", "[1]", "[\"a\", null]", "[\"a\\u0000b\"]"};
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        v = json_loads(bad[i], JSON_ALLOW_NUL, NULL);
        assert_non_null(v);
        assert_null(kk_argv_from_json(v, 10));
        json_decref(v);
    }
    assert_null(kk_argv_from_json(NULL, 10));
}

static const char *get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static void the_user_gets_an_environment_of_its_own(void **state)
{
    (void)state;
    struct kk_options box = {.work = "/work", .drop = true};
    json_t *v = json_loads("{\"A\": \"1\", \"PATH\": \"/x\"}", 0, NULL);
    setenv("SECRET_OF_THE_AGENT", "x", 1);
    kg_autofree char **env = kk_env_from_json(v, &box);
    assert_string_equal(get(env, "A"), "1");
    assert_string_equal(get(env, "PATH"), "/x");
    assert_string_equal(get(env, "HOME"), "/work");
    assert_null(get(env, "SECRET_OF_THE_AGENT"));
    json_decref(v);
    static const char *const bad[] = {
        "[]", "1", "{\"A\": 1}", "{\"A=\": \"1\"}", "{\"\": \"1\"}", "{\"A\": \"\\u0000\"}"};
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        v = json_loads(bad[i], JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        assert_null(kk_env_from_json(v, &box));
        json_decref(v);
    }
}

static void own_requests_are_told_from_others(void **state)
{
    (void)state;
    struct kk_own o;
    kk_own_init(&o);
    char header[256];
    snprintf(header, sizeof header, "{\"session\":\"%s\",\"msg_id\":\"%s_42\"}", o.mark, o.mark);
    assert_int_equal(kk_own_match(&o, kg_span_str(header)), 42);
    snprintf(header, sizeof header, "{\"msg_id\":\"%s_7\",\"session\":\"%s\"}", o.mark, o.mark);
    assert_int_equal(kk_own_match(&o, kg_span_str(header)), 7);
    snprintf(header, sizeof header, "{\"session\":\"%s\"}", o.mark);
    assert_int_equal(kk_own_match(&o, kg_span_str(header)), 0);
    assert_int_equal(kk_own_match(&o, kg_span_str(o.mark)), 0);
    assert_int_equal(
        kk_own_match(&o, kg_span_str("{\"msg_id\":\"kgw-00000000000000000000000000000000_1\"}")),
        0);
    assert_int_equal(kk_own_match(&o, (struct kg_span){0}), 0);
    kk_own_release(&o);
}

static void a_display_is_read_and_nonsense_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *line, *type, *content; /* type NULL: refused */
    } cases[] = {
        {"{\"data\":{\"a/b\":1}}", "display_data",
         "{\"data\":{\"a/b\":1},\"metadata\":{},\"transient\":{}}"},
        {"{\"data\":{\"a\":[]},\"metadata\":{\"m\":2},\"display_id\":\"i\",\"more\":1}",
         "display_data",
         "{\"data\":{\"a\":[]},\"metadata\":{\"m\":2},\"transient\":{\"display_id\":\"i\"}}"},
        {"{\"data\":{\"a\":1},\"display_id\":\"i\",\"update\":true}", "update_display_data",
         "{\"data\":{\"a\":1},\"metadata\":{},\"transient\":{\"display_id\":\"i\"}}"},
        {"", NULL, NULL},
        {"[]", NULL, NULL},
        {"{\"data\":{}}", NULL, NULL},
        {"{\"data\":{\"a\":1},\"metadata\":[]}", NULL, NULL},
        {"{\"data\":{\"a\":1},\"display_id\":1}", NULL, NULL},
        {"{\"data\":{\"a\":1},\"update\":true}", NULL, NULL},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_err err = {0};
        const char *type;
        json_t *content = kk_display_content(kg_span_str(cases[i].line), &type, &err);
        kg_autofree char *text = content ? json_dumps(content, JSON_COMPACT) : NULL;
        json_decref(content);
        if (cases[i].type) {
            assert_string_equal(type, cases[i].type);
            assert_string_equal(text, cases[i].content);
        } else {
            assert_null(text);
            assert_int_equal(err.code, -EINVAL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths_below_are_taken),
        cmocka_unit_test(paths_that_lead_elsewhere_are_refused),
        cmocka_unit_test(a_request_is_known_for_a_thousand_others),
        cmocka_unit_test(a_good_end_is_told),
        cmocka_unit_test(every_bad_end_has_its_words),
        cmocka_unit_test(argv_is_a_list_of_strings),
        cmocka_unit_test(the_user_gets_an_environment_of_its_own),
        cmocka_unit_test(own_requests_are_told_from_others),
        cmocka_unit_test(a_display_is_read_and_nonsense_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

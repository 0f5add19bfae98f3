#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/run_spec.h"

static char name[] = "python3", language[] = "python";
static struct kg_runtime python = {.name = name, .language = language};
static struct kg_core core = {.config = {.run_wall_s = 30,
                                         .run_wall_max_s = 600,
                                         .memory_max_mb = 512,
                                         .cpu_max_milli = 2000,
                                         .pids_max = 100}};

static int parse(struct kg_run_spec *s, const char *text, struct kg_err *err)
{
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    int rc = kg_run_spec_parse(s, &core, body, err);
    json_decref(body);
    return rc;
}

static void a_whole_request_is_taken_over(void **state)
{
    (void)state;
    struct kg_run_spec s;
    struct kg_err err = {0};
    assert_int_equal(parse(&s,
                           "{\"session\":\"s1\",\"language\":\"python\",\"entry\":\"src/main.py\","
                           "\"files\":[{\"path\":\"src/main.py\",\"content\":\"print(1)\"},"
                           "{\"path\":\"data.bin\",\"base64\":\"AAEC\"}],\"args\":[\"a\",\"\"],"
                           "\"env\":{\"X\":\"1\"},\"stdin\":\"in\",\"network\":\"none\","
                           "\"tty\":{\"cols\":132},"
                           "\"limits\":{\"wall_s\":5,\"memory_mb\":256}}",
                           &err),
                     0);
    assert_string_equal(s.session, "s1");
    assert_ptr_equal(s.runtime, &python);
    assert_int_equal(s.file_count, 2);
    assert_int_equal(s.files[1].data.len, 3);
    assert_memory_equal(s.files[1].data.data, "\0\1\2", 3);
    assert_int_equal(json_array_size(s.args), 2);
    assert_string_equal(s.stdin_text, "in");
    assert_true(s.tty.on);
    assert_int_equal(s.tty.cols, 132);
    assert_int_equal(s.tty.rows, 24);
    assert_int_equal(s.wall_s, 5);
    assert_int_equal(s.wish.memory_mb, 256);
    kg_run_spec_release(&s);
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct kg_run_spec s;
    assert_int_equal(
        parse(
            &s,
            "{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a\",\"content\":\"\"}]}",
            NULL),
        0);
    assert_null(s.stdin_text);
    assert_false(s.tty.on);
    assert_int_equal(s.wall_s, 30);
    assert_int_equal(s.wish.memory_mb, 0);
    kg_run_spec_release(&s);
}

static void every_wrong_field_is_named(void **state)
{
    (void)state;
#define WITH(more)                                                                                 \
    "{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a\",\"content\":\"\"}]," more \
    "}"
    static const struct {
        const char *body, *named;
    } cases[] = {
        {"[]", "JSON object"},
        {"{}", "language is missing"},
        {"{\"language\":\"cobol\"}", "cobol"},
        {"{\"language\":5}", "language"},
        {"{\"language\":\"python\"}", "entry is missing"},
        {"{\"language\":\"python\",\"entry\":\"a\"}", "files"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[]}", "files"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[1]}", "files[0].path"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"../a\",\"content\":\"\"}]}",
         "../a"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a\"}]}", "content"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a\",\"base64\":\"!\"}]}",
         "base64"},
        {"{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a/b\",\"content\":\"\"},"
         "{\"path\":\"a-b\",\"content\":\"\"},{\"path\":\"a\",\"content\":\"\"}]}",
         "\"a\" and, below it, \"a/b\""},
        {"{\"language\":\"python\",\"entry\":\"b\",\"files\":[{\"path\":\"a\",\"content\":\"\"}]}",
         "entry \"b\""},
        {WITH("\"args\":[1]"), "args"},
        {WITH("\"args\":{}"), "args"},
        {WITH("\"env\":{\"A=B\":\"\"}"), "env.A=B"},
        {WITH("\"env\":[\"x\"]"), "env"},
        {WITH("\"stdin\":1"), "stdin"},
        {WITH("\"tty\":true"), "tty"},
        {WITH("\"tty\":{\"rows\":0}"), "tty.rows"},
        {WITH("\"tty\":{\"cols\":1001}"), "tty.cols"},
        {WITH("\"tty\":{\"lines\":3}"), "tty.lines"},
        {WITH("\"network\":\"session\""), "network"},
        {WITH("\"limits\":{\"wall_s\":0}"), "limits.wall_s"},
        {WITH("\"limits\":{\"wall_s\":601}"), "limits.wall_s"},
        {WITH("\"limits\":{\"memory_mb\":513}"), "limits.memory_mb"},
        {WITH("\"limits\":{\"memory_mb\":\"1\"}"), "limits.memory_mb"},
        {WITH("\"limits\":{\"cpu_milli\":2001}"),
         "limits.cpu_milli must be a whole number from 10 to 2000"},
        {WITH("\"limits\":{\"pids\":3}"), "limits.pids"},
        {WITH("\"limits\":{\"memroy_mb\":64}"), "there is: memory_mb, cpu_milli, pids, wall_s"},
        {WITH("\"options\":[]"), "options must be an object"},
        {WITH("\"options\":{\"class\":\"A\"}"),
         "options.class: there is no such option; there is: main_class, std"},
        {WITH("\"options\":{\"main_class\":5}"), "options.main_class must be a string"},
        {WITH("\"options\":{\"main_class\":\"a;b\"}"),
         "options.main_class must be what matches [\\w$.]+, not \"a;b\""},
        {WITH("\"options\":{\"main_class\":\"A\\n\"}"), "options.main_class"},
        {WITH("\"options\":{\"std\":\"c178\"}"), "options.std must be c17, say, not \"c178\""},
        {WITH("\"env\":{\"MAIN\":\"A\"}"), "env.MAIN: say it as options.main_class"},
        {WITH("\"limits\":{\"memory_mb\":15}"), "limits.memory_mb"},
        {WITH("\"limits\":{\"memory\":64}"), "limits.memory"},
        {WITH("\"limits\":5"), "limits"},
        {WITH("\"limits\":[]"), "limits"},
        {WITH("\"network\":7"), "network"},
        {WITH("\"arg\":[\"x\"]"), "arg"},
        {WITH("\"env\":{\"\":\"x\"}"), "env."},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_run_spec s;
        struct kg_err err = {0};
        int rc = parse(&s, cases[i].body, &err);
        assert_true(rc < 0);
        if (!strstr(err.text, cases[i].named))
            fail_msg("%s: \"%s\" does not name %s", cases[i].body, err.text, cases[i].named);
        kg_run_spec_release(&s);
    }
}

/* {"FIELD": BEFORE, n times x, AFTER} in an otherwise good request */
static int parse_long(const char *field, const char *before, size_t n, const char *after)
{
    kg_autofree char *fill = kg_malloc(n + 1);
    struct kg_run_spec s;
    struct kg_err err = {0};
    memset(fill, 'x', n);
    fill[n] = 0;
    kg_autofree char *text =
        kg_asprintf("{\"language\":\"python\",\"entry\":\"a\",\"files\":[{\"path\":\"a\","
                    "\"content\":\"\"}],\"%s\":%s%s%s}",
                    field, before, fill, after);
    int rc = parse(&s, text, &err);
    assert_true(rc == 0 || strstr(err.text, field));
    kg_run_spec_release(&s);
    return rc;
}

static void more_than_a_box_takes_is_told_at_once(void **state)
{
    (void)state;
    assert_int_equal(parse_long("args", "[\"", 100000, "\"]"), 0);
    assert_int_equal(parse_long("args", "[\"", 110000, "\"]"), -EINVAL);
    assert_int_equal(parse_long("env", "{\"A\":\"", 100000, "\"}"), 0);
    assert_int_equal(parse_long("env", "{\"A\":\"", 110000, "\"}"), -EINVAL);
    char many[2 * 70];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? '/' : 'd';
    assert_true(kg_run_path_ok(many, 2 * 64 - 1));
    assert_false(kg_run_path_ok(many, 2 * 65 - 1));
}

static void paths_out_of_the_work_directory_are_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a/b.py", "-c.py", "...", "a/.b", "\xc3\xa9.py"};
    static const char *const bad[] = {"",       "/a",  "a/",  "a//b", "..",  ".",
                                      "a/../b", "./a", "a/.", "a\nb", "\x7f"};
    for (size_t i = 0; i < KG_COUNT(good); i++)
        assert_true(kg_run_path_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_false(kg_run_path_ok(bad[i], strlen(bad[i])));
    assert_false(kg_run_path_ok("a\0b", 3));
    char *long_part = kg_calloc(1, 257);
    memset(long_part, 'x', 256);
    assert_false(kg_run_path_ok(long_part, 256));
    assert_true(kg_run_path_ok(long_part, 255));
    free(long_part);
}

int main(void)
{
    json_t *program =
        json_loads("{\"phases\":[{\"name\":\"run\",\"argv\":[\"x\"]}],\"options\":{"
                   "\"main_class\":{\"env\":\"MAIN\",\"pattern\":\"[\\\\w$.]+\"},"
                   "\"std\":{\"env\":\"STD\",\"pattern\":\"c..\",\"help\":\"c17, say\"}}}",
                   0, NULL);
    assert_int_equal(kg_program_new(&python.program, program, NULL), 0);
    json_decref(program);
    core.runtimes = (struct kg_runtimes){.items = &python, .count = 1};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_taken_over),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(every_wrong_field_is_named),
        cmocka_unit_test(more_than_a_box_takes_is_told_at_once),
        cmocka_unit_test(paths_out_of_the_work_directory_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kg_program_free(python.program);
    return failed;
}

/* kernelkit's pure parts: lines, contents, the queue, why one died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "runtimes/kernelkit/content.h"
#include "runtimes/kernelkit/death.h"
#include "runtimes/kernelkit/lines.h"
#include "runtimes/kernelkit/queue.h"
#include "runtimes/kernelkit/said.h"

static void add(struct kk_lines *l, const char *text)
{
    memcpy(kk_lines_room(l, strlen(text)), text, strlen(text));
    kk_lines_added(l, strlen(text));
}

static void a_line_comes_when_it_is_whole(void **state)
{
    (void)state;
    struct kk_lines l = {.max = 100};
    struct kg_span line;
    assert_int_equal(kk_lines_next(&l, &line), 0);
    add(&l, "on");
    assert_int_equal(kk_lines_next(&l, &line), 0);
    add(&l, "e\n\ntwo");
    assert_int_equal(kk_lines_next(&l, &line), 1);
    assert_true(kg_span_is(line, "one"));
    assert_int_equal(kk_lines_next(&l, &line), 1);
    assert_int_equal(line.len, 0);
    assert_int_equal(kk_lines_next(&l, &line), 0);
    add(&l, "\n");
    assert_int_equal(kk_lines_next(&l, &line), 1);
    assert_true(kg_span_is(line, "two"));
    assert_int_equal(kk_lines_next(&l, &line), 0);
    kk_lines_release(&l);
}

static void a_line_has_a_limit(void **state)
{
    (void)state;
    struct kk_lines l = {.max = 4};
    struct kg_span line;
    add(&l, "1234\n1234");
    assert_int_equal(kk_lines_next(&l, &line), 1);
    assert_int_equal(kk_lines_next(&l, &line), 0);
    add(&l, "5");
    assert_int_equal(kk_lines_next(&l, &line), -EMSGSIZE);
    assert_int_equal(kk_lines_next(&l, &line), -EMSGSIZE);
    kk_lines_release(&l);
}

static void every_cut_gives_the_same_lines(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1}\n\nxyz\n{\"b\":[1,2]}\nrest";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct kk_lines l = {.max = 100};
        struct kg_span line;
        kg_autobuf seen = {0};
        const size_t ends[] = {cut, sizeof text - 1};
        size_t from = 0;
        for (size_t i = 0; i < 2; i++) {
            size_t n = ends[i] > from ? ends[i] - from : 0;
            if (n)
                memcpy(kk_lines_room(&l, n), text + from, n);
            kk_lines_added(&l, n);
            from += n;
            while (kk_lines_next(&l, &line) > 0) {
                kg_buf_add(&seen, line.data, line.len);
                kg_buf_add_char(&seen, '|');
            }
        }
        assert_string_equal(kg_buf_cstr(&seen), "{\"a\":1}||xyz|{\"b\":[1,2]}|");
        kk_lines_release(&l);
    }
}

struct values {
    struct kg_span text, object;
    bool flag;
    int64_t number;
};

static int read_values(struct values *v, const char *json, struct kg_err *err)
{
    *v = (struct values){.number = 7};
    const struct kk_field fields[] = {
        {"text", KK_TEXT, &v->text, true},
        {"object", KK_OBJECT, &v->object, false},
        {"flag", KK_BOOL, &v->flag, false},
        {"number", KK_INT, &v->number, false},
    };
    return kk_content_read(kg_span_str(json), fields, KG_COUNT(fields), err);
}

static void members_are_read_by_their_type(void **state)
{
    (void)state;
    struct values v;
    struct kg_err err = {0};
    assert_int_equal(read_values(&v,
                                 " {\"x\":[1], \"\\u0074ext\":\"a\\n\", \"object\":{\"y\": 1},"
                                 "\"flag\":true, \"number\":-3}",
                                 &err),
                     0);
    assert_true(kg_span_is(v.text, "a\\n"));
    assert_true(kg_span_is(v.object, "{\"y\": 1}"));
    assert_true(v.flag);
    assert_int_equal(v.number, -3);
    assert_int_equal(read_values(&v, "{\"text\":\"\",\"number\":null,\"flag\":null}", &err), 0);
    assert_int_equal(v.number, 7);
}

static void what_is_wrong_is_named_and_the_rest_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } bad[] = {
        {"{}", "text is missing: it must be a string"},
        {"{\"text\":null}", "text is missing: it must be a string"},
        {"{\"text\":1,\"flag\":true}", "text must be a string"},
        {"{\"flag\":0,\"text\":\"\"}", "flag must be true or false"},
        {"{\"number\":1.5,\"flag\":true,\"text\":\"\"}", "number must be an integer"},
        {"{\"number\":99999999999999999999,\"flag\":true}", "number must be an integer"},
        {"{\"object\":[],\"flag\":true,\"text\":\"\"}", "object must be an object"},
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct values v;
        struct kg_err err = {0};
        assert_int_equal(read_values(&v, bad[i].json, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].words);
        assert_int_equal(v.flag, strstr(bad[i].json, "\"flag\":true") != NULL);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char line[] =
        "{\"event\":\"display\",\"data\":{\"text/plain\":\"x\"},\"metadata\":{},"
        "\"display_id\":\"d\",\"update\":true}";
    struct kk_said s;
    struct kg_err err = {0};
    for (size_t n = 0; n < sizeof line - 1; n++)
        assert_int_equal(kk_said_read(&s, kg_span_of(line, n), &err), -EPROTO);
    assert_int_equal(kk_said_read(&s, kg_span_of(line, sizeof line - 1), &err), 0);
    assert_true(kg_span_is(s.event, "display"));
    assert_true(kg_span_is(s.data, "{\"text/plain\":\"x\"}"));
    assert_true(s.update);
    assert_int_equal(s.reply, -1);
}

static void a_reply_behind_half_a_line_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *line, *found;
    } cases[] = {
        {"{\"event\":\"disp{\"reply\":3,\"status\":\"ok\"}", "{\"reply\":3,\"status\":\"ok\"}"},
        {"{{\"reply\":1}{\"reply\":2}", "{\"reply\":2}"},
        {"{\"reply\":", "{\"reply\":"},
        {"{\"reply\"", ""},
        {"", ""},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++)
        assert_true(kg_span_is(kk_said_salvage(kg_span_str(cases[i].line)), cases[i].found));
}

static void text_becomes_json_that_is_valid(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_array_begin(&j);
    kk_json_text(&j, kg_span_str("\\u00e9\\ud800\\n\\/"));
    kk_json_text(&j, (struct kg_span){0});
    kg_json_object_begin(&j);
    kk_json_kraw(&j, "a", (struct kg_span){0}, "[]");
    kk_json_kraw(&j, "b", kg_span_str("[1]"), "[]");
    kg_json_object_end(&j);
    kg_json_array_end(&j);
    assert_string_equal(kg_buf_cstr(&out),
                        "[\"\xc3\xa9\xef\xbf\xbd\\n/\",\"\",{\"a\":[],\"b\":[1]}]");
}

/* A request of msg_type type with n bytes of content. */
static struct kk_request *request(const char *type, size_t n)
{
    kg_autobuf frame = {0}, header = {0};
    kg_autofree char *content = kg_calloc(1, n + 1);
    memset(content, ' ', n);
    jy_header_write(&header, &(struct jy_header_fields){
                                 .msg_id = "m", .msg_type = type, .session = "s", .username = "u"});
    const struct jy_msg m = {.channel = KG_CH_SHELL,
                             .header = kg_span_of(header.data, header.len),
                             .parent_header = kg_span_str("{}"),
                             .metadata = kg_span_str("{}"),
                             .content = kg_span_of(content, n)};
    jy_wsframe_append(&frame, &m);
    return kk_request_new(frame.data, frame.len);
}

static void requests_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct kk_queue q = {.max = 100000};
    static const char *const types[] = {"execute_request", "complete_request", "execute_request",
                                        "history_request"};
    for (size_t i = 0; i < KG_COUNT(types); i++)
        assert_true(kk_queue_put(&q, request(types[i], i)));
    struct kk_request *r = kk_queue_take(&q);
    assert_int_equal(r->msg.content.len, 0);
    assert_true(jy_text_is(r->type, "execute_request"));
    free(r);
    r = kk_queue_take_type(&q, "execute_request"); /* past another */
    assert_int_equal(r->msg.content.len, 2);
    free(r);
    assert_null(kk_queue_take_type(&q, "execute_request"));
    r = kk_queue_take(&q);
    assert_true(jy_text_is(r->type, "complete_request"));
    free(r);
    assert_int_not_equal(q.bytes, 0);
    kk_queue_release(&q);
    assert_int_equal(q.bytes, 0);
    assert_null(kk_queue_take(&q));
}

static void the_queue_takes_no_more_than_its_bytes_but_always_one(void **state)
{
    (void)state;
    struct kk_queue q = {.max = 1000};
    assert_true(kk_queue_put(&q, request("execute_request", 5000)));
    struct kk_request *r = request("execute_request", 1);
    assert_false(kk_queue_put(&q, r));
    free(kk_queue_take(&q));
    assert_true(kk_queue_put(&q, r));
    assert_false(kk_queue_put(&q, NULL == r ? r : (r = request("execute_request", 900))));
    free(r);
    kk_queue_release(&q);
}

static void kills_for_want_of_memory_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t kills;
    } cases[] = {
        {"oom_kill_disable 0\nunder_oom 1\noom_kill 3\n", 3}, /* cgroup v1 */
        {"low 0\nhigh 0\nmax 7\noom 2\noom_kill 12\noom_group_kill 0\n", 12},
        {"oom_kill 1", 1},
        {"oom_kill_disable 0\nunder_oom 0\n", 0}, /* before Linux 4.13 */
        {"", 0},
        {"xoom_kill 5", 0},
        {"oom_kill x", 0},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++)
        assert_int_equal(kk_death_parse_kills(kg_span_str(cases[i].text)), cases[i].kills);
    assert_int_equal(kk_death_parse_kills((struct kg_span){0}), 0);
    assert_int_equal(kk_death_parse_limit(kg_span_str("{\"memory_mb\":128,\"pids\":64}\n")), 128);
    assert_int_equal(kk_death_parse_limit(kg_span_str("{\"memory_mb\":-1}")), 0);
    assert_int_equal(kk_death_parse_limit(kg_span_str("x")), 0);
}

static void every_death_has_its_words(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *words;
    } cases[] = {
        {0, "the kernel's evaluator ended (exit status 0)"},
        {3 << 8, "the kernel's evaluator ended (exit status 3)"},
        {SIGSEGV, "the kernel's evaluator was ended by signal 11 (Segmentation fault)"},
        {SIGKILL, "the kernel's evaluator was killed (signal 9)"},
    };
    char words[200];
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        kk_death_describe(words, sizeof words, cases[i].status, "/no/such/link", 0);
        assert_string_equal(words, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_when_it_is_whole),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(every_cut_gives_the_same_lines),
        cmocka_unit_test(members_are_read_by_their_type),
        cmocka_unit_test(what_is_wrong_is_named_and_the_rest_is_read),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(a_reply_behind_half_a_line_is_found),
        cmocka_unit_test(text_becomes_json_that_is_valid),
        cmocka_unit_test(requests_leave_in_the_order_they_came),
        cmocka_unit_test(the_queue_takes_no_more_than_its_bytes_but_always_one),
        cmocka_unit_test(kills_for_want_of_memory_are_counted),
        cmocka_unit_test(every_death_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

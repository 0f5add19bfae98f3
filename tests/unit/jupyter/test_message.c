/* Headers are peeked and written; messages get their kind. */
#include "unit.h"

#include "base/clock.h"
#include "jupyter/scan.h"

static void a_header_is_peeked(void **state)
{
    (void)state;
    struct jy_header h;
    struct kg_err err = {0};
    assert_int_equal(jy_header_peek(&h, sp(SAMPLE_HEADER), &err), 0);
    assert_span(h.msg_id, "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11_17_3");
    assert_span(h.msg_type, "status");
    assert_span(h.username, "user");
    assert_span(h.session, "0b0cbb41-6f0c-4a55-8d57-1fd0e6c5e0f2");
    assert_span(h.date, "2026-01-31T23:59:59.123456Z");
    assert_span(h.version, "5.4");
    assert_null(h.subshell_id.data);
}

static void what_is_absent_or_no_string_is_told_apart_from_empty(void **state)
{
    (void)state;
    struct jy_header h;
    assert_int_equal(jy_header_peek(&h, sp("{}"), NULL), 0);
    assert_null(h.msg_id.data);
    assert_int_equal(
        jy_header_peek(&h, sp("{\"msg_id\":5,\"date\":\"\",\"subshell_id\":null}"), NULL), 0);
    assert_null(h.msg_id.data);
    assert_null(h.subshell_id.data);
    assert_non_null(h.date.data);
    assert_int_equal(h.date.len, 0);
}

static void a_header_to_send_on_needs_id_and_type(void **state)
{
    (void)state;
    static const struct {
        const char *json, *error;
    } bad[] = {
        {"{}", "msg_id"},
        {"{\"msg_id\":\"\",\"msg_type\":\"x\"}", "msg_id"},
        {"{\"msg_id\":1,\"msg_type\":\"x\"}", "msg_id"},
        {"{\"msg_id\":\"x\"}", "msg_type"},
        {"{\"msg_id\":\"x\",\"msg_type\":null}", "msg_type"},
        {"[]", "header: object expected"},
        {"{\"msg_id\":\"x\",", "header: key expected"},
        {"", "header: object expected"},
    };
    struct jy_header h;
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_err err = {0};
        assert_int_equal(jy_header_require(&h, sp(bad[i].json), &err), -EPROTO);
        if (!strstr(err.text, bad[i].error))
            fail_msg("%s: %s", bad[i].json, err.text);
    }
    assert_int_equal(jy_header_require(&h, sp(SAMPLE_HEADER), NULL), 0);
}

static void every_prefix_of_a_header_is_refused(void **state)
{
    (void)state;
    struct jy_header h;
    for (size_t n = 0; n < strlen(SAMPLE_HEADER); n++) {
        uint8_t *copy = exact_copy(SAMPLE_HEADER, n);
        assert_int_equal(jy_header_peek(&h, kg_span_of(copy, n), NULL), -EPROTO);
        free(copy);
    }
}

static void a_written_header_reads_back(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct jy_header h;
    const struct jy_header_fields f = {
        .msg_id = "id-1",
        .msg_type = "execute_request",
        .session = "s",
        .username = "J\xc3\xbcrgen \"x\"",
        .date_us = 1770000000123456,
        .subshell_id = "sub",
    };
    jy_header_write(&out, &f);
    assert_int_equal(jy_header_require(&h, span_of_buf(&out), NULL), 0);
    assert_span(h.msg_id, "id-1");
    assert_span(h.msg_type, "execute_request");
    assert_span(h.session, "s");
    assert_true(jy_text_is(h.username, f.username));
    assert_span(h.date, "2026-02-02T02:40:00.123456Z");
    assert_span(h.version, JY_PROTOCOL_VERSION);
    assert_span(h.subshell_id, "sub");
    kg_clock_freeze(1000);
    kg_buf_clear(&out);
    jy_header_write(&out, &(struct jy_header_fields){.msg_id = "a", .msg_type = "b"});
    kg_clock_thaw();
    assert_int_equal(jy_header_peek(&h, span_of_buf(&out), NULL), 0);
    assert_span(h.date, "1970-01-01T00:00:01.000000Z");
    assert_null(h.subshell_id.data);
}

static void messages_get_their_kind(void **state)
{
    (void)state;
    static const struct {
        uint8_t channel;
        const char *type, *content;
        enum kg_rec_kind kind;
    } table[] = {
        {KG_CH_IOPUB, "status", "{\"execution_state\":\"busy\"}", KG_KIND_STATUS_BUSY},
        {KG_CH_IOPUB, "status", "{\"execution_state\": \"idle\"}", KG_KIND_STATUS_IDLE},
        {KG_CH_IOPUB, "status", "{\"execution_state\":\"starting\"}", KG_KIND_STATUS_STARTING},
        {KG_CH_IOPUB, "status", "{\"execution_state\":\"i\\u0064le\"}", KG_KIND_STATUS_IDLE},
        {KG_CH_IOPUB, "status", "{\"execution_state\":\"dead\"}", KG_KIND_OTHER},
        {KG_CH_IOPUB, "status", "{\"a\":{\"execution_state\":\"idle\"}}", KG_KIND_OTHER},
        {KG_CH_IOPUB, "status", "{\"execution_state\":1}", KG_KIND_OTHER},
        {KG_CH_IOPUB, "status", "garbage", KG_KIND_OTHER},
        {KG_CH_SHELL, "status", "{\"execution_state\":\"idle\"}", KG_KIND_OTHER},
        {KG_CH_IOPUB, "stream", "{}", KG_KIND_OUTPUT},
        {KG_CH_IOPUB, "display_data", "{}", KG_KIND_OUTPUT},
        {KG_CH_IOPUB, "update_display_data", "{}", KG_KIND_OUTPUT},
        {KG_CH_IOPUB, "execute_result", "{}", KG_KIND_OUTPUT},
        {KG_CH_IOPUB, "error", "{}", KG_KIND_ERROR},
        {KG_CH_IOPUB, "execute_input", "{}", KG_KIND_EXECUTE_INPUT},
        {KG_CH_IOPUB, "comm_msg", "{}", KG_KIND_OTHER},
        {KG_CH_IOPUB, "clear_output", "{}", KG_KIND_OTHER},
        {KG_CH_SHELL, "execute_reply", "{}", KG_KIND_REPLY},
        {KG_CH_CONTROL, "interrupt_reply", "{}", KG_KIND_REPLY},
        {KG_CH_CONTROL, "_reply", "{}", KG_KIND_OTHER},
        {KG_CH_SHELL, "kernel_info_reply", "{}", KG_KIND_KERNEL_INFO},
        {KG_CH_CONTROL, "kernel_info_reply", "{}", KG_KIND_KERNEL_INFO},
        {KG_CH_IOPUB, "execute_reply", "{}", KG_KIND_OTHER},
        {KG_CH_STDIN, "input_request", "{}", KG_KIND_INPUT_REQUEST},
        {KG_CH_STDIN, "stream", "{}", KG_KIND_OTHER},
        {KG_CH_NONE, "stream", "{}", KG_KIND_OTHER},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct jy_header h = {.msg_type = sp(table[i].type)};
        assert_int_equal(jy_kind_of(table[i].channel, &h, sp(table[i].content)), table[i].kind);
    }
    struct jy_header none = {0};
    assert_int_equal(jy_kind_of(KG_CH_IOPUB, &none, sp("{}")), KG_KIND_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_peeked),
        cmocka_unit_test(what_is_absent_or_no_string_is_told_apart_from_empty),
        cmocka_unit_test(a_header_to_send_on_needs_id_and_type),
        cmocka_unit_test(every_prefix_of_a_header_is_refused),
        cmocka_unit_test(a_written_header_reads_back),
        cmocka_unit_test(messages_get_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

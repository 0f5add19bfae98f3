/* The older framing: text and binary, inwards and outwards, nothing reformatted. */
#include "unit.h"

#include <jansson.h>

#include "jupyter/wsframe.h"
#include "jupyter/wsjson.h"

#define H "{\"msg_id\" : \"m1\", \"msg_type\":\"execute_request\"}"

static int decode(struct kg_buf *out, struct jy_msg *m, const char *text, struct kg_err *err)
{
    size_t n = strlen(text);
    uint8_t *copy = exact_copy(text, n);
    int rc = jy_wsjson_decode_text(out, kg_span_of(copy, n), err);
    free(copy);
    if (rc == 0)
        assert_int_equal(jy_wsframe_split(m, out->data, out->len, err), 0);
    return rc;
}

static void a_text_message_becomes_a_frame_with_its_members_untouched(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct jy_msg m;
    assert_int_equal(
        decode(&out, &m,
               " {\"channel\":\"control\", \"content\" : {\"code\": \"1 +\\u0031\" , \"x\":[ ]}, "
               "\"metadata\":{ }, \"parent_header\":{\"a\":1}, \"buffers\":[], "
               "\"msg_id\":\"other\", \"header\":" H "}",
               NULL),
        0);
    assert_int_equal(m.channel, KG_CH_CONTROL);
    assert_span(m.header, H);
    assert_span(m.parent_header, "{\"a\":1}");
    assert_span(m.metadata, "{ }");
    assert_span(m.content, "{\"code\": \"1 +\\u0031\" , \"x\":[ ]}");
    assert_int_equal(m.buffer_count, 0);
}

static void what_is_missing_is_empty_and_the_channel_is_shell(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"header\":" H "}",
        "{\"header\":" H
        ",\"channel\":null,\"parent_header\":null,\"metadata\":null,\"content\":null}",
    };
    for (size_t i = 0; i < KG_COUNT(texts); i++) {
        kg_autobuf out = {0};
        struct jy_msg m;
        assert_int_equal(decode(&out, &m, texts[i], NULL), 0);
        assert_int_equal(m.channel, KG_CH_SHELL);
        assert_span(m.parent_header, "{}");
        assert_span(m.metadata, "{}");
        assert_span(m.content, "{}");
    }
}

static void malformed_texts_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        const char *error;
    } table[] = {
        {"", -EPROTO, "object expected"},
        {"[]", -EPROTO, "object expected"},
        {"null", -EPROTO, "object expected"},
        {"hello", -EPROTO, "object expected"},
        {"{}", -EPROTO, "no header"},
        {"{\"header\":null}", -EPROTO, "header is no object"},
        {"{\"header\":[]}", -EPROTO, "header is no object"},
        {"{\"header\":{}}", -EPROTO, "no msg_id"},
        {"{\"header\":{\"msg_id\":\"x\"}}", -EPROTO, "no msg_type"},
        {"{\"header\":" H ",\"parent_header\":1}", -EPROTO, "parent_header is no object"},
        {"{\"header\":" H ",\"metadata\":\"\"}", -EPROTO, "metadata is no object"},
        {"{\"header\":" H ",\"content\":[]}", -EPROTO, "content is no object"},
        {"{\"header\":" H ",\"channel\":1}", -EPROTO, "channel is no string"},
        {"{\"header\":" H ",\"channel\":\"hb\"}", -ENOENT, "channel is none of"},
        {"{\"header\":" H "} x", -EPROTO, "text after the object"},
        {"{\"header\":" H ",\"content\":{\"a\":}}", -EPROTO, "value expected at byte"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autobuf out = {0};
        struct jy_msg m;
        struct kg_err err = {0};
        kg_buf_add_str(&out, "kept");
        assert_int_equal(decode(&out, &m, table[i].text, &err), table[i].rc);
        assert_string_equal(kg_buf_cstr(&out), "kept");
        if (!strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].text, err.text);
    }
}

static void every_prefix_of_a_text_is_refused(void **state)
{
    (void)state;
    const char *text = "{\"header\":" H ",\"content\":{\"code\":\"x\"},\"channel\":\"shell\"}";
    for (size_t n = 0; n < strlen(text); n++) {
        kg_autobuf out = {0};
        uint8_t *copy = exact_copy(text, n);
        assert_int_equal(jy_wsjson_decode_text(&out, kg_span_of(copy, n), NULL), -EPROTO);
        assert_int_equal(out.len, 0);
        free(copy);
    }
}

static const char *text_member(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static void an_outgoing_text_is_what_clients_read(void **state)
{
    (void)state;
    struct jy_msg m = sample_message(NULL, 0);
    kg_autobuf out = {0};
    bool binary = true;
    assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
    assert_false(binary);
    json_t *o = json_loadb((char *)out.data, out.len, 0, NULL);
    assert_non_null(o);
    assert_string_equal(text_member(o, "msg_id"), "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11_17_3");
    assert_string_equal(text_member(o, "msg_type"), "status");
    assert_string_equal(text_member(o, "channel"), "iopub");
    assert_string_equal(text_member(json_object_get(o, "header"), "username"), "user");
    assert_string_equal(text_member(json_object_get(o, "parent_header"), "msg_id"), "p");
    assert_string_equal(text_member(json_object_get(o, "content"), "execution_state"), "busy");
    assert_true(json_is_object(json_object_get(o, "metadata")));
    assert_true(json_is_array(json_object_get(o, "buffers")));
    assert_int_equal(json_object_size(o), 8);
    json_decref(o);
}

static void buffers_go_out_as_binary_with_their_offsets(void **state)
{
    (void)state;
    struct kg_span b[3] = {sp("one"), {0}, sp("\x80\x00x")};
    struct jy_msg m = sample_message(b, 3);
    kg_autobuf out = {0};
    bool binary = false;
    kg_buf_add_str(&out, "before");
    assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
    assert_true(binary);
    const uint8_t *f = out.data + 6;
    assert_memory_equal(f, "\0\0\0\4\0\0\0\x14", 8);
    size_t json_end = (size_t)f[10] << 8 | f[11];
    assert_int_equal(f[20], '{');
    assert_int_equal(f[json_end - 1], '}');
    assert_memory_equal(f + json_end, "one\x80", 4);
    assert_int_equal(out.len - 6, json_end + 4); /* the string above ends at its NUL */
}

static void both_framings_carry_the_same_message(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 3; n++) {
        struct kg_span b[3] = {sp("one"), {0}, kg_span_of("\0\xff", 2)};
        struct jy_msg m = sample_message(b, n);
        struct jy_msg back;
        kg_autobuf out = {0};
        kg_autobuf frame = {0};
        bool binary;
        assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
        assert_int_equal(binary ? jy_wsjson_decode_binary(&frame, span_of_buf(&out), NULL)
                                : jy_wsjson_decode_text(&frame, span_of_buf(&out), NULL),
                         0);
        assert_int_equal(jy_wsframe_split(&back, frame.data, frame.len, NULL), 0);
        assert_same_message(&m, &back);
    }
}

static void every_prefix_of_a_binary_frame_is_refused_or_has_a_shorter_last_buffer(void **state)
{
    (void)state;
    struct kg_span b[2] = {sp("one"), sp("last")};
    struct jy_msg m = sample_message(b, 2);
    kg_autobuf out = {0};
    bool binary;
    assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
    for (size_t n = 0; n < out.len; n++) {
        uint8_t *copy = exact_copy(out.data, n);
        kg_autobuf frame = {0};
        int rc = jy_wsjson_decode_binary(&frame, kg_span_of(copy, n), NULL);
        /* the format has no length of its own: the last buffer ends where the frame does */
        assert_int_equal(rc, n >= out.len - 4 ? 0 : -EPROTO);
        free(copy);
    }
}

static void malformed_binary_frames_are_refused_by_name(void **state)
{
    (void)state;
#define J "{\"header\":" H "}"
    static const struct {
        const char *bytes;
        size_t n;
        int rc;
        const char *error;
    } table[] = {
        {"", 0, -EPROTO, "no room"},
        {"\0\0\0\1", 4, -EPROTO, "no room"},
        {"\0\0\0\0\0\0\0\4", 8, -EPROTO, "no parts"},
        {"\xff\xff\xff\xff\0\0\0\x08", 8, -EPROTO, "larger than the frame"},
        {"\0\0\0\1\0\0\0\x09{}", 10, -EPROTO, "starts at 9 instead of 8"},
        {"\0\0\0\1\0\0\0\x08", 8, -EPROTO, "object expected"},
        {"\0\0\0\1\0\0\0\x08{}", 10, -EPROTO, "no header"},
        {"\0\0\0\2\0\0\0\x0c\0\0\0\x0b" J, 12 + sizeof J - 1, -EPROTO, "buffer 0 starts at 11"},
        {"\0\0\0\2\0\0\0\x0c\0\0\1\xff" J, 12 + sizeof J - 1, -EPROTO, "buffer 0 starts at 511"},
        {"\0\0\0\2\0\0\0\x0c\xff\xff\xff\xff" J, 12 + sizeof J - 1, -EPROTO, "buffer 0 starts"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autobuf out = {0};
        struct kg_err err = {0};
        uint8_t *copy = exact_copy(table[i].bytes, table[i].n);
        assert_int_equal(jy_wsjson_decode_binary(&out, kg_span_of(copy, table[i].n), &err),
                         table[i].rc);
        if (!strstr(err.text, table[i].error))
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(out.len, 0);
        free(copy);
    }
}

static void too_many_buffers_are_refused(void **state)
{
    (void)state;
    struct kg_span *b = kg_calloc(JY_BUFFERS_MAX + 1, sizeof *b);
    struct jy_msg m = sample_message(b, JY_BUFFERS_MAX);
    kg_autobuf out = {0};
    kg_autobuf frame = {0};
    bool binary;
    assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
    assert_int_equal(jy_wsjson_decode_binary(&frame, span_of_buf(&out), NULL), 0);
    m.buffer_count++;
    kg_buf_clear(&out);
    assert_int_equal(jy_wsjson_encode(&out, &binary, &m, NULL), 0);
    assert_int_equal(jy_wsjson_decode_binary(&frame, span_of_buf(&out), NULL), -EMSGSIZE);
    free(b);
}

static void a_part_that_is_no_json_is_not_spliced_in(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}{}", "{\"a\":\"\x80\"}", "\"},\"x\":{\""};
    for (size_t part = 0; part < 4; part++) {
        for (size_t i = 0; i < KG_COUNT(bad); i++) {
            struct jy_msg m = sample_message(NULL, 0);
            struct kg_span *parts[] = {&m.header, &m.parent_header, &m.metadata, &m.content};
            *parts[part] = sp(bad[i]);
            kg_autobuf out = {0};
            bool binary;
            struct kg_err err = {0};
            assert_int_equal(jy_wsjson_encode(&out, &binary, &m, &err), -EPROTO);
            assert_int_equal(out.len, 0);
            static const char *const names[] = {"header", "parent_header", "metadata", "content"};
            assert_non_null(strstr(err.text, names[part]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_message_becomes_a_frame_with_its_members_untouched),
        cmocka_unit_test(what_is_missing_is_empty_and_the_channel_is_shell),
        cmocka_unit_test(malformed_texts_are_refused_by_name),
        cmocka_unit_test(every_prefix_of_a_text_is_refused),
        cmocka_unit_test(an_outgoing_text_is_what_clients_read),
        cmocka_unit_test(buffers_go_out_as_binary_with_their_offsets),
        cmocka_unit_test(both_framings_carry_the_same_message),
        cmocka_unit_test(every_prefix_of_a_binary_frame_is_refused_or_has_a_shorter_last_buffer),
        cmocka_unit_test(malformed_binary_frames_are_refused_by_name),
        cmocka_unit_test(too_many_buffers_are_refused),
        cmocka_unit_test(a_part_that_is_no_json_is_not_spliced_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

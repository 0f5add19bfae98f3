/* v1.kernel.websocket.jupyter.org: split, built, and every malformed frame named. */
#include "unit.h"

#include "jupyter/wsframe.h"

static void frame_of(struct kg_buf *out, size_t buffers)
{
    struct kg_span b[4] = {sp("first"), {0}, sp("third buffer"), sp("x")};
    struct jy_msg m = sample_message(b, buffers);
    jy_wsframe_append(out, &m);
}

static void a_frame_is_laid_out_as_the_documentation_says(void **state)
{
    (void)state;
    const struct kg_span buffer = sp("BB");
    const struct jy_msg m = {
        .channel = KG_CH_SHELL,
        .header = sp("{1}"),
        .parent_header = sp("{}"),
        .metadata = sp("{22}"),
        .content = sp("{333}"),
        .buffers = &buffer,
        .buffer_count = 1,
    };
    static const uint64_t table[] = {7, 64, 69, 72, 74, 78, 83, 85};
    kg_autobuf out = {0};
    jy_wsframe_append(&out, &m);
    assert_int_equal(out.len, 85);
    assert_int_equal(jy_wsframe_size(&m), 85);
    assert_int_equal(jy_wsframe_head_size(&m), 69);
    assert_memory_equal(out.data, table, sizeof table);
    assert_memory_equal(out.data + 64, "shell{1}{}{22}{333}BB", 21);
}

static void what_is_built_splits_again(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 4; n++) {
        struct kg_span b[4] = {sp("first"), {0}, sp("third buffer"), sp("x")};
        struct jy_msg m = sample_message(b, n);
        struct jy_msg back;
        kg_autobuf out = {0};
        jy_wsframe_append(&out, &m);
        assert_int_equal(jy_wsframe_split(&back, out.data, out.len, NULL), 0);
        assert_same_message(&m, &back);
        /* and a split message, whose buffers stand in the frame, builds the same frame */
        kg_autobuf again = {0};
        jy_wsframe_append(&again, &back);
        assert_true(kg_span_equal(span_of_buf(&out), span_of_buf(&again)));
    }
}

static void it_works_at_any_alignment(void **state)
{
    (void)state;
    kg_autobuf frame = {0};
    frame_of(&frame, 3);
    for (size_t shift = 1; shift < 8; shift++) {
        kg_autobuf moved = {0};
        struct jy_msg m;
        kg_buf_add(&moved, "        ", shift);
        kg_buf_add(&moved, frame.data, frame.len);
        assert_int_equal(jy_wsframe_split(&m, moved.data + shift, frame.len, NULL), 0);
        assert_span(jy_msg_buffer(&m, 2), "third buffer");
    }
}

static void every_prefix_of_a_frame_is_refused(void **state)
{
    (void)state;
    kg_autobuf frame = {0};
    frame_of(&frame, 3);
    for (size_t n = 0; n < frame.len; n++) {
        uint8_t *copy = exact_copy(frame.data, n);
        struct jy_msg m;
        struct kg_err err = {0};
        assert_int_equal(jy_wsframe_split(&m, copy, n, &err), -EPROTO);
        assert_int_not_equal(err.text[0], 0);
        free(copy);
    }
}

/* Puts v into the u64 numbered `at` of a good frame with one buffer and expects rc and text. */
static void expect_refusal(size_t at, uint64_t v, int rc, const char *text)
{
    kg_autobuf frame = {0};
    frame_of(&frame, 1);
    kg_put_u64le(frame.data + 8 * at, v);
    struct jy_msg m;
    struct kg_err err = {0};
    assert_int_equal(jy_wsframe_split(&m, frame.data, frame.len, &err), rc);
    if (!strstr(err.text, text))
        fail_msg("expected \"%s\" in \"%s\"", text, err.text);
}

static void malformed_tables_are_named(void **state)
{
    (void)state;
    kg_autobuf frame = {0};
    frame_of(&frame, 1);
    expect_refusal(0, 0, -EPROTO, "offset count 0");
    expect_refusal(0, 5, -EPROTO, "offset count 5");
    expect_refusal(0, UINT64_MAX, -EPROTO, "larger than the frame");
    expect_refusal(0, UINT64_MAX / 8, -EPROTO, "larger than the frame");
    expect_refusal(0, (uint64_t)1 << 61, -EPROTO, "larger than the frame");
    expect_refusal(0, frame.len / 8, -EPROTO, "larger than the frame");
    expect_refusal(0, 8, -EPROTO, "channel starts at 64 instead of 72");
    expect_refusal(1, 63, -EPROTO, "channel starts at 63");
    expect_refusal(1, 0, -EPROTO, "channel starts at 0");
    expect_refusal(2, 3, -EPROTO, "channel ends");
    expect_refusal(3, 60, -EPROTO, "header ends");
    expect_refusal(4, UINT64_MAX, -EPROTO, "parent_header ends");
    expect_refusal(5, frame.len + 1, -EPROTO, "metadata ends");
    expect_refusal(6, 70, -EPROTO, "content ends");
    expect_refusal(7, frame.len - 1, -EPROTO, "last part ends");
    expect_refusal(7, frame.len + 1, -EPROTO, "buffers ends");
}

static void unknown_channels_are_told_apart(void **state)
{
    (void)state;
    static const char *const names[] = {"shel", "SHELL", "", "hb", "shell\0"};
    for (size_t i = 0; i < KG_COUNT(names); i++) {
        /* the frame of a real channel of the same length, renamed */
        kg_autobuf frame = {0};
        size_t n = strlen(names[i]);
        uint64_t at = 8 * 7;
        for (uint64_t v = 6, k = 0; k < 7; k++, v = at + (k > 1 ? n + 2 * (k - 2) : 0))
            kg_buf_add(&frame, &v, 8);
        kg_buf_add(&frame, names[i], n);
        kg_buf_add_str(&frame, "{}{}{}{}");
        struct jy_msg m;
        int rc = jy_wsframe_split(&m, frame.data, frame.len, NULL);
        if (rc != (strcmp(names[i], "shell") == 0 ? 0 : -ENOENT))
            fail_msg("%s: %d", names[i], rc);
    }
}

static void buffers_have_a_limit(void **state)
{
    (void)state;
    struct kg_span *b = kg_calloc(JY_BUFFERS_MAX + 1, sizeof *b);
    struct jy_msg m = sample_message(b, JY_BUFFERS_MAX);
    struct jy_msg back;
    struct kg_err err = {0};
    kg_autobuf frame = {0};
    jy_wsframe_append(&frame, &m);
    assert_int_equal(jy_wsframe_split(&back, frame.data, frame.len, NULL), 0);
    assert_int_equal(back.buffer_count, JY_BUFFERS_MAX);
    m.buffer_count++;
    kg_buf_clear(&frame);
    jy_wsframe_append(&frame, &m);
    assert_int_equal(jy_wsframe_split(&back, frame.data, frame.len, &err), -EMSGSIZE);
    assert_non_null(strstr(err.text, "1025 buffers"));
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_laid_out_as_the_documentation_says),
        cmocka_unit_test(what_is_built_splits_again),
        cmocka_unit_test(it_works_at_any_alignment),
        cmocka_unit_test(every_prefix_of_a_frame_is_refused),
        cmocka_unit_test(malformed_tables_are_named),
        cmocka_unit_test(unknown_channels_are_told_apart),
        cmocka_unit_test(buffers_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

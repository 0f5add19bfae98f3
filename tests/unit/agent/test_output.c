#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "runtimes/agent/output.h"

/* What was sent: "o" or "e", the text, "|". */
static struct kg_buf heard;

static void emit(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    (void)user;
    kg_buf_add_char(&heard, stream == KK_STDERR ? 'e' : 'o');
    kg_buf_add(&heard, text, n);
    kg_buf_add_char(&heard, '|');
}

static void add(struct kk_output *o, enum kk_stream s, const char *text, uint64_t now)
{
    kk_output_add(o, s, (const uint8_t *)text, strlen(text), now);
}

static void expect(const char *want)
{
    assert_string_equal(kg_buf_cstr(&heard), want);
    kg_buf_release(&heard);
}

static void idle_text_is_sent_at_once(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "one\n", 1000);
    assert_int_equal(kk_output_turn(&o, 1000), 0);
    expect("oone\n|");
    add(&o, KK_STDOUT, "two\n", 1020);
    assert_int_equal(kk_output_turn(&o, 1020), 0);
    expect("otwo\n|");
    kk_output_release(&o);
}

static void busy_text_is_merged_for_20_ms(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "1\n", 1000);
    kk_output_turn(&o, 1000);
    for (uint64_t t = 1001; t < 1020; t++) {
        add(&o, KK_STDOUT, ".\n", t);
        assert_int_equal(kk_output_turn(&o, t), 1020 - t);
    }
    expect("o1\n|");
    assert_int_equal(kk_output_turn(&o, 1020), 0);
    assert_int_equal(heard.len, 2 + 19 * 2);
    kg_buf_release(&heard);
    kk_output_release(&o);
}

static void a_line_that_has_not_ended_gets_2_ms(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "hello", 1000);
    assert_int_equal(kk_output_turn(&o, 1000), 2);
    add(&o, KK_STDOUT, "\n", 1001);
    assert_int_equal(kk_output_turn(&o, 1001), 0);
    expect("ohello\n|");
    add(&o, KK_STDOUT, "name? ", 2000);
    assert_int_equal(kk_output_turn(&o, 2002), 0);
    expect("oname? |");
    kk_output_release(&o);
}

static void the_other_stream_begins_a_new_message(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "a", 1000);
    add(&o, KK_STDERR, "b", 1000);
    add(&o, KK_STDERR, "c", 1000);
    add(&o, KK_STDOUT, "d", 1000);
    kk_output_end(&o, 1000);
    expect("oa|ebc|od|");
    kk_output_release(&o);
}

static void characters_are_never_cut(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80z";
    for (size_t step = 1; step < sizeof text; step++) {
        struct kk_output o = {.emit = emit};
        uint64_t now = 1000;
        for (size_t i = 0; i < sizeof text - 1; i += step, now += 100) {
            size_t n = sizeof text - 1 - i < step ? sizeof text - 1 - i : step;
            kk_output_add(&o, KK_STDOUT, (const uint8_t *)text + i, n, now);
            kk_output_turn(&o, now + 50);
        }
        kk_output_end(&o, now);
        /* Whatever the pieces were: without the marks it is the text, and each piece ends with a character. */
        struct kg_buf joined = {0};
        for (size_t i = 0; i < heard.len; i++) {
            if (heard.data[i] == 'o')
                continue;
            if (heard.data[i] == '|')
                assert_true(i + 2 >= heard.len || (heard.data[i + 2] & 0xc0) != 0x80);
            else
                kg_buf_add_char(&joined, (char)heard.data[i]);
        }
        assert_string_equal(kg_buf_cstr(&joined), text);
        kg_buf_release(&joined);
        kg_buf_release(&heard);
        kk_output_release(&o);
    }
}

static void the_other_stream_does_not_split_a_character(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "a\xe6", 1000);
    add(&o, KK_STDERR, "b\xf0\x9f", 1000);
    add(&o, KK_STDOUT, "\x97\xa5", 1000);
    add(&o, KK_STDERR, "\x98\x80", 1000);
    kk_output_end(&o, 1000);
    expect("oa|eb|o\xe6\x97\xa5|e\xf0\x9f\x98\x80|");
    kk_output_release(&o);
}

static void what_is_cut_off_for_good_comes_at_the_end(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    add(&o, KK_STDOUT, "a\xe6\x97", 1000);
    kk_output_turn(&o, 2000);
    expect("oa|");
    kk_output_end(&o, 2000);
    expect("o\xe6\x97|");
    kk_output_release(&o);
}

static void a_flood_leaves_in_pieces_of_64_kib(void **state)
{
    (void)state;
    struct kk_output o = {.emit = emit};
    static uint8_t block[300000];
    memset(block, 'x', sizeof block);
    kk_output_add(&o, KK_STDOUT, block, sizeof block, 1000);
    size_t longest = 0, run = 0, total = 0;
    kk_output_end(&o, 1000);
    for (size_t i = 0; i < heard.len; i++) {
        run = heard.data[i] == 'x' ? run + 1 : 0;
        total += heard.data[i] == 'x';
        longest = run > longest ? run : longest;
    }
    assert_int_equal(total, sizeof block);
    assert_true(longest <= KK_OUTPUT_MAX);
    assert_true(longest > KK_OUTPUT_MAX / 2);
    kg_buf_release(&heard);
    kk_output_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_text_is_sent_at_once),
        cmocka_unit_test(busy_text_is_merged_for_20_ms),
        cmocka_unit_test(a_line_that_has_not_ended_gets_2_ms),
        cmocka_unit_test(the_other_stream_begins_a_new_message),
        cmocka_unit_test(characters_are_never_cut),
        cmocka_unit_test(the_other_stream_does_not_split_a_character),
        cmocka_unit_test(what_is_cut_off_for_good_comes_at_the_end),
        cmocka_unit_test(a_flood_leaves_in_pieces_of_64_kib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

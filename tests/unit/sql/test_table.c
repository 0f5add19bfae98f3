/* Result sets as text and HTML. */
#include "unit.h"

#include <locale.h>

#include "runtimes/sql/table.h"

static void begin(struct sq_table *t, size_t n, const char *const *names, const char *rights)
{
    struct sq_column *columns = kg_calloc(n, sizeof(*columns));
    for (size_t i = 0; i < n; i++) {
        columns[i].name = kg_strdup(names[i]);
        columns[i].right = rights[i] == 'r';
        columns[i].form = rights[i] == 'x' ? SQ_BINARY : rights[i] == 'b' ? SQ_BITS : SQ_TEXT;
    }
    sq_table_init(t, columns, n);
}

static void add(struct sq_table *t, const char *value)
{
    sq_table_add(t, value, value ? strlen(value) : 0);
}

static void as_the_client_draws_it(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 3, (const char *const[]){"id", "name", "x"}, "rlx");
    add(&t, "1"), add(&t, "Zoë"), add(&t, NULL);
    add(&t, "1000"), add(&t, "日本"), sq_table_add(&t, "\0\xff", 2);
    assert_int_equal(t.rows, 2);
    kg_autobuf out = {0};
    sq_table_text(&t, &out);
    assert_string_equal(kg_buf_cstr(&out), "+------+------+--------+\n"
                                           "| id   | name | x      |\n"
                                           "+------+------+--------+\n"
                                           "|    1 | Zoë  | NULL   |\n"
                                           "| 1000 | 日本 | 0x00FF |\n"
                                           "+------+------+--------+");
    sq_table_release(&t);
}

static void values_of_several_lines_keep_their_column(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 2, (const char *const[]){"a", "b"}, "lr");
    add(&t, "one\ntwo\n"), add(&t, "7");
    add(&t, ""), add(&t, "8");
    kg_autobuf out = {0};
    sq_table_text(&t, &out);
    assert_string_equal(kg_buf_cstr(&out), "+-----+---+\n"
                                           "| a   | b |\n"
                                           "+-----+---+\n"
                                           "| one | 7 |\n"
                                           "| two |   |\n"
                                           "|     |   |\n"
                                           "|     | 8 |\n"
                                           "+-----+---+");
    sq_table_release(&t);
}

static void no_rows_still_have_names(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 1, (const char *const[]){"a"}, "l");
    kg_autobuf out = {0};
    sq_table_text(&t, &out);
    assert_string_equal(kg_buf_cstr(&out), "+---+\n| a |\n+---+");
    kg_buf_clear(&out);
    sq_table_html(&t, "no rows", &out);
    assert_non_null(strstr(kg_buf_cstr(&out), "<th style=\"text-align: left\">a</th>"));
    assert_non_null(strstr(kg_buf_cstr(&out), "<p>no rows</p>"));
    sq_table_release(&t);
}

static void html_is_escaped(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 2, (const char *const[]){"<b>", "n"}, "lr");
    add(&t, "<script>alert(\"1\" & '2')</script>"), add(&t, NULL);
    kg_autobuf out = {0};
    sq_table_html(&t, "1 < 2", &out);
    const char *html = kg_buf_cstr(&out);
    assert_null(strstr(html, "<script"));
    assert_non_null(
        strstr(html, "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;"));
    assert_non_null(strstr(html, "<th style=\"text-align: left\">&lt;b&gt;</th>"));
    assert_non_null(
        strstr(html, "<td style=\"text-align: right\"><i style=\"color: gray\">NULL</i></td>"));
    assert_non_null(strstr(html, "<p>1 &lt; 2</p>"));
    sq_table_release(&t);
}

static void a_very_long_value_does_not_pad_the_others(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 1, (const char *const[]){"a"}, "l");
    kg_autofree char *value = kg_malloc(5000);
    memset(value, 'x', 5000);
    sq_table_add(&t, value, 5000);
    for (int i = 0; i < 100; i++)
        add(&t, "y");
    kg_autobuf out = {0};
    sq_table_text(&t, &out);
    assert_true(out.len < 5000 + 110 * (SQ_ALIGN_MAX + 8));
    sq_table_release(&t);
}

static void vertical_rows(void **state)
{
    (void)state;
    struct sq_table t;
    begin(&t, 2, (const char *const[]){"id", "long"}, "rl");
    add(&t, "1"), add(&t, NULL);
    kg_autobuf out = {0};
    sq_table_vertical(&t, 3, &out);
    assert_string_equal(kg_buf_cstr(&out),
                        "*************************** 3. row ***************************\n"
                        "  id: 1\n"
                        "long: NULL\n");
    sq_table_release(&t);
}

static const char *shown(enum sq_form form, const char *data, size_t n)
{
    static struct kg_buf out;
    kg_buf_clear(&out);
    sq_value_text(form, (const uint8_t *)data, n, &out);
    return kg_buf_cstr(&out);
}

static void values_can_be_read(void **state)
{
    (void)state;
    assert_string_equal(shown(SQ_TEXT, "a\tb\r\nc", 6), "a    b\nc");
    assert_string_equal(shown(SQ_TEXT, "\x1b[31m\0", 6), "\\x1b[31m\\x00");
    assert_string_equal(shown(SQ_TEXT,
                              "a\xff"
                              "b",
                              3),
                        "a\xef\xbf\xbd"
                        "b");
    assert_string_equal(shown(SQ_TEXT, "\xc2\x9b", 2), "\\x9b");
    assert_string_equal(shown(SQ_TEXT, "\xf0\x9f\x98\x80", 4), "\xf0\x9f\x98\x80");
    assert_string_equal(shown(SQ_BINARY, "", 0), "0x");
    assert_string_equal(shown(SQ_BITS, "\0\5", 2), "b'101'");
    assert_string_equal(shown(SQ_BITS, "\0", 1), "b'0'");
    assert_int_equal(sq_width("日本e\xcc\x81", 9), 5);
    assert_int_equal(sq_width("\xff\xff", 2), 2);
}

static void huge_values_are_cut_and_told(void **state)
{
    (void)state;
    size_t n = 3 * 1024 * 1024;
    kg_autofree char *data = kg_malloc(n);
    memset(data, 'x', n);
    const char *text = shown(SQ_TEXT, data, n);
    assert_true(strlen(text) < SQ_VALUE_MAX + 64);
    assert_non_null(strstr(text, "... (cut; 3,145,728 bytes in all)"));
    text = shown(SQ_BINARY, data, n);
    assert_true(strlen(text) < SQ_VALUE_MAX + 64);
}

static void counts_have_commas(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(sq_count(buf, 0), "0");
    assert_string_equal(sq_count(buf, 999), "999");
    assert_string_equal(sq_count(buf, 1000), "1,000");
    assert_string_equal(sq_count(buf, 18446744073709551615U), "18,446,744,073,709,551,615");
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_client_draws_it),
        cmocka_unit_test(values_of_several_lines_keep_their_column),
        cmocka_unit_test(no_rows_still_have_names),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(a_very_long_value_does_not_pad_the_others),
        cmocka_unit_test(vertical_rows),
        cmocka_unit_test(values_can_be_read),
        cmocka_unit_test(huge_values_are_cut_and_told),
        cmocka_unit_test(counts_have_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

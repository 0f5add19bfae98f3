/* Documents of nbformat 2 and 3: read as 4.5. That it is what nbformat makes of them is tested by e2e/test_contents.py. */
#include "unit.h"

#include "notebooks/document.h"

#define HEAD3                                                                                      \
    "{\"nbformat\":3,\"nbformat_minor\":0,\"metadata\":{\"name\":\"x\",\"signature\":\"y\",\"kept\":1},"
#define OLD                                                                                        \
    HEAD3                                                                                          \
    "\"worksheets\":[{\"cells\":["                                                                 \
    "{\"cell_type\":\"heading\",\"level\":2,\"source\":[\"a\\r\\n\",\"b\\u2028\",\"c\\n\"]},"      \
    "{\"cell_type\":\"code\",\"language\":\"python\",\"collapsed\":true,\"prompt_number\":5,"      \
    "\"input\":[\"x = 1\",\"x\"],\"outputs\":["                                                    \
    "{\"output_type\":\"stream\",\"stream\":\"stderr\",\"text\":[\"e\\n\"]},"                      \
    "{\"output_type\":\"pyout\",\"prompt_number\":5,\"text\":\"1\",\"json\":\"[1]\","              \
    "\"png\":\"aGk=\",\"metadata\":{\"png\":{\"width\":3}}},"                                      \
    "{\"output_type\":\"pyerr\",\"ename\":\"E\",\"evalue\":\"v\",\"traceback\":[\"t\"]}]}]},"      \
    "{\"cells\":[{\"cell_type\":\"raw\",\"source\":\"r\"}]}]}"
#define NEW                                                                                        \
    "[{\"cell_type\":\"markdown\",\"metadata\":{},\"source\":\"## a b c\"},"                       \
    "{\"cell_type\":\"code\",\"execution_count\":5,\"metadata\":{\"collapsed\":true},"             \
    "\"outputs\":[{\"name\":\"stderr\",\"output_type\":\"stream\",\"text\":\"e\\n\"},"             \
    "{\"data\":{\"application/json\":[1],\"image/png\":\"aGk=\",\"text/plain\":\"1\"},"            \
    "\"execution_count\":5,\"metadata\":{\"image/png\":{\"width\":3}},"                            \
    "\"output_type\":\"execute_result\"},"                                                         \
    "{\"ename\":\"E\",\"evalue\":\"v\",\"output_type\":\"error\",\"traceback\":[\"t\"]}],"         \
    "\"source\":\"x = 1\\nx\"},"                                                                   \
    "{\"cell_type\":\"raw\",\"metadata\":{},\"source\":\"r\"}]"

static void a_document_of_format_3_is_one_of_4_5(void **state)
{
    (void)state;
    struct kg_err err = {0};
    json_t *nb = read_ok(OLD);
    json_t *cells = json_object_get(nb, "cells");
    size_t i;
    json_t *cell;
    assert_int_equal(nb_validate(nb, &err), 0);
    json_array_foreach(cells, i, cell)
        assert_int_equal(json_object_del(cell, "id"), 0);
    kg_autofree char *text = json_dumps(cells, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, NEW);
    kg_autofree char *metadata =
        json_dumps(json_object_get(nb, "metadata"), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(metadata, "{\"kept\":1,\"orig_nbformat\":3}");
    json_decref(nb);
}

static void it_is_the_same_each_time_and_what_it_was_is_not_written(void **state)
{
    (void)state;
    kg_autobuf first = {0}, second = {0};
    json_t *nb = read_ok(OLD);
    json_t *again = read_ok(OLD);
    nb_write(&first, nb);
    nb_write(&second, again);
    assert_string_equal(kg_buf_cstr(&first), kg_buf_cstr(&second));
    assert_null(strstr(kg_buf_cstr(&first), "orig_nbformat"));
    assert_non_null(json_object_get(json_object_get(nb, "metadata"), "orig_nbformat"));
    json_decref(nb);
    json_decref(again);
}

static void lines_of_format_2_have_no_ends(void **state)
{
    (void)state;
    json_t *nb = read_ok(
        "{\"nbformat\":2,\"metadata\":{},\"worksheets\":[{\"cells\":["
        "{\"cell_type\":\"markdown\",\"source\":[\"a\",\"\",\"b\"]},{\"cell_type\":\"html\",\"source\":\"<b>\"}]}]}");
    json_t *cells = json_object_get(nb, "cells");
    const json_t *html = json_array_get(cells, 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(cells, 0), "source")),
                        "a\n\nb");
    assert_string_equal(json_string_value(json_object_get(html, "cell_type")), "markdown");
    json_decref(nb);
}

static void what_can_not_be_upgraded_is_named(void **state)
{
    (void)state;
#define CELL(cell)                                                                                 \
    HEAD3 "\"worksheets\":[{\"cells\":[{\"cell_type\":\"raw\",\"source\":\"\"}," cell "]}]}"
#define OUTPUT(output) CELL("{\"cell_type\":\"code\",\"outputs\":[" output "]}")
    static const struct {
        const char *json, *error;
    } table[] = {
        {"{\"nbformat\":1,\"cells\":[]}", "format 1"},
        {"{\"nbformat\":3,\"worksheets\":[]}", "metadata"},
        {"{\"nbformat\":3,\"metadata\":{}}", "worksheets"},
        {HEAD3 "\"worksheets\":[1]}", "worksheet 0"},
        {CELL("1"), "cell 1: cell_type"},
        {CELL("{\"cell_type\":\"raw\",\"metadata\":1}"), "cell 1: metadata"},
        {CELL("{\"cell_type\":\"code\"}"), "cell 1: outputs"},
        {OUTPUT("7"), "cell 1: output_type"},
        {OUTPUT("{\"output_type\":\"pyout\",\"json\":\"{\"}"), "json of an output"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        json_t *nb = NULL;
        struct kg_err err = {0};
        assert_int_equal(nb_read(&nb, kg_span_str(table[i].json), &err), -EINVAL);
        if (!strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].json, err.text);
    }
}

static void every_prefix_of_an_old_document_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(OLD); n++) {
        json_t *nb = NULL;
        struct kg_err err = {0};
        char *cut = kg_malloc(n + 1); /* so that the sanitizer sees a byte read behind it */
        memcpy(cut, OLD, n);
        assert_int_equal(nb_read(&nb, kg_span_of(cut, n), &err), -EINVAL);
        free(cut);
    }
}

/* Texts that are no text, in each place where one may be: nothing is lost, and nothing reads beyond. */
static void odd_values_stay_as_they_are(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    json_t *nb = read_ok(
        HEAD3
        "\"worksheets\":[{\"cells\":[{\"cell_type\":\"heading\",\"level\":\"x\",\"source\":7},"
        "{\"cell_type\":\"heading\",\"level\":1000000000,\"source\":\"\"},"
        "{\"cell_type\":\"code\",\"input\":[1,\"a\"],\"outputs\":[{\"output_type\":\"stream\",\"text\":[[]]}]}]}]}");
    json_t *cells = json_object_get(nb, "cells");
    assert_string_equal(json_string_value(json_object_get(json_array_get(cells, 1), "source")),
                        "###### ");
    assert_int_equal(json_array_size(json_object_get(json_array_get(cells, 2), "source")), 2);
    nb_write(&out, nb);
    json_decref(nb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_of_format_3_is_one_of_4_5),
        cmocka_unit_test(it_is_the_same_each_time_and_what_it_was_is_not_written),
        cmocka_unit_test(lines_of_format_2_have_no_ends),
        cmocka_unit_test(what_can_not_be_upgraded_is_named),
        cmocka_unit_test(every_prefix_of_an_old_document_is_refused),
        cmocka_unit_test(odd_values_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

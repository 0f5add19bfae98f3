/* Parameters as code, and where the cell that sets them goes. */
#include "unit.h"

#include "notebooks/document.h"
#include "notebooks/parameters.h"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void values_are_written_in_each_language(void **state)
{
    (void)state;
    static const struct {
        const char *language, *parameters, *code;
    } rows[] = {
        {"python", "{\"n\": 7, \"x\": 0.5, \"on\": true, \"no\": null}",
         "# Parameters\nn = 7\nx = 0.5\non = True\nno = None\n"},
        {"python", "{\"s\": \"a\\\"b\\\\c\\nz\\u0001\", \"l\": [1, {\"k\": []}]}",
         "# Parameters\ns = \"a\\\"b\\\\c\\nz\\x01\"\nl = [1, {\"k\": []}]\n"},
        {"javascript", "{\"o\": {\"a\": [true, null]}}",
         "// Parameters\no = {\"a\": [true, null]};\n"},
        {"java", "{\"n\": 7, \"big\": 3000000000, \"l\": [\"a\"], \"o\": {\"k\": 1}, \"z\": null}",
         "// Parameters\nvar n = 7;\nvar big = 3000000000L;\nvar l = java.util.List.of(\"a\");\n"
         "var o = java.util.Map.ofEntries(java.util.Map.entry(\"k\", 1));\nObject z = null;\n"},
        {"c++", "{\"s\": \"a\\u0001\", \"l\": [1, 2.5], \"big\": -3000000000}",
         "// Parameters\nauto s = std::string(\"a\\001\", 2);\n"
         "auto l = std::vector<double>{1, 2.5};\nauto big = -3000000000LL;\n"},
        {"sql", "{\"s\": \"it's \\\\\", \"on\": false}",
         "-- Parameters\nSET @s = 'it''s \\\\';\nSET @on = FALSE;\n"},
        {"bash", "{\"s\": \"it's\", \"l\": [1, \"b c\"]}",
         "# Parameters\ns='it'\\''s'\nl=(1 'b c')\n"},
    };
    for (size_t i = 0; i < KG_COUNT(rows); i++) {
        kg_autobuf code = {0};
        struct kg_err err = {0};
        json_t *parameters = parse(rows[i].parameters);
        if (nb_parameters_code(&code, rows[i].language, parameters, &err) < 0)
            fail_msg("%s: %s", rows[i].language, err.text);
        assert_string_equal(kg_buf_cstr(&code), rows[i].code);
        json_decref(parameters);
    }
}

static void what_a_language_has_no_word_for_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *language, *parameters, *says;
    } rows[] = {
        {"fortran", "{}", "fortran"},
        {"python", "{\"a b\": 1}", "\"a b\""},
        {"python", "{\"1a\": 1}", "\"1a\""},
        {"python", "{\"a\\n= 1; b\": 1}", "no variable's name"},
        {"java", "{\"l\": [null]}", "parameter l: a list with a null"},
        {"cpp", "{\"l\": []}", "parameter l: a list"},
        {"cpp", "{\"l\": [1, \"a\"]}", "parameter l: a list"},
        {"cpp", "{\"o\": {}}", "parameter o: an object"},
        {"cpp", "{\"o\": null}", "parameter o: null"},
        {"sql", "{\"l\": [1]}", "parameter l: a list"},
        {"bash", "{\"l\": [[1]]}", "parameter l: a list in a list"},
    };
    for (size_t i = 0; i < KG_COUNT(rows); i++) {
        kg_autobuf code = {0};
        struct kg_err err = {0};
        json_t *parameters = parse(rows[i].parameters);
        assert_int_equal(nb_parameters_code(&code, rows[i].language, parameters, &err), -EINVAL);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s says: %s", rows[i].parameters, err.text);
        json_decref(parameters);
    }
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    kg_autobuf text = {0};
    kg_autobuf code = {0};
    struct kg_err err = {0};
    kg_buf_add_str(&text, "{\"l\": ");
    for (int i = 0; i < 100; i++)
        kg_buf_add_char(&text, '[');
    for (int i = 0; i < 100; i++)
        kg_buf_add_char(&text, ']');
    kg_buf_add_char(&text, '}');
    json_t *parameters = parse(kg_buf_cstr(&text));
    assert_int_equal(nb_parameters_code(&code, "python", parameters, &err), -EINVAL);
    json_decref(parameters);
}

/* Cells by their first tag, or - */
static void check_order(const char *cells, const char *expected)
{
    kg_autofree char *text =
        kg_asprintf("{\"nbformat\":4,\"nbformat_minor\":5,\"metadata\":{},\"cells\":[%s]}", cells);
    struct kg_err err = {0};
    kg_autobuf order = {0};
    json_t *nb = parse(text);
    json_t *parameters = parse("{\"n\": 7}");
    size_t i;
    json_t *cell;
    assert_int_equal(nb_set_parameters(nb, "python", parameters, &err), 0);
    if (nb_validate(nb, &err) < 0)
        fail_msg("%s", err.text);
    json_array_foreach(json_object_get(nb, "cells"), i, cell)
        kg_buf_add_char(&order, nb_cell_tagged(cell, "injected-parameters") ? 'I'
                                : nb_cell_tagged(cell, "parameters")        ? 'P'
                                                                            : '-');
    assert_string_equal(kg_buf_cstr(&order), expected);
    json_decref(parameters);
    json_decref(nb);
}

#define CELL(id, tags)                                                                             \
    "{\"cell_type\":\"code\",\"id\":\"" id "\",\"metadata\":{" tags                                \
    "},\"source\":\"\",\"outputs\":[],\"execution_count\":null}"

static void the_cell_goes_where_papermill_puts_it(void **state)
{
    (void)state;
    check_order("", "I");
    check_order(CELL("a", ""), "I-");
    check_order(CELL("a", "") "," CELL("b", "\"tags\":[\"x\",\"parameters\"]") "," CELL("c", ""),
                "-PI-");
    check_order(CELL("a", "\"tags\":[\"parameters\"]") "," CELL("b", "") "," CELL(
                    "c", "\"tags\":[\"injected-parameters\"]"),
                "P-I");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_in_each_language),
        cmocka_unit_test(what_a_language_has_no_word_for_is_refused),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(the_cell_goes_where_papermill_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Notebook documents: read, written as nbformat writes them, and judged by its schemas. */
#include "unit.h"

#include "notebooks/document.h"

/* As nbformat 5.10 writes it: keys sorted, texts as lines, one space a level, escapes in lower case, a newline last. */
#define GOLDEN                                                                                                                                                              \
    "{\n \"cells\": [\n  {\n   \"attachments\": {\n    \"a.png\": {\n     \"image/png\": \"aGk=\\n\"\n    }\n   },\n"                                                       \
    "   \"cell_type\": \"markdown\",\n   \"id\": \"m-1\",\n   \"metadata\": {},\n   \"source\": [\n    \"# \xc3\xa9\"\n   ]\n  },\n"                                        \
    "  {\n   \"cell_type\": \"code\",\n   \"execution_count\": 3,\n   \"id\": \"c_1\",\n   \"metadata\": {\n    \"tags\": [\n"                                              \
    "     \"parameters\"\n    ]\n   },\n   \"outputs\": [\n    {\n     \"name\": \"stdout\",\n     \"output_type\": \"stream\",\n"                                          \
    "     \"text\": [\n      \"\\u001b[1mx\\n\",\n      \"y\"\n     ]\n    },\n    {\n     \"data\": {\n"                                                                   \
    "      \"application/json\": {\n       \"text/plain\": \"a\\nb\"\n      },\n      \"text/plain\": [\n       \"1\\n\",\n       \"2\"\n      ]\n"                         \
    "     },\n     \"execution_count\": 3,\n     \"metadata\": {},\n     \"output_type\": \"execute_result\"\n    }\n   ],\n"                                               \
    "   \"source\": [\n    \"a\\r\\n\",\n    \"b\\n\"\n   ]\n  },\n  {\n   \"cell_type\": \"raw\",\n   \"id\": \"r\",\n   \"metadata\": {},\n   \"source\": []\n  }\n ],\n" \
    " \"metadata\": {\n  \"x\": [\n   1e-05,\n   0.1,\n   1e+16,\n   100.0,\n   -3,\n   true,\n   null,\n   \"a\\\"\\\\/\\u0000\\f\"\n  ]\n },\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}\n"

static void what_nbformat_wrote_is_written_byte_for_byte(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct kg_err err = {0};
    json_t *nb = read_ok(GOLDEN);
    const json_t *code = json_array_get(json_object_get(nb, "cells"), 1);
    assert_string_equal(json_string_value(json_object_get(code, "source")), "a\r\nb\n");
    assert_int_equal(nb_validate(nb, &err), 0);
    nb_write(&out, nb);
    assert_string_equal(kg_buf_cstr(&out), GOLDEN);
    json_decref(nb);
}

static void what_belongs_to_a_session_is_not_kept(void **state)
{
    (void)state;
    json_t *nb = read_ok(
        "{\"nbformat\":4,\"nbformat_minor\":4,\"metadata\":{\"orig_nbformat\":3,\"signature\":\"x\"},\"cells\":["
        "{\"cell_type\":\"raw\",\"metadata\":{\"trusted\":true,\"a\":1},\"source\":\"\"}]}");
    const json_t *cell = json_array_get(json_object_get(nb, "cells"), 0);
    assert_int_equal(json_object_size(json_object_get(nb, "metadata")), 0);
    assert_int_equal(json_object_size(json_object_get(cell, "metadata")), 1);
    json_decref(nb);
}

static void every_prefix_of_a_document_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(GOLDEN) - 1; n++) {
        json_t *nb = NULL;
        struct kg_err err = {0};
        char *cut = kg_malloc(n + 1); /* so that the sanitizer sees a byte read behind it */
        memcpy(cut, GOLDEN, n);
        assert_int_equal(nb_read(&nb, kg_span_of(cut, n), &err), -EINVAL);
        assert_true(err.text[0]);
        assert_null(nb);
        free(cut);
    }
}

static void what_is_no_notebook_is_refused_in_words(void **state)
{
    (void)state;
#define HEAD "{\"nbformat\":4,\"nbformat_minor\":4,"
    static const struct {
        const char *json, *error;
    } table[] = {
        {"[]", "no JSON object"},
        {"{}", "nbformat"},
        {"{\"nbformat\":\"4\"}", "nbformat"},
        {"{\"nbformat\":1}", "format 1"},
        {"{\"nbformat\":5,\"nbformat_minor\":0}", "format 5"},
        {"{\"nbformat\":4}", "nbformat_minor"},
        {"{\"nbformat\":4,\"nbformat_minor\":-1}", "nbformat_minor"},
        {HEAD "\"metadata\":1,\"cells\":[]}", "metadata"},
        {HEAD "\"metadata\":{},\"cells\":{}}", "cells"},
        {HEAD "\"metadata\":{},\"cells\":[1]}", "cell 0"},
        {HEAD "\"metadata\":{\"n\":123456789012345678901234567890},\"cells\":[]}", "integer"},
        {HEAD "\"metadata\":{\"n\":\"\\ud800\"},\"cells\":[]}", "Unicode"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        json_t *nb = NULL;
        struct kg_err err = {0};
        assert_int_equal(nb_read(&nb, kg_span_str(table[i].json), &err), -EINVAL);
        if (!strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].json, err.text);
    }
}

static void what_breaks_a_schema_is_named_with_its_place(void **state)
{
    (void)state;
#define NB(minor, cells)                                                                           \
    "{\"nbformat\":4,\"nbformat_minor\":" minor ",\"metadata\":{},\"cells\":[" cells "]}"
#define CODE(outputs)                                                                                        \
    "{\"cell_type\":\"code\",\"metadata\":{},\"source\":\"\",\"execution_count\":null,\"outputs\":[" outputs \
    "]}"
#define RAW(more)        "{\"cell_type\":\"raw\",\"metadata\":{},\"source\":\"\"" more "}"
#define META(type, more) "{\"cell_type\":\"" type "\",\"metadata\":{" more "},\"source\":\"\"}"
    static const struct {
        const char *json, *error; /* NULL: it is valid */
    } table[] = {
        {NB("0", ""), NULL},
        {NB("4", RAW("")), NULL},
        {NB("5", RAW("")), "cell 0: id is missing"},
        {NB("5", RAW(",\"id\":\"a b\"")), "letters"},
        {NB("5", RAW(",\"id\":\"\"")), "1 to 64"},
        {NB("5", RAW(",\"id\":7")), "1 to 64"},
        {NB("4", RAW(",\"id\":\"a\"")), "since 4.5"},
        {NB("4", RAW(",\"extra\":1")), "\"extra\" is no member"},
        {NB("6", RAW(",\"id\":\"a\",\"extra\":1")), NULL},
        {NB("4", RAW(",\"attachments\":{\"a\":{\"b\":1}}")), "attachments"},
        {NB("4", "{\"cell_type\":\"chart\",\"metadata\":{},\"source\":\"\"}"), "\"chart\" is none"},
        {NB("9", "{\"cell_type\":\"chart\",\"metadata\":{},\"source\":\"\"}"), NULL},
        {NB("4", "{\"metadata\":{},\"source\":\"\"}"), "cell_type"},
        {NB("4", "{\"cell_type\":\"code\",\"metadata\":{},\"source\":\"\",\"outputs\":[]}"),
         "execution_count is missing"},
        {NB("4", CODE("1")), "output 0"},
        {NB("4", CODE("{\"output_type\":\"pyout\"}")), "\"pyout\" is none"},
        {NB("4", CODE("{\"output_type\":\"stream\",\"text\":\"x\"}")), "name is missing"},
        {NB("4", CODE("{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":[\"x\",\"y\"]}")),
         NULL},
        {NB("4", CODE("{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":7}")),
         "text must be"},
        {NB("4",
            CODE(
                "{\"output_type\":\"display_data\",\"data\":{\"text/plain\":{}},\"metadata\":{}}")),
         "data must be"},
        {NB("4",
            CODE(
                "{\"output_type\":\"display_data\",\"data\":{\"application/x+json\":{}},\"metadata\":{}}")),
         NULL},
        {NB("4",
            CODE("{\"output_type\":\"error\",\"ename\":\"\",\"evalue\":\"\",\"traceback\":[1]}")),
         "traceback must be"},
        {NB("4", META("raw", "\"tags\":[\"a\",\"a\"]")), "twice"},
        {NB("4", META("raw", "\"tags\":[\"a,b\"]")), "comma"},
        {NB("4", META("raw", "\"name\":\"\"")), "empty"},
        {NB("4", META("markdown", "\"format\":1")), NULL},
        {NB("4", META("raw", "\"format\":1")), "format must be"},
        {"{\"nbformat\":4,\"nbformat_minor\":4,\"metadata\":{\"kernelspec\":{\"name\":\"x\"}},\"cells\":[]}",
         "display_name"},
        {"{\"nbformat\":4,\"nbformat_minor\":1,\"metadata\":{\"title\":1},\"cells\":[]}", NULL},
        {"{\"nbformat\":4,\"nbformat_minor\":2,\"metadata\":{\"title\":1},\"cells\":[]}", "title"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct kg_err err = {0};
        json_t *nb = read_ok(table[i].json);
        int rc = nb_validate(nb, &err);
        json_decref(nb);
        if (rc != (table[i].error ? -EINVAL : 0))
            fail_msg("%s: %d %s", table[i].json, rc, err.text);
        if (table[i].error && !strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].json, err.text);
    }
}

static void numbers_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } table[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {1.5, "1.5"},
                 {0.1, "0.1"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {123456789.25, "123456789.25"},
                 {1e-4, "0.0001"},
                 {1.25e-5, "1.25e-05"},
                 {1e300, "1e+300"},
                 {5e-324, "5e-324"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {-12.0, "-12.0"}};
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autobuf out = {0};
        nb_write_real(&out, table[i].v);
        assert_string_equal(kg_buf_cstr(&out), table[i].text);
    }
}

static void lines_end_where_python_ends_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } table[] = {{"a\nb", 2},
                 {"a\r\nb", 3},
                 {"a\rb", 2},
                 {"a\r", 2},
                 {"a\vb", 2},
                 {"a\fb", 2},
                 {"a\x1c"
                  "b",
                  2},
                 {"a\x1f"
                  "b",
                  3},
                 {"a\xc2\x85z", 3},
                 {"a\xc2\x86", 3},
                 {"a\xe2\x80\xa8z", 4},
                 {"a\xe2\x80\xaa", 4},
                 {"abc", 3}};
    for (size_t i = 0; i < KG_COUNT(table); i++)
        assert_int_equal(nb_line(kg_span_str(table[i].text)), table[i].n);
}

static void cells_get_ids_where_the_version_has_them(void **state)
{
    (void)state;
    struct kg_err err = {0};
    json_t *nb = read_ok(NB("5", RAW("") "," RAW(",\"id\":\"kept\"")));
    nb_give_ids(nb);
    assert_int_equal(nb_validate(nb, &err), 0);
    const json_t *second = json_array_get(json_object_get(nb, "cells"), 1);
    assert_string_equal(json_string_value(json_object_get(second, "id")), "kept");
    json_decref(nb);
    nb = read_ok(NB("4", RAW("")));
    nb_give_ids(nb);
    assert_int_equal(nb_validate(nb, &err), 0);
    json_decref(nb);
}

static void a_new_document_is_valid(void **state)
{
    (void)state;
    struct kg_err err = {0};
    kg_autobuf out = {0};
    json_t *nb = nb_new();
    assert_int_equal(nb_validate(nb, &err), 0);
    nb_write(&out, nb);
    assert_string_equal(
        kg_buf_cstr(&out),
        "{\n \"cells\": [],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}\n");
    json_decref(nb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nbformat_wrote_is_written_byte_for_byte),
        cmocka_unit_test(what_belongs_to_a_session_is_not_kept),
        cmocka_unit_test(every_prefix_of_a_document_is_refused),
        cmocka_unit_test(what_is_no_notebook_is_refused_in_words),
        cmocka_unit_test(what_breaks_a_schema_is_named_with_its_place),
        cmocka_unit_test(numbers_are_written_as_python_writes_them),
        cmocka_unit_test(lines_end_where_python_ends_them),
        cmocka_unit_test(cells_get_ids_where_the_version_has_them),
        cmocka_unit_test(a_new_document_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

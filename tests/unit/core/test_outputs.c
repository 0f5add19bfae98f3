/* What a cell gives, as a notebook has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/outputs.h"

/* Messages one behind the other: type and content, ended by NULL. */
static void take(struct kg_outputs *o, ...)
{
    va_list ap;
    const char *type;
    va_start(ap, o);
    while ((type = va_arg(ap, const char *))) {
        const char *text = va_arg(ap, const char *);
        json_t *content = json_loads(text, 0, NULL);
        json_t *output = kg_output_of(kg_span_str(type), content);
        assert_non_null(content);
        assert_non_null(output);
        kg_outputs_take(o, output, strlen(text));
        json_decref(output);
        json_decref(content);
    }
    va_end(ap);
}

static void check(const struct kg_outputs *o, const char *expected)
{
    json_t *list = kg_outputs_list(o);
    json_t *wanted = json_loads(expected, 0, NULL);
    kg_autofree char *text = json_dumps(list, JSON_COMPACT);
    assert_non_null(wanted);
    if (!json_equal(list, wanted))
        fail_msg("%s, not %s", text, expected);
    json_decref(list);
    json_decref(wanted);
}

#define OUT(text)    "{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":\"" text "\"}"
#define ERR(text)    "{\"output_type\":\"stream\",\"name\":\"stderr\",\"text\":\"" text "\"}"
#define STDOUT(text) "stream", "{\"name\":\"stdout\",\"text\":\"" text "\"}"
#define STDERR(text) "stream", "{\"name\":\"stderr\",\"text\":\"" text "\"}"
#define SHOWN(text)                                                                                \
    "{\"output_type\":\"display_data\",\"data\":{\"text/plain\":\"" text "\"},\"metadata\":{}}"
#define DATA(id, text)                                                                             \
    "{\"data\":{\"text/plain\":\"" text "\"},\"metadata\":{},\"transient\":{\"display_id\":\"" id  \
    "\"}}"
#define SHOW(id, text)   "display_data", DATA(id, text)
#define UPDATE(id, text) "update_display_data", DATA(id, text)
#define CLEAR            "clear_output", "{\"wait\":false}"
#define CLEAR_LATER      "clear_output", "{\"wait\":true}"

static void text_of_one_stream_is_one_output(void **state)
{
    (void)state;
    struct kg_outputs o;
    kg_outputs_init(&o, 10000, NULL);
    take(&o, STDOUT("a"), STDOUT("b\\n"), STDERR("e"), STDOUT("c"), SHOW("x", "d"), STDOUT("f"),
         NULL);
    check(&o, "[" OUT("ab\\n") "," ERR("e") "," OUT("c") "," SHOWN("d") "," OUT("f") "]");
    kg_outputs_release(&o);
}

static void what_is_cleared_is_gone_at_once_or_with_the_next(void **state)
{
    (void)state;
    struct kg_outputs o;
    kg_outputs_init(&o, 10000, NULL);
    take(&o, STDOUT("a"), CLEAR, NULL);
    check(&o, "[]");
    take(&o, STDOUT("b"), CLEAR_LATER, NULL);
    check(&o, "[" OUT("b") "]");
    take(&o, STDOUT("c"), STDOUT("d"), NULL);
    check(&o, "[" OUT("cd") "]");
    kg_outputs_release(&o);
}

static void displays_are_updated_in_this_cell_and_in_earlier_ones(void **state)
{
    (void)state;
    struct kg_outputs first;
    struct kg_outputs second;
    json_t *displays = json_object();
    kg_outputs_init(&first, 10000, displays);
    take(&first, SHOW("x", "one"), SHOW("y", "other"), NULL);
    json_t *written = kg_outputs_list(&first); /* as a document has it */
    kg_outputs_hand_on(&first);
    kg_outputs_release(&first);
    kg_outputs_init(&second, 10000, displays);
    take(&second, SHOW("z", "1"), UPDATE("z", "2"), UPDATE("x", "two"), UPDATE("nobody", "3"),
         NULL);
    check(&second, "[" SHOWN("2") "]");
    take(&second, SHOW("y", "again"), NULL);
    check(&second, "[" SHOWN("2") "," SHOWN("again") "]");
    json_t *wanted = json_loads("[" SHOWN("two") "," SHOWN("again") "]", 0, NULL);
    assert_true(json_equal(written, wanted));
    kg_outputs_release(&second);
    json_decref(written);
    json_decref(wanted);
    json_decref(displays);
}

static void what_is_above_the_bound_is_told(void **state)
{
    (void)state;
    struct kg_outputs o;
    kg_outputs_init(&o, 60, NULL);
    take(&o, STDOUT("aaaaaaaaaa"), STDOUT("bbbbbbbbbb"), STDOUT("c"), NULL);
    json_t *list = kg_outputs_list(&o);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")),
                        "aaaaaaaaaa");
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(list, 1), "text")),
                           "2 more outputs"));
    json_decref(list);
    kg_outputs_release(&o);
}

static void what_was_cleared_makes_room(void **state)
{
    (void)state;
    struct kg_outputs o;
    kg_outputs_init(&o, 120, NULL);
    for (int i = 0; i < 100; i++)
        take(&o, CLEAR_LATER, SHOW("x", "frame"), NULL);
    check(&o, "[" SHOWN("frame") "]");
    for (int i = 0; i < 100; i++) /* an update takes the place of what was there */
        take(&o, UPDATE("x", "new"), NULL);
    check(&o, "[" SHOWN("new") "]");
    kg_outputs_release(&o);
}

static void what_nbformat_requires_is_there(void **state)
{
    (void)state;
    struct kg_outputs o;
    kg_outputs_init(&o, 10000, NULL);
    take(&o, "display_data", "{}", "execute_result", "{\"data\":{}}", "error", "{\"ename\":\"E\"}",
         NULL);
    check(
        &o,
        "[{\"output_type\":\"display_data\",\"data\":{},\"metadata\":{}},"
        "{\"output_type\":\"execute_result\",\"data\":{},\"metadata\":{},\"execution_count\":null},"
        "{\"output_type\":\"error\",\"ename\":\"E\",\"evalue\":\"\",\"traceback\":[]}]");
    assert_null(kg_output_of(kg_span_str("comm_msg"), NULL));
    kg_outputs_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_one_stream_is_one_output),
        cmocka_unit_test(what_is_cleared_is_gone_at_once_or_with_the_next),
        cmocka_unit_test(displays_are_updated_in_this_cell_and_in_earlier_ones),
        cmocka_unit_test(what_is_above_the_bound_is_told),
        cmocka_unit_test(what_was_cleared_makes_room),
        cmocka_unit_test(what_nbformat_requires_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

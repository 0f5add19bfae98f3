#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "kernelgw/core/changes.h"

static void expect(const struct kg_changes *c, uint64_t *seen, const char *json)
{
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_changes_model(c, seen, &j);
    assert_string_equal(kg_buf_cstr(&out), json);
}

static void each_change_is_told_once_to_each(void **state)
{
    (void)state;
    struct kg_changes c = {0};
    uint64_t early = 0;
    expect(&c, &early, "[]");
    kg_changes_note(&c, "run", "begun", "r1");
    uint64_t late = c.last;
    expect(&c, &early, "[{\"what\":\"run\",\"how\":\"begun\",\"id\":\"r1\"}]");
    kg_changes_note(&c, "files", "cleared", NULL);
    expect(&c, &early, "[{\"what\":\"files\",\"how\":\"cleared\"}]");
    expect(&c, &late, "[{\"what\":\"files\",\"how\":\"cleared\"}]");
    expect(&c, &early, "[]");
    kg_changes_release(&c);
}

static void what_is_no_longer_kept_is_told_as_such(void **state)
{
    (void)state;
    struct kg_changes c = {0};
    uint64_t seen = 0, here = 0;
    char id[24];
    for (int i = 0; i < KG_CHANGES_KEPT; i++)
        kg_changes_note(&c, "file", "made", "x");
    kg_autobuf all = {0};
    struct kg_json j;
    kg_json_init(&j, &all);
    kg_changes_model(&c, &here, &j);
    assert_null(strstr(kg_buf_cstr(&all), "more")); /* as many as are kept */
    for (int i = 0; i < KG_CHANGES_KEPT; i++) {
        snprintf(id, sizeof id, "%d", i);
        kg_changes_note(&c, "file", "made", id);
    }
    kg_autobuf out = {0};
    kg_json_init(&j, &out);
    kg_changes_model(&c, &seen, &j);
    static const char begin[] =
        "[{\"what\":\"more\"},{\"what\":\"file\",\"how\":\"made\",\"id\":\"0\"},";
    assert_memory_equal(kg_buf_cstr(&out), begin, strlen(begin));
    assert_int_equal(seen, c.last);
    expect(&c, &seen, "[]");
    kg_changes_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_told_once_to_each),
        cmocka_unit_test(what_is_no_longer_kept_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cells that ask for help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/kernelkit/help.h"

static void questions(void **state)
{
    static const struct {
        const char *text, *name;
        int detail;
    } asked[] = {
        {"String?", "String", 0},
        {"std::vector<int>??", "std::vector<int>", 1},
        {"?Math.max", "Math.max", 0},
        {"??a['b c']", NULL, 0},
        {"a['b'].c?", "a['b'].c", 0},
        {"\n  größe?\r\n", "größe", 0},
        {"a ?", NULL, 0},
        {"`my_table`.x?", "`my_table`.x", 0},
        {"@total?", "@total", 0},
    };
    (void)state;
    for (size_t i = 0; i < KG_COUNT(asked); i++) {
        struct kg_span name = {0};
        int detail = -1;
        bool is = kk_help_asked(kg_span_str(asked[i].text), &name, &detail);
        assert_int_equal(is, asked[i].name != NULL);
        assert_true(!is || kg_span_is(name, asked[i].name));
        assert_true(!is || detail == asked[i].detail);
    }
}

static void code(void **state)
{
    static const char *const none[] = {
        "",           "?",        "??",     "???",      "a",       "a???",        "?a?",
        "a ? b",      "1?",       "a = b?", "f(x; y)?", "'text'?", "a\nb?",       "+?",
        "// really?", "SELECT ?", "a?\n1",  "a+b?",     "{}?",     "\"is it?\"?",
    };
    struct kg_span name;
    int detail;
    (void)state;
    for (size_t i = 0; i < KG_COUNT(none); i++)
        assert_false(kk_help_asked(kg_span_str(none[i]), &name, &detail));
    assert_false(kk_help_asked(kg_span_of((const uint8_t *)"a\0b?", 4), &name, &detail));
    char long_one[KK_HELP_NAME_MAX + 3];
    memset(long_one, 'a', sizeof long_one);
    long_one[KK_HELP_NAME_MAX] = '?';
    const uint8_t *at = (const uint8_t *)long_one;
    assert_true(kk_help_asked(kg_span_of(at, KK_HELP_NAME_MAX + 1), &name, &detail));
    long_one[KK_HELP_NAME_MAX] = 'a';
    long_one[KK_HELP_NAME_MAX + 1] = '?';
    assert_false(kk_help_asked(kg_span_of(at, KK_HELP_NAME_MAX + 2), &name, &detail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(questions), cmocka_unit_test(code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

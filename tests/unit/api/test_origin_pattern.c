/* Which Origins an operator's expression allows: all of one must fit, whatever its case. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/api/auth.h"

static void all_of_an_origin_must_fit(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *origin;
        bool fits;
    } table[] = {
        {"https://lab\\.example", "https://lab.example", true},
        {"https://lab\\.example", "https://LAB.example", true},
        {"https://lab\\.example", "https://lab.example.evil.example", false},
        {"https://lab\\.example", "http://https://lab.example", false},
        {"https://lab\\.example$", "https://lab.example\n", false},
        {"https://a|https://b", "https://b", true},
        {"https://a|https://b", "https://bc", false},
        {"https://[a-z]+\\.example(:\\d+)?", "https://x.example:8443", true},
        {"", "https://lab.example", false},
        {".*", "null", true},
        {"(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct kg_origin_pattern *p = NULL;
        struct kg_err err;
        assert_int_equal(kg_origin_pattern_new(&p, table[i].expression, &err), 0);
        if (kg_origin_pattern_fits(p, table[i].origin) != table[i].fits)
            fail_msg("%s: %s", table[i].expression, table[i].origin);
        kg_origin_pattern_free(p);
    }
}

static void what_is_no_expression_is_refused(void **state)
{
    (void)state;
    struct kg_origin_pattern *p = NULL;
    struct kg_err err = {0};
    assert_int_equal(kg_origin_pattern_new(&p, "https://(", &err), -EINVAL);
    assert_non_null(strstr(err.text, "https://("));
    assert_null(p);
}

/* Without a token, a host that could be an allowed page's is none that a stranger made point here. */
static void a_host_that_fits_is_known(void **state)
{
    (void)state;
    struct kg_auth a;
    struct kg_err err;
    struct kg_user who;
    kg_auth_init(&a, NULL, NULL);
    assert_int_equal(kg_origin_pattern_new(&a.allow_pattern, "https://lab\\.example", &err), 0);
    const struct kg_auth_request known = {.host = "lab.example"},
                                 strange = {.host = "evil.example"};
    assert_int_equal(kg_auth_check(&a, &known, &who), KG_AUTH_OK);
    assert_int_equal(kg_auth_check(&a, &strange, &who), KG_AUTH_FOREIGN);
    kg_auth_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_an_origin_must_fit),
        cmocka_unit_test(what_is_no_expression_is_refused),
        cmocka_unit_test(a_host_that_fits_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

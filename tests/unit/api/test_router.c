#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/api/router.h"

static void handler(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)api;
    (void)req;
    (void)args;
}

static const struct kg_route routes[] = {
    {"GET", "/", handler, 0},
    {"GET", "/api/kernels", handler, 0},
    {"POST", "/api/kernels", handler, 0},
    {"DELETE", "/api/kernels/{id}", handler, 0},
    {"POST", "/api/kernels/{id}/restart", handler, 0},
    {"GET", "/kernelspecs/{name}/{file*}", handler, 0},
    {NULL, NULL, NULL, 0},
};
static const struct kg_route *const tables[] = {routes, NULL};

static void paths_lead_to_their_routes_with_arguments_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum kg_match match;
        int route;
        const char *first, *second;
    } cases[] = {
        {"GET", "/", KG_MATCH, 0, NULL, NULL},
        {"GET", "/api/kernels", KG_MATCH, 1, NULL, NULL},
        {"HEAD", "/api/kernels", KG_MATCH, 1, NULL, NULL},
        {"GET", "/api/kernels/", KG_MATCH, 1, NULL, NULL},
        {"POST", "/api/kernels", KG_MATCH, 2, NULL, NULL},
        {"DELETE", "/api/kernels/a%20b", KG_MATCH, 3, "a b", NULL},
        {"POST", "/api/kernels/x/restart", KG_MATCH, 4, "x", NULL},
        {"GET", "/kernelspecs/py/a/b.png", KG_MATCH, 5, "py", "a/b.png"},
        {"GET", "/kernelspecs/py/a%2Fb.png", KG_MATCH, 5, "py", "a/b.png"},
        {"GET", "/api/kernel", KG_MATCH_NONE, 0, NULL, NULL},
        {"GET", "/api/kernelsx", KG_MATCH_NONE, 0, NULL, NULL},
        {"GET", "/api/kernels/x/y/z", KG_MATCH_NONE, 0, NULL, NULL},
        {"GET", "/kernelspecs/py", KG_MATCH_NONE, 0, NULL, NULL},
        {"GET", "", KG_MATCH_NONE, 0, NULL, NULL},
        {"PATCH", "/api/kernels", KG_MATCH_METHOD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/..", KG_MATCH_BAD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/%2e%2e", KG_MATCH_BAD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/a%2fb", KG_MATCH_BAD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/a%00", KG_MATCH_BAD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/a%0", KG_MATCH_BAD, 0, NULL, NULL},
        {"DELETE", "/api/kernels/a%zz", KG_MATCH_BAD, 0, NULL, NULL},
        {"GET", "/kernelspecs/py/..%2f..%2fetc/passwd", KG_MATCH_BAD, 0, NULL, NULL},
        {"GET", "/kernelspecs/py/a/%2e%2e/b", KG_MATCH_BAD, 0, NULL, NULL},
        {"GET", "/kernelspecs/py/..\\x", KG_MATCH_BAD, 0, NULL, NULL},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_found found;
        enum kg_match match = kg_route_find(&found, tables, cases[i].method, cases[i].path);
        if (match != cases[i].match)
            fail_msg("%s %s: %d instead of %d", cases[i].method, cases[i].path, match,
                     cases[i].match);
        if (match == KG_MATCH) {
            assert_ptr_equal(found.route, &routes[cases[i].route]);
            if (cases[i].first)
                assert_string_equal(found.value[0], cases[i].first);
            if (cases[i].second)
                assert_string_equal(found.value[1], cases[i].second);
        }
        kg_found_release(&found);
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    (void)state;
    struct kg_found found;
    assert_int_equal(kg_route_find(&found, tables, "PUT", "/api/kernels"), KG_MATCH_METHOD);
    assert_string_equal(found.allow, "GET, POST");
    kg_found_release(&found);
}

static void the_base_url_is_taken_off(void **state)
{
    (void)state;
    assert_string_equal(kg_path_below("/api", ""), "/api");
    assert_string_equal(kg_path_below("/x/api", "/x"), "/api");
    assert_string_equal(kg_path_below("/x", "/x"), "/");
    assert_null(kg_path_below("/xy/api", "/x"));
    assert_null(kg_path_below("/api", "/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_their_routes_with_arguments_decoded),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
        cmocka_unit_test(the_base_url_is_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/api/auth.h"

static struct kg_user who;

static void a_token_counts_from_wherever_a_client_can_put_it(void **state)
{
    (void)state;
    struct kg_auth a;
    kg_auth_init(&a, "s3cret", NULL);
    static const struct {
        const char *authorization, *query, *path;
        enum kg_auth_verdict verdict;
    } cases[] = {
        {"token s3cret", NULL, NULL, KG_AUTH_OK},
        {"Token s3cret", NULL, NULL, KG_AUTH_OK},
        {"Bearer s3cret", NULL, NULL, KG_AUTH_OK},
        {"bearer   s3cret", NULL, NULL, KG_AUTH_OK},
        {NULL, "s3cret", NULL, KG_AUTH_OK},
        {NULL, NULL, "s3cret", KG_AUTH_OK},
        {"token nope", "s3cret", NULL, KG_AUTH_OK},
        {NULL, NULL, NULL, KG_AUTH_MISSING},
        {"token nope", NULL, NULL, KG_AUTH_WRONG},
        {"token s3cre", NULL, NULL, KG_AUTH_WRONG},
        {"token s3crets3cret", NULL, NULL, KG_AUTH_WRONG},
        {"token", NULL, NULL, KG_AUTH_WRONG},
        {"Basic s3cret", NULL, NULL, KG_AUTH_WRONG},
        {NULL, "", NULL, KG_AUTH_WRONG},
        {NULL, NULL, "s3cretx", KG_AUTH_WRONG},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_auth_request r = {.authorization = cases[i].authorization,
                                    .query_token = cases[i].query,
                                    .path_token = cases[i].path,
                                    .path_token_len = cases[i].path ? strlen(cases[i].path) : 0,
                                    .origin = "https://elsewhere.example",
                                    .host = "localhost:8888",
                                    .changes = true};
        if (kg_auth_check(&a, &r, &who) != cases[i].verdict)
            fail_msg("case %zu: %d instead of %d", i, kg_auth_check(&a, &r, &who),
                     cases[i].verdict);
    }
    kg_auth_release(&a);
}

/* Two users beside the holder of the server's own token. */
static void load_users(struct kg_users *users)
{
    struct kg_err err = {0};
    static const char text[] =
        "{\"ada\":{\"token\":\"ada-has-this-token\"},"
        "\"grace\":{\"token\":\"grace-has-this-one\",\"role\":\"operator\"}}";
    if (kg_users_parse(users, kg_span_str(text), &(struct kg_quota){0}, &err) < 0)
        fail_msg("%s", err.text);
}

static void each_token_is_somebody_s(void **state)
{
    (void)state;
    struct kg_users users;
    struct kg_auth a;
    load_users(&users);
    kg_auth_init(&a, "s3cret", NULL);
    a.users = &users;
    static const struct {
        const char *token, *name;
        bool is_operator;
    } cases[] = {
        {"token s3cret", "user", true},
        {"token ada-has-this-token", "ada", false},
        {"Bearer grace-has-this-one", "grace", true},
        {"token ada-has-this-toke", "anonymous", false},
        {"token ada", "anonymous", false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_auth_request r = {.authorization = cases[i].token, .host = "localhost"};
        bool known = strcmp(cases[i].name, "anonymous") != 0;
        assert_int_equal(kg_auth_check(&a, &r, &who), known ? KG_AUTH_OK : KG_AUTH_WRONG);
        assert_string_equal(who.name, cases[i].name);
        assert_int_equal(who.is_operator, cases[i].is_operator);
        assert_int_equal(who.authenticated, known);
        assert_int_equal(kg_user_sees(&who, "ada"), known);
        assert_int_equal(kg_user_sees(&who, "grace"), cases[i].is_operator);
        assert_int_equal(kg_user_sees(&who, NULL), cases[i].is_operator);
    }
    kg_auth_release(&a);
    kg_users_release(&users);
}

static void a_user_s_cookie_is_his_alone_and_of_this_server(void **state)
{
    (void)state;
    struct kg_users users;
    struct kg_auth a, other;
    load_users(&users);
    kg_auth_init(&a, "s3cret", NULL);
    kg_auth_init(&other, "another", NULL);
    a.users = other.users = &users;
    for (int as_grace = 0; as_grace < 2; as_grace++) {
        struct kg_user user;
        assert_true(
            kg_auth_token(&a, as_grace ? "grace-has-this-one" : "ada-has-this-token", &user));
        kg_autofree char *value = kg_auth_cookie_for(&a, &user);
        kg_autofree char *elsewhere = kg_auth_cookie_for(&other, &user);
        assert_string_not_equal(value, elsewhere);
        kg_autofree char *good = kg_asprintf("%s=%s", a.cookie_name, value);
        kg_autofree char *swapped =
            kg_asprintf("%s=%s%s", a.cookie_name, as_grace ? "ada" : "grace", strchr(value, ':'));
        kg_autofree char *foreign = kg_asprintf("%s=%s", a.cookie_name, elsewhere);
        kg_autofree char *bare = kg_asprintf("%s=%s", a.cookie_name, user.name);
        struct kg_auth_request r = {.cookie = good, .host = "localhost"};
        assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_OK);
        assert_string_equal(who.name, user.name);
        const char *const bad[] = {swapped, foreign, bare};
        for (size_t i = 0; i < KG_COUNT(bad); i++) {
            r.cookie = bad[i];
            assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_WRONG);
            assert_false(who.authenticated);
        }
        /* a page of another site may not change a thing by it */
        r = (struct kg_auth_request){.cookie = good,
                                     .host = "localhost",
                                     .changes = true,
                                     .origin = "https://elsewhere.example"};
        assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_FOREIGN);
        assert_false(who.authenticated);
    }
    kg_auth_release(&a);
    kg_auth_release(&other);
    kg_users_release(&users);
}

static void a_cookie_alone_does_not_speak_for_a_page_of_another_site(void **state)
{
    (void)state;
    struct kg_auth a;
    kg_auth_init(&a, "s3cret", "https://lab.example");
    char cookie[200];
    char wrong[200];
    snprintf(cookie, sizeof cookie, "other=1; %s=%s; last=2", a.cookie_name, a.cookie_value);
    snprintf(wrong, sizeof wrong, "%s=%.63sx", a.cookie_name, a.cookie_value);
    char sealed[300];
    snprintf(sealed, sizeof sealed, "_xsrf=abc; %s", cookie);
    const struct {
        const char *cookie, *origin, *site;
        bool changes;
        enum kg_auth_verdict verdict;
        const char *xsrf;
        bool upgrade;
    } cases[] = {
        {cookie, NULL, NULL, false, KG_AUTH_OK, NULL, false},
        {cookie, "http://localhost:8888", NULL, true, KG_AUTH_OK, NULL, false},
        {cookie, NULL, "same-origin", true, KG_AUTH_OK, NULL, false},
        {cookie, "http://evil.example", NULL, true, KG_AUTH_FOREIGN, NULL, false},
        {cookie, "null", NULL, true, KG_AUTH_FOREIGN, NULL, false},
        {cookie, NULL, "cross-site", true, KG_AUTH_FOREIGN, NULL, false},
        {cookie, NULL, "none", true, KG_AUTH_OK, NULL, false},
        {cookie, NULL, NULL, true, KG_AUTH_XSRF, NULL, false},
        {cookie, NULL, NULL, true, KG_AUTH_XSRF, "abc", false},
        {sealed, NULL, NULL, true, KG_AUTH_XSRF, NULL, false},
        {sealed, NULL, NULL, true, KG_AUTH_XSRF, "", false},
        {sealed, NULL, NULL, true, KG_AUTH_XSRF, "abd", false},
        {sealed, NULL, NULL, true, KG_AUTH_OK, "abc", false},
        {sealed, "http://evil.example", NULL, true, KG_AUTH_FOREIGN, "abc", false},
        {sealed, "https://lab.example", NULL, true, KG_AUTH_OK, "abc", false},
        {sealed, "https://lab.example", NULL, true, KG_AUTH_XSRF, NULL, false},
        {cookie, NULL, NULL, true, KG_AUTH_OK, NULL, true},
        {cookie, "http://evil.example", NULL, true, KG_AUTH_FOREIGN, NULL, true},
        {wrong, "http://localhost:8888", NULL, true, KG_AUTH_WRONG, NULL, false},
        {"x=1", NULL, NULL, false, KG_AUTH_MISSING, NULL, false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_auth_request r = {.cookie = cases[i].cookie,
                                    .origin = cases[i].origin,
                                    .fetch_site = cases[i].site,
                                    .host = "localhost:8888",
                                    .xsrf = cases[i].xsrf,
                                    .upgrade = cases[i].upgrade,
                                    .changes = cases[i].changes};
        if (kg_auth_check(&a, &r, &who) != cases[i].verdict)
            fail_msg("case %zu: %d instead of %d", i, kg_auth_check(&a, &r, &who),
                     cases[i].verdict);
    }
    kg_auth_release(&a);
}

static void without_a_token_pages_of_other_sites_still_change_nothing(void **state)
{
    (void)state;
    struct kg_auth a;
    kg_auth_init(&a, NULL, "https://lab.example");
    struct kg_auth_request r = {.host = "10.0.0.7:1", .changes = true};
    assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_OK);
    r.origin = "http://10.0.0.7:1";
    assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_OK);
    r.origin = "https://lab.example";
    assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_OK);
    r.origin = "https://evil.example";
    assert_int_equal(kg_auth_check(&a, &r, &who), KG_AUTH_FOREIGN);
    kg_auth_release(&a);
}

static void without_a_token_a_strangers_name_for_this_server_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        enum kg_auth_verdict verdict;
    } cases[] = {
        {"localhost:8888", KG_AUTH_OK},
        {"LOCALHOST", KG_AUTH_OK},
        {"a.localhost:1", KG_AUTH_OK},
        {"127.0.0.1:8888", KG_AUTH_OK},
        {"[::1]:8888", KG_AUTH_OK},
        {"[::1]", KG_AUTH_OK},
        {"lab.example", KG_AUTH_OK},
        {NULL, KG_AUTH_OK},
        {"evil.example:8888", KG_AUTH_FOREIGN},
        {"localhost.evil.example", KG_AUTH_FOREIGN},
        {"127.0.0.1.evil.example", KG_AUTH_FOREIGN},
        {"notlocalhost", KG_AUTH_FOREIGN},
    };
    struct kg_auth a;
    kg_auth_init(&a, NULL, "https://lab.example");
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_auth_request r = {.host = cases[i].host};
        if (kg_auth_check(&a, &r, &who) != cases[i].verdict)
            fail_msg("case %zu", i);
    }
    kg_auth_release(&a);
}

static void a_browser_is_sent_to_paths_of_this_server_alone(void **state)
{
    (void)state;
    static const struct {
        const char *next, *base;
        bool good;
    } cases[] = {
        {"/", "", true},
        {"/lab/tree/a%20b.ipynb?reset#x", "", true},
        {"/base/", "/base", true},
        {"/base", "/base", true},
        {"/base?x=//evil.example/..", "/base", true},
        {"/a..b/.hidden/...", "", true},
        {"/basement/", "/base", false},
        {"/", "/base", false},
        {"/base/../other", "/base", false},
        {"/base/%2e%2E/other", "/base", false},
        {"/base/.", "/base", false},
        {"//evil.example/", "", false},
        {"/\\evil.example", "", false},
        {"\\\\evil.example", "", false},
        {"/\t/evil.example", "", false},
        {"/x\r\nSet-Cookie: a=b", "", false},
        {"/a b/caf\xc3\xa9", "", true},
        {"/\x7f", "", false},
        {"http://evil.example/", "", false},
        {"javascript:alert(1)", "", false},
        {"evil", "", false},
        {"", "", false},
        {NULL, "", false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        const char *got = kg_auth_next(cases[i].next, cases[i].base);
        if (got != (cases[i].good ? cases[i].next : NULL))
            fail_msg("case %zu: %s", i, cases[i].next ? cases[i].next : "NULL");
    }
}

static void a_cookie_is_found_among_others(void **state)
{
    (void)state;
    kg_autofree char *value =
        kg_auth_cookie_value("a_xsrf=1; _xsrfx=2; _xsrf=2|3|4; _xsrf=5", "_xsrf");
    assert_string_equal(value, "2|3|4");
    assert_null(kg_auth_cookie_value("a_xsrf=1; _xsrf", "_xsrf"));
    assert_null(kg_auth_cookie_value(NULL, "_xsrf"));
    bool seen = false;
    assert_true(kg_auth_cookie("x=1; y=2; y=3", "y", "3", &seen));
    assert_true(seen);
    assert_false(kg_auth_cookie("x=1; y=2", "y", "3", NULL));
}

static void the_token_is_cut_out_of_the_path(void **state)
{
    (void)state;
    const char *token;
    size_t n;
    assert_string_equal(kg_auth_path_token("/t/abc/api/kernels", &token, &n), "/api/kernels");
    assert_int_equal(n, 3);
    assert_memory_equal(token, "abc", 3);
    assert_string_equal(kg_auth_path_token("/t/abc", &token, &n), "/");
    assert_string_equal(kg_auth_path_token("/api", &token, &n), "/api");
    assert_null(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_is_sent_to_paths_of_this_server_alone),
        cmocka_unit_test(a_cookie_is_found_among_others),
        cmocka_unit_test(a_token_counts_from_wherever_a_client_can_put_it),
        cmocka_unit_test(each_token_is_somebody_s),
        cmocka_unit_test(a_user_s_cookie_is_his_alone_and_of_this_server),
        cmocka_unit_test(a_cookie_alone_does_not_speak_for_a_page_of_another_site),
        cmocka_unit_test(without_a_token_pages_of_other_sites_still_change_nothing),
        cmocka_unit_test(without_a_token_a_strangers_name_for_this_server_is_refused),
        cmocka_unit_test(the_token_is_cut_out_of_the_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

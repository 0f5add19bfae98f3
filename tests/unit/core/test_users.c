#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/core/users.h"

#define TOKEN "\"token\":\"0123456789abcdef\""

static const struct kg_quota defaults = {.most = {[KG_Q_KERNELS] = 2, [KG_Q_CPU_S] = 60}};

static void quotas_are_the_defaults_and_what_is_said(void **state)
{
    (void)state;
    struct kg_users u;
    struct kg_err err = {0};
    static const char text[] =
        "{\"a\":{" TOKEN "},"
        "\"b\":{\"token\":\"b123456789abcdef\",\"quotas\":{\"kernels\":5,\"runs\":1}},"
        "\"c\":{\"token\":\"c123456789abcdef\",\"role\":\"operator\"},"
        "\"d\":{\"token\":\"d123456789abcdef\",\"role\":\"operator\",\"quotas\":{\"files_mb\":3}}}";
    assert_int_equal(kg_users_parse(&u, kg_span_str(text), &defaults, &err), 0);
    static const struct {
        const char *name;
        uint32_t kernels, cpu_s, runs, files_mb;
    } cases[] = {{"a", 2, 60, 0, 0}, {"b", 5, 60, 1, 0}, {"c", 0, 0, 0, 0}, {"d", 0, 0, 0, 3}};
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        const uint32_t *most = kg_users_by_name(&u, cases[i].name, 1)->quota.most;
        assert_int_equal(most[KG_Q_KERNELS], cases[i].kernels);
        assert_int_equal(most[KG_Q_CPU_S], cases[i].cpu_s);
        assert_int_equal(most[KG_Q_RUNS], cases[i].runs);
        assert_int_equal(most[KG_Q_FILES_MB], cases[i].files_mb);
    }
    kg_users_release(&u);
}

static void a_user_is_found_by_token_and_by_name(void **state)
{
    (void)state;
    struct kg_users u;
    struct kg_err err = {0};
    /* printf %s a-token-of-its-own | sha256sum */
    static const char text[] =
        "{\"ada\":{" TOKEN "},\"Grace.H_1\":{\"role\":\"operator\",\"token_sha256\":"
        "\"5ab725d03880bb097e94f343008aaf000a0eda04ae0fa9d1260ed9b0951bf59c\"}}";
    assert_int_equal(kg_users_parse(&u, kg_span_str(text), &defaults, &err), 0);
    const struct kg_user_row *ada = kg_users_by_token(&u, "0123456789abcdef");
    const struct kg_user_row *grace = kg_users_by_token(&u, "a-token-of-its-own");
    assert_string_equal(ada->name, "ada");
    assert_false(ada->is_operator);
    assert_string_equal(grace->name, "Grace.H_1");
    assert_true(grace->is_operator);
    assert_ptr_equal(kg_users_by_name(&u, "adamant", 3), ada);
    assert_null(kg_users_by_name(&u, "adamant", 4));
    assert_null(kg_users_by_token(&u, "0123456789abcde"));
    assert_null(kg_users_by_token(&u, NULL));
    assert_null(kg_users_by_token(NULL, "0123456789abcdef"));
    kg_users_release(&u);
}

static void what_is_wrong_is_said_with_the_user_s_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "line"},
        {"[]", "one JSON object"},
        {"{\"ada\":{" TOKEN "},\"ada\":{" TOKEN "}}", "line 1"},
        {"{\"ada\":5}", "user ada: must be an object"},
        {"{\"ada\":{}}", "user ada: either token or token_sha256"},
        {"{\"ada\":{" TOKEN ",\"token_sha256\":\"00\"}}", "user ada: either token or"},
        {"{\"ada\":{\"token\":5}}", "user ada: either token or"},
        {"{\"ada\":{\"token\":\"short\"}}", "user ada: token must have 16"},
        {"{\"ada\":{\"token\":\"0123456789abcde/\"}}", "user ada: token may hold"},
        {"{\"ada\":{\"token_sha256\":\"00\"}}", "64 hex digits"},
        {"{\"ada\":{\"token_sha256\":"
         "\"zz00000000000000000000000000000000000000000000000000000000000000\"}}",
         "64 hex digits"},
        {"{\"ada\":{" TOKEN ",\"role\":\"admin\"}}", "user ada: role must be"},
        {"{\"ada\":{" TOKEN ",\"role\":1}}", "user ada: role must be"},
        {"{\"ada\":{" TOKEN ",\"rolle\":1}}", "user ada: rolle: there is no such field"},
        {"{\"ada\":{" TOKEN ",\"quotas\":[]}}", "user ada: quotas must be an object"},
        {"{\"ada\":{" TOKEN ",\"quotas\":{\"kernel\":1}}}", "user ada: quotas.kernel: there is no"},
        {"{\"ada\":{" TOKEN ",\"quotas\":{\"kernels\":-1}}}",
         "quotas.kernels must be a whole number"},
        {"{\"\":{" TOKEN "}}", "is no user's name"},
        {"{\"a/b\":{" TOKEN "}}", "is no user's name"},
        {"{\"..\":{" TOKEN "}}", "is no user's name"},
        {"{\".ada\":{" TOKEN "}}", "is no user's name"},
        {"{\"user\":{" TOKEN "}}", "the server's own"},
        {"{\"anonymous\":{" TOKEN "}}", "the server's own"},
        {"{\"ada\":{" TOKEN "},\"bob\":{" TOKEN "}}", "users ada and bob have the same token"},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_users u;
        struct kg_err err = {0};
        if (kg_users_parse(&u, kg_span_str(cases[i].text), &defaults, &err) >= 0 ||
            !strstr(err.text, cases[i].said))
            fail_msg("case %zu: \"%s\"", i, err.text);
        kg_users_release(&u);
    }
}

static void half_a_file_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"ada\":{" TOKEN ",\"role\":\"operator\"}}";
    for (size_t n = 0; n < strlen(text); n++) {
        struct kg_users u;
        struct kg_err err = {0};
        assert_true(
            kg_users_parse(&u, (struct kg_span){(const uint8_t *)text, n}, &defaults, &err) < 0);
        kg_users_release(&u);
    }
}

static void a_file_that_others_can_read_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/kgw-users-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "{\"ada\":{" TOKEN "}}";
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    static const struct {
        mode_t mode;
        bool good;
    } cases[] = {{0600, true},  {0640, true},  {0400, true},
                 {0644, false}, {0660, false}, {0602, false}};
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_users u;
        struct kg_err err = {0};
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        int rc = kg_users_load(&u, path, &defaults, &err);
        if ((rc == 0) != cases[i].good || (rc < 0 && !strstr(err.text, "chmod 600")))
            fail_msg("mode %o: %s", cases[i].mode, err.text);
        kg_users_release(&u);
    }
    unlink(path);
    close(fd);
    struct kg_users u;
    struct kg_err err = {0};
    assert_true(kg_users_load(&u, path, &defaults, &err) < 0);
    assert_non_null(strstr(err.text, path));
    kg_users_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_the_defaults_and_what_is_said),
        cmocka_unit_test(a_user_is_found_by_token_and_by_name),
        cmocka_unit_test(what_is_wrong_is_said_with_the_user_s_name),
        cmocka_unit_test(half_a_file_is_refused),
        cmocka_unit_test(a_file_that_others_can_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernelgw/config.h"

static char program[] = "kernelgw";
static char *const no_args[] = {program, NULL};

static int load(struct kg_config *c, const char *const *args, struct kg_err *err)
{
    char *argv[10] = {program};
    int argc = 1;
    for (; args[argc - 1]; argc++)
        argv[argc] = kg_strdup(args[argc - 1]);
    int rc = kg_config_load(c, argc, argv, err);
    for (int i = 1; i < argc; i++)
        free(argv[i]);
    return rc;
}

/* The path of a new file with this text; the caller unlinks and frees it. */
static char *file_with(const char *text)
{
    char *path = kg_strdup("/tmp/kernelgw-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void flags_win_over_environment_over_file_over_default(void **state)
{
    (void)state;
    struct kg_config c;
    struct kg_err err = {0};
    kg_autofree char *path = file_with("{\"port\": 1001, \"max-kernels\": 11, \"log-json\": true}");
    setenv("KERNELGW_MAX_KERNELS", "12", 1);
    setenv("KERNELGW_MAX_RUNS", "13", 1);
    const char *const args[] = {"--config", path, "--max-runs=14", "--anonymous", NULL};
    assert_int_equal(load(&c, args, &err), 0);
    assert_int_equal(c.port, 1001);
    assert_int_equal(c.max_kernels, 12);
    assert_int_equal(c.max_runs, 14);
    assert_int_equal(c.run_wall_s, 30);
    assert_true(c.log_json);
    assert_true(c.anonymous);
    assert_null(c.token);
    kg_config_release(&c);
    unsetenv("KERNELGW_MAX_KERNELS");
    unsetenv("KERNELGW_MAX_RUNS");
    unlink(path);
}

static void every_mistake_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *args[4];
        const char *named;
    } cases[] = {
        {{"--prot", "1"}, "--prot"},
        {{"serve"}, "serve"},
        {{"--port"}, "--port needs a value"},
        {{"--port", "70000"}, "0 to 65535"},
        {{"--port", "x"}, "\"x\""},
        {{"--port", "8x"}, "\"8x\""},
        {{"--log-json=maybe"}, "true or false"},
        {{"--engine", "docker"}, "oci or process"},
        {{"--tls-cert", "a.pem"}, "tls-key"},
        {{"--base-url", "x"}, "base-url"},
        {{"--run-wall-s", "700"}, "run-wall-max-s"},
        {{"--token="}, "token is empty"},
        {{"--allow-origin=https://a", "--allow-origin-pat=b"}, "one of them"},
        {{"--allow-origin=*", "--allow-credentials"}, "allow-credentials"},
        {{"--token", "a/b"}, "token may hold"},
        {{"--config", "/nonexistent/x.json"}, "/nonexistent/x.json"},
        {{"--per-language", "{"}, "per-language must be a JSON object: "},
        {{"--per-language", "[]"}, "per-language must be a JSON object"},
        {{"--per-language", "{\"a\":{},\"a\":{}}"}, "duplicate"},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_config c;
        struct kg_err err = {0};
        assert_int_equal(load(&c, cases[i].args, &err), -EINVAL);
        if (!strstr(err.text, cases[i].named))
            fail_msg("\"%s\" does not name %s", err.text, cases[i].named);
        kg_config_release(&c);
    }
}

static void mistakes_in_the_file_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"port\": 1", "line 1"},
        {"[]", "one JSON object"},
        {"{\"prot\": 1}", "\"prot\""},
        {"{\"port\": [1]}", "port must be"},
        {"{\"port\": 99999}", "0 to 65535"},
        {"{\"log-json\": 3}", "true or false"},
        {"{\"per-language\": []}", "or an object"},
        {"{\"port\": {}}", "port must be"},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct kg_config c;
        struct kg_err err = {0};
        kg_autofree char *path = file_with(cases[i].text);
        const char *const args[] = {"--config", path, NULL};
        assert_int_equal(load(&c, args, &err), -EINVAL);
        if (!strstr(err.text, cases[i].named) || !strstr(err.text, path))
            fail_msg("\"%s\" does not name %s", err.text, cases[i].named);
        kg_config_release(&c);
        unlink(path);
    }
}

static void what_is_printed_can_be_loaded_again_and_holds_no_token(void **state)
{
    (void)state;
    struct kg_config c;
    struct kg_err err = {0};
    static const char java[] = "{\"java\":{\"stock\":{\"boxes\":1}}}";
    const char *const args[] = {"--token", "s3cret", "--max-kernels", "7", "--per-language",
                                java,      NULL};
    assert_int_equal(load(&c, args, &err), 0);
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    kg_config_print(&c, out);
    fclose(out);
    kg_config_release(&c);
    assert_null(strstr(text, "s3cret"));
    kg_autofree char *path = file_with(text);
    const char *const again[] = {"--config", path, NULL};
    assert_int_equal(load(&c, again, &err), 0);
    assert_int_equal(c.max_kernels, 7);
    assert_string_equal(c.per_language, java);
    kg_config_release(&c);
    unlink(path);
    free(text);
}

static void the_defaults_are_right_by_themselves(void **state)
{
    (void)state;
    struct kg_config c;
    struct kg_err err = {0};
    assert_int_equal(kg_config_load(&c, 1, no_args, &err), 0);
    assert_string_equal(c.address, "127.0.0.1");
    assert_string_equal(c.engine, "oci");
    assert_false(c.anonymous);
    kg_config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_win_over_environment_over_file_over_default),
        cmocka_unit_test(every_mistake_is_named_with_its_place),
        cmocka_unit_test(mistakes_in_the_file_are_named),
        cmocka_unit_test(what_is_printed_can_be_loaded_again_and_holds_no_token),
        cmocka_unit_test(the_defaults_are_right_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

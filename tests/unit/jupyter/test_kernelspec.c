/* Kernelspecs: search path, reading, precedence, resources, and what is not served. */
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jupyter/kernelspec.h"

#define GOOD "{\"argv\":[\"python3\",\"-m\",\"ipykernel\",\"-f\",\"{connection_file}\"]}"

static void a_spec_gets_all_its_members(void **state)
{
    (void)state;
    json_t *spec = NULL;
    struct kg_err err = {0};
    assert_int_equal(jy_kernelspec_parse(&spec, sp(GOOD), &err), 0);
    assert_int_equal(json_array_size(json_object_get(spec, "argv")), 5);
    assert_true(json_is_object(json_object_get(spec, "env")));
    assert_true(json_is_object(json_object_get(spec, "metadata")));
    assert_string_equal(json_string_value(json_object_get(spec, "display_name")), "");
    assert_string_equal(json_string_value(json_object_get(spec, "language")), "");
    assert_string_equal(json_string_value(json_object_get(spec, "interrupt_mode")), "signal");
    json_decref(spec);
    assert_int_equal(
        jy_kernelspec_parse(
            &spec,
            sp("{\"argv\":[\"x\"],\"env\":{\"A\":\"b\"},\"display_name\":\"X\",\"language\":\"x\","
               "\"interrupt_mode\":\"message\",\"metadata\":{\"debugger\":true},\"other\":1}"),
            &err),
        0);
    assert_int_equal(json_object_size(spec), 6);
    assert_string_equal(json_string_value(json_object_get(spec, "interrupt_mode")), "message");
    assert_true(json_is_true(json_object_get(json_object_get(spec, "metadata"), "debugger")));
    json_decref(spec);
}

static void bad_specs_are_refused_by_name(void **state)
{
    (void)state;
#define A "\"argv\":[\"x\"]"
    static const struct {
        const char *json, *error;
    } table[] = {
        {"", "line"},
        {"{", "line 1"},
        {"[]", "no object"},
        {"{}", "argv is no array"},
        {"{\"argv\":\"x\"}", "argv is no array"},
        {"{\"argv\":[]}", "argv is empty"},
        {"{\"argv\":[\"\"]}", "argv[0] is empty"},
        {"{\"argv\":[\"x\",1]}", "argv[1]"},
        {"{" A ",\"env\":[]}", "env is no object"},
        {"{" A ",\"env\":{\"A\":1}}", "env A"},
        {"{" A ",\"env\":{\"A=B\":\"\"}}", "A=B"},
        {"{" A ",\"env\":{\"\":\"\"}}", "env has the name"},
        {"{" A ",\"metadata\":1}", "metadata is no object"},
        {"{" A ",\"display_name\":1}", "display_name"},
        {"{" A ",\"language\":[]}", "language"},
        {"{" A ",\"interrupt_mode\":\"magic\"}", "interrupt_mode magic"},
        {"{" A ",\"display_name\":\"a\\u0000b\"}", "line 1"},
        {"{" A ",\"display_name\":\"\x80\"}", "line"},
        {"{" A "} x", "line 1"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        json_t *spec = NULL;
        struct kg_err err = {0};
        assert_int_equal(jy_kernelspec_parse(&spec, sp(table[i].json), &err), -EPROTO);
        if (!strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].json, err.text);
        assert_null(spec);
    }
}

static void every_prefix_of_a_spec_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(GOOD); n++) {
        json_t *spec = NULL;
        uint8_t *copy = exact_copy(GOOD, n);
        assert_int_equal(jy_kernelspec_parse(&spec, kg_span_of(copy, n), NULL), -EPROTO);
        free(copy);
    }
}

static void names_have_a_rule(void **state)
{
    (void)state;
    static const char *const good[] = {"python3", "R", "a.b-c_d", "..a", "3"};
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xc3\xa9", "a%", "../x"};
    for (size_t i = 0; i < KG_COUNT(good); i++)
        assert_true(jy_kernelspec_name_ok(good[i]));
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_false(jy_kernelspec_name_ok(bad[i]));
    char longest[257];
    memset(longest, 'a', 256);
    longest[256] = 0;
    assert_false(jy_kernelspec_name_ok(longest));
    longest[255] = 0;
    assert_true(jy_kernelspec_name_ok(longest));
}

static const char *const *fake_env;

static char *fake_getenv(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; fake_env[i]; i++)
        if (strncmp(fake_env[i], name, n) == 0 && fake_env[i][n] == '=')
            return (char *)(uintptr_t)(fake_env[i] + n + 1);
    return NULL;
}

static void the_search_path_is_jupyter_cores(void **state)
{
    (void)state;
    static const struct {
        const char *env[5];
        const char *prefixes[2];
        const char *want[7];
    } table[] = {
        {{"HOME=/home/u", NULL},
         {NULL},
         {"/home/u/.local/share/jupyter/kernels", "/usr/local/share/jupyter/kernels",
          "/usr/share/jupyter/kernels", NULL}},
        {{"JUPYTER_PATH=/a::/b/:/a", "HOME=/h", "XDG_DATA_HOME=/x", NULL},
         {"/venv", NULL},
         {"/a/kernels", "/b/kernels", "/x/jupyter/kernels", "/venv/share/jupyter/kernels",
          "/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels", NULL}},
        {{"JUPYTER_DATA_DIR=/d", "XDG_DATA_HOME=/x", "HOME=/h", "JUPYTER_PATH=", NULL},
         {"/usr", NULL},
         {"/d/kernels", "/usr/share/jupyter/kernels", "/usr/local/share/jupyter/kernels", NULL}},
        {{NULL}, {NULL}, {"/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels", NULL}},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct jy_spec_path p;
        fake_env = table[i].env;
        jy_spec_path_default(&p, table[i].prefixes, fake_getenv);
        size_t n = 0;
        for (; table[i].want[n]; n++) {
            assert_true(n < p.count);
            assert_string_equal(p.dirs[n], table[i].want[n]);
        }
        assert_int_equal(p.count, n);
        jy_spec_path_release(&p);
    }
}

/* A tree of files below a fresh directory. */
struct tree {
    char root[32];
    int warnings;
    char warned[512];
};

static void put(const struct tree *t, const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", t->root, path);
    for (char *p = full + strlen(t->root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(full, 0755);
        *p = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void put_link(const struct tree *t, const char *path, const char *target)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", t->root, path);
    assert_int_equal(symlink(target, full), 0);
}

static void warn(void *user, const char *dir, const char *why)
{
    struct tree *t = user;
    t->warnings++;
    snprintf(t->warned, sizeof t->warned, "%s: %s", dir, why);
}

static int setup(void **state)
{
    struct tree *t = kg_calloc(1, sizeof *t);
    strcpy(t->root, "/tmp/kgkXXXXXX");
    assert_non_null(mkdtemp(t->root));
    *state = t;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct tree *t = *state;
    assert_int_equal(nftw(t->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(t);
    return 0;
}

static void scan(struct jy_kernelspecs *out, struct tree *t, const char *first, const char *second)
{
    struct jy_spec_path p = {0};
    const char *const below[] = {first, second, "nowhere"};
    for (size_t i = 0; i < KG_COUNT(below); i++) {
        kg_autofree char *dir = kg_asprintf("%s/%s", t->root, below[i]);
        jy_spec_path_add(&p, dir);
    }
    jy_kernelspecs_scan(out, &p, warn, t);
    jy_spec_path_release(&p);
}

static void specs_are_found_and_the_first_of_a_name_counts(void **state)
{
    struct tree *t = *state;
    put(t, "one/Python3/kernel.json", "{\"argv\":[\"first\"]}");
    put(t, "two/python3/kernel.json", "{\"argv\":[\"second\"],\"display_name\":\"no\"}");
    put(t, "two/ir/kernel.json", "{\"argv\":[\"R\"],\"display_name\":\"R\",\"language\":\"R\"}");
    put(t, "two/not-a-kernel/readme", "x");
    put(t, "two/file", "x");
    put(t, "two/.hidden/kernel.json", GOOD);
    struct jy_kernelspecs k;
    scan(&k, t, "one", "two");
    assert_int_equal(t->warnings, 0);
    assert_int_equal(k.count, 2);
    assert_string_equal(k.items[0].name, "ir");
    assert_string_equal(k.items[1].name, "python3");
    const struct jy_kernelspec *s = jy_kernelspecs_find(&k, "PYTHON3");
    assert_ptr_equal(s, &k.items[1]);
    assert_string_equal(json_string_value(json_array_get(json_object_get(s->spec, "argv"), 0)),
                        "first");
    assert_string_equal(json_string_value(json_object_get(s->spec, "display_name")), "Python3");
    assert_null(jy_kernelspecs_find(&k, "python"));
    jy_kernelspecs_release(&k);
}

static void a_bad_spec_is_told_and_skipped(void **state)
{
    struct tree *t = *state;
    put(t, "one/bad/kernel.json", "{\"argv\":1}");
    put(t, "one/good/kernel.json", GOOD);
    put(t, "two/bad/kernel.json", GOOD); /* the next place's is taken instead */
    struct jy_kernelspecs k;
    scan(&k, t, "one", "two");
    assert_int_equal(k.count, 2);
    assert_int_equal(t->warnings, 1);
    assert_non_null(strstr(t->warned, "one/bad: argv is no array"));
    jy_kernelspecs_release(&k);
    put(t, "one/na me/kernel.json", GOOD);
    put(t, "one/dir/kernel.json/x", GOOD);
    t->warnings = 0;
    scan(&k, t, "one", "three");
    assert_int_equal(k.count, 1);
    assert_int_equal(t->warnings, 3);
    jy_kernelspecs_release(&k);
}

static void resources_are_listed_as_jupyter_server_does(void **state)
{
    struct tree *t = *state;
    put(t, "k/Py/kernel.json", "{\"argv\":[\"{resource_dir}/run\",\"{connection_file}\"]}");
    static const char *const files[] = {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg",
                                        "kernel.js",      "kernel.css",     "logo-odd name.png",
                                        "other.txt",      "kernel.jsx"};
    for (size_t i = 0; i < KG_COUNT(files); i++) {
        kg_autofree char *path = kg_asprintf("k/Py/%s", files[i]);
        put(t, path, "data");
    }
    struct jy_kernelspecs k;
    scan(&k, t, "k", "none");
    json_t *want = json_pack(
        "{s:s, s:s, s:s, s:s, s:s}", "logo-32x32", "/kernelspecs/py/logo-32x32.png", "logo-64x64",
        "/kernelspecs/py/logo-64x64.png", "logo-svg", "/kernelspecs/py/logo-svg.svg", "kernel.js",
        "/kernelspecs/py/kernel.js", "kernel.css", "/kernelspecs/py/kernel.css");
    json_t *model = jy_kernelspec_model(&k.items[0]);
    assert_true(json_equal(json_object_get(model, "resources"), want));
    assert_string_equal(json_string_value(json_object_get(model, "name")), "py");
    json_t *argv = jy_kernelspec_argv(&k.items[0]);
    kg_autofree char *run = kg_asprintf("%s/k/Py/run", t->root);
    assert_string_equal(json_string_value(json_array_get(argv, 0)), run);
    assert_string_equal(json_string_value(json_array_get(argv, 1)), "{connection_file}");
    json_decref(argv);
    json_decref(model);
    json_decref(want);
    jy_kernelspecs_release(&k);
}

static void resources_are_opened_but_nothing_outside(void **state)
{
    struct tree *t = *state;
    put(t, "k/py/kernel.json", GOOD);
    put(t, "k/py/logo-64x64.png", "png!");
    put(t, "k/py/sub/x.js", "js");
    put(t, "k/py/.secret", "s");
    put(t, "k/outside", "o");
    put_link(t, "k/py/out", "../outside");
    put_link(t, "k/py/abs", "/etc/passwd");
    put_link(t, "k/py/up", "..");
    kg_autofree char *fifo = kg_asprintf("%s/k/py/fifo", t->root);
    assert_int_equal(mkfifo(fifo, 0644), 0);
    struct jy_kernelspecs k;
    scan(&k, t, "k", "none");
    static const struct {
        const char *name;
        int rc;
        size_t size;
    } table[] = {
        {"logo-64x64.png", 0, 4},
        {"sub/x.js", 0, 2},
        {"kernel.json", 0, strlen(GOOD)},
        {"none.png", -ENOENT, 0},
        {"sub", -ENOENT, 0},
        {"sub/none", -ENOENT, 0},
        {"kernel.json/x", -ENOENT, 0},
        {"", -EACCES, 0},
        {"..", -EACCES, 0},
        {"../outside", -EACCES, 0},
        {"/etc/passwd", -EACCES, 0},
        {"sub/../../outside", -EACCES, 0},
        {"sub//x.js", -EACCES, 0},
        {"sub/", -EACCES, 0},
        {"./kernel.json", -EACCES, 0},
        {".secret", -EACCES, 0},
        {"out", -EACCES, 0},
        {"abs", -EACCES, 0},
        {"up/outside", -ENOENT, 0},
        {"fifo", -EACCES, 0},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        kg_autoclose int fd = -1;
        size_t size = 0;
        struct kg_err err = {0};
        int rc = jy_kernelspec_open_resource(&k.items[0], table[i].name, &fd, &size, &err);
        if (rc != table[i].rc || size != table[i].size || (rc == 0) != (fd >= 0))
            fail_msg("%s: %d %s", table[i].name, rc, err.text);
    }
    jy_kernelspecs_release(&k);
}

static void specs_can_be_put_without_a_directory(void **state)
{
    (void)state;
    struct jy_kernelspecs k = {0};
    json_t *spec = NULL;
    int fd;
    size_t size;
    assert_int_equal(jy_kernelspec_parse(&spec, sp(GOOD), NULL), 0);
    jy_kernelspecs_put(&k, "Zed", "", spec, NULL);
    jy_kernelspecs_put(&k, "abc", "", spec, NULL);
    jy_kernelspecs_put(&k, "zed", "", spec, NULL);
    json_decref(spec);
    assert_int_equal(k.count, 2);
    assert_string_equal(k.items[0].name, "abc");
    assert_string_equal(k.items[1].name, "zed");
    assert_int_equal(jy_kernelspec_open_resource(&k.items[0], "logo-64x64.png", &fd, &size, NULL),
                     -ENOENT);
    jy_kernelspecs_release(&k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_gets_all_its_members),
        cmocka_unit_test(bad_specs_are_refused_by_name),
        cmocka_unit_test(every_prefix_of_a_spec_is_refused),
        cmocka_unit_test(names_have_a_rule),
        cmocka_unit_test(the_search_path_is_jupyter_cores),
        T(specs_are_found_and_the_first_of_a_name_counts),
        T(a_bad_spec_is_told_and_skipped),
        T(resources_are_listed_as_jupyter_server_does),
        T(resources_are_opened_but_nothing_outside),
        cmocka_unit_test(specs_can_be_put_without_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Paths below a folder, and files that are never seen half written. */
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "notebooks/file.h"

struct fixture {
    char dir[32];
    struct nb_root *root;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = kg_calloc(1, sizeof *f);
    struct kg_err err = {0};
    snprintf(f->dir, sizeof f->dir, "/tmp/nb-place-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    if (nb_root_open(&f->root, f->dir, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(mkdirat(f->root->fd, "d", 0700), 0);
    assert_int_equal(symlinkat("../../etc/passwd", f->root->fd, "d/out"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f->root->fd, "absolute"), 0);
    assert_int_equal(symlinkat("../d/new", f->root->fd, "d/in"), 0);
    assert_int_equal(symlinkat("loop", f->root->fd, "loop"), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nb_root_unref(f->root);
    nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void paths_are_cleaned_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *clean; /* NULL: refused */
    } table[] = {{"", ""},         {"/", ""},      {"a", "a"},     {"/a/b.c/", "a/b.c"},
                 {"a//b", NULL},   {"..", NULL},   {"a/..", NULL}, {"./a", NULL},
                 {"a/../b", NULL}, {"...", "..."}, {"\xff", NULL}, {"\xc3\xa9 x", "\xc3\xa9 x"},
                 {"a/.", NULL},    {".a", ".a"}};
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct kg_err err = {0};
        kg_autofree char *clean = NULL;
        int rc = nb_path_clean(&clean, table[i].path, &err);
        assert_int_equal(rc, table[i].clean ? 0 : -ENOENT);
        if (table[i].clean)
            assert_string_equal(clean, table[i].clean);
    }
    assert_true(nb_path_hidden(".a") && nb_path_hidden("a/.b/c") && !nb_path_hidden("a.b/c."));
}

static void what_leads_out_is_not_there(void **state)
{
    const struct fixture *f = *state;
    static const char *const out[] = {"d/out", "absolute", "loop", "../x", "d/../../x"};
    for (size_t i = 0; i < KG_COUNT(out); i++) {
        struct kg_err err = {0};
        struct nb_place at;
        assert_int_equal(nb_open(f->root, out[i], O_PATH, &err), -ENOENT);
        assert_true(err.text[0]);
        if (strcmp(out[i], "d/../../x") == 0)
            continue; /* its last part has a folder: nb_path_clean has refused it */
        assert_int_equal(nb_place_find(&at, f->root, out[i], true, &err), -ENOENT);
        nb_place_release(&at);
    }
}

static void write_text(const struct fixture *f, const char *path, const char *text)
{
    struct kg_err err = {0};
    struct nb_place at;
    struct nb_writer w;
    assert_int_equal(nb_place_find(&at, f->root, path, true, &err), 0);
    assert_int_equal(nb_writer_begin(&w, &at, &err), 0);
    assert_int_equal(nb_writer_add(&w, text, strlen(text), &err), 0);
    if (nb_writer_commit(&w, f->root, NB_REPLACE, NULL, &err) < 0)
        fail_msg("%s", err.text);
    nb_place_release(&at);
}

static void a_link_within_is_written_through(void **state)
{
    const struct fixture *f = *state;
    struct stat st;
    write_text(f, "d/in", "text");
    assert_int_equal(fstatat(f->root->fd, "d/in", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(fstatat(f->root->fd, "d/new", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_size == 4);
}

static void what_is_given_up_leaves_nothing(void **state)
{
    const struct fixture *f = *state;
    struct kg_err err = {0};
    struct nb_place at;
    struct nb_writer w;
    struct stat st;
    write_text(f, "a", "before");
    assert_int_equal(nb_place_find(&at, f->root, "a", true, &err), 0);
    assert_int_equal(nb_writer_begin(&w, &at, &err), 0);
    assert_int_equal(nb_writer_add(&w, "x", 1, &err), 0);
    assert_int_equal(fstatat(at.dir, w.temp, &st, 0), 0);
    nb_writer_abort(&w);
    assert_int_equal(fstatat(at.dir, w.temp, &st, 0), -1);
    assert_int_equal(nb_writer_begin(&w, &at, &err), 0);
    assert_int_equal(nb_writer_commit(&w, f->root, NB_NEW, NULL, &err), -EEXIST);
    assert_int_equal(fstatat(at.dir, w.temp, &st, 0), -1);
    assert_int_equal(fstatat(at.dir, "a", &st, 0), 0);
    assert_int_equal(st.st_size, 6);
    nb_place_release(&at);
}

static void a_mode_outlives_a_save(void **state)
{
    const struct fixture *f = *state;
    struct stat st;
    write_text(f, "a", "1");
    assert_int_equal(fchmodat(f->root->fd, "a", 0754, 0), 0);
    write_text(f, "a", "2");
    assert_int_equal(fstatat(f->root->fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0754);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned_or_refused),
        cmocka_unit_test_setup_teardown(what_leads_out_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_within_is_written_through, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_up_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mode_outlives_a_save, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pool/boxd/files.h"
#include "pool/boxd/proc.h"
#include "pool/boxd/state.h"

static const struct bd_state living = {
    .box = "0123456789abcdef",
    .image = "python",
    .owner = "0a1b2c3d-0000-4000-8000-00000000000f",
    .boot = "11111111-2222-4333-8444-555555555555",
    .first_id = 1879048192,
    .made_ms = 123456789,
    .living = true,
    .pid = 4711,
    .start_ticks = 987654321,
};

static void a_state_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct bd_state out;
    kg_autobuf text = {0};
    bd_state_write(&text, &living);
    assert_int_equal(bd_state_parse(&out, (const char *)text.data, text.len, NULL), 0);
    assert_string_equal(out.box, living.box);
    assert_string_equal(out.image, living.image);
    assert_string_equal(out.owner, living.owner);
    assert_string_equal(out.boot, living.boot);
    assert_int_equal(out.first_id, living.first_id);
    assert_int_equal(out.made_ms, living.made_ms);
    assert_int_equal(out.pid, living.pid);
    assert_int_equal(out.start_ticks, living.start_ticks);
    assert_true(out.living);
}

static void a_cut_or_wrong_state_is_refused(void **state)
{
    (void)state;
    struct bd_state out, bad;
    kg_autobuf text = {0};
    bd_state_write(&text, &living);
    for (size_t n = 0; n < text.len; n++)
        assert_int_equal(bd_state_parse(&out, (const char *)text.data, n, NULL), -EPROTO);
    bad = living;
    bad.pid = 0; /* living, but nobody */
    kg_buf_clear(&text);
    bd_state_write(&text, &bad);
    assert_int_equal(bd_state_parse(&out, (const char *)text.data, text.len, NULL), -EPROTO);
    bad = living;
    strcpy(bad.box, "../../../etc/pas");
    kg_buf_clear(&text);
    bd_state_write(&text, &bad);
    assert_int_equal(bd_state_parse(&out, (const char *)text.data, text.len, NULL), -EPROTO);
}

static void the_start_time_is_found_behind_any_name(void **state)
{
    (void)state;
    char letter;
    uint64_t ticks = 0;
#define REST " 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
    assert_int_equal(bd_proc_parse_stat("77 (sh) S" REST "5555 9 9\n", &letter, &ticks), 0);
    assert_int_equal(letter, 'S');
    assert_int_equal(ticks, 5555);
    assert_int_equal(bd_proc_parse_stat("77 (a) Z 1 (b)) R" REST "6666 9\n", &letter, &ticks), 0);
    assert_int_equal(letter, 'R');
    assert_int_equal(ticks, 6666);
    static const char *const bad[] = {
        "", "77", "77 (sh", "77 (sh)", "77 (sh) ", "77 (sh) S 1 2 3", "77 (sh) S" REST "x"};
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_int_equal(bd_proc_parse_stat(bad[i], &letter, &ticks), -EPROTO);
}

static void a_process_is_not_taken_for_another(void **state)
{
    (void)state;
    uint64_t ticks;
    assert_int_equal(bd_proc_start(getpid(), &ticks, NULL), 0);
    int fd = bd_proc_open(getpid(), ticks, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(bd_proc_open(getpid(), ticks + 1, NULL), -ESRCH);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_int_equal(bd_proc_start(child, &ticks, NULL), -ESRCH); /* a zombie is nobody */
    waitpid(child, NULL, 0);
}

static void mount_points_are_read_with_their_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *point;
    } cases[] = {
        {"30 24 0:26 / /a/b rw - tmpfs x rw\n", "/a/b"},
        {"30 24 0:26 / /a\\040b\\134 rw - tmpfs x rw\n", "/a b\\"},
        {"30 24 0:26 / /a\\9 rw", "/a\\9"},
        {"30 24 0:26 /", NULL},
        {"30 24 0:26 / /a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        kg_autobuf out = {0};
        int rc = bd_mountinfo_point(&out, cases[i].line, strlen(cases[i].line));
        assert_int_equal(rc, cases[i].point ? 0 : -EPROTO);
        if (cases[i].point)
            assert_string_equal(kg_buf_cstr(&out), cases[i].point);
    }
}

static void a_tree_is_removed_without_following_links(void **state)
{
    (void)state;
    char top[] = "/tmp/kgw-tree-XXXXXX", path[128];
    assert_non_null(mkdtemp(top));
    static const char *const dirs[] = {"in", "in/a", "in/a/b", "out"};
    for (size_t i = 0; i < KG_COUNT(dirs); i++) {
        snprintf(path, sizeof(path), "%s/%s", top, dirs[i]);
        assert_int_equal(bd_dir_make(path, 0755, getuid(), getgid(), NULL), 0);
    }
    snprintf(path, sizeof(path), "%s/out/kept", top);
    assert_int_equal(bd_file_replace(path, "x", 1, 0600, NULL), 0);
    snprintf(path, sizeof(path), "%s/in/a/link", top);
    assert_int_equal(symlink("../../out", path), 0);
    snprintf(path, sizeof(path), "%s/in", top);
    assert_int_equal(bd_tree_remove(path, NULL), 0);
    assert_int_equal(bd_tree_remove(path, NULL), 0);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/out/kept", top);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(bd_tree_remove(top, NULL), 0);
}

static void a_file_too_large_is_not_read(void **state)
{
    (void)state;
    char path[] = "/tmp/kgw-file-XXXXXX";
    kg_autobuf out = {0};
    close(mkstemp(path));
    assert_int_equal(bd_file_replace(path, "12345", 5, 0600, NULL), 0);
    assert_int_equal(bd_file_read(&out, path, 4, NULL), -EFBIG);
    assert_int_equal(bd_file_read(&out, path, 5, NULL), 0);
    assert_string_equal(kg_buf_cstr(&out), "12345");
    unlink(path);
    assert_int_equal(bd_file_read(&out, path, 5, NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_read_as_it_was_written),
        cmocka_unit_test(a_cut_or_wrong_state_is_refused),
        cmocka_unit_test(the_start_time_is_found_behind_any_name),
        cmocka_unit_test(a_process_is_not_taken_for_another),
        cmocka_unit_test(mount_points_are_read_with_their_escapes),
        cmocka_unit_test(a_tree_is_removed_without_following_links),
        cmocka_unit_test(a_file_too_large_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

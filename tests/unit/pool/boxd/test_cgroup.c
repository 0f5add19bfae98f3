/* Control groups on directories that only look like them: every kind of machine on any machine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pool/boxd/cgroup.h"
#include "pool/boxd/files.h"

static char top[64];

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/kgw-cgroup-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return bd_tree_remove(top, NULL);
}

/* A file at top/path, with the directories on its way. */
static void file(const char *path, const char *text)
{
    kg_autofree char *whole = kg_asprintf("%s/%s", top, path);
    for (char *p = whole + strlen(top) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(whole, 0755);
        *p = '/';
    }
    assert_int_equal(bd_file_replace(whole, text, strlen(text), 0644, NULL), 0);
}

static const char *content(const char *path)
{
    static char text[256];
    kg_autofree char *whole = kg_asprintf("%s/%s", top, path);
    kg_autobuf b = {0};
    assert_int_equal(bd_file_read(&b, whole, 255, NULL), 0);
    snprintf(text, sizeof(text), "%s", kg_buf_cstr(&b));
    return text;
}

static void mountinfo(struct kg_buf *out, const char *at, const char *type, const char *options)
{
    kg_buf_printf(out, "30 24 0:26 / %s/%s rw,nosuid shared:5 - %s cgroup rw,%s\n", top, at, type,
                  options);
}

/* Version 1, as this machine may have it: controllers alone, two together, a name, and version 2 beside. */
static void find_mixed(struct bd_cgroups *c)
{
    kg_autobuf text = {0};
    struct kg_err err = {0};
    kg_buf_add_str(&text, "22 27 0:21 / /proc rw - proc proc rw\n");
    mountinfo(&text, "cpu", "cgroup", "cpu,cpuacct");
    mountinfo(&text, "memory", "cgroup", "memory");
    mountinfo(&text, "memory-again", "cgroup", "memory");
    mountinfo(&text, "pids", "cgroup", "pids");
    mountinfo(&text, "freezer", "cgroup", "freezer");
    mountinfo(&text, "systemd", "cgroup", "xattr,name=systemd");
    mountinfo(&text, "unified", "cgroup2", "nsdelegate");
    if (bd_cgroups_find(c, kg_buf_cstr(&text), "a/b", &err) < 0)
        fail_msg("%s", err.text);
}

static void find_v2(struct bd_cgroups *c)
{
    kg_autobuf text = {0};
    struct kg_err err = {0};
    mountinfo(&text, "v2", "cgroup2", "nsdelegate,memory_recursiveprot");
    if (bd_cgroups_find(c, kg_buf_cstr(&text), "a/b", &err) < 0)
        fail_msg("%s", err.text);
}

static void hierarchies_are_found_once_each(void **state)
{
    (void)state;
    struct bd_cgroups c;
    file("memory/memory.memsw.limit_in_bytes", "1");
    find_mixed(&c);
    assert_int_equal(c.count, 6);
    assert_false(c.only_v2);
    assert_true(c.has_swap);
    assert_int_equal(c.list[0].has, BD_CG_CPU | BD_CG_CPUACCT);
    assert_int_equal(c.list[c.helpers].has, BD_CG_PIDS);
    bd_cgroups_release(&c);
    find_v2(&c);
    assert_int_equal(c.count, 1);
    assert_true(c.only_v2);
    bd_cgroups_release(&c);
}

static void a_machine_that_cannot_limit_is_refused(void **state)
{
    (void)state;
    struct bd_cgroups c;
    struct kg_err err = {0};
    static const char text[] = "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                               "31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    assert_int_equal(bd_cgroups_find(&c, text, "x", &err), -ENOTSUP);
    assert_int_equal(bd_cgroups_find(&c, "", "x", &err), -ENOTSUP);
    assert_int_equal(bd_cgroups_find(&c, "garbage - cgroup\n - cgroup2 x y\n1 2 3 4", "x", &err),
                     -ENOTSUP);
}

static void version_1_is_read_and_limited(void **state)
{
    (void)state;
    struct bd_cgroups c;
    struct bd_stats s;
    struct kg_err err = {0};
    file("memory/memory.memsw.limit_in_bytes", "1");
    file("memory/a/b/box/memory.usage_in_bytes", "1048576\n");
    file("memory/a/b/box/memory.max_usage_in_bytes", "2097152\n");
    file("memory/a/b/box/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    file("memory/a/b/box/memory.limit_in_bytes", "134217728\n");
    file("memory/a/b/box/memory.memsw.limit_in_bytes", "134217728\n");
    file("pids/a/b/box/pids.max", "");
    file("cpu/a/b/box/cpuacct.usage", "1234567890\n");
    file("cpu/a/b/box/cpu.cfs_quota_us", "");
    file("cpu/a/b/box/cpu.shares", "");
    file("pids/a/b/box/pids.current", "5\n");
    find_mixed(&c);
    assert_int_equal(bd_cgroup_stats(&c, "box", &s, &err), 0);
    assert_int_equal(s.memory_bytes, 1048576);
    assert_int_equal(s.memory_peak_bytes, 2097152);
    assert_int_equal(s.oom_kills, 3);
    assert_int_equal(s.pids, 5);
    assert_int_equal(s.cpu_ms, 1234);
    assert_int_equal(bd_cgroup_set_cpu(&c, "box", 1500, &err), 0);
    assert_string_equal(content("cpu/a/b/box/cpu.cfs_quota_us"), "150000");
    assert_int_equal(bd_cgroup_set_weight(&c, "box", 10, &err), 0);
    assert_string_equal(content("cpu/a/b/box/cpu.shares"), "102");
    assert_int_equal(bd_cgroup_shares(&c, 100), 1024); /* what a group has that nobody set */
    assert_int_equal(bd_cgroup_shares(&c, 1), 10);
    assert_int_equal(bd_cgroup_set_memory(&c, "box", 64, &err), 0);
    assert_memory_equal(content("memory/a/b/box/memory.limit_in_bytes"), "67108864", 8);
    assert_memory_equal(content("memory/a/b/box/memory.memsw.limit_in_bytes"), "67108864", 8);
    assert_int_equal(bd_cgroup_set_pids(&c, "box", 77, &err), 0);
    assert_string_equal(content("pids/a/b/box/pids.max"), "77");
    kg_autofree char *kills = bd_cgroup_memory_events(&c, "box");
    assert_non_null(strstr(kills, "memory/a/b/box/memory.oom_control"));
    assert_int_equal(bd_cgroup_stats(&c, "other", &s, &err), -ENOENT);
    assert_int_equal(bd_cgroup_set_cpu(&c, "other", 1500, &err), -ENOENT);
    bd_cgroups_release(&c);
}

static void version_2_is_read_and_limited(void **state)
{
    (void)state;
    struct bd_cgroups c;
    struct bd_stats s;
    struct kg_err err = {0};
    file("v2/a/b/box/memory.current", "1048576\n");
    file("v2/a/b/box/memory.events",
         "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n");
    file("v2/a/b/box/memory.max", "max\n");
    file("v2/a/b/box/cpu.stat", "usage_usec 7654321\nuser_usec 1\n");
    file("v2/a/b/box/cpu.max", "max 100000\n");
    file("v2/a/b/box/cpu.weight", "100\n");
    file("v2/a/b/box/pids.current", "9\n");
    find_v2(&c);
    assert_int_equal(bd_cgroup_stats(&c, "box", &s, &err), 0);
    assert_int_equal(s.memory_bytes, 1048576);
    assert_int_equal(s.memory_peak_bytes, 0); /* no memory.peak before Linux 5.19 */
    assert_int_equal(s.oom_kills, 2);
    assert_int_equal(s.pids, 9);
    assert_int_equal(s.cpu_ms, 7654);
    file("v2/a/b/box/memory.peak", "4096\n");
    assert_int_equal(bd_cgroup_stats(&c, "box", &s, &err), 0);
    assert_int_equal(s.memory_peak_bytes, 4096);
    assert_int_equal(bd_cgroup_set_cpu(&c, "box", 250, &err), 0);
    assert_memory_equal(content("v2/a/b/box/cpu.max"), "25000 100000", 12);
    assert_int_equal(bd_cgroup_set_weight(&c, "box", 10, &err), 0);
    assert_memory_equal(content("v2/a/b/box/cpu.weight"), "10", 2);
    for (uint32_t weight = 1; weight <= 10000; weight++) /* as runc and crun read it */
        assert_int_equal(1 + ((uint64_t)bd_cgroup_shares(&c, weight) - 2) * 9999 / 262142, weight);
    assert_int_equal(bd_cgroup_set_memory(&c, "box", 64, &err), 0);
    assert_memory_equal(content("v2/a/b/box/memory.max"), "67108864", 8);
    file("v2/a/b/box/memory.current", "33554433\n"); /* the kernel would kill for it */
    assert_int_equal(bd_cgroup_set_memory(&c, "box", 32, &err), -EBUSY);
    assert_memory_equal(content("v2/a/b/box/memory.max"), "67108864", 8);
    kg_autofree char *kills = bd_cgroup_memory_events(&c, "box");
    assert_non_null(strstr(kills, "v2/a/b/box/memory.events"));
    file("v2/a/b/box/pids.current", "many\n");
    assert_int_equal(bd_cgroup_stats(&c, "box", &s, &err), -EPROTO);
    bd_cgroups_release(&c);
}

static void collect(void *user, const char *name)
{
    kg_buf_printf(user, "%s ", name);
}

static void groups_are_made_listed_and_removed(void **state)
{
    (void)state;
    struct bd_cgroups c;
    struct kg_err err = {0};
    kg_autobuf names = {0};
    static const char *const mounts[] = {"cpu", "memory", "pids", "freezer", "systemd", "unified"};
    find_mixed(&c);
    for (size_t i = 0; i < KG_COUNT(mounts); i++) {
        kg_autofree char *path = kg_asprintf("%s/%s", top, mounts[i]);
        mkdir(path, 0755);
    }
    int fd = bd_cgroups_parent(&c, &err);
    assert_true(fd >= 0);
    close(fd);
    /* Real groups are empty directories to rmdir; the same is made here, one level deep, in two hierarchies. */
    static const char *const made[] = {"pids/a/b/one", "pids/a/b/one/below", "cpu/a", "cpu/a/b",
                                       "cpu/a/b/one"};
    for (size_t i = 0; i < KG_COUNT(made); i++) {
        kg_autofree char *path = kg_asprintf("%s/%s", top, made[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    bd_cgroups_each(&c, "", collect, &names);
    assert_string_equal(kg_buf_cstr(&names), "one one ");
    assert_int_equal(bd_cgroup_kill(&c, "one"), 0);
    assert_int_equal(bd_cgroup_remove(&c, "one", &err), 0);
    assert_int_equal(bd_cgroup_remove(&c, "one", &err), 0);
    kg_buf_clear(&names);
    bd_cgroups_each(&c, "", collect, &names);
    assert_int_equal(names.len, 0);
    bd_cgroups_leave(&c);
    kg_autofree char *parent = kg_asprintf("%s/pids/a/b", top);
    assert_int_equal(access(parent, F_OK), -1);
    bd_cgroups_release(&c);
}

int main(void)
{
#define WITH_TOP(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_TOP(hierarchies_are_found_once_each),
        WITH_TOP(a_machine_that_cannot_limit_is_refused),
        WITH_TOP(version_1_is_read_and_limited),
        WITH_TOP(version_2_is_read_and_limited),
        WITH_TOP(groups_are_made_listed_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pool/boxd/limits.h"
#include "pool/boxd/oci.h"
#include "pool/boxd/seccomp.h"

static const struct bd_oci plain = {
    .box = "0123456789abcdef",
    .rootfs = "/images/python/rootfs",
    .agent_dir = "/run/x/agent",
    .link_dir = "/run/x/box/0123456789abcdef/link",
    .memory_file = "/sys/fs/cgroup/memory/x/0123456789abcdef/memory.oom_control",
    .netns = "/proc/7/fd/12",
    .cgroup = "/kernelgw/0123456789abcdef",
    .first_id = 1879048192,
    .memory_mb = 128,
    .limit_swap = true,
    .cpu_milli = 500,
    .pids = 64,
    .tmp_mb = 48,
    .tmp_inodes = 4096,
    .nofile_max = 20000,
    .nproc_max = 63000,
    .memlock_max = INT64_MAX,
    .sigpending_max = INT64_MAX,
};

static json_t *written(const struct bd_oci *spec)
{
    kg_autobuf text = {0};
    json_error_t err;
    bd_oci_write(&text, spec);
    json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &err);
    if (!o)
        fail_msg("config.json is not JSON: %s", err.text);
    return o;
}

/* The value at "a.b.0.c". */
static json_t *at(json_t *o, const char *path)
{
    char copy[128], *save = NULL;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
        o = json_is_array(o) ? json_array_get(o, (size_t)atoi(key)) : json_object_get(o, key);
    if (!o)
        fail_msg("config.json has no %s", path);
    return o;
}

static const char *str(json_t *o, const char *path)
{
    const char *s = json_string_value(at(o, path));
    assert_non_null(s);
    return s;
}

static json_int_t num(json_t *o, const char *path)
{
    assert_true(json_is_integer(at(o, path)));
    return json_integer_value(at(o, path));
}

static bool has(json_t *array, const char *word)
{
    size_t i;
    json_t *v;
    json_array_foreach(array, i, v)
        if (json_is_string(v) && strcmp(json_string_value(v), word) == 0)
            return true;
    return false;
}

static json_t *mount_at(json_t *o, const char *destination)
{
    size_t i;
    json_t *v;
    json_array_foreach(at(o, "mounts"), i, v)
        if (strcmp(str(v, "destination"), destination) == 0)
            return v;
    return NULL;
}

static void the_agent_has_three_capabilities_and_no_way_to_more(void **state)
{
    (void)state;
    json_t *o = written(&plain);
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    for (size_t i = 0; i < KG_COUNT(sets); i++) {
        char path[64];
        snprintf(path, sizeof(path), "process.capabilities.%s", sets[i]);
        assert_int_equal(json_array_size(at(o, path)), 3);
        assert_true(has(at(o, path), "CAP_SETUID") && has(at(o, path), "CAP_SETGID") &&
                    has(at(o, path), "CAP_KILL"));
    }
    assert_int_equal(json_array_size(at(o, "process.capabilities.inheritable")), 0);
    assert_int_equal(json_array_size(at(o, "process.capabilities.ambient")), 0);
    assert_true(json_is_true(at(o, "process.noNewPrivileges")));
    assert_true(json_is_true(at(o, "root.readonly")));
    assert_int_equal(num(o, "process.oomScoreAdj"), 0);
    assert_int_equal(num(o, "process.user.additionalGids.0"), BD_LINK_GID);
    assert_string_equal(str(o, "process.args.4"), plain.box);
    json_decref(o);
}

static void ids_and_limits_are_the_ones_asked_for(void **state)
{
    (void)state;
    json_t *o = written(&plain);
    assert_int_equal(num(o, "linux.uidMappings.0.hostID"), plain.first_id);
    assert_int_equal(num(o, "linux.gidMappings.0.hostID"), plain.first_id);
    assert_int_equal(num(o, "linux.gidMappings.0.size"), 65536);
    assert_int_equal(num(o, "linux.resources.memory.limit"), 128 << 20);
    assert_int_equal(num(o, "linux.resources.memory.swap"), 128 << 20);
    assert_int_equal(num(o, "linux.resources.cpu.quota"), 50000);
    assert_int_equal(num(o, "linux.resources.cpu.period"), 100000);
    assert_int_equal(num(o, "linux.resources.pids.limit"), 64);
    assert_true(json_is_false(at(o, "linux.resources.devices.0.allow")));
    assert_string_equal(str(o, "linux.cgroupsPath"), plain.cgroup);
    json_decref(o);

    struct bd_oci spec = plain;
    spec.limit_swap = false; /* a machine that doesn't count swap refuses the field */
    spec.nofile_max = 512;
    o = written(&spec);
    assert_null(json_object_get(at(o, "linux.resources.memory"), "swap"));
    assert_string_equal(str(o, "process.rlimits.0.type"), "RLIMIT_NOFILE");
    assert_int_equal(num(o, "process.rlimits.0.hard"), 512);
    json_decref(o);
}

static void every_namespace_is_the_boxs_own(void **state)
{
    (void)state;
    json_t *o = written(&plain), *v;
    static const char *const types[] = {"pid", "mount", "ipc", "uts", "cgroup", "user", "network"};
    size_t found = 0, i;
    json_array_foreach(at(o, "linux.namespaces"), i, v) {
        for (size_t k = 0; k < KG_COUNT(types); k++)
            found += strcmp(str(v, "type"), types[k]) == 0;
        if (strcmp(str(v, "type"), "network") == 0)
            assert_string_equal(str(v, "path"), plain.netns);
        else
            assert_null(json_object_get(v, "path"));
    }
    assert_int_equal(found, KG_COUNT(types));
    assert_null(mount_at(o, "/sys"));
    json_decref(o);
}

static void mounts_are_guarded(void **state)
{
    (void)state;
    json_t *o = written(&plain);
    static const char *const tmpfs[] = {"/work", "/tmp", "/run/kernel", "/dev/shm"};
    for (size_t i = 0; i < KG_COUNT(tmpfs); i++) {
        json_t *options = at(mount_at(o, tmpfs[i]), "options");
        assert_true(has(options, "nosuid") && has(options, "nodev"));
        assert_int_equal(has(options, "noexec"), i >= 2);
    }
    static const char *const binds[] = {"/kgw", "/run/kgw", "/run/kgw/memory"};
    for (size_t i = 0; i < KG_COUNT(binds); i++) {
        json_t *options = at(mount_at(o, binds[i]), "options");
        assert_true(has(options, "ro") && has(options, "nosuid") && has(options, "nodev"));
    }
    json_decref(o);
}

static void tmpfs_together_never_exceed_the_whole(void **state)
{
    (void)state;
    static const uint32_t whole[][2] = {
        {4, 256}, {5, 257}, {48, 4096}, {1023, 100003}, {16384, 4194304}};
    for (size_t i = 0; i < KG_COUNT(whole); i++) {
        struct bd_tmpfs t[BD_TMPFS_COUNT];
        uint64_t kib = 0, inodes = 0;
        bd_tmpfs_split(t, whole[i][0], whole[i][1]);
        for (size_t k = 0; k < BD_TMPFS_COUNT; k++) {
            assert_true(t[k].kib >= 64 &&
                        t[k].kib % 4 == 0); /* whole pages, or the kernel rounds up */
            assert_true(t[k].inodes >= 16);
            kib += t[k].kib;
            inodes += t[k].inodes;
        }
        assert_int_equal(kib, whole[i][0] * 1024);
        assert_int_equal(inodes, whole[i][1]);
    }
}

/* The rules for one call, as a new array. */
static json_t *rules_for(json_t *o, const char *name)
{
    json_t *found = json_array(), *v;
    size_t i;
    json_array_foreach(at(o, "linux.seccomp.syscalls"), i, v)
        if (has(at(v, "names"), name))
            json_array_append(found, v);
    return found;
}

static void system_calls_are_refused_unless_listed(void **state)
{
    (void)state;
    json_t *o = written(&plain);
    assert_string_equal(str(o, "linux.seccomp.defaultAction"), "SCMP_ACT_ERRNO");
    assert_int_equal(num(o, "linux.seccomp.defaultErrnoRet"), 1);
    assert_int_equal(json_array_size(at(o, "linux.seccomp.architectures")), 1);
    static const char *const never[] = {
        "mount",           "umount2",          "unshare",
        "setns",           "pivot_root",       "chroot",
        "ptrace",          "process_vm_readv", "bpf",
        "perf_event_open", "userfaultfd",      "keyctl",
        "add_key",         "io_uring_setup",   "open_by_handle_at",
        "fsopen",          "open_tree",        "move_mount",
        "kexec_load",      "init_module",      "memfd_secret",
        "modify_ldt",      "pidfd_getfd",
    };
    for (size_t i = 0; i < KG_COUNT(never); i++) {
        json_t *rules = rules_for(o, never[i]);
        assert_int_equal(json_array_size(rules), 0);
        assert_false(bd_seccomp_allows(never[i]));
        json_decref(rules);
    }
    /* What the agent lives on. */
    static const char *const always[] = {"setuid",  "setgid",     "setgroups", "setresuid",
                                         "seccomp", "prctl",      "kill",      "execve",
                                         "openat2", "pidfd_open", "connect"};
    for (size_t i = 0; i < KG_COUNT(always); i++)
        assert_true(bd_seccomp_allows(always[i]));
    static const char *const missing[] = {"clone3", "io_setup", "inotify_init", "inotify_init1"};
    for (size_t i = 0; i < KG_COUNT(missing); i++) {
        json_t *rules = rules_for(o, missing[i]);
        assert_int_equal(json_array_size(rules), 1);
        assert_int_equal(num(rules, "0.errnoRet"), 38);
        json_decref(rules);
    }
    json_t *clone = rules_for(o, "clone");
    assert_int_equal(num(clone, "0.args.0.value"), 0x7E020000);
    json_t *sockets = rules_for(o, "socket"), *v;
    size_t i;
    json_array_foreach(sockets, i, v) {
        json_int_t family = num(v, "args.0.value");
        assert_true(family == 1 || family == 2 || family == 10 || family == 16);
    }
    json_decref(clone);
    json_decref(sockets);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_agent_has_three_capabilities_and_no_way_to_more),
        cmocka_unit_test(ids_and_limits_are_the_ones_asked_for),
        cmocka_unit_test(every_namespace_is_the_boxs_own),
        cmocka_unit_test(mounts_are_guarded),
        cmocka_unit_test(tmpfs_together_never_exceed_the_whole),
        cmocka_unit_test(system_calls_are_refused_unless_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

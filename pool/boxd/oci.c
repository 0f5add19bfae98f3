#include "pool/boxd/oci.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "pool/boxd/limits.h"
#include "pool/boxd/seccomp.h"

/* What the agent needs to run user code under another id and to end it; nothing else, for nobody. */
static const char *const capabilities[] = {"CAP_SETUID", "CAP_SETGID", "CAP_KILL"};

static const char *const masked[] = {
    "/proc/acpi",          "/proc/asound",      "/proc/interrupts", "/proc/kcore",
    "/proc/keys",          "/proc/sched_debug", "/proc/scsi",       "/proc/timer_list",
    "/proc/latency_stats", "/proc/timer_stats",
};
static const char *const readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};
static const char *const namespaces[] = {"pid", "mount", "ipc", "uts", "cgroup", "user"};

static void strings(struct kg_json *j, const char *key, const char *const *list, size_t n)
{
    kg_json_key(j, key);
    kg_json_array_begin(j);
    for (size_t i = 0; i < n; i++)
        kg_json_str(j, list[i]);
    kg_json_array_end(j);
}

void bd_tmpfs_split(struct bd_tmpfs out[BD_TMPFS_COUNT], uint32_t tmp_mb, uint32_t tmp_inodes)
{
    uint32_t kib = tmp_mb * 1024, page = ~3U;
    uint32_t kernel =
        (kib / 16 < 1024 ? kib / 16 : 1024) & page; /* sockets and a connection file */
    uint32_t shm = (kib / 8) & page;
    uint32_t tmp = (kib * 3 / 8) & page;
    uint32_t kernel_inodes = tmp_inodes / 16 < 256 ? tmp_inodes / 16 : 256;
    uint32_t shm_inodes = tmp_inodes / 16;
    uint32_t tmp_files = (uint32_t)((uint64_t)tmp_inodes * 3 / 8);
    out[0] = (struct bd_tmpfs){"/run/kernel", kernel, kernel_inodes, "0710", true, false};
    out[1] = (struct bd_tmpfs){"/dev/shm", shm, shm_inodes, "1777", false, false};
    out[2] = (struct bd_tmpfs){"/tmp", tmp, tmp_files, "1777", false, true};
    out[3] = (struct bd_tmpfs){"/work",
                               kib - kernel - shm - tmp,
                               tmp_inodes - kernel_inodes - shm_inodes - tmp_files,
                               "0755",
                               true,
                               true};
}

static void rlimit(struct kg_json *j, const char *type, uint64_t value)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "type", type);
    kg_json_kint(j, "soft", (int64_t)value);
    kg_json_kint(j, "hard", (int64_t)value);
    kg_json_object_end(j);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void process(struct kg_json *j, const struct bd_oci *spec)
{
    const char *args[] = {"/kgw/agent", "--link", "/run/kgw/link", "--box",       spec->box,
                          "--work",     "/work",  "--kernel-dir",  "/run/kernel", "--uid",
                          "1000",       "--gid",  "1000"};
    static const char *const env[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/work",
        "LANG=C.UTF-8",
    };
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    kg_json_key(j, "process");
    kg_json_object_begin(j);
    kg_json_kbool(j, "terminal", false);
    kg_json_key(j, "user");
    kg_json_object_begin(j);
    kg_json_kint(j, "uid", 0);
    kg_json_kint(j, "gid", 0);
    kg_json_key(j, "additionalGids");
    kg_json_array_begin(j);
    kg_json_int(j, BD_LINK_GID);
    /* to connect to kernels' sockets, which user code makes for its own group: no capability does that */
    kg_json_int(j, BD_USER_ID);
    kg_json_array_end(j);
    kg_json_object_end(j);
    strings(j, "args", args, sizeof(args) / sizeof(args[0]));
    strings(j, "env", env, sizeof(env) / sizeof(env[0]));
    kg_json_kstr(j, "cwd", "/");
    kg_json_key(j, "capabilities");
    kg_json_object_begin(j);
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        strings(j, sets[i], capabilities, sizeof(capabilities) / sizeof(capabilities[0]));
    strings(j, "inheritable", NULL, 0);
    strings(j, "ambient", NULL, 0);
    kg_json_object_end(j);
    /* All given, always: an inherited one may be above what this machine lets a box have. */
    kg_json_key(j, "rlimits");
    kg_json_array_begin(j);
    rlimit(j, "RLIMIT_NOFILE", least(1024, spec->nofile_max));
    rlimit(j, "RLIMIT_CORE", 0);
    /* Processes are counted by the cgroup, whose limit can be moved; this one only must not be in its way. */
    rlimit(j, "RLIMIT_NPROC", least(BD_PIDS_MAX, spec->nproc_max));
    rlimit(j, "RLIMIT_FSIZE", (uint64_t)spec->memory_mb << 20);
    rlimit(j, "RLIMIT_MEMLOCK", least(65536, spec->memlock_max));
    rlimit(j, "RLIMIT_MSGQUEUE", 819200);
    /* Timers and queued signals: what all boxes have is also counted as root's, who made their namespaces. */
    rlimit(j, "RLIMIT_SIGPENDING", least(256, spec->sigpending_max));
    kg_json_array_end(j);
    kg_json_kbool(j, "noNewPrivileges", true);
    kg_json_kint(j, "oomScoreAdj", 0);
    kg_json_object_end(j);
}

static void mount_begin(struct kg_json *j, const char *destination, const char *type,
                        const char *source)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "destination", destination);
    kg_json_kstr(j, "type", type);
    kg_json_kstr(j, "source", source);
    kg_json_key(j, "options");
    kg_json_array_begin(j);
}

static void mount_end(struct kg_json *j)
{
    kg_json_array_end(j);
    kg_json_object_end(j);
}

static void mount_plain(struct kg_json *j, const char *destination, const char *type,
                        const char *source, const char *const *options)
{
    mount_begin(j, destination, type, source);
    for (; *options; options++)
        kg_json_str(j, *options);
    mount_end(j);
}

static void option(struct kg_json *j, const char *name, uint32_t value)
{
    char text[64];
    snprintf(text, sizeof(text), "%s%u", name, value);
    kg_json_str(j, text);
}

static void mount_tmpfs(struct kg_json *j, const struct bd_tmpfs *t)
{
    char text[64];
    mount_begin(j, t->path, "tmpfs", "tmpfs");
    kg_json_str(j, "nosuid");
    kg_json_str(j, "nodev");
    if (!t->exec)
        kg_json_str(j, "noexec");
    snprintf(text, sizeof(text), "mode=%s", t->mode);
    kg_json_str(j, text);
    snprintf(text, sizeof(text), "size=%uk", t->kib);
    kg_json_str(j, text);
    option(j, "nr_inodes=", t->inodes); /* without it inodes alone can use up the box's memory */
    if (t->user) {
        option(j, "uid=", BD_USER_ID);
        option(j, "gid=", BD_USER_ID);
    }
    mount_end(j);
}

static void mounts(struct kg_json *j, const struct bd_oci *spec)
{
    static const char *const proc[] = {"nosuid", "noexec", "nodev", NULL};
    /* Device nodes are bound from outside, so nodev would only break them; the devices cgroup guards. */
    static const char *const dev[] = {"nosuid",   "noexec",       "mode=755",
                                      "size=64k", "nr_inodes=64", NULL};
    /* The kernel counts all terminals of the machine together, so one box must not have them all. */
    static const char *const pts[] = {"nosuid",    "noexec", "newinstance", "ptmxmode=0666",
                                      "mode=0620", "gid=5",  "max=16",      NULL};
    static const char *const agent[] = {"bind", "ro", "nosuid", "nodev", NULL};
    static const char *const link[] = {"bind", "ro", "nosuid", "nodev", "noexec", NULL};
    struct bd_tmpfs tmpfs[BD_TMPFS_COUNT];
    bd_tmpfs_split(tmpfs, spec->tmp_mb, spec->tmp_inodes);
    kg_json_key(j, "mounts");
    kg_json_array_begin(j);
    mount_plain(j, "/proc", "proc", "proc", proc);
    mount_plain(j, "/dev", "tmpfs", "tmpfs", dev);
    mount_plain(j, "/dev/pts", "devpts", "devpts", pts);
    for (size_t i = 0; i < BD_TMPFS_COUNT; i++)
        mount_tmpfs(j, &tmpfs[i]);
    mount_plain(j, "/kgw", "bind", spec->agent_dir, agent);
    mount_plain(j, "/run/kgw", "bind", spec->link_dir, link);
    if (spec->memory_file) /* the runtime makes the cgroup before it looks at mounts */
        mount_plain(j, "/run/kgw/memory", "bind", spec->memory_file, link);
    if (spec->resolv)
        mount_plain(j, "/etc/resolv.conf", "bind", spec->resolv, link);
    kg_json_array_end(j);
}

static void resources(struct kg_json *j, const struct bd_oci *spec)
{
    int64_t bytes = (int64_t)spec->memory_mb << 20;
    kg_json_key(j, "resources");
    kg_json_object_begin(j);
    kg_json_key(j, "devices");
    kg_json_array_begin(j);
    kg_json_object_begin(j);
    kg_json_kbool(j, "allow", false);
    kg_json_kstr(j, "access", "rwm");
    kg_json_object_end(j);
    kg_json_array_end(j);
    kg_json_key(j, "memory");
    kg_json_object_begin(j);
    kg_json_kint(j, "limit", bytes);
    if (spec->limit_swap)
        kg_json_kint(j, "swap", bytes); /* memory and swap together: no swap at all */
    kg_json_object_end(j);
    kg_json_key(j, "cpu");
    kg_json_object_begin(j);
    kg_json_kint(j, "quota", (int64_t)spec->cpu_milli * 100);
    kg_json_kint(j, "period", 100000);
    if (spec->cpu_shares)
        kg_json_kint(j, "shares", spec->cpu_shares);
    kg_json_object_end(j);
    kg_json_key(j, "pids");
    kg_json_object_begin(j);
    kg_json_kint(j, "limit", spec->pids);
    kg_json_object_end(j);
    kg_json_object_end(j);
}

static void id_range(struct kg_json *j, const char *key, uint32_t first)
{
    kg_json_key(j, key);
    kg_json_array_begin(j);
    kg_json_object_begin(j);
    kg_json_kint(j, "containerID", 0);
    kg_json_kint(j, "hostID", first);
    kg_json_kint(j, "size", BD_IDS_PER_BOX);
    kg_json_object_end(j);
    kg_json_array_end(j);
}

static void linux_part(struct kg_json *j, const struct bd_oci *spec)
{
    kg_json_key(j, "linux");
    kg_json_object_begin(j);
    id_range(j, "uidMappings", spec->first_id);
    id_range(j, "gidMappings", spec->first_id);
    resources(j, spec);
    kg_json_kstr(j, "cgroupsPath", spec->cgroup);
    kg_json_key(j, "namespaces");
    kg_json_array_begin(j);
    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
        kg_json_object_begin(j);
        kg_json_kstr(j, "type", namespaces[i]);
        kg_json_object_end(j);
    }
    kg_json_object_begin(j);
    kg_json_kstr(j, "type", "network");
    kg_json_kstr(j, "path", spec->netns);
    kg_json_object_end(j);
    kg_json_array_end(j);
    strings(j, "maskedPaths", masked, sizeof(masked) / sizeof(masked[0]));
    strings(j, "readonlyPaths", readonly, sizeof(readonly) / sizeof(readonly[0]));
    kg_json_key(j, "seccomp");
    bd_seccomp_write(j);
    kg_json_object_end(j);
}

void bd_oci_write(struct kg_buf *out, const struct bd_oci *spec)
{
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "ociVersion", "1.0.2");
    process(&j, spec);
    kg_json_key(&j, "root");
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "path", spec->rootfs);
    kg_json_kbool(&j, "readonly", true);
    kg_json_object_end(&j);
    kg_json_kstr(&j, "hostname", "box");
    mounts(&j, spec);
    linux_part(&j, spec);
    kg_json_object_end(&j);
}

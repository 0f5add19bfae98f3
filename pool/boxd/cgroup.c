#include "pool/boxd/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool/boxd/files.h"

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0' || p[n] == '\n'))
            return true;
    return false;
}

static unsigned controllers(const char *options)
{
    return (has_word(options, "cpu") ? BD_CG_CPU : 0) |
           (has_word(options, "cpuacct") ? BD_CG_CPUACCT : 0) |
           (has_word(options, "memory") ? BD_CG_MEMORY : 0) |
           (has_word(options, "pids") ? BD_CG_PIDS : 0) |
           (has_word(options, "freezer") ? BD_CG_FREEZER : 0);
}

/* One line of mountinfo; adds its hierarchy unless it is none or known by another mount already. */
static void find_line(struct bd_cgroups *c, char *line, const char *parent)
{
    kg_autobuf point = {0};
    char *tail = strstr(line, " - cgroup");
    if (!tail || c->count == BD_HIERARCHIES_MAX ||
        bd_mountinfo_point(&point, line, strlen(line)) < 0)
        return;
    char type[16], options[256];
    if (sscanf(tail, " - %15s %*s %255s", type, options) != 2)
        return;
    bool v2 = strcmp(type, "cgroup2") == 0;
    unsigned has = v2 ? 0 : controllers(options);
    for (size_t i = 0; i < c->count; i++)
        if ((v2 && c->list[i].v2) || (has & c->list[i].has))
            return;
    struct bd_hierarchy *h = &c->list[c->count++];
    h->mount = kg_strdup(kg_buf_cstr(&point));
    h->parent = kg_asprintf("%s/%s", h->mount, parent);
    h->has = has;
    h->v2 = v2;
}

static const struct bd_hierarchy *with(const struct bd_cgroups *c, unsigned controller)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->only_v2 || (c->list[i].has & controller))
            return &c->list[i];
    return NULL;
}

static bool exists(const char *dir, const char *name)
{
    kg_autofree char *path = kg_asprintf("%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

int bd_cgroups_find(struct bd_cgroups *c, const char *mountinfo, const char *parent,
                    struct kg_err *err)
{
    memset(c, 0, sizeof(*c));
    for (const char *line = mountinfo; *line;) {
        size_t n = strcspn(line, "\n");
        kg_autofree char *copy = kg_strndup(line, n);
        find_line(c, copy, parent);
        line += n + (line[n] == '\n');
    }
    unsigned all = 0;
    for (size_t i = 0; i < c->count; i++)
        all |= c->list[i].has;
    c->only_v2 = all == 0 && c->count == 1 && c->list[0].v2;
    if (!c->only_v2 && (all & (BD_CG_CPU | BD_CG_MEMORY | BD_CG_PIDS)) !=
                           (BD_CG_CPU | BD_CG_MEMORY | BD_CG_PIDS)) {
        bd_cgroups_release(c);
        return kg_err_set(
            err, -ENOTSUP,
            "no cgroup hierarchy with cpu, memory and pids is mounted: boxes could not "
            "be limited");
    }
    /* In a mixed machine processes are followed where every runtime puts them: in a hierarchy of version 1. */
    for (size_t i = 0; i < c->count && !c->only_v2; i++)
        if (c->list[i].has & BD_CG_PIDS)
            c->helpers = i;
    c->has_swap = c->only_v2 ? access("/proc/swaps", F_OK) == 0
                             : exists(with(c, BD_CG_MEMORY)->mount, "memory.memsw.limit_in_bytes");
    return 0;
}

void bd_cgroups_release(struct bd_cgroups *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->list[i].mount);
        free(c->list[i].parent);
    }
    memset(c, 0, sizeof(*c));
}

/* mkdir -p from below the mount point on. */
static int make_groups(const struct bd_hierarchy *h, const char *path, struct kg_err *err)
{
    kg_autofree char *copy = kg_strdup(path);
    for (char *p = copy + strlen(h->mount) + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return kg_err_errno(err, errno, "make cgroup %s", copy);
        *p = end;
        if (end == '\0')
            return 0;
    }
}

int bd_cgroups_parent(const struct bd_cgroups *c, struct kg_err *err)
{
    const struct bd_hierarchy *h = &c->list[c->helpers];
    int rc = make_groups(h, h->parent, err);
    if (rc < 0)
        return rc;
    int fd = open(h->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? kg_err_errno(err, errno, "open cgroup %s", h->parent) : fd;
}

int bd_cgroup_helper(const struct bd_cgroups *c, const char *name, struct kg_err *err)
{
    const struct bd_hierarchy *h = &c->list[c->helpers];
    kg_autofree char *dir = kg_asprintf("%s/helpers/%s", h->parent, name);
    kg_autofree char *procs = kg_asprintf("%s/cgroup.procs", dir);
    int rc = make_groups(h, dir, err);
    if (rc < 0)
        return rc;
    int fd = open(procs, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? kg_err_errno(err, errno, "open %s", procs) : fd;
}

void bd_cgroups_leave(const struct bd_cgroups *c)
{
    for (size_t i = 0; i < c->count; i++) {
        kg_autofree char *helpers = kg_asprintf("%s/helpers", c->list[i].parent);
        rmdir(helpers); /* refused while anything is inside: then it stays */
        rmdir(c->list[i].parent);
    }
}

static size_t kill_listed(const char *group)
{
    kg_autofree char *path = kg_asprintf("%s/cgroup.procs", group);
    FILE *list = fopen(path, "re");
    size_t found = 0;
    int pid;
    if (!list)
        return 0;
    while (fscanf(list, "%d", &pid) == 1) { // NOLINT(cert-err34-c): the kernel wrote these numbers
        found++;
        if (pid > 0)
            kill(pid, SIGKILL);
    }
    fclose(list);
    return found;
}

size_t bd_cgroup_kill(const struct bd_cgroups *c, const char *name)
{
    size_t found = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct bd_hierarchy *h = &c->list[i];
        kg_autofree char *group = kg_asprintf("%s/%s", h->parent, name);
        if (h->v2) {
            kg_autofree char *all = kg_asprintf("%s/cgroup.kill", group);
            bd_file_put(all, "1", NULL); /* Linux 5.14; the list below does it everywhere */
        } else if (h->has & BD_CG_FREEZER) {
            /* A runtime killed in the middle may have left it frozen, and frozen processes don't die. */
            kg_autofree char *state = kg_asprintf("%s/freezer.state", group);
            bd_file_put(state, "THAWED", NULL);
        }
        size_t n = kill_listed(group);
        found = n > found ? n : found;
    }
    return found;
}

int bd_cgroup_remove(const struct bd_cgroups *c, const char *name, struct kg_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < c->count; i++) {
        kg_autofree char *group = kg_asprintf("%s/%s", c->list[i].parent, name);
        if (rmdir(group) == 0 || errno == ENOENT)
            continue;
        char *const roots[] = {group, NULL};
        FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        for (FTSENT *e = walk ? fts_read(walk) : NULL; e; e = fts_read(walk))
            if (e->fts_info == FTS_DP && rmdir(e->fts_path) < 0 && errno != ENOENT)
                rc = kg_err_errno(err, errno, "remove cgroup %s", e->fts_path);
        if (walk)
            fts_close(walk);
    }
    return rc;
}

static int put(const struct bd_hierarchy *h, const char *name, const char *file, uint64_t value,
               const char *more, struct kg_err *err)
{
    char text[64];
    kg_autofree char *path = kg_asprintf("%s/%s/%s", h->parent, name, file);
    snprintf(text, sizeof(text), "%" PRIu64 "%s", value, more);
    return bd_file_put(path, text, err);
}

int bd_cgroup_set_cpu(const struct bd_cgroups *c, const char *name, uint32_t milli,
                      struct kg_err *err)
{
    const struct bd_hierarchy *h = with(c, BD_CG_CPU);
    uint64_t quota_us = (uint64_t)milli * 100; /* of a period of 100 ms */
    if (c->only_v2)
        return put(h, name, "cpu.max", quota_us, " 100000", err);
    return put(h, name, "cpu.cfs_quota_us", quota_us, "", err);
}

int bd_cgroup_set_weight(const struct bd_cgroups *c, const char *name, uint32_t weight,
                         struct kg_err *err)
{
    const struct bd_hierarchy *h = with(c, BD_CG_CPU);
    return c->only_v2 ? put(h, name, "cpu.weight", weight, "", err)
                      : put(h, name, "cpu.shares", bd_cgroup_shares(c, weight), "", err);
}

uint32_t bd_cgroup_shares(const struct bd_cgroups *c, uint32_t weight)
{
    if (!c->only_v2)
        return weight * 1024 / 100 < 2 ? 2 : weight * 1024 / 100;
    /* runc, crun: weight = 1 + (shares - 2) * 9999 / 262142, rounded down; so this is rounded up */
    return 2 + (uint32_t)(((uint64_t)(weight - 1) * 262142 + 9998) / 9999);
}

int bd_cgroup_set_pids(const struct bd_cgroups *c, const char *name, uint32_t pids,
                       struct kg_err *err)
{
    return put(with(c, BD_CG_PIDS), name, "pids.max", pids, "", err);
}

char *bd_cgroup_memory_events(const struct bd_cgroups *c, const char *name)
{
    return kg_asprintf("%s/%s/%s", with(c, BD_CG_MEMORY)->parent, name,
                       c->only_v2 ? "memory.events" : "memory.oom_control");
}

/* The number in a file, or behind `key ` at the start of one of its lines. */
static int get(const struct bd_hierarchy *h, const char *name, const char *file, const char *key,
               uint64_t *out, struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/%s/%s", h->parent, name, file);
    kg_autobuf text = {0};
    int rc = bd_file_read(&text, path, 16384, err);
    if (rc < 0)
        return rc;
    size_t n = key ? strlen(key) : 0;
    for (const char *line = kg_buf_cstr(&text); *line;) {
        if (!key || (strncmp(line, key, n) == 0 && line[n] == ' ')) {
            char *end;
            errno = 0;
            uint64_t value = strtoull(line + n, &end, 10);
            if (errno || end == line + n)
                break;
            *out = value;
            return 0;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return kg_err_set(err, -EPROTO, "%s has no number%s%s", path, key ? " for " : "",
                      key ? key : "");
}

int bd_cgroup_stats(const struct bd_cgroups *c, const char *name, struct bd_stats *out,
                    struct kg_err *err)
{
    const struct bd_hierarchy *memory = with(c, BD_CG_MEMORY), *pids = with(c, BD_CG_PIDS);
    const struct bd_hierarchy *cpu = with(c, BD_CG_CPUACCT);
    uint64_t time = 0;
    int rc;
    memset(out, 0, sizeof(*out));
    if (c->only_v2) {
        rc = get(memory, name, "memory.current", NULL, &out->memory_bytes, err);
        if (rc == 0)
            rc = get(memory, name, "memory.events", "oom_kill", &out->oom_kills, err);
        if (rc == 0)
            rc = get(cpu, name, "cpu.stat", "usage_usec", &time, err);
        get(memory, name, "memory.peak", NULL, &out->memory_peak_bytes, NULL);
        out->cpu_ms = time / 1000;
    } else {
        rc = get(memory, name, "memory.usage_in_bytes", NULL, &out->memory_bytes, err);
        if (rc == 0)
            rc = get(memory, name, "memory.max_usage_in_bytes", NULL, &out->memory_peak_bytes, err);
        /* Linux before 4.13 doesn't count them in version 1. */
        get(memory, name, "memory.oom_control", "oom_kill", &out->oom_kills, NULL);
        if (rc == 0 && cpu)
            rc = get(cpu, name, "cpuacct.usage", NULL, &time, err);
        out->cpu_ms = time / 1000000;
    }
    return rc < 0 ? rc : get(pids, name, "pids.current", NULL, &out->pids, err);
}

/* Version 1 takes pages back by itself and refuses a limit that is still below what is in use. */
static int set_memory_v1(const struct bd_cgroups *c, const struct bd_hierarchy *h, const char *name,
                         uint64_t bytes, struct kg_err *err)
{
    const char *limit = "memory.limit_in_bytes", *both = "memory.memsw.limit_in_bytes";
    if (!c->has_swap)
        return put(h, name, limit, bytes, "", err);
    /* memory may never be above memory and swap: which must move first depends on the direction. */
    uint64_t now = 0;
    int rc = get(h, name, limit, NULL, &now, err);
    if (rc < 0)
        return rc;
    rc = put(h, name, bytes < now ? limit : both, bytes, "", err);
    return rc < 0 ? rc : put(h, name, bytes < now ? both : limit, bytes, "", err);
}

/* Version 2 would take the new limit at once and kill for it: so first make room, then look. */
static int set_memory_v2(const struct bd_hierarchy *h, const char *name, uint64_t bytes,
                         struct kg_err *err)
{
    uint64_t used = 0;
    if (get(h, name, "memory.current", NULL, &used, NULL) == 0 && used > bytes) {
        put(h, name, "memory.reclaim", used - bytes, "", NULL); /* since Linux 5.19 */
        if (get(h, name, "memory.current", NULL, &used, NULL) == 0 && used > bytes)
            return kg_err_set(err, -EBUSY, "%llu bytes are in use", (unsigned long long)used);
    }
    return put(h, name, "memory.max", bytes, "", err);
}

int bd_cgroup_set_memory(const struct bd_cgroups *c, const char *name, uint32_t mb,
                         struct kg_err *err)
{
    const struct bd_hierarchy *h = with(c, BD_CG_MEMORY);
    uint64_t bytes = (uint64_t)mb << 20;
    return c->only_v2 ? set_memory_v2(h, name, bytes, err) : set_memory_v1(c, h, name, bytes, err);
}

void bd_cgroups_each(const struct bd_cgroups *c, const char *sub,
                     void (*each)(void *user, const char *name), void *user)
{
    for (size_t i = 0; i < c->count; i++) {
        kg_autofree char *path = kg_asprintf("%s/%s", c->list[i].parent, sub);
        DIR *dir = opendir(path);
        const struct dirent *e;
        while (dir && (e = readdir(dir))) // NOLINT(concurrency-mt-unsafe): one thread
            if (e->d_type == DT_DIR && e->d_name[0] != '.')
                each(user, e->d_name);
        if (dir)
            closedir(dir);
    }
}

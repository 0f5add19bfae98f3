#ifndef BD_CGROUP_H
#define BD_CGROUP_H
/*
 * Control groups of boxes, in every hierarchy that is mounted: version 1 (one a controller), version 2, and
 * both at once. The runtime makes a box's groups; this changes their limits, reads them, ends what is in
 * them and removes them. A box's group is PARENT/ID in each hierarchy.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { BD_HIERARCHIES_MAX = 24 };

enum bd_controller { /* bits */
                     BD_CG_CPU = 1,
                     BD_CG_CPUACCT = 2,
                     BD_CG_MEMORY = 4,
                     BD_CG_PIDS = 8,
                     BD_CG_FREEZER = 16,
};

struct bd_hierarchy {
    char *mount;  /* "/sys/fs/cgroup/memory" */
    char *parent; /* mount and the parent's path below it */
    unsigned has; /* v1: bits of bd_controller. v2: nothing, it has what the machine left it */
    bool v2;
};

struct bd_cgroups {
    struct bd_hierarchy list[BD_HIERARCHIES_MAX];
    size_t count;
    bool only_v2;  /* controllers are those of version 2 */
    bool has_swap; /* swap is counted, so a limit on it can be given */
    size_t
        helpers; /* index of the hierarchy where PARENT/helpers/ID holds the runtime that works on a box */
};

struct bd_stats {
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes; /* 0 where the kernel doesn't keep it (v2 before Linux 5.19) */
    uint64_t oom_kills;
    uint64_t pids;
    uint64_t cpu_ms;
};

/* Reads the hierarchies out of mountinfo's text. parent is relative, without "..". -ENOTSUP when there are none. */
int bd_cgroups_find(struct bd_cgroups *c, const char *mountinfo, const char *parent,
                    struct kg_err *err);
void bd_cgroups_release(struct bd_cgroups *c);

/* Makes PARENT/helpers/name, where a runtime works on the box of that name, and returns a descriptor for
 * writing its cgroup.procs. */
int bd_cgroup_helper(const struct bd_cgroups *c, const char *name, struct kg_err *err);
/* A descriptor of PARENT in one hierarchy, to be locked; made when missing. */
int bd_cgroups_parent(const struct bd_cgroups *c, struct kg_err *err);
/* Removes PARENT/helpers and PARENT everywhere if no group is left in them. */
void bd_cgroups_leave(const struct bd_cgroups *c);

/* Sends SIGKILL to everything in PARENT/name; returns how many entries it still found (0: empty or no group). */
size_t bd_cgroup_kill(const struct bd_cgroups *c, const char *name);
/* Removes PARENT/name and what is below it everywhere: 0 when none is left, else -EBUSY or the like. */
int bd_cgroup_remove(const struct bd_cgroups *c, const char *name, struct kg_err *err);

int bd_cgroup_set_cpu(const struct bd_cgroups *c, const char *name, uint32_t milli,
                      struct kg_err *err);
/* Its share of the processor when others want it, too, as in version 2: 1 to 10000, 100 is usual. */
int bd_cgroup_set_weight(const struct bd_cgroups *c, const char *name, uint32_t weight,
                         struct kg_err *err);
/* The number by which OCI means that weight: shares as in version 1, which runtimes convert where there is version 2. */
uint32_t bd_cgroup_shares(const struct bd_cgroups *c, uint32_t weight);
/* Never ends anybody for it: -EBUSY when, after taking back what can be had without a loss, more than mb is in use; the
 * limit is then as it was. */
int bd_cgroup_set_memory(const struct bd_cgroups *c, const char *name, uint32_t mb,
                         struct kg_err *err);
int bd_cgroup_set_pids(const struct bd_cgroups *c, const char *name, uint32_t pids,
                       struct kg_err *err);
/* Path of the file of PARENT/name that has a line "oom_kill N"; the caller frees it. */
char *bd_cgroup_memory_events(const struct bd_cgroups *c, const char *name);
int bd_cgroup_stats(const struct bd_cgroups *c, const char *name, struct bd_stats *out,
                    struct kg_err *err);

/* Calls each(user, name) for every group right below PARENT/sub ("" for PARENT), in any hierarchy; a name may come
 * more than once. */
void bd_cgroups_each(const struct bd_cgroups *c, const char *sub,
                     void (*each)(void *user, const char *name), void *user);

#endif

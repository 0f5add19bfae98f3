#ifndef BD_OCI_H
#define BD_OCI_H
/*
 * The OCI runtime specification of a box, as the runtime reads it from config.json: what a box may see, own
 * and use. Pure: it writes text and touches nothing. The system calls are in seccomp.h.
 * Source: opencontainers/runtime-spec v1.0.2, config.md and config-linux.md; runc 1.1.5's behaviour.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct bd_oci {
    const char *box;       /* id, given to the agent */
    const char *rootfs;    /* host path of the image's root */
    const char *agent_dir; /* host directory that holds `agent`, seen as /kgw */
    const char *link_dir;  /* host directory of the link's socket, seen as /run/kgw */
    const char *
        memory_file; /* host path of the cgroup's count of kills, seen as /run/kgw/memory; may be NULL */
    const char
        *resolv; /* the file that is to be /etc/resolv.conf, which the image must have; or NULL */
    const char *netns;  /* host path of the network namespace */
    const char *cgroup; /* "/parent/box" */
    uint32_t first_id;  /* host uid and gid of the box's 0 */
    uint32_t memory_mb;
    bool limit_swap; /* the machine counts swap, so memory and swap together are limited too */
    uint32_t cpu_milli;
    uint32_t cpu_shares; /* bd_cgroup_shares; 0: the machine's usual */
    uint32_t pids;
    uint32_t tmp_mb;     /* all tmpfs that user code can write to, together */
    uint32_t tmp_inodes; /* the same */
    uint64_t nofile_max; /* the machine's own hard limits: ours must not be above them */
    uint64_t nproc_max;
    uint64_t memlock_max;
    uint64_t sigpending_max;
};

/* Appends config.json. */
void bd_oci_write(struct kg_buf *out, const struct bd_oci *spec);

/* What each tmpfs gets of the box's whole: sizes in KiB (whole pages) and inodes, which never sum to more. */
struct bd_tmpfs {
    const char *path;
    uint32_t kib;
    uint32_t inodes;
    const char *mode;
    bool user; /* belongs to the user rather than to the box's root */
    bool exec; /* programs may run from it */
};
enum { BD_TMPFS_COUNT = 4 };
void bd_tmpfs_split(struct bd_tmpfs out[BD_TMPFS_COUNT], uint32_t tmp_mb, uint32_t tmp_inodes);

#endif

#ifndef KG_POOL_PROCTREE_H
#define KG_POOL_PROCTREE_H
/*
 * The processes of one agent on this host, as far as they can be found without cgroups: its descendants, and whoever
 * carries its mark in the environment it was started with. Reads /proc: for uv_queue_work, not for the loop.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The mark is MARK_NAME=box id; a program can hide by starting with an emptied environment after its parents died. */
#define PL_MARK_NAME "KERNELGW_BOX"

struct pl_usage {
    uint64_t rss_bytes, cpu_ms, processes;
};

/* What root (0: none) and its tree use together. mark: the box's id. */
struct pl_usage pl_tree_usage(pid_t root, const char *mark);

/*
 * Kills root and its whole tree, and looks again until nothing is left. root is stopped first, so that it starts nothing
 * new meanwhile, and must still be reaped by its parent. Returns 0, or -EBUSY when something survived.
 */
int pl_tree_kill(pid_t root, const char *mark);

/* Removes path with all that is in it, following no links. Returns 0 or -errno. */
int pl_tree_remove(const char *path);

#endif

#ifndef KG_POOL_PLACE_H
#define KG_POOL_PLACE_H
/*
 * Where an agent lives as a plain process of this host: a directory below the run directory with the link's
 * socket, `work` and `k` (the kernel's sockets) in it, and the process itself.
 */
#include <sys/types.h>

#include "base/err.h"

/* Makes a directory (*dir, the caller frees it, set also when a later step failed) and the listening socket in it. */
int pl_place_make(char **dir, int *listen_fd, const char *run_dir, struct kg_err *err);

/*
 * Starts the agent there, in a session of its own, with the box's mark in its environment (proctree.h) and none of our
 * descriptors but 0, 1 and 2. The caller reaps *pid and closes *pidfd.
 */
int pl_place_spawn(pid_t *pid, int *pidfd, const char *dir, const char *agent, const char *box,
                   struct kg_err *err);

/* Removes the directories of a gateway that is no more: nobody listens on their sockets. Its agents end by themselves. */
void pl_place_remove_old(const char *run_dir);

#endif

#ifndef BD_OUTSIDE_STACK_H
#define BD_OUTSIDE_STACK_H
/*
 * The program that carries packets from the router's namespace out of this machine: slirp4netns, a network stack in user
 * space, which opens ordinary sockets here for what it finds on its tap device. So nothing of the machine's own routing or
 * firewall takes part. It reads packets that hostile programs have made, and is treated as what it may become: no capability
 * but one to bind low ports of its own namespace, a host id that nobody else has, no files but /etc and /run to read, the
 * seccomp filter it brings.
 */
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct bd_stack_room {
    int user; /* descriptors of a user namespace, in which `id` of the machine is root and nobody else exists */
    int net; /* and of a network namespace that it owns: the router's */
};

/* Makes the two. id: of user and group. */
int bd_stack_room(struct bd_stack_room *out, uint32_t id, struct kg_err *err);

struct bd_stack {
    const char *program; /* slirp4netns' path */
    const struct bd_stack_room *room;
    uint32_t id;
    int procs_fd; /* cgroup.procs of the group it is to be in */
    int words_fd; /* its stderr */
    int life_fd;  /* reading end of a pipe; it ends when the writing end is closed */
    int ready_fd; /* writing end of a pipe; it writes a byte when its device is up */
};

/* Starts it: a child, to be waited for by the caller. Returns its pid. */
int bd_stack_start(const struct bd_stack *s, struct kg_err *err);

#endif

#ifndef BENCH_CLIENT_KERNEL_H
#define BENCH_CLIENT_KERNEL_H
/* A kernel under test: one that a server started for us, or one that we start ourselves (direct). */
#include <sodium.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "tests/bench/client/config.h"
#include "tests/bench/client/link.h"

struct bc_kernel {
    char id[64];  /* the server's id for it */
    pid_t pid;    /* direct */
    char dir[64]; /* direct: private directory with the connection file and the ipc sockets */
    int port[5];  /* direct: shell, control, stdin, iopub, hb */
    char key[33];
};

/* POST /api/kernels, or fork and exec. Thread-safe. */
int bc_kernel_start(const struct bc_config *cfg, struct bc_kernel *k, struct kg_err *err);
/* A connection with a session id of its own (or the given one) over which kernel_info has been answered. */
int bc_kernel_link(const struct bc_config *cfg, const struct bc_kernel *k, const char *session,
                   struct bc_link *l, struct kg_err *err);
int bc_kernel_interrupt(const struct bc_config *cfg, const struct bc_kernel *k, struct kg_err *err);
/* POST .../restart; direct: kills, waits and starts again on the same sockets. */
int bc_kernel_restart(const struct bc_config *cfg, struct bc_kernel *k, struct kg_err *err);
/* DELETE; direct: SIGKILL, and its directory goes too. A zeroed kernel is fine. */
void bc_kernel_stop(const struct bc_config *cfg, struct bc_kernel *k);

/* Start and first link in one, ending the process with a message when it fails: for modes that need no more. */
void bc_open_or_die(const struct bc_config *cfg, struct bc_kernel *k, struct bc_link *l);

/* direct.c: connects to the kernel's sockets and waits until it is subscribed. */
int bc_direct_open(struct bc_link *l, const struct bc_config *cfg, const struct bc_kernel *k,
                   struct kg_err *err);
/* Where one of its sockets is, for libzmq. */
void bc_kernel_address(const struct bc_config *cfg, const struct bc_kernel *k, int which, char *out,
                       size_t cap);

#endif

#ifndef KK_WIRES_H
#define KK_WIRES_H
/*
 * One stock kernel's sockets, from our side: its connection file with a key of its own, and the ZeroMQ sockets that
 * connect to shell, iopub, stdin and control. The heartbeat is left alone: we are the kernel's parent.
 *
 * On ipc the kernel's sockets stand where user code can replace them by links, so each is opened O_PATH|O_NOFOLLOW,
 * looked at, and connected to through /proc/self/fd. On tcp every signature is verified.
 */
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "jupyter/connection.h"
#include "jupyter/wire.h"
#include "jupyter/zmtp/zmtp.h"
#include "runtimes/agent/options.h"

struct kk_wires;

struct kk_wires_events {
    /* A message from the kernel; valid during the call. */
    void (*received)(void *user, const struct jy_wire *wire);
    /* All sockets are connected; comes once, from the loop. */
    void (*connected)(void *user);
    /* A message on channel was refused; count so far. tcp only. */
    void (*bad_signature)(void *user, uint8_t channel, uint64_t count);
};

/* Writes the connection file and begins to look for the kernel's sockets. */
int kk_wires_open(struct kk_wires **out, uv_loop_t *loop, const struct kk_options *options,
                  enum jy_transport transport, const struct kk_wires_events *events, void *user,
                  struct kg_err *err);
const char *kk_wires_file(const struct kk_wires *w); /* path of the connection file */
/* Signs and sends to shell, control or stdin. -ENOBUFS: too much waits for the kernel. */
int kk_wires_send(struct kk_wires *w, const struct jy_msg *m, struct kg_err *err);
/* Stops reading iopub, or goes on. */
void kk_wires_hold(struct kk_wires *w, bool hold);
/* True when the kernel's end of every socket is closed, and all that it said has been handed on. */
bool kk_wires_ended(const struct kk_wires *w);
/* No callback comes after this. Removes the files. NULL is fine. */
void kk_wires_close(struct kk_wires *w);

#endif

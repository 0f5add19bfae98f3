#ifndef JY_ZMTP_ZMTP_H
#define JY_ZMTP_ZMTP_H
/*
 * A client's end of a ZeroMQ connection on a libuv loop: DEALER or SUB, one peer, ZMTP 3.0, NULL mechanism
 * (frames.h), spoken on the descriptor itself. libzmq puts a thread, a mailbox and an allocation a frame between
 * the descriptor and its user; here a read brings hundreds of messages, whose frames are spans of what was read.
 * For one kernel's sockets, in a program that has one kernel; jupyter/zmq is for everything else.
 *
 * A SUB subscribes to everything. Messages sent before the peer is there wait in order. A lost tcp connection is
 * dialled again; a lost ipc connection is not, since its path may have needed rights that are gone. No other
 * heartbeat or high-water mark than the socket's own: a paused socket holds the peer back by its buffer.
 *
 * Callbacks run from the loop only, never inside a call made here.
 */
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"

struct jy_zmtp;

enum jy_zmtp_type { JY_ZMTP_DEALER, JY_ZMTP_SUB };

struct jy_zmtp_config {
    enum jy_zmtp_type type;
    struct kg_span identity; /* at most 255 bytes; empty: none. Copied */
    size_t queue_max;        /* bytes that may wait to be sent; 0: 64 MiB */
    size_t
        message_max; /* bytes of an incoming message: a peer that sends more is dropped; 0: 80 MiB */
    size_t frames_max; /* its frames; 0: 2048 */
    /* One whole message; the spans are valid during the call. May send, pause, close this or others. */
    void (*received)(void *user, const struct kg_span *frames, size_t count);
    void *user;
};

/* -EINVAL for an identity that is too long. */
int jy_zmtp_open(struct jy_zmtp **out, uv_loop_t *loop, const struct jy_zmtp_config *config,
                 struct kg_err *err);
/*
 * "ipc://PATH" or "tcp://ADDRESS:PORT" (numbers; [ADDRESS] for IPv6). Once, or again after a failure. ipc: connected
 * when this returns 0; -ECONNREFUSED when nobody listens yet, and other errors of connect(2). tcp: 0 for begun; it
 * is tried until somebody listens.
 */
int jy_zmtp_connect(struct jy_zmtp *z, const char *endpoint, struct kg_err *err);
/* Copies what can't be sent at once. 0, -ENOBUFS when queue_max would be passed (nothing is sent then), -EINVAL for
 * count 0. */
int jy_zmtp_send(struct jy_zmtp *z, const struct kg_span *frames, size_t count, struct kg_err *err);
size_t jy_zmtp_queued(const struct jy_zmtp *z); /* bytes that wait to be sent */
/* False before the peer is there and after it has left: then all that it sent has been delivered (unless paused). */
bool jy_zmtp_connected(const struct jy_zmtp *z);

/* No `received` until resume. Sends go on. */
void jy_zmtp_pause(struct jy_zmtp *z);
void jy_zmtp_resume(struct jy_zmtp *z);

/* No callback comes after this; memory goes in the loop's close callback. NULL is fine. */
void jy_zmtp_close(struct jy_zmtp *z);

#endif

#ifndef JY_ZMQ_ZSOCK_H
#define JY_ZMQ_ZSOCK_H
/*
 * ZeroMQ sockets as guests on a libuv loop. No thread of ours, no polling of all sockets: a socket's
 * ZMQ_FD is edge-like (any call on the socket may eat the edge), so each wake and each send puts the
 * socket on a list that is drained before the loop blocks, until EAGAIN, in batches of 64 messages a
 * socket and turn.
 *
 * Callbacks run from the loop only, never inside a call made here.
 */
#include <stdbool.h>
#include <uv.h>
#include <zmq.h>

#include "base/err.h"
#include "base/span.h"

/* A ZeroMQ context on a loop. */
struct jy_zloop;
struct jy_zsock;

int jy_zloop_open(struct jy_zloop **out, uv_loop_t *loop, struct kg_err *err);
/* Closes every socket that is left, too. done (may be NULL) runs from the loop when nothing of it is
 * left there; the context is terminated then. */
void jy_zloop_close(struct jy_zloop *l, void (*done)(void *user), void *user);

struct jy_zsock_config {
    int type;                /* ZMQ_DEALER, ZMQ_SUB... */
    struct kg_span identity; /* empty: none */
    int send_hwm;            /* messages inside ZeroMQ; 0: its default of 1000; -1: no limit */
    int recv_hwm;
    size_t
        queue_max; /* bytes (48 and 16 a frame on top) that may wait here when ZeroMQ takes no more; 0: 64 MiB */
    int64_t
        frame_max; /* bytes of an incoming frame: a peer that sends more is dropped; 0: 80 MiB */
    size_t frames_max; /* frames of an incoming message: longer ones are discarded; 0: 2048 */
    /* One whole message; the spans are valid during the call. May send, pause, close this or others. */
    void (*received)(void *user, const struct kg_span *frames, size_t count);
    /* What had to wait here (jy_zsock_queued) is gone again. May be NULL. */
    void (*drained)(void *user);
    void *user;
};

/* Linger 0, IPv6 on, reconnects after 1 ms, growing to 5. */
int jy_zsock_open(struct jy_zsock **out, struct jy_zloop *l, const struct jy_zsock_config *config,
                  struct kg_err *err);
int jy_zsock_connect(struct jy_zsock *s, const char *endpoint, struct kg_err *err);
int jy_zsock_bind(struct jy_zsock *s, const char *endpoint, struct kg_err *err);
int jy_zsock_disconnect(struct jy_zsock *s, const char *endpoint, struct kg_err *err);
/* For ZMQ_SUB; an empty prefix means all. */
int jy_zsock_subscribe(struct jy_zsock *s, struct kg_span prefix, struct kg_err *err);
/* The address in fact bound to (after tcp://127.0.0.1:*). */
int jy_zsock_last_endpoint(struct jy_zsock *s, char *out, size_t n, struct kg_err *err);

/* Copies the frames and sends them as one message, now or when ZeroMQ takes it again; order is kept.
 * Returns 0, -ENOBUFS when queue_max would be passed (nothing is sent then), -EINVAL for count 0. */
int jy_zsock_send(struct jy_zsock *s, const struct kg_span *frames, size_t count,
                  struct kg_err *err);
size_t jy_zsock_queued(const struct jy_zsock *s); /* bytes that wait here, with overhead */
uint64_t
jy_zsock_discarded(const struct jy_zsock *s); /* messages with more than frames_max frames */

/* No `received` until resume; ZeroMQ then holds back the peer by its high-water mark. Sends go on. */
void jy_zsock_pause(struct jy_zsock *s);
void jy_zsock_resume(struct jy_zsock *s);

/* No callback comes after this; memory goes in the loop's close callback. NULL is fine. */
void jy_zsock_close(struct jy_zsock *s);

#endif

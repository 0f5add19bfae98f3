#ifndef JY_ZMQ_ZLOOP_H
#define JY_ZMQ_ZLOOP_H
/* Between zloop.c, which says when a socket is drained, and zsock.c, which says how. For nobody else. */
#include <sys/queue.h>

#include "jupyter/zmq/zsock.h"

TAILQ_HEAD(jy_zsock_list, jy_zsock);
TAILQ_HEAD(jy_zsend_list, jy_zsend);

struct jy_zsock {
    struct jy_zloop *loop;
    void *zmq;
    uv_poll_t poll;
    struct jy_zsock_config config; /* identity is not kept */
    bool paused;
    bool closed;
    struct jy_zsend_list queue; /* what ZeroMQ did not take, in order */
    size_t queued;              /* bytes in queue */
    uint64_t discarded;
    TAILQ_ENTRY(jy_zsock) all;
    TAILQ_ENTRY(jy_zsock) link;
    struct jy_zsock_list *on; /* the list that link is on, or NULL */
};

struct jy_zloop {
    uv_loop_t *uv;
    void *ctx;
    uv_prepare_t prepare;
    uv_idle_t idle; /* active while dirty is not empty, so that the loop does not block */
    struct jy_zsock_list sockets;
    struct jy_zsock_list dirty;
    struct jy_zsock_list
        turn; /* what was dirty when this turn began and has not been drained yet */
    /* one message's frames while it is received: callbacks never nest, so one set does for all */
    zmq_msg_t *msgs;
    struct kg_span *spans;
    size_t frames_cap;
    unsigned handles; /* libuv's, not closed yet */
    bool closing;
    void (*done)(void *user);
    void *user;
};

/* Sees to it that s is drained before the loop blocks. */
void jy_zloop_mark(struct jy_zsock *s);
/* Takes s off the lists. */
void jy_zloop_forget(struct jy_zsock *s);
/* A handle's close callback has run. */
void jy_zloop_handle_closed(struct jy_zloop *l);
/* Makes room for count frames, keeping what is there. */
void jy_zloop_room(struct jy_zloop *l, size_t count);

/* Sends what waits and receives a batch; marks s again when there may be more. */
void jy_zsock_drain(struct jy_zsock *s);

#endif

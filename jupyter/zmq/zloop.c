#include "jupyter/zmq/zloop.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

/* libzmq's default of 1023 is what makes other servers refuse their 205th WebSocket */
enum { SOCKETS_MAX = 65535 };

static void on_prepare(uv_prepare_t *h)
{
    struct jy_zloop *l = h->data;
    struct jy_zsock *s;
    /* Only what was dirty when the turn began: a socket that is marked again meanwhile waits for the
     * next turn, so that neither it nor timers and other descriptors starve. */
    while ((s = TAILQ_FIRST(&l->dirty))) {
        TAILQ_REMOVE(&l->dirty, s, link);
        TAILQ_INSERT_TAIL(&l->turn, s, link);
        s->on = &l->turn;
    }
    while ((s = TAILQ_FIRST(&l->turn))) {
        TAILQ_REMOVE(&l->turn, s, link);
        s->on = NULL;
        jy_zsock_drain(s);
    }
    if (TAILQ_EMPTY(&l->dirty) && !l->closing)
        uv_idle_stop(&l->idle);
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* being active is all it is for */
}

void jy_zloop_mark(struct jy_zsock *s)
{
    struct jy_zloop *l = s->loop;
    if (s->on || s->closed)
        return;
    TAILQ_INSERT_TAIL(&l->dirty, s, link);
    s->on = &l->dirty;
    if (!l->closing)
        uv_idle_start(&l->idle, on_idle);
}

void jy_zloop_forget(struct jy_zsock *s)
{
    if (s->on)
        TAILQ_REMOVE(s->on, s, link);
    s->on = NULL;
    TAILQ_REMOVE(&s->loop->sockets, s, all);
}

void jy_zloop_room(struct jy_zloop *l, size_t count)
{
    if (count <= l->frames_cap)
        return;
    size_t cap = l->frames_cap ? l->frames_cap * 2 : 16;
    if (cap < count)
        cap = count;
    /* a zmq_msg_t may hold its bytes within itself and is moved by its own function */
    zmq_msg_t *msgs = kg_calloc(cap, sizeof *msgs);
    for (size_t i = 0; i < l->frames_cap; i++) {
        zmq_msg_init(&msgs[i]);
        zmq_msg_move(&msgs[i], &l->msgs[i]);
        zmq_msg_close(&l->msgs[i]);
    }
    for (size_t i = l->frames_cap; i < cap; i++)
        zmq_msg_init(&msgs[i]);
    free(l->msgs);
    l->msgs = msgs;
    l->spans = kg_realloc(l->spans, cap * sizeof *l->spans);
    l->frames_cap = cap;
}

int jy_zloop_open(struct jy_zloop **out, uv_loop_t *loop, struct kg_err *err)
{
    void *ctx = zmq_ctx_new();
    if (!ctx)
        return kg_err_errno(err, errno, "zmq context");
    int limit = zmq_ctx_get(ctx, ZMQ_SOCKET_LIMIT);
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, limit > 0 && limit < SOCKETS_MAX ? limit : SOCKETS_MAX);
    struct jy_zloop *l = kg_calloc(1, sizeof *l);
    l->uv = loop;
    l->ctx = ctx;
    TAILQ_INIT(&l->sockets);
    TAILQ_INIT(&l->dirty);
    TAILQ_INIT(&l->turn);
    uv_prepare_init(loop, &l->prepare);
    uv_idle_init(loop, &l->idle);
    l->prepare.data = l;
    l->idle.data = l;
    l->handles = 2;
    uv_prepare_start(&l->prepare, on_prepare);
    /* the sockets' own handles keep the loop alive; these two shall not */
    uv_unref((uv_handle_t *)&l->prepare);
    uv_unref((uv_handle_t *)&l->idle);
    *out = l;
    return 0;
}

void jy_zloop_handle_closed(struct jy_zloop *l)
{
    if (--l->handles > 0 || !l->closing)
        return;
    for (size_t i = 0; i < l->frames_cap; i++)
        zmq_msg_close(&l->msgs[i]);
    free(l->msgs);
    free(l->spans);
    /* all sockets are closed with no linger: this waits for nothing but libzmq's threads to leave */
    while (zmq_ctx_term(l->ctx) < 0 && errno == EINTR)
        ;
    if (l->done)
        l->done(l->user);
    free(l);
}

static void handle_closed(uv_handle_t *h)
{
    jy_zloop_handle_closed(h->data);
}

void jy_zloop_close(struct jy_zloop *l, void (*done)(void *user), void *user)
{
    if (!l || l->closing)
        return;
    struct jy_zsock *s;
    while ((s = TAILQ_FIRST(&l->sockets)))
        jy_zsock_close(s);
    l->closing = true;
    l->done = done;
    l->user = user;
    uv_close((uv_handle_t *)&l->prepare, handle_closed);
    uv_close((uv_handle_t *)&l->idle, handle_closed);
}

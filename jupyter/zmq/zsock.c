#include "jupyter/zmq/zsock.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "jupyter/zmq/zloop.h"

enum {
    BATCH = 64,       /* messages a socket and turn */
    RECONNECT_MS = 1, /* the default of 100 ms makes a kernel's start wait */
    RECONNECT_MAX_MS = 5,
    QUEUE_MAX = 64 << 20,
    FRAME_MAX = 80 << 20,
    FRAMES_MAX = 2048,
    SEND_STACK = 32,
};

/* A message that waits, with its own copy of the bytes behind the spans. */
struct jy_zsend {
    TAILQ_ENTRY(jy_zsend) link;
    size_t cost; /* bytes, and what keeping them takes */
    size_t count;
    struct kg_span frames[];
};

static int fail(struct kg_err *err, const char *what)
{
    int code = zmq_errno();
    return kg_err_set(err, code > 0 ? -code : -EIO, "%s: %s", what, zmq_strerror(code));
}

static int set_int(struct jy_zsock *s, int option, int v, struct kg_err *err)
{
    return zmq_setsockopt(s->zmq, option, &v, sizeof v) < 0 ? fail(err, "zmq option") : 0;
}

static int set_options(struct jy_zsock *s, const struct jy_zsock_config *c, struct kg_err *err)
{
    const struct {
        int option;
        int value;
    } ints[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_IPV6, 1},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
        {ZMQ_SNDHWM, c->send_hwm < 0 ? 0
                     : c->send_hwm   ? c->send_hwm
                                     : 1000},
        {ZMQ_RCVHWM, c->recv_hwm < 0 ? 0
                     : c->recv_hwm   ? c->recv_hwm
                                     : 1000},
    };
    for (size_t i = 0; i < KG_COUNT(ints); i++) {
        int rc = set_int(s, ints[i].option, ints[i].value, err);
        if (rc < 0)
            return rc;
    }
    if (zmq_setsockopt(s->zmq, ZMQ_MAXMSGSIZE, &s->config.frame_max, sizeof s->config.frame_max) <
        0)
        return fail(err, "zmq option");
    if (c->identity.len > 0 &&
        zmq_setsockopt(s->zmq, ZMQ_ROUTING_ID, c->identity.data, c->identity.len) < 0)
        return fail(err, "zmq identity");
    return 0;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    (void)status; /* an error shows itself in what ZeroMQ answers */
    (void)events;
    jy_zloop_mark(h->data);
}

static int start_poll(struct jy_zsock *s, struct kg_err *err)
{
    int fd;
    size_t n = sizeof fd;
    if (zmq_getsockopt(s->zmq, ZMQ_FD, &fd, &n) < 0)
        return fail(err, "zmq descriptor");
    int rc = uv_poll_init(s->loop->uv, &s->poll, fd);
    if (rc < 0)
        return kg_err_set(err, rc, "watch zmq descriptor: %s", uv_strerror(rc));
    s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
    s->loop->handles++;
    return 0;
}

int jy_zsock_open(struct jy_zsock **out, struct jy_zloop *l, const struct jy_zsock_config *config,
                  struct kg_err *err)
{
    if (l->closing)
        return kg_err_set(err, -ECANCELED, "zmq socket: the loop is closing");
    void *zmq = zmq_socket(l->ctx, config->type);
    if (!zmq)
        return fail(err, "zmq socket");
    struct jy_zsock *s = kg_calloc(1, sizeof *s);
    s->loop = l;
    s->zmq = zmq;
    s->config = *config;
    s->config.identity = (struct kg_span){0};
    if (!s->config.queue_max)
        s->config.queue_max = QUEUE_MAX;
    if (!s->config.frame_max)
        s->config.frame_max = FRAME_MAX;
    if (!s->config.frames_max)
        s->config.frames_max = FRAMES_MAX;
    TAILQ_INIT(&s->queue);
    int rc;
    if ((rc = set_options(s, config, err)) < 0 || (rc = start_poll(s, err)) < 0) {
        zmq_close(zmq);
        free(s);
        return rc;
    }
    TAILQ_INSERT_TAIL(&l->sockets, s, all);
    *out = s;
    return 0;
}

/* Every call that goes into ZeroMQ may have eaten the edge of something that came in. */
static int touched(struct jy_zsock *s, int rc, struct kg_err *err, const char *verb,
                   const char *endpoint)
{
    int code = rc < 0 ? zmq_errno() : 0;
    jy_zloop_mark(s);
    if (rc < 0)
        return kg_err_set(err, -code, "%s %s: %s", verb, endpoint, zmq_strerror(code));
    return 0;
}

int jy_zsock_connect(struct jy_zsock *s, const char *endpoint, struct kg_err *err)
{
    return touched(s, zmq_connect(s->zmq, endpoint), err, "connect to", endpoint);
}

int jy_zsock_bind(struct jy_zsock *s, const char *endpoint, struct kg_err *err)
{
    return touched(s, zmq_bind(s->zmq, endpoint), err, "bind", endpoint);
}

int jy_zsock_disconnect(struct jy_zsock *s, const char *endpoint, struct kg_err *err)
{
    return touched(s, zmq_disconnect(s->zmq, endpoint), err, "disconnect from", endpoint);
}

int jy_zsock_subscribe(struct jy_zsock *s, struct kg_span prefix, struct kg_err *err)
{
    int rc = zmq_setsockopt(s->zmq, ZMQ_SUBSCRIBE, prefix.data ? (const void *)prefix.data : "",
                            prefix.len);
    return touched(s, rc, err, "subscribe", "");
}

int jy_zsock_last_endpoint(struct jy_zsock *s, char *out, size_t n, struct kg_err *err)
{
    return touched(s, zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, out, &n), err, "ask for",
                   "endpoint");
}

static int send_frame(struct jy_zsock *s, struct kg_span frame, bool more)
{
    zmq_msg_t m;
    zmq_msg_init_size(&m, frame.len);
    if (frame.len)
        memcpy(zmq_msg_data(&m), frame.data, frame.len);
    int rc;
    do
        rc = zmq_msg_send(&m, s->zmq, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    while (rc < 0 && zmq_errno() == EINTR);
    if (rc >= 0)
        return 0;
    rc = -zmq_errno();
    zmq_msg_close(&m);
    return rc;
}

/*
 * Sends all or nothing. ZeroMQ refuses a later frame only when its pipe has died since the first one: it
 * has then rolled those back and swallows the rest of the message, which it must be given to get out
 * of that state (libzmq 4.3.4, lb.cpp, _dropping).
 */
static int send_frames(struct jy_zsock *s, const struct kg_span *frames, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        int rc = send_frame(s, frames[i], i + 1 < count);
        if (rc < 0) {
            failed = rc;
            if (i == 0)
                break;
        }
    }
    return failed;
}

/* cost: what the message counts for in s->queued. */
static void enqueue(struct jy_zsock *s, const struct kg_span *frames, size_t count, size_t bytes,
                    size_t cost)
{
    struct jy_zsend *p = kg_malloc(sizeof *p + count * sizeof *p->frames + bytes);
    uint8_t *at = (uint8_t *)&p->frames[count];
    p->cost = cost;
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        if (frames[i].len)
            memcpy(at, frames[i].data, frames[i].len);
        p->frames[i] = kg_span_of(at, frames[i].len);
        at += frames[i].len;
    }
    TAILQ_INSERT_TAIL(&s->queue, p, link);
    s->queued += cost;
}

int jy_zsock_send(struct jy_zsock *s, const struct kg_span *frames, size_t count,
                  struct kg_err *err)
{
    if (count == 0)
        return kg_err_set(err, -EINVAL, "message without frames");
    jy_zloop_mark(s);
    if (TAILQ_EMPTY(&s->queue)) {
        int rc = send_frames(s, frames, count);
        if (rc == 0)
            return 0;
        if (rc != -EAGAIN)
            return kg_err_set(err, rc, "zmq send: %s", zmq_strerror(-rc));
    }
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += frames[i].len;
    /* with what an empty message costs, or a flood of them would have no limit */
    size_t cost = bytes + sizeof(struct jy_zsend) + count * sizeof *frames;
    if (cost > s->config.queue_max || s->queued > s->config.queue_max - cost)
        return kg_err_set(err, -ENOBUFS, "%zu bytes wait for the peer, the limit is %zu", s->queued,
                          s->config.queue_max);
    enqueue(s, frames, count, bytes, cost);
    return 0;
}

size_t jy_zsock_queued(const struct jy_zsock *s)
{
    return s->queued;
}

uint64_t jy_zsock_discarded(const struct jy_zsock *s)
{
    return s->discarded;
}

static void drop_first(struct jy_zsock *s)
{
    struct jy_zsend *p = TAILQ_FIRST(&s->queue);
    TAILQ_REMOVE(&s->queue, p, link);
    s->queued -= p->cost;
    free(p);
}

static int events_of(struct jy_zsock *s)
{
    int events = 0;
    size_t n = sizeof events;
    /* Unlike a send, this looks for news from the peer each time; it also eats the descriptor's edge,
     * without which a paused socket would keep the loop spinning. */
    zmq_getsockopt(s->zmq, ZMQ_EVENTS, &events, &n);
    return events;
}

/* Sends a batch of what waits. */
static void flush(struct jy_zsock *s)
{
    if (!(events_of(s) & ZMQ_POLLOUT))
        return;
    for (int i = 0; i < BATCH && !TAILQ_EMPTY(&s->queue); i++) {
        struct jy_zsend *p = TAILQ_FIRST(&s->queue);
        int rc = send_frames(s, p->frames, p->count);
        if (rc == -EAGAIN)
            return;
        if (rc < 0)
            kg_log(KG_WARN, "zmq", "waiting message dropped", "bytes=%zu error=%s", p->cost,
                   zmq_strerror(-rc));
        drop_first(s);
    }
    if (TAILQ_EMPTY(&s->queue) && s->config.drained)
        s->config.drained(s->config.user);
}

static void let_go(struct jy_zloop *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        zmq_msg_close(&l->msgs[i]);
        zmq_msg_init(&l->msgs[i]);
    }
}

/* Takes one message's frames into the loop's array. Returns how many, 0 when there is none, or -1 for
 * one that was discarded. */
static long receive(struct jy_zsock *s)
{
    struct jy_zloop *l = s->loop;
    size_t n = 0;
    bool too_many = false;
    for (int more = 1; more;) {
        jy_zloop_room(l, n + 1);
        zmq_msg_t *m = &l->msgs[n];
        int rc;
        do
            rc = zmq_msg_recv(m, s->zmq, ZMQ_DONTWAIT);
        while (rc < 0 && zmq_errno() == EINTR);
        if (rc < 0)
            return 0; /* EAGAIN, and only here: ZeroMQ hands out a message when it has all of it */
        more = zmq_msg_more(m);
        if (n + 1 < s->config.frames_max || !more)
            n++;
        else
            too_many = true; /* go on to its end, over the same place */
    }
    if (!too_many)
        return (long)n;
    let_go(l, n);
    return -1;
}

/* Hands on a batch. Returns true when ZeroMQ said that it has no more. */
static bool receive_batch(struct jy_zsock *s)
{
    struct jy_zloop *l = s->loop;
    for (int i = 0; i < BATCH && !s->paused && !s->closed; i++) {
        long n = receive(s);
        if (n == 0)
            return true;
        if (n < 0) {
            s->discarded++;
            continue;
        }
        for (long f = 0; f < n; f++)
            l->spans[f] = kg_span_of(zmq_msg_data(&l->msgs[f]), zmq_msg_size(&l->msgs[f]));
        s->config.received(s->config.user, l->spans, (size_t)n);
        let_go(l, (size_t)n);
    }
    return false;
}

void jy_zsock_drain(struct jy_zsock *s)
{
    bool dry = receive_batch(s);
    if (s->closed)
        return;
    if (dry && TAILQ_EMPTY(&s->queue))
        return;
    if (!TAILQ_EMPTY(&s->queue))
        flush(s);
    if (s->closed)
        return;
    /* The calls above may have eaten the edge of the very thing that is waited for, in either
     * direction: the last word is ZeroMQ's, after the last call. */
    int events = events_of(s);
    if (((events & ZMQ_POLLIN) && !s->paused) ||
        ((events & ZMQ_POLLOUT) && !TAILQ_EMPTY(&s->queue)))
        jy_zloop_mark(s);
}

void jy_zsock_pause(struct jy_zsock *s)
{
    s->paused = true;
}

void jy_zsock_resume(struct jy_zsock *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    jy_zloop_mark(s); /* no event will come for what arrived meanwhile */
}

static void poll_closed(uv_handle_t *h)
{
    struct jy_zsock *s = h->data;
    struct jy_zloop *l = s->loop;
    free(s);
    jy_zloop_handle_closed(l);
}

void jy_zsock_close(struct jy_zsock *s)
{
    if (!s || s->closed)
        return;
    jy_zloop_forget(s);
    s->closed = true;
    while (!TAILQ_EMPTY(&s->queue))
        drop_first(s);
    /* libuv lets go of the descriptor here, before ZeroMQ closes it */
    uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, poll_closed);
    zmq_close(s->zmq);
}

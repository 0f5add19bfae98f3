#include "pool/link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/reader.h"

enum {
    READ_BUDGET = 1024 * 1024, /* a wake: other boxes want their turn */
    OUT_TRIM = 1024 * 1024,    /* sent bytes that are worth moving the rest for */
    OUT_KEEP = 64 * 1024,      /* memory kept for sending when nothing is to be sent */
};

/* One connection. Freed when its poll handle is closed, which may be later than the link's. */
struct conn {
    uv_poll_t poll;
    int fd;
    struct pl_link *link; /* NULL: dropped */
    int wants;            /* events polled for */
};

struct pl_link {
    struct pl_link_config config;
    const struct pl_link_events *events;
    void *user;
    uv_poll_t listener;
    uv_timer_t hello;
    int listen_fd;
    int open_handles;
    bool closed;
    bool broken;
    bool held;
    bool up;      /* HELLO was said on this connection */
    bool blocked; /* the socket took no more */
    struct conn *conn;
    struct pl_reader reader;
    uint64_t last_seq; /* of what was delivered */
    uint64_t acked_seq;
    size_t unacked;    /* bytes delivered since the last ACK */
    struct kg_buf out; /* begins with a whole record */
    size_t out_done;   /* of out that is sent */
    struct pl_task flush;
    struct pl_task ack;
    struct pl_task resume;
};

static void on_io(uv_poll_t *handle, int status, int events);
static void poll_update(struct pl_link *l)
{
    struct conn *c = l->conn;
    if (!c)
        return;
    int wants = (l->held ? 0 : UV_READABLE) | (l->blocked ? UV_WRITABLE : 0);
    if (wants == c->wants)
        return;
    c->wants = wants;
    if (wants)
        uv_poll_start(&c->poll, wants, on_io);
    else
        uv_poll_stop(&c->poll);
}

static void on_conn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void conn_close(struct pl_link *l)
{
    struct conn *c = l->conn;
    if (!c)
        return;
    l->conn = NULL;
    l->up = false;
    l->blocked = false;
    c->link = NULL;
    uv_timer_stop(&l->hello);
    uv_close((uv_handle_t *)&c->poll, on_conn_closed);
    close(c->fd);
    pl_reader_release(&l->reader);
}

/* After a lost connection: forgets all but MSG, and what was sent of them in whole. */
static void out_keep_messages(struct pl_link *l)
{
    struct kg_buf kept = {0};
    size_t at = 0;
    while (at < l->out.len) {
        struct kg_rec rec;
        kg_rec_decode(&rec, l->out.data + at, l->out.len - at, NULL);
        size_t whole = KG_REC_HEAD + (size_t)rec.body_len;
        if (rec.type == KG_REC_MSG && at + whole > l->out_done)
            kg_buf_add(&kept, l->out.data + at, whole);
        at += whole;
    }
    kg_buf_release(&l->out);
    l->out = kept;
    l->out_done = 0;
}

static void drop(struct pl_link *l, const char *why)
{
    bool was_up = l->up;
    conn_close(l);
    if (!was_up)
        return;
    out_keep_messages(l);
    kg_log(KG_INFO, "link", "connection lost", "box=%.12s why=\"%s\"", l->config.box, why);
    l->events->down(l->user, why);
}

static void break_link(struct pl_link *l, const struct kg_err *err)
{
    kg_log(KG_WARN, "link", "agent broke the protocol", "box=%.12s why=\"%s\"", l->config.box,
           err->text);
    conn_close(l);
    l->broken = true;
    uv_poll_stop(&l->listener);
    l->events->broken(l->user, err);
}

/* Forgets what has been sent, up to a record's begin, when that is much. */
static void out_trim(struct pl_link *l)
{
    if (l->out_done == l->out.len) {
        l->out_done = 0;
        if (l->out.cap > OUT_KEEP)
            kg_buf_release(&l->out);
        else
            kg_buf_clear(&l->out);
        return;
    }
    if (l->out_done < OUT_TRIM || l->out_done < l->out.len / 2)
        return;
    size_t at = 0;
    for (;;) {
        struct kg_rec rec;
        kg_rec_decode(&rec, l->out.data + at, l->out.len - at, NULL);
        size_t next = at + KG_REC_HEAD + (size_t)rec.body_len;
        if (next > l->out_done)
            break;
        at = next;
    }
    kg_buf_drop(&l->out, at);
    l->out_done -= at;
}

static void flush(struct pl_link *l)
{
    while (l->up && l->out_done < l->out.len) {
        ssize_t n = send(l->conn->fd, l->out.data + l->out_done, l->out.len - l->out_done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            l->blocked = true;
            poll_update(l);
            break;
        }
        if (n < 0) {
            drop(l, strerror(errno)); // NOLINT(concurrency-mt-unsafe): one thread
            return;
        }
        l->out_done += (size_t)n;
    }
    out_trim(l);
}

static void on_flush(struct pl_task *task)
{
    struct pl_link *l = kg_container_of(task, struct pl_link, flush);
    if (!l->blocked)
        flush(l);
}

static void send_ack(struct pl_link *l)
{
    pl_task_cancel(&l->ack);
    if (!l->up || l->acked_seq == l->last_seq)
        return;
    l->unacked = 0;
    l->acked_seq = l->last_seq;
    struct kg_rec rec = {.type = KG_REC_ACK, .channel = KG_CH_NONE, .seq = l->last_seq};
    pl_link_send(l, &rec, NULL, 0, NULL);
}

static void on_ack(struct pl_task *task)
{
    send_ack(kg_container_of(task, struct pl_link, ack));
}

/* Answers HELLO: WELCOME goes in front of all that waits. */
static void welcome(struct pl_link *l)
{
    char body[96];
    int n = snprintf(body, sizeof body, "{\"epoch\":%" PRIu64 ",\"from_seq\":%" PRIu64 "}",
                     l->config.epoch, l->last_seq + 1);
    struct kg_buf out = {0};
    struct kg_rec rec = {.type = KG_REC_WELCOME, .channel = KG_CH_NONE};
    kg_rec_append(&out, &rec, body, (size_t)n);
    kg_buf_add(&out, l->out.data, l->out.len);
    kg_buf_release(&l->out);
    l->out = out;
    l->up = true;
    uv_timer_stop(&l->hello);
    pl_turn_last(l->config.turn, &l->flush);
    l->events->up(l->user);
}

static int greet(struct pl_link *l, const struct kg_rec *rec, struct kg_slice body,
                 struct kg_err *err)
{
    if (rec->type != KG_REC_HELLO)
        return kg_err_set(err, -EPROTO, "link begins with a record of type %u instead of HELLO",
                          rec->type);
    if (body.len > PL_LINK_JSON_MAX)
        return kg_err_set(err, -EMSGSIZE, "HELLO of %zu bytes is too large", body.len);
    json_error_t bad;
    json_t *hello = json_loadb((const char *)body.data, body.len, 0, &bad);
    const char *box = json_string_value(json_object_get(hello, "box"));
    int rc = 0;
    if (!hello)
        rc = kg_err_set(err, -EPROTO, "HELLO is not JSON: %s", bad.text);
    else if (!box || strcmp(box, l->config.box) != 0)
        rc = kg_err_set(err, -EPROTO, "HELLO names another box");
    json_decref(hello);
    if (rc == 0)
        welcome(l);
    return rc;
}

static int accept_record(struct pl_link *l, const struct kg_rec *rec, struct kg_slice body,
                         struct kg_err *err)
{
    switch (rec->type) {
    case KG_REC_MSG: break;
    case KG_REC_EVENT:
    case KG_REC_REPLY:
        if (body.len > PL_LINK_JSON_MAX)
            return kg_err_set(err, -EMSGSIZE, "link reply or event of %zu bytes is too large",
                              body.len);
        break;
    default:
        return kg_err_set(err, -EPROTO, "link record of type %u is not the agent's to send",
                          rec->type);
    }
    if (rec->type != KG_REC_REPLY) {
        if (rec->seq <= l->last_seq)
            return 0; /* sent again after a reconnect */
        l->last_seq = rec->seq;
        l->unacked += KG_REC_HEAD + body.len;
    }
    /* The owner may close the link in this call and still read body until it returns. */
    struct kg_blob *held = kg_blob_ref(body.blob);
    l->events->record(l->user, rec, body);
    kg_blob_unref(held);
    return 0;
}

/* Delivers what has been read. The owner may close or hold the link in any of its callbacks. */
static void deliver(struct pl_link *l)
{
    struct kg_err err = {0};
    int rc = 0;
    while (l->conn && !l->held) {
        struct kg_rec rec;
        struct kg_slice body;
        rc = pl_reader_next(&l->reader, &rec, &body, &err);
        if (rc <= 0)
            break;
        if (l->up)
            rc = accept_record(l, &rec, body, &err);
        else
            rc = greet(l, &rec, body, &err);
        if (rc < 0)
            break;
    }
    if (l->closed)
        return;
    if (rc < 0 && l->conn) {
        if (l->up) {
            break_link(l, &err);
        } else {
            kg_log(KG_WARN, "link", "connection refused", "box=%.12s why=\"%s\"", l->config.box,
                   err.text);
            conn_close(l);
        }
        return;
    }
    if (l->unacked >= PL_LINK_ACK_BYTES)
        send_ack(l);
    else if (l->unacked)
        pl_turn_tick(l->config.turn, &l->ack);
}

/* Returns true when there may be more to read at once. */
static bool read_on(struct pl_link *l)
{
    size_t budget = READ_BUDGET;
    while (l->conn && !l->held && budget) {
        struct iovec iov[2];
        int parts = pl_reader_room(&l->reader, iov);
        size_t offered = l->reader.offered;
        ssize_t n = readv(l->conn->fd, iov, parts);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            pl_reader_dry(&l->reader);
            return false;
        }
        if (n <= 0) {
            drop(l, n < 0 ? strerror(errno) : "closed"); // NOLINT(concurrency-mt-unsafe)
            return false;
        }
        pl_reader_took(&l->reader, (size_t)n);
        deliver(l);
        budget -= (size_t)n < budget ? (size_t)n : budget;
        if ((size_t)n < offered) { /* a short read of a stream: it has run dry */
            if (l->conn)
                pl_reader_dry(&l->reader);
            return false;
        }
    }
    return l->conn && !l->held;
}

static void on_io(uv_poll_t *handle, int status, int events)
{
    struct conn *c = handle->data;
    struct pl_link *l = c->link;
    if (!l)
        return;
    if (status < 0) { /* the agent is dead; what it said before may still be read */
        while (read_on(l))
            ;
        if (l->conn == c)
            drop(l, "broken");
        return;
    }
    if (events & UV_WRITABLE) {
        l->blocked = false;
        flush(l);
        poll_update(l);
    }
    if (l->conn == c && (events & UV_READABLE))
        read_on(l);
}

static void on_hello_timer(uv_timer_t *timer)
{
    struct pl_link *l = timer->data;
    kg_log(KG_WARN, "link", "no hello in time", "box=%.12s", l->config.box);
    conn_close(l);
}

/* Only the agent has its uid; what else may reach the socket is turned away. */
static bool is_agent(struct pl_link *l, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    if (peer.uid == l->config.uid)
        return true;
    kg_log(KG_WARN, "link", "connection of a wrong user refused", "box=%.12s uid=%u expected=%u",
           l->config.box, peer.uid, l->config.uid);
    return false;
}

static void take_connection(struct pl_link *l, int fd)
{
    if (l->conn)
        drop(l, "dialled again");
    if (l->closed || l->broken) { /* the owner had enough */
        close(fd);
        return;
    }
    struct conn *c = kg_calloc(1, sizeof *c);
    c->fd = fd;
    c->poll.data = c;
    if (uv_poll_init(l->config.turn->loop, &c->poll, fd) < 0) {
        close(fd);
        free(c);
        return;
    }
    c->link = l;
    l->conn = c;
    poll_update(l);
    uv_timer_start(&l->hello, on_hello_timer, l->config.hello_ms, 0);
}

static void on_listener(uv_poll_t *handle, int status, int events)
{
    struct pl_link *l = handle->data;
    (void)status;
    (void)events;
    while (!l->closed && !l->broken) {
        int fd = accept4(l->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return; /* EAGAIN; or no descriptors: it stays in the backlog */
        if (is_agent(l, fd))
            take_connection(l, fd);
        else
            close(fd);
    }
}

static void on_resume(struct pl_task *task)
{
    struct pl_link *l = kg_container_of(task, struct pl_link, resume);
    deliver(l);
}

struct pl_link *pl_link_open(const struct pl_link_config *config, int listen_fd,
                             const struct pl_link_events *events, void *user, struct kg_err *err)
{
    struct pl_link *l = kg_calloc(1, sizeof *l);
    l->config = *config;
    l->events = events;
    l->user = user;
    l->listen_fd = listen_fd;
    l->flush.run = on_flush;
    l->ack.run = on_ack;
    l->resume.run = on_resume;
    int flags = fcntl(listen_fd, F_GETFL);
    int rc = flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
    if (rc == 0)
        rc = uv_poll_init(config->turn->loop, &l->listener, listen_fd);
    if (rc < 0) {
        kg_err_set(err, rc, "listening socket of the link: %s", uv_strerror(rc));
        close(listen_fd);
        free(l);
        return NULL;
    }
    uv_timer_init(config->turn->loop, &l->hello);
    l->open_handles = 2;
    l->listener.data = l->hello.data = l;
    uv_poll_start(&l->listener, UV_READABLE, on_listener);
    return l;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct pl_link *l = handle->data;
    if (--l->open_handles == 0)
        free(l);
}

void pl_link_close(struct pl_link *l)
{
    if (!l || l->closed)
        return;
    l->closed = true;
    conn_close(l);
    pl_task_cancel(&l->flush);
    pl_task_cancel(&l->ack);
    pl_task_cancel(&l->resume);
    kg_buf_release(&l->out);
    uv_close((uv_handle_t *)&l->listener, on_handle_closed);
    uv_close((uv_handle_t *)&l->hello, on_handle_closed);
    close(l->listen_fd);
}

int pl_link_send(struct pl_link *l, struct kg_rec *rec, const void *body, size_t n,
                 struct kg_err *err)
{
    if (n > KG_REC_BODY_MAX)
        return kg_err_set(err, -EMSGSIZE, "message of %zu bytes is above the link's limit of %d", n,
                          KG_REC_BODY_MAX);
    if (l->out.len - l->out_done > PL_LINK_OUT_MAX)
        return kg_err_set(err, -ENOBUFS, "more than %d MiB wait to be sent to the box",
                          PL_LINK_OUT_MAX / 1024 / 1024);
    kg_rec_append(&l->out, rec, body, n);
    if (l->up && !l->blocked)
        pl_turn_last(l->config.turn, &l->flush);
    return 0;
}

bool pl_link_is_up(const struct pl_link *l)
{
    return l->up;
}

void pl_link_hold(struct pl_link *l, bool hold)
{
    if (l->held == hold)
        return;
    l->held = hold;
    poll_update(l);
    if (!hold)
        pl_turn_soon(l->config.turn, &l->resume); /* what was read before the hold */
    else
        pl_task_cancel(&l->resume);
}

uint64_t pl_link_last_seq(const struct pl_link *l)
{
    return l->last_seq;
}

#include "pool/boxd_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum { REDIAL_MS = 50, REDIAL_MAX_MS = 2000, READS_A_TURN = 64 };

struct request {
    TAILQ_ENTRY(request) entry;
    struct pl_task task; /* to fail it at the end of the turn */
    uint64_t id;
    struct kg_buf packet; /* until sent */
    pl_boxd_reply *done;
    void *user;
    struct kg_err err;
    struct pl_boxd *boxd;
};
TAILQ_HEAD(requests, request);

/* One connection; freed in its handle's close callback. */
struct conn {
    uv_poll_t poll;
    int fd;
    struct pl_boxd *boxd; /* NULL: dropped */
};

struct pl_boxd {
    uv_loop_t *loop;
    struct pl_turn *turn;
    char *path;
    const struct pl_boxd_events *events;
    void *user;
    struct conn *conn;
    uv_timer_t redial;
    uint32_t redial_ms;
    bool told_down;
    bool waits_writable;
    struct requests to_send;
    struct requests waiting; /* for their replies */
    uint32_t failing;        /* requests whose failure is still to be told */
    uint64_t next_id;
    struct pl_task flush;
    bool closing;
    bool timer_closed;
    void (*closed)(void *user);
    void *closed_user;
    char in[PL_BOXD_PACKET_MAX];
};

static void on_io(uv_poll_t *handle, int status, int events);
static void connect_now(struct pl_boxd *b);

static void step_close(struct pl_boxd *b)
{
    if (!b->closing || !b->timer_closed || b->failing)
        return;
    void (*closed)(void *user) = b->closed;
    void *user = b->closed_user;
    pl_task_cancel(&b->flush);
    free(b->path);
    free(b);
    closed(user);
}

static void on_failed(struct pl_task *task)
{
    struct request *r = kg_container_of(task, struct request, task);
    struct pl_boxd *b = r->boxd;
    r->done(r->user, NULL, -1, &r->err);
    kg_buf_release(&r->packet);
    free(r);
    b->failing--;
    step_close(b);
}

static void fail_soon(struct request *r, int code, const char *why)
{
    kg_err_set(&r->err, code, "%s", why);
    r->task.run = on_failed;
    r->boxd->failing++;
    pl_turn_soon(r->boxd->turn, &r->task);
}

static void fail_all(struct pl_boxd *b, int code, const char *why)
{
    struct request *r;
    TAILQ_CONCAT(&b->waiting, &b->to_send, entry);
    while ((r = TAILQ_FIRST(&b->waiting))) {
        TAILQ_REMOVE(&b->waiting, r, entry);
        fail_soon(r, code, why);
    }
}

static void on_conn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void conn_close(struct pl_boxd *b)
{
    struct conn *c = b->conn;
    if (!c)
        return;
    b->conn = NULL;
    b->waits_writable = false;
    c->boxd = NULL;
    uv_close((uv_handle_t *)&c->poll, on_conn_closed);
    close(c->fd);
}

static void on_redial(uv_timer_t *timer)
{
    connect_now(timer->data);
}

static void go_down(struct pl_boxd *b, const char *why)
{
    char text[KG_ERR_TEXT_MAX];
    snprintf(text, sizeof text, "boxd at %.100s: %.200s", b->path, why);
    conn_close(b);
    fail_all(b, -ENOTCONN, text);
    uv_timer_start(&b->redial, on_redial, b->redial_ms, 0);
    b->redial_ms = b->redial_ms * 2 < REDIAL_MAX_MS ? b->redial_ms * 2 : REDIAL_MAX_MS;
    if (!b->told_down) {
        b->told_down = true;
        b->events->down(b->user, text);
    }
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    kg_autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return kg_steal_fd(&fd);
}

static void connect_now(struct pl_boxd *b)
{
    int fd = dial(b->path);
    if (fd < 0) {
        go_down(b, uv_strerror(fd));
        return;
    }
    struct conn *c = kg_calloc(1, sizeof *c);
    c->fd = fd;
    c->poll.data = c;
    int rc = uv_poll_init(b->loop, &c->poll, fd);
    if (rc < 0) {
        close(fd);
        free(c);
        go_down(b, uv_strerror(rc));
        return;
    }
    c->boxd = b;
    b->conn = c;
    uv_poll_start(&c->poll, UV_READABLE, on_io);
    b->told_down = false;
    b->redial_ms = REDIAL_MS;
    b->events->up(b->user);
}

static void flush(struct pl_boxd *b)
{
    struct request *r;
    while (b->conn && (r = TAILQ_FIRST(&b->to_send))) {
        ssize_t n = send(b->conn->fd, r->packet.data, r->packet.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        bool full = n < 0 && (errno == EAGAIN || errno == ENOBUFS);
        if (full != b->waits_writable) {
            b->waits_writable = full;
            uv_poll_start(&b->conn->poll, UV_READABLE | (full ? UV_WRITABLE : 0), on_io);
        }
        if (full)
            return;
        if (n < 0) {
            go_down(b, uv_strerror(-errno));
            return;
        }
        TAILQ_REMOVE(&b->to_send, r, entry);
        TAILQ_INSERT_TAIL(&b->waiting, r, entry);
        kg_buf_release(&r->packet);
    }
    if (b->conn && b->waits_writable) {
        b->waits_writable = false;
        uv_poll_start(&b->conn->poll, UV_READABLE, on_io);
    }
}

static void on_flush(struct pl_task *task)
{
    flush(kg_container_of(task, struct pl_boxd, flush));
}

/* boxd's EIO is a failure of the runtime: not to be confused with a refusal of the kernel. */
static int code_of(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        {"EEXIST", -EEXIST}, {"ENOENT", -ENOENT},       {"EAGAIN", -EAGAIN},
        {"EBUSY", -EBUSY},   {"EINVAL", -EINVAL},       {"ESHUTDOWN", -ENOTCONN},
        {"EPERM", -EPERM},   {"ECANCELED", -ECANCELED}, {"EMSGSIZE", -EINVAL},
    };
    for (size_t i = 0; name && i < KG_COUNT(codes); i++)
        if (strcmp(name, codes[i].name) == 0)
            return codes[i].code;
    return -EREMOTEIO;
}

static void on_reply(struct pl_boxd *b, const json_t *reply, int fd)
{
    uint64_t id = (uint64_t)json_integer_value(json_object_get(reply, "id"));
    struct request *r;
    TAILQ_FOREACH(r, &b->waiting, entry)
    if (r->id == id)
        break;
    if (!r) {
        if (fd >= 0)
            close(fd);
        kg_log(KG_WARN, "pool", "boxd answered to no request", "id=%llu", (unsigned long long)id);
        return;
    }
    TAILQ_REMOVE(&b->waiting, r, entry);
    if (json_is_true(json_object_get(reply, "ok"))) {
        r->done(r->user, reply, fd, NULL);
    } else {
        struct kg_err err = {0};
        const char *text = json_string_value(json_object_get(reply, "error"));
        kg_err_set(&err, code_of(json_string_value(json_object_get(reply, "code"))), "%s",
                   text ? text : "boxd refused without a reason");
        if (fd >= 0)
            close(fd);
        r->done(r->user, NULL, -1, &err);
    }
    free(r);
}

/* The descriptor that came with a packet; should there be more, they are closed. */
static int take_fd(struct msghdr *msg)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof one);
            if (fd < 0)
                fd = one;
            else
                close(one);
        }
    }
    return fd;
}

static void on_packet(struct pl_boxd *b, const char *text, size_t n, int fd)
{
    json_error_t bad;
    json_t *doc = json_loadb(text, n, 0, &bad);
    if (json_is_object(doc) && json_object_get(doc, "event")) {
        if (fd >= 0)
            close(fd);
        b->events->event(b->user, doc);
    } else if (json_is_object(doc) && json_object_get(doc, "id")) {
        on_reply(b, doc, fd);
    } else {
        if (fd >= 0)
            close(fd);
        go_down(b, "it sent something that is not a reply");
    }
    json_decref(doc);
}

/* Returns false when there is nothing to read, or nobody to read from, any more. */
static bool read_one(struct pl_boxd *b)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec iov = {b->in, sizeof b->in};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
    msg.msg_controllen = sizeof control;
    ssize_t n = recvmsg(b->conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        go_down(b, n < 0 ? uv_strerror(-errno) : "it closed the connection");
        return false;
    }
    int fd = take_fd(&msg);
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        if (fd >= 0)
            close(fd);
        go_down(b, "it sent a packet that is too large");
        return false;
    }
    on_packet(b, b->in, (size_t)n, fd);
    return true;
}

static void on_io(uv_poll_t *handle, int status, int events)
{
    struct conn *c = handle->data;
    struct pl_boxd *b = c->boxd;
    if (!b)
        return;
    if (status < 0) {
        go_down(b, uv_strerror(status));
        return;
    }
    if (events & UV_WRITABLE)
        flush(b);
    for (int i = 0; i < READS_A_TURN && b->conn == c; i++)
        if (!read_one(b))
            break;
}

struct pl_boxd *pl_boxd_new(uv_loop_t *loop, const char *path, const struct pl_boxd_events *events,
                            void *user)
{
    struct pl_boxd *b = kg_calloc(1, sizeof *b);
    b->loop = loop;
    b->path = kg_strdup(path);
    b->events = events;
    b->user = user;
    b->redial_ms = REDIAL_MS;
    b->flush.run = on_flush;
    TAILQ_INIT(&b->to_send);
    TAILQ_INIT(&b->waiting);
    uv_timer_init(loop, &b->redial);
    b->redial.data = b;
    return b;
}

void pl_boxd_start(struct pl_boxd *b, struct pl_turn *turn)
{
    b->turn = turn;
    uv_timer_start(&b->redial, on_redial, 0, 0);
}

static int dump(const char *text, size_t n, void *buf)
{
    kg_buf_add(buf, text, n);
    return 0;
}

void pl_boxd_request(struct pl_boxd *b, const char *op, json_t *req, pl_boxd_reply *done,
                     void *user)
{
    struct request *r = kg_calloc(1, sizeof *r);
    r->boxd = b;
    r->id = ++b->next_id;
    r->done = done;
    r->user = user;
    if (!req)
        req = json_object();
    json_object_set_new(req, "id", json_integer((json_int_t)r->id));
    json_object_set_new(req, "op", json_string(op));
    json_dump_callback(req, dump, &r->packet, JSON_COMPACT);
    json_decref(req);
    if (b->closing) {
        fail_soon(r, -ECANCELED, "the engine is closing");
    } else if (!b->conn) {
        fail_soon(r, -ENOTCONN, "there is no connection to boxd");
    } else if (r->packet.len > PL_BOXD_PACKET_MAX) {
        fail_soon(r, -EMSGSIZE, "request to boxd is too large");
    } else {
        TAILQ_INSERT_TAIL(&b->to_send, r, entry);
        pl_turn_last(b->turn, &b->flush);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pl_boxd *b = handle->data;
    b->timer_closed = true;
    step_close(b);
}

void pl_boxd_close(struct pl_boxd *b, void (*closed)(void *user), void *user)
{
    b->closing = true;
    b->closed = closed;
    b->closed_user = user;
    conn_close(b);
    fail_all(b, -ECANCELED, "the engine is closing");
    uv_close((uv_handle_t *)&b->redial, on_timer_closed);
}

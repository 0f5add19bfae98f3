#include "jupyter/zmtp/zmtp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "jupyter/zmtp/endpoint.h"
#include "jupyter/zmtp/frames.h"

enum {
    MIB = 1024 * 1024,
    FRAMES_MAX = 2048,
    READ_MIN = 16 * 1024,  /* room that is offered at least, and kept while nothing comes */
    READ_MAX = 512 * 1024, /* room that it grows to while reads fill it */
    READ_BUDGET = MIB,     /* a wake: others want their turn */
    IOV_SEND = 32,
    REDIAL_MS = 3,
};

enum state {
    Z_IDLE,     /* connect has not been called, or has failed */
    Z_REDIAL,   /* tcp: the timer dials */
    Z_DIALLING, /* tcp: connect(2) is under way */
    Z_GREETING, /* ours is sent, theirs is not whole */
    Z_READY,    /* waiting for their READY */
    Z_UP,
    Z_CLOSED,
};

struct jy_zmtp {
    uv_loop_t *loop;
    struct jy_zmtp_config config;
    uint8_t identity[JY_ZMTP_IDENTITY_MAX];
    struct jy_endpoint endpoint;
    enum state state;
    int fd;
    uv_poll_t *poll;  /* on the heap: it outlives its connection until it is closed */
    uv_timer_t timer; /* redial; when up: deliver what is there */
    bool paused;
    bool blocked; /* the socket takes no more */
    struct kg_buf in;
    size_t in_done; /* of in that is delivered */
    size_t room;    /* that a read is offered */
    struct kg_buf
        out; /* whole messages as bytes; begins with one of which out_done bytes are sent */
    size_t out_done;
    struct kg_span *frames;
};

static void on_io(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

int jy_zmtp_open(struct jy_zmtp **out, uv_loop_t *loop, const struct jy_zmtp_config *config,
                 struct kg_err *err)
{
    if (config->identity.len > JY_ZMTP_IDENTITY_MAX)
        return kg_err_set(err, -EINVAL, "identity of %zu bytes", config->identity.len);
    struct jy_zmtp *z = kg_calloc(1, sizeof *z);
    z->loop = loop;
    z->config = *config;
    if (config->identity.len)
        memcpy(z->identity, config->identity.data, config->identity.len);
    z->config.identity.data = z->identity;
    if (!z->config.queue_max)
        z->config.queue_max = (size_t)64 * MIB;
    if (!z->config.message_max)
        z->config.message_max = (size_t)80 * MIB;
    if (!z->config.frames_max)
        z->config.frames_max = FRAMES_MAX;
    z->frames = kg_malloc(z->config.frames_max * sizeof *z->frames);
    z->room = READ_MIN;
    z->fd = -1;
    uv_timer_init(loop, &z->timer);
    z->timer.data = z;
    *out = z;
    return 0;
}

/* --- the connection --- */

static void watch(struct jy_zmtp *z)
{
    bool reads = z->state >= Z_GREETING && !(z->state == Z_UP && z->paused);
    bool writes = z->state == Z_DIALLING || z->blocked;
    int events = (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(z->poll, events, on_io);
    else
        uv_poll_stop(z->poll);
}

static void free_poll(uv_handle_t *h)
{
    free(h);
}

static void hang_up(struct jy_zmtp *z)
{
    if (z->fd < 0)
        return;
    uv_close((uv_handle_t *)z->poll, free_poll);
    close(z->fd);
    z->poll = NULL;
    z->fd = -1;
    z->blocked = false;
    kg_buf_clear(&z->in);
    z->in_done = 0;
}

/* A message that was sent in part only is not known to the next connection: it goes there whole. */
static void rewind_out(struct jy_zmtp *z)
{
    const struct jy_zmtp_limits none = {z->config.frames_max, SIZE_MAX};
    size_t at = 0;
    struct jy_zmtp_message m;
    while (at < z->out_done &&
           jy_zmtp_split(&m, z->frames, &none, z->out.data + at, z->out.len - at, NULL) == 1) {
        if (at + m.length > z->out_done)
            break;
        at += m.length;
    }
    kg_buf_drop(&z->out, at);
    z->out_done = 0;
}

static void lose(struct jy_zmtp *z, const char *why)
{
    kg_log(KG_DEBUG, "zmtp", "connection lost", "why=\"%s\"", why);
    hang_up(z);
    rewind_out(z);
    z->state = Z_IDLE;
    uv_timer_stop(&z->timer);
    if (z->endpoint.address.ss_family == AF_UNIX)
        return;
    z->state = Z_REDIAL;
    uv_timer_start(&z->timer, on_timer, REDIAL_MS, 0);
}

/* The socket of a new connection has room for so little: less than all of it taken is a failure. */
static int say(struct jy_zmtp *z, const void *data, size_t n)
{
    return send(z->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n ? 0 : -EPIPE;
}

static int greet(struct jy_zmtp *z)
{
    uint8_t greeting[JY_ZMTP_GREETING];
    jy_zmtp_greeting(greeting);
    z->state = Z_GREETING;
    return say(z, greeting, sizeof greeting);
}

static int dial(struct jy_zmtp *z)
{
    int fd = socket(z->endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&z->endpoint.address, z->endpoint.len) < 0 &&
        errno != EINPROGRESS) {
        int why = errno;
        close(fd);
        return -why;
    }
    int on = 1;
    if (z->endpoint.address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    z->fd = fd;
    z->poll = kg_calloc(1, sizeof *z->poll);
    uv_poll_init(z->loop, z->poll, fd);
    z->poll->data = z;
    z->state = Z_DIALLING;
    if (z->endpoint.address.ss_family == AF_UNIX && greet(z) < 0) {
        hang_up(z);
        z->state = Z_IDLE;
        return -EPIPE;
    }
    watch(z);
    return 0;
}

int jy_zmtp_connect(struct jy_zmtp *z, const char *endpoint, struct kg_err *err)
{
    if (z->state != Z_IDLE)
        return kg_err_set(err, -EISCONN, "connect to %s: there is a connection", endpoint);
    int rc = jy_endpoint_parse(&z->endpoint, endpoint);
    if (rc == 0)
        rc = dial(z);
    if (rc < 0)
        return kg_err_errno(err, -rc, "connect to %s", endpoint);
    return 0;
}

/* --- out --- */

static void flush(struct jy_zmtp *z)
{
    while (z->state == Z_UP && !z->blocked && z->out_done < z->out.len) {
        ssize_t n = send(z->fd, z->out.data + z->out_done, z->out.len - z->out_done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            z->blocked = true;
            watch(z);
            return;
        }
        if (n < 0)
            return; /* the read that follows tells of it */
        z->out_done += (size_t)n;
    }
    if (z->out_done && z->out_done == z->out.len) {
        z->out_done = 0;
        if (z->out.cap > READ_MAX)
            kg_buf_release(&z->out);
        else
            kg_buf_clear(&z->out);
    }
}

static void append(struct kg_buf *out, const struct kg_span *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t head[JY_ZMTP_HEAD_MAX];
        uint8_t flags = i + 1 < count ? JY_ZMTP_MORE : 0;
        kg_buf_add(out, head, jy_zmtp_put_head(head, flags, frames[i].len));
        kg_buf_add(out, frames[i].data, frames[i].len);
    }
}

/* Sends a message from where it lies. Returns how many bytes of it went. */
static size_t send_now(struct jy_zmtp *z, const struct kg_span *frames, size_t count)
{
    uint8_t heads[IOV_SEND / 2][JY_ZMTP_HEAD_MAX];
    struct iovec iov[IOV_SEND];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2 * count};
    for (size_t i = 0; i < count; i++) {
        uint8_t flags = i + 1 < count ? JY_ZMTP_MORE : 0;
        iov[2 * i].iov_base = heads[i];
        iov[2 * i].iov_len = jy_zmtp_put_head(heads[i], flags, frames[i].len);
        iov[2 * i + 1].iov_base = (void *)(uintptr_t)frames[i].data;
        iov[2 * i + 1].iov_len = frames[i].len;
    }
    ssize_t n;
    do
        n = sendmsg(z->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? 0 : (size_t)n;
}

int jy_zmtp_send(struct jy_zmtp *z, const struct kg_span *frames, size_t count, struct kg_err *err)
{
    if (count == 0 || count > z->config.frames_max)
        return kg_err_set(err, -EINVAL, "message of %zu frames", count);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += frames[i].len + (frames[i].len < 256 ? 2 : JY_ZMTP_HEAD_MAX);
    size_t sent = 0;
    if (z->state == Z_UP && z->out.len == 0 && count <= IOV_SEND / 2)
        sent = send_now(z, frames, count);
    if (sent == bytes)
        return 0;
    size_t waiting = jy_zmtp_queued(z);
    if (sent == 0 && (bytes > z->config.queue_max || waiting > z->config.queue_max - bytes))
        return kg_err_set(err, -ENOBUFS, "%zu bytes wait for the peer, the limit is %zu", waiting,
                          z->config.queue_max);
    append(&z->out, frames, count);
    if (sent)
        z->out_done = sent;
    flush(z);
    return 0;
}

size_t jy_zmtp_queued(const struct jy_zmtp *z)
{
    return z->out.len - z->out_done;
}

bool jy_zmtp_connected(const struct jy_zmtp *z)
{
    return z->fd >= 0 && z->state != Z_DIALLING;
}

/* --- in --- */

static int on_ready_command(struct jy_zmtp *z)
{
    z->state = Z_UP;
    /* A subscription to everything, as ZMTP 3.0 has it: a message. One sent before READY makes libzmq hang up. */
    if (z->config.type == JY_ZMTP_SUB && say(z, "\0\1\1", 3) < 0)
        return -EPIPE;
    flush(z);
    return 0;
}

static int on_command(struct jy_zmtp *z, struct kg_span command, struct kg_err *err)
{
    struct kg_span name, rest;
    int rc = jy_zmtp_command(command, &name, &rest, err);
    if (rc < 0)
        return rc;
    if (z->state == Z_READY && kg_span_is(name, "READY"))
        return on_ready_command(z) < 0 ? kg_err_set(err, -EPIPE, "peer takes nothing") : 0;
    if (z->state == Z_READY || kg_span_is(name, "ERROR"))
        return kg_err_set(err, -EPROTO, "peer said %.*s: %.*s", (int)name.len, name.data,
                          (int)(rest.len < 80 ? rest.len : 80), rest.data);
    return 0; /* others may be ignored; heartbeats are not asked for by a peer of 3.0 */
}

/* Delivers what is whole. Returns 0 with *need, how many bytes the next one takes, or an error. */
static int deliver(struct jy_zmtp *z, size_t *need, struct kg_err *err)
{
    const struct jy_zmtp_limits limits = {z->config.frames_max, z->config.message_max};
    *need = 0;
    while (z->state >= Z_READY && z->state != Z_CLOSED && !(z->state == Z_UP && z->paused)) {
        struct jy_zmtp_message m;
        int rc = jy_zmtp_split(&m, z->frames, &limits, z->in.data + z->in_done,
                               z->in.len - z->in_done, err);
        if (rc == 0)
            *need = m.need;
        if (rc <= 0)
            return rc;
        z->in_done += m.length;
        if (m.command)
            rc = on_command(z, z->frames[0], err);
        else if (z->state == Z_READY)
            rc = kg_err_set(err, -EPROTO, "peer sent a message before READY");
        else
            z->config.received(z->config.user, z->frames, m.count);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int take_greeting(struct jy_zmtp *z, struct kg_err *err)
{
    int rc = jy_zmtp_greeting_check(z->in.data, z->in.len, err);
    if (rc <= 0)
        return rc;
    z->in_done = JY_ZMTP_GREETING;
    z->state = Z_READY;
    kg_autobuf ready = {0};
    jy_zmtp_put_ready(&ready, z->config.type == JY_ZMTP_SUB ? "SUB" : "DEALER", z->config.identity);
    return say(z, ready.data, ready.len) < 0 ? kg_err_set(err, -EPIPE, "peer takes nothing") : 0;
}

/* Forgets what is delivered, and makes the memory fit: large while much comes or is missing. */
static void tidy(struct jy_zmtp *z, size_t need)
{
    size_t left = z->in.len - z->in_done;
    if (left == 0 && z->in.cap > 2 * z->room) {
        kg_buf_release(&z->in);
    } else if (z->in_done) {
        kg_buf_drop(&z->in, z->in_done);
    }
    z->in_done = 0;
    if (need > z->in.len)
        kg_buf_reserve(&z->in, need - z->in.len);
}

/* True when there is work left for another turn. */
static bool take(struct jy_zmtp *z)
{
    struct kg_err err = {0};
    size_t need = 0;
    int rc = z->state == Z_GREETING ? take_greeting(z, &err) : 0;
    if (rc >= 0)
        rc = deliver(z, &need, &err);
    if (z->state == Z_CLOSED)
        return false;
    if (rc < 0) {
        kg_log(KG_WARN, "zmtp", "kernel's socket is given up", "error=\"%s\"", err.text);
        lose(z, err.text);
        return false;
    }
    if (z->paused && z->state == Z_UP) {
        watch(z);
        return false;
    }
    tidy(z, need);
    return true;
}

static void read_on(struct jy_zmtp *z)
{
    size_t budget = READ_BUDGET;
    while (budget && z->fd >= 0 && !(z->state == Z_UP && z->paused)) {
        size_t free_now = z->in.cap > z->in.len ? z->in.cap - z->in.len - 1 : 0;
        size_t room = free_now > z->room ? free_now : z->room;
        ssize_t n = recv(z->fd, kg_buf_reserve(&z->in, room), room, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            lose(z,
                 n == 0 ? "closed by the peer" : strerror(errno)); // NOLINT(concurrency-mt-unsafe)
            return;
        }
        z->in.len += (size_t)n;
        if ((size_t)n == room && z->room < READ_MAX)
            z->room *= 2;
        else if ((size_t)n < z->room / 8 && z->room > READ_MIN)
            z->room /= 2;
        if (!take(z) || (size_t)n < room)
            return;
        budget -= (size_t)n < budget ? (size_t)n : budget;
    }
}

static void on_io(uv_poll_t *poll, int status, int events)
{
    struct jy_zmtp *z = poll->data;
    if (poll != z->poll)
        return;
    if (z->state == Z_DIALLING) {
        int why = 0;
        socklen_t n = sizeof why;
        getsockopt(z->fd, SOL_SOCKET, SO_ERROR, &why, &n);
        if (status < 0 || why || greet(z) < 0)
            lose(z, "refused");
        else
            watch(z);
        return;
    }
    if (status < 0) {
        lose(z, uv_strerror(status));
        return;
    }
    if (events & UV_WRITABLE) {
        z->blocked = false;
        flush(z);
        watch(z);
    }
    if (events & UV_READABLE)
        read_on(z);
}

static void on_timer(uv_timer_t *timer)
{
    struct jy_zmtp *z = timer->data;
    if (z->state == Z_UP) { /* resumed */
        if (take(z))
            read_on(z);
        return;
    }
    if (z->state != Z_REDIAL)
        return;
    int rc = dial(z);
    if (rc < 0) {
        kg_log(KG_DEBUG, "zmtp", "dialling failed", "error=\"%s\"", uv_strerror(rc));
        uv_timer_start(&z->timer, on_timer, REDIAL_MS, 0);
    }
}

void jy_zmtp_pause(struct jy_zmtp *z)
{
    z->paused = true; /* polled once more at most: read_on looks */
    if (z->state == Z_UP)
        watch(z);
}

void jy_zmtp_resume(struct jy_zmtp *z)
{
    if (!z->paused)
        return;
    z->paused = false;
    if (z->state != Z_UP)
        return;
    watch(z);
    uv_timer_start(&z->timer, on_timer, 0, 0); /* what has been read already makes no event */
}

static void on_closed(uv_handle_t *h)
{
    struct jy_zmtp *z = h->data;
    kg_buf_release(&z->in);
    kg_buf_release(&z->out);
    free(z->frames);
    free(z);
}

void jy_zmtp_close(struct jy_zmtp *z)
{
    if (!z || z->state == Z_CLOSED)
        return;
    z->state = Z_CLOSED;
    if (z->fd >= 0) {
        uv_close((uv_handle_t *)z->poll, free_poll);
        close(z->fd);
        z->poll = NULL;
        z->fd = -1;
    }
    uv_close((uv_handle_t *)&z->timer, on_closed);
}

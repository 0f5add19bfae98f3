#include "runtimes/agent/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum { IOV_MAX_SEND = 64, SEND_MAX = 1024 * 1024, READ_SIZE = 256 * 1024, READS_A_TURN = 8 };
enum { DESERTED_MS = 2000 };

enum link_state {
    LINK_DOWN,  /* no connection; the timer dials */
    LINK_HELLO, /* connected, hello said, waiting for WELCOME */
    LINK_UP,
};

struct kk_link {
    uv_loop_t *loop;
    const char *box;
    struct sockaddr_un address;
    struct kk_link_events events;
    void *user;

    enum link_state state;
    int fd; /* -1 while DOWN */
    uv_poll_t *poll;
    bool wants_write; /* the socket takes no more */
    bool full;
    bool ever_up;
    uint64_t sent;
    int64_t epoch;
    uint64_t refused_since; /* when dialling began to fail; 0: it does not */
    struct kk_ring ring;
    struct kg_buf in;

    uv_timer_t redial;
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    int closing; /* handles still to be closed */
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void go_down(struct kk_link *l, const char *why)
{
    if (l->state == LINK_DOWN)
        return;
    kg_log(l->state == LINK_UP ? KG_INFO : KG_DEBUG, "agent", "link down", "why=\"%s\"", why);
    l->state = LINK_DOWN;
    uv_poll_stop(l->poll);
    uv_close((uv_handle_t *)l->poll, free_handle);
    l->poll = NULL;
    close(l->fd);
    l->fd = -1;
    kg_buf_release(&l->in);
    l->events.down(l->user);
    uv_timer_again(&l->redial);
}

static void watch(struct kk_link *l, bool write)
{
    l->wants_write = write;
    uv_poll_start(l->poll, UV_READABLE | (write ? UV_WRITABLE : 0), on_ready);
}

static int say_hello(struct kk_link *l)
{
    kg_autobuf body = {0};
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "box", l->box);
    kg_json_kstr(&j, "version", KERNELGW_VERSION);
    kg_json_kint(&j, "first_seq", (int64_t)kk_ring_first(&l->ring));
    kg_json_kint(&j, "last_seq", (int64_t)l->ring.last_seq);
    kg_json_object_end(&j);
    struct kg_rec rec = {.type = KG_REC_HELLO, .channel = KG_CH_NONE};
    kg_rec_append(&out, &rec, body.data, body.len);
    /* A fresh socket's buffer takes this at once, or the connection is of no use. */
    ssize_t n = send(l->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)out.len ? 0 : -EIO;
}

static void note_refusal(struct kk_link *l, int why)
{
    if (why != ECONNREFUSED && why != ENOENT) {
        l->refused_since = 0; /* EAGAIN: the backlog is full, so somebody does hold the socket */
        return;
    }
    uint64_t now = kg_clock_ms();
    if (!l->refused_since)
        l->refused_since = now;
    else if (now - l->refused_since > DESERTED_MS)
        l->events.deserted(l->user);
}

static void dial(uv_timer_t *timer)
{
    struct kk_link *l = timer->data;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&l->address, sizeof l->address) < 0) {
        int why = errno;
        close(fd);
        note_refusal(l, why);
        return;
    }
    l->refused_since = 0;
    int size = 1024 * 1024; /* the kernel cuts it to net.core.wmem_max */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    l->fd = fd;
    if (say_hello(l) < 0) {
        close(fd);
        l->fd = -1;
        return;
    }
    uv_timer_stop(&l->redial);
    l->state = LINK_HELLO;
    l->poll = kg_calloc(1, sizeof *l->poll);
    uv_poll_init(l->loop, l->poll, fd);
    l->poll->data = l;
    watch(l, false);
}

/* Tells the sources when there is too much, and when there is room again. */
static void note_pressure(struct kk_link *l)
{
    bool full = l->ring.unsent > (l->full ? KK_LINK_FULL / 2 : KK_LINK_FULL);
    if (full == l->full)
        return;
    l->full = full;
    l->events.full(l->user, full);
}

static void shed(struct kk_link *l)
{
    if (l->ring.unsent <= KK_LINK_SHED)
        return;
    uint64_t n = kk_ring_shed(&l->ring, KK_LINK_SHED);
    if (n)
        kg_log(KG_DEBUG, "agent", "output dropped, the gateway takes none", "records=%llu",
               (unsigned long long)n);
}

void kk_link_flush(struct kk_link *l)
{
    while (l->state == LINK_UP && !l->wants_write && l->ring.unsent > 0) {
        struct iovec iov[IOV_MAX_SEND];
        struct msghdr msg = {.msg_iov = iov};
        msg.msg_iovlen = (size_t)kk_ring_gather(&l->ring, iov, IOV_MAX_SEND, SEND_MAX);
        ssize_t n = sendmsg(l->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            l->sent += (uint64_t)n;
            kk_ring_sent(&l->ring, (size_t)n);
        } else if (n < 0 && errno == EAGAIN)
            watch(l, true);
        else if (n < 0 && errno != EINTR)
            go_down(l, strerror(errno));
    }
    shed(l);
    note_pressure(l);
}

static int welcome(struct kk_link *l, const uint8_t *body, size_t n, struct kg_err *err)
{
    json_t *doc = json_loadb((const char *)body, n, JSON_REJECT_DUPLICATES, NULL);
    json_t *from = json_object_get(doc, "from_seq");
    json_t *epoch = json_object_get(doc, "epoch");
    bool good = json_is_integer(from) && json_is_integer(epoch) && json_integer_value(from) >= 0;
    if (good) {
        bool same = l->ever_up && json_integer_value(epoch) == l->epoch;
        kk_ring_rewind(&l->ring, (uint64_t)json_integer_value(from), same || !l->ever_up);
        l->epoch = json_integer_value(epoch);
        l->ever_up = true;
        l->state = LINK_UP;
        kg_log(KG_INFO, "agent", "link up", "from_seq=%lld", (long long)json_integer_value(from));
    }
    json_decref(doc);
    return good ? 0 : kg_err_set(err, -EPROTO, "WELCOME without from_seq and epoch");
}

static int take(struct kk_link *l, const struct kg_rec *rec, const uint8_t *body,
                struct kg_err *err)
{
    if (l->state == LINK_HELLO)
        return rec->type == KG_REC_WELCOME
                   ? welcome(l, body, rec->body_len, err)
                   : kg_err_set(err, -EPROTO, "record of type %u before WELCOME", rec->type);
    switch (rec->type) {
    case KG_REC_ACK: kk_ring_ack(&l->ring, rec->seq); return 0;
    case KG_REC_MSG:
    case KG_REC_REQ:
    case KG_REC_DATA: return l->events.record(l->user, rec, body, err);
    default: return kg_err_set(err, -EPROTO, "record of type %u from the gateway", rec->type);
    }
}

/* Takes whole records off the front of `in`. Afterwards it has room for what is missing of the next. */
static int take_all(struct kk_link *l, struct kg_err *err)
{
    size_t off = 0;
    struct kg_rec rec = {0};
    int rc;
    while ((rc = kg_rec_decode(&rec, l->in.data + off, l->in.len - off, err)) > 0) {
        if (l->in.len - off - KG_REC_HEAD < rec.body_len) {
            kg_buf_drop(&l->in, off);
            kg_buf_reserve(&l->in, KG_REC_HEAD + rec.body_len - l->in.len);
            return 0;
        }
        rc = take(l, &rec, l->in.data + off + KG_REC_HEAD, err);
        if (rc < 0)
            return rc;
        off += KG_REC_HEAD + rec.body_len;
    }
    kg_buf_drop(&l->in, off);
    if (l->in.len == 0 && l->in.cap > 4 * READ_SIZE)
        kg_buf_release(&l->in); /* it was grown for one big message */
    return rc;
}

static void read_some(struct kk_link *l)
{
    for (int i = 0; i < READS_A_TURN && l->state != LINK_DOWN; i++) {
        size_t room = l->in.cap > l->in.len ? l->in.cap - l->in.len - 1 : 0;
        if (room < READ_SIZE / 4) {
            kg_buf_reserve(&l->in, READ_SIZE);
            room = l->in.cap - l->in.len - 1;
        }
        ssize_t n = recv(l->fd, l->in.data + l->in.len, room, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            go_down(l, n == 0 ? "closed by the gateway" : strerror(errno));
            return;
        }
        l->in.len += (size_t)n;
        struct kg_err err = {0};
        if (take_all(l, &err) < 0) {
            kg_log(KG_WARN, "agent", "bad record on the link", "error=\"%s\"", err.text);
            go_down(l, err.text);
            return;
        }
        if ((size_t)n < room)
            return;
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct kk_link *l = poll->data;
    if (status < 0) {
        go_down(l, uv_strerror(status));
        return;
    }
    if (events & UV_WRITABLE)
        watch(l, false);
    if (events & UV_READABLE)
        read_some(l);
    kk_link_flush(l);
}

static void on_after_poll(uv_check_t *check)
{
    kk_link_flush(check->data);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    kk_link_flush(prepare->data);
}

int kk_link_open(struct kk_link **out, uv_loop_t *loop, const char *path, const char *box,
                 const struct kk_link_events *events, void *user, struct kg_err *err)
{
    struct kk_link *l = kg_calloc(1, sizeof *l);
    if (strlen(path) >= sizeof l->address.sun_path) {
        free(l);
        return kg_err_set(err, -ENAMETOOLONG, "the link's path %.120s is too long", path);
    }
    l->loop = loop;
    l->box = box;
    l->events = *events;
    l->user = user;
    l->fd = -1;
    l->address.sun_family = AF_UNIX;
    memcpy(l->address.sun_path, path, strlen(path) + 1);
    kk_ring_init(&l->ring, KK_RING_KEEP);
    uv_timer_init(loop, &l->redial);
    uv_check_init(loop, &l->after_poll);
    uv_prepare_init(loop, &l->before_poll);
    l->redial.data = l->after_poll.data = l->before_poll.data = l;
    uv_timer_start(&l->redial, dial, 0, KK_LINK_REDIAL_MS);
    uv_check_start(&l->after_poll, on_after_poll);
    uv_prepare_start(&l->before_poll, on_before_poll);
    *out = l;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_link *l = h->data;
    if (--l->closing == 0)
        free(l);
}

void kk_link_close(struct kk_link *l)
{
    if (!l)
        return;
    if (l->poll) {
        uv_close((uv_handle_t *)l->poll, free_handle);
        close(l->fd);
    }
    kg_buf_release(&l->in);
    kk_ring_release(&l->ring);
    l->closing = 3;
    uv_close((uv_handle_t *)&l->redial, on_closed);
    uv_close((uv_handle_t *)&l->after_poll, on_closed);
    uv_close((uv_handle_t *)&l->before_poll, on_closed);
}

uint8_t *kk_link_begin(struct kk_link *l, size_t n)
{
    return kk_ring_begin(&l->ring, n);
}

void kk_link_commit(struct kk_link *l, uint8_t type, uint8_t channel, uint8_t kind, size_t n)
{
    kk_ring_commit(&l->ring, type, channel, kind, n);
}

void kk_link_add(struct kk_link *l, uint8_t type, uint8_t channel, uint8_t kind, const void *body,
                 size_t n)
{
    kk_ring_add(&l->ring, type, channel, kind, body, n);
}

void kk_link_reply(struct kk_link *l, const void *body, size_t n)
{
    kk_ring_reply(&l->ring, body, n);
}

uint64_t kk_link_sent(const struct kk_link *l)
{
    return l->sent;
}

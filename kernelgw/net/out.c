#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "kernelgw/net/impl.h"

/*
 * The send path. Frames wait in a ring and leave at the end of the turn, many in one sendmsg straight on
 * the descriptor: libwebsockets' own way costs three times as much a message. It still sends pongs by
 * itself, so nothing of ours may be left half sent behind its back: the rest of a frame
 * that the kernel took in part goes into its buffer, which it drains before anything else.
 */

enum {
    FRAMES_A_CALL = 256,
    SMALL_BYTES = 1024, /* copied together; above, the kernel reads the blob itself */
    CALLS_A_TURN = 16,  /* then the others' turn */
    FRAME_HEAD_MAX = 10,
    WS_FIN = 0x80,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
};

static struct ws_frame *frame_at(struct kg_ws *ws, size_t i)
{
    return &ws->ring[(ws->ring_at + i) & (ws->ring_cap - 1)];
}

static size_t frame_size(const struct ws_frame *f)
{
    return f->head_len + f->body.len;
}

static struct ws_frame *push(struct kg_ws *ws)
{
    if (ws->ring_len == ws->ring_cap) {
        size_t cap = ws->ring_cap ? ws->ring_cap * 2 : 16;
        struct ws_frame *ring = kg_malloc(cap * sizeof *ring);
        for (size_t i = 0; i < ws->ring_len; i++)
            ring[i] = *frame_at(ws, i);
        free(ws->ring);
        ws->ring = ring;
        ws->ring_cap = cap;
        ws->ring_at = 0;
    }
    return frame_at(ws, ws->ring_len++);
}

static void pop(struct kg_ws *ws)
{
    struct ws_frame *f = frame_at(ws, 0);
    ws->unsent -= frame_size(f);
    kg_slice_release(&f->body);
    ws->ring_at = (ws->ring_at + 1) & (ws->ring_cap - 1);
    ws->ring_len--;
}

void out_release(struct kg_ws *ws)
{
    while (ws->ring_len)
        pop(ws);
    free(ws->ring);
    ws->ring = NULL;
    ws->ring_cap = ws->ring_at = 0;
}

/* A frame's own head (RFC 6455, 5.2), unmasked and whole: one message is one frame. */
static size_t put_head(uint8_t *to, uint8_t opcode, size_t len)
{
    to[0] = (uint8_t)(WS_FIN | opcode);
    if (len < 126) {
        to[1] = (uint8_t)len;
        return 2;
    }
    size_t bytes = len < 65536 ? 2 : 8;
    to[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        to[2 + i] = (uint8_t)((uint64_t)len >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static bool full(const struct kg_ws *ws)
{
    return ws->unsent >= WS_WINDOW_BYTES || ws->ring_len >= WS_WINDOW_FRAMES;
}

static bool ended(const struct kg_ws *ws)
{
    return ws->broken || ws->peer_done;
}

bool kg_ws_queue(struct kg_ws *ws, const void *head, size_t head_len, struct kg_slice body,
                 bool binary)
{
    assert(head_len <= 64);
    if (ended(ws) || ws->closing) {
        kg_slice_release(&body);
        return true;
    }
    struct ws_frame *f = push(ws);
    size_t own = put_head(f->head, binary ? WS_BINARY : WS_TEXT, head_len + body.len);
    if (head_len)
        memcpy(f->head + own, head, head_len);
    f->head_len = (uint8_t)(own + head_len);
    f->body = body;
    ws->unsent += frame_size(f);
    turn_add(ws->net, &ws->turn);
    if (!full(ws))
        return true;
    ws->want = true; /* who was told to stop is called when it goes on */
    return false;
}

/* Payloads are never empty: libwebsockets 4.1.6 does not tell of a pong without one. */
static void push_ping(struct kg_ws *ws, const char *payload)
{
    size_t n = strlen(payload);
    struct ws_frame *f = push(ws);
    f->head_len = (uint8_t)put_head(f->head, WS_PING, n);
    memcpy(f->head + f->head_len, payload, n);
    f->head_len = (uint8_t)(f->head_len + n);
    f->body = (struct kg_slice){0};
    ws->unsent += frame_size(f);
    turn_add(ws->net, &ws->turn);
}

static const char probe[] = "kernelgw probe";

void out_ping(struct kg_ws *ws)
{
    /* A peer may answer only the last of several pings (RFC 6455, 5.5.3). */
    if (!ended(ws) && !ws->ring_len) /* what waits already will tell whether the peer lives */
        push_ping(ws, ws->probing ? probe : "kernelgw");
}

void kg_ws_probe(struct kg_ws *ws)
{
    if (ended(ws) || ws->closing || ws->probing)
        return;
    ws->probing = true;
    push_ping(ws, probe);
}

bool out_is_probe(const void *payload, size_t n)
{
    return n == sizeof probe - 1 && memcmp(payload, probe, n) == 0;
}

/*
 * The close frame is the last in the ring. It is ours to send, since libwebsockets 4.1.6 as Debian builds it drops the
 * connection without one when a writeable callback asks for the close.
 */
void out_close(struct kg_ws *ws, int code, const char *reason)
{
    size_t len = reason ? strnlen(reason, 123) : 0;
    struct kg_blob *b = kg_blob_new(2 + len);
    b->data[0] = (uint8_t)(code >> 8);
    b->data[1] = (uint8_t)code;
    if (len)
        memcpy(b->data + 2, reason, len);
    struct ws_frame *f = push(ws);
    f->head_len = (uint8_t)put_head(f->head, WS_CLOSE, b->len);
    f->body = (struct kg_slice){b, b->data, b->len};
    ws->unsent += frame_size(f);
    turn_add(ws->net, &ws->turn);
}

void kg_ws_want(struct kg_ws *ws)
{
    ws->want = true;
    turn_add(ws->net, &ws->turn);
}

size_t kg_ws_unsent(const struct kg_ws *ws)
{
    return ws->unsent;
}

/* --- sending --- */

struct batch {
    struct iovec iov[2 * FRAMES_A_CALL];
    int count;
    size_t frames;
    size_t bytes;
    size_t copied; /* of the scratch buffer */
};

static void add_span(struct batch *b, const void *data, size_t n)
{
    struct iovec *last = b->count ? &b->iov[b->count - 1] : NULL;
    if (last && (const uint8_t *)last->iov_base + last->iov_len == (const uint8_t *)data)
        last->iov_len += n;
    else
        b->iov[b->count++] = (struct iovec){(void *)(uintptr_t)data, n};
    b->bytes += n;
}

static void add_copy(struct batch *b, struct kg_net *n, const void *data, size_t len)
{
    memcpy(n->scratch + b->copied, data, len);
    add_span(b, n->scratch + b->copied, len);
    b->copied += len;
}

static void gather(struct batch *b, struct kg_ws *ws)
{
    struct kg_net *n = ws->net;
    b->count = 0;
    b->frames = b->bytes = b->copied = 0;
    while (b->frames < ws->ring_len && b->frames < FRAMES_A_CALL && b->bytes < WS_WINDOW_BYTES) {
        struct ws_frame *f = frame_at(ws, b->frames);
        bool small = f->body.len <= SMALL_BYTES;
        if (b->copied + f->head_len + (small ? f->body.len : 0) > sizeof n->scratch)
            break;
        add_copy(b, n, f->head, f->head_len);
        if (small && f->body.len)
            add_copy(b, n, f->body.data, f->body.len);
        else if (f->body.len)
            add_span(b, f->body.data, f->body.len);
        b->frames++;
    }
}

/* Leaves what was not taken of one frame to libwebsockets. */
static void hand_rest(struct kg_ws *ws, const struct ws_frame *f, size_t sent)
{
    if (sent < f->head_len) {
        /* This type means raw bytes on a WebSocket, and needs no room in front of them. */
        uint8_t head[sizeof f->head];
        memcpy(head, f->head + sent, f->head_len - sent);
        if (lws_write(ws->wsi, head, f->head_len - sent, LWS_WRITE_HTTP) < 0)
            ws->broken = true;
        sent = f->head_len;
    }
    size_t at = sent - f->head_len;
    if (!ws->broken && at < f->body.len &&
        lws_write(ws->wsi, (uint8_t *)(uintptr_t)f->body.data + at, f->body.len - at,
                  LWS_WRITE_HTTP) < 0)
        ws->broken = true;
}

/* One sendmsg. Returns false when there is nothing more to be done for now. */
static bool send_batch(struct kg_ws *ws)
{
    static struct batch b; /* 8 KiB, one loop, one thread */
    gather(&b, ws);
    struct msghdr msg = {.msg_iov = b.iov, .msg_iovlen = (size_t)b.count};
    ssize_t n = sendmsg(ws->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        if (errno == EINTR)
            return true;
        if (errno == EAGAIN)
            ws->writable = false;
        else
            ws->broken = true;
        return false;
    }
    size_t left = (size_t)n;
    while (ws->ring_len && left >= frame_size(frame_at(ws, 0))) {
        left -= frame_size(frame_at(ws, 0));
        pop(ws);
    }
    if ((size_t)n == b.bytes)
        return true;
    ws->writable = false;
    if (left) {
        hand_rest(ws, frame_at(ws, 0), left);
        pop(ws);
    }
    return false;
}

void out_run(struct net_turn *t)
{
    struct kg_ws *ws = kg_container_of(t, struct kg_ws, turn);
    if (!ws->open || ended(ws))
        return;
    if (lws_partial_buffered(ws->wsi))
        ws->writable = false;
    int calls = 0;
    for (;;) {
        while (ws->writable && ws->ring_len && calls < CALLS_A_TURN && !ws->broken) {
            calls++;
            if (!send_batch(ws))
                break;
        }
        if (ended(ws) || !ws->want || ws->closing || full(ws) || calls >= CALLS_A_TURN)
            break;
        if (!ws->writable && ws->unsent > WS_WINDOW_BYTES / 2)
            break; /* half the window at a time: not a call for every frame that leaves */
        ws->want = false;
        size_t before = ws->ring_len;
        ws->events.fill(ws->user, ws);
        if (ws->ring_len == before)
            break;
    }
    if (ws->broken) {
        out_release(ws);
        shutdown(ws->fd, SHUT_RDWR); /* its next read finds the end and closes */
        return;
    }
    if (ws->writable && (ws->ring_len || (ws->want && !full(ws) && calls)))
        turn_add(ws->net, &ws->turn);
    else if (!ws->writable)
        lws_callback_on_writable(ws->wsi);
    if (!ws->ring_len && ws->ring_cap > 64) {
        free(ws->ring);
        ws->ring = NULL;
        ws->ring_cap = ws->ring_at = 0;
    }
}

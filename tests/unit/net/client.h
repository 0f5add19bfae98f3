#ifndef KG_TESTS_NET_CLIENT_H
#define KG_TESTS_NET_CLIENT_H
/*
 * A raw client for the tests: a non-blocking socket driven by turning the server's own loop, so that one
 * thread plays both sides and nothing sleeps longer than it must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/net/net.h"

struct client {
    int fd;
    uv_loop_t *loop;
    struct kg_buf in;
    bool eof;
};

static inline void turn(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_NOWAIT);
}

static inline void client_open(struct client *c, uv_loop_t *loop, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct client){.loop = loop};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
}

static inline void client_close(struct client *c)
{
    close(c->fd);
    kg_buf_release(&c->in);
}

/* Sends all of it, letting the server read in between. */
static inline void client_send(struct client *c, const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t end = kg_clock_ms() + 20000;
    while (n) {
        ssize_t got = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else {
            if (errno == EPIPE || errno == ECONNRESET)
                return; /* the test will see what it was told instead */
            assert_int_equal(errno, EAGAIN);
        }
        turn(c->loop);
        assert_true(kg_clock_ms() < end);
    }
}

static inline void client_say(struct client *c, const char *text)
{
    client_send(c, text, strlen(text));
}

/* One turn of the loop and one read. */
static inline void client_step(struct client *c)
{
    turn(c->loop);
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->eof || poll(&p, 1, 1) <= 0)
        return;
    ssize_t n = recv(c->fd, kg_buf_reserve(&c->in, 256 * 1024), 256 * 1024, MSG_DONTWAIT);
    if (n > 0)
        c->in.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        c->eof = true;
}

static inline bool client_until(struct client *c, size_t n)
{
    uint64_t end = kg_clock_ms() + 20000;
    while (c->in.len < n && !c->eof && kg_clock_ms() < end)
        client_step(c);
    return c->in.len >= n;
}

static inline void client_until_eof(struct client *c)
{
    uint64_t end = kg_clock_ms() + 20000;
    while (!c->eof && kg_clock_ms() < end)
        client_step(c);
    assert_true(c->eof);
}

struct reply {
    int status;
    char head[4096];
    struct kg_buf body;
};

/* Reads one answer with a Content-Length or in chunks; no_body for the answer to HEAD. */
static inline void client_reply(struct client *c, struct reply *r, bool no_body)
{
    memset(r, 0, sizeof *r);
    uint64_t end_ms = kg_clock_ms() + 20000;
    char *end;
    while (!(end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL)) {
        assert_false(c->eof);
        assert_true(kg_clock_ms() < end_ms);
        client_step(c);
    }
    size_t head = (size_t)(end + 4 - (char *)c->in.data);
    assert_true(head < sizeof r->head);
    memcpy(r->head, c->in.data, head);
    kg_buf_drop(&c->in, head);
    assert_int_equal(sscanf(r->head, "HTTP/1.1 %d", &r->status), 1);
    if (no_body || r->status == 204 || r->status == 304 || r->status < 200)
        return;
    const char *length = strcasestr(r->head, "content-length:");
    if (length) {
        size_t n = strtoul(length + 15, NULL, 10);
        assert_true(client_until(c, n));
        kg_buf_add(&r->body, c->in.data, n);
        kg_buf_drop(&c->in, n);
    } else if (strcasestr(r->head, "chunked")) {
        for (size_t n = 1; n;) {
            while (!c->in.len || !memmem(c->in.data, c->in.len, "\r\n", 2))
                assert_true(client_until(c, c->in.len + 1));
            n = strtoul(kg_buf_cstr(&c->in), NULL, 16);
            size_t line =
                (size_t)((uint8_t *)memmem(c->in.data, c->in.len, "\r\n", 2) - c->in.data) + 2;
            assert_true(client_until(c, line + n + 2));
            kg_buf_add(&r->body, c->in.data + line, n);
            kg_buf_drop(&c->in, line + n + 2);
        }
    } else {
        client_until_eof(c);
        kg_buf_add(&r->body, c->in.data, c->in.len);
        kg_buf_clear(&c->in);
    }
    kg_buf_cstr(&r->body);
}

static inline void reply_release(struct reply *r)
{
    kg_buf_release(&r->body);
}

/* Says a whole request and expects that status; the body, if wanted, is left in *r. */
static inline void expect_status(struct client *c, const char *request, int status)
{
    struct reply r;
    client_say(c, request);
    client_reply(c, &r, strncmp(request, "HEAD", 4) == 0);
    assert_int_equal(r.status, status);
    reply_release(&r);
}

/* --- WebSocket frames --- */

#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="

static inline void ws_shake(struct client *c, const char *path, const char *extra, struct reply *r)
{
    char request[1024];
    snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n%s\r\n",
        path, extra);
    client_say(c, request);
    client_reply(c, r, false);
}

static inline void ws_connect(struct client *c, uv_loop_t *loop, int port, const char *path)
{
    struct reply r;
    client_open(c, loop, port);
    ws_shake(c, path, "", &r);
    assert_int_equal(r.status, 101);
    reply_release(&r);
}

/* first: FIN and opcode. */
static inline void ws_send(struct client *c, int first, const void *data, size_t n)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    struct kg_buf b = {0};
    kg_buf_add_char(&b, (char)first);
    if (n < 126) {
        kg_buf_add_char(&b, (char)(0x80 | n));
    } else if (n < 65536) {
        uint8_t h[3] = {0x80 | 126, (uint8_t)(n >> 8), (uint8_t)n};
        kg_buf_add(&b, h, 3);
    } else {
        uint8_t h[9] = {0x80 | 127};
        for (int i = 0; i < 8; i++)
            h[1 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
        kg_buf_add(&b, h, 9);
    }
    kg_buf_add(&b, mask, 4);
    uint8_t *to = kg_buf_reserve(&b, n);
    for (size_t i = 0; i < n; i++)
        to[i] = ((const uint8_t *)data)[i] ^ mask[i & 3];
    b.len += n;
    client_send(c, b.data, b.len);
    kg_buf_release(&b);
}

struct frame {
    int first;
    struct kg_buf data;
};

static inline void ws_recv(struct client *c, struct frame *f)
{
    memset(f, 0, sizeof *f);
    assert_true(client_until(c, 2));
    f->first = c->in.data[0];
    assert_int_equal(c->in.data[1] & 0x80, 0);
    size_t n = c->in.data[1];
    size_t head = 2;
    if (n >= 126) {
        size_t bytes = n == 126 ? 2 : 8;
        assert_true(client_until(c, 2 + bytes));
        n = 0;
        for (size_t i = 0; i < bytes; i++)
            n = n << 8 | c->in.data[2 + i];
        head += bytes;
    }
    assert_true(client_until(c, head + n));
    kg_buf_add(&f->data, c->in.data + head, n);
    kg_buf_cstr(&f->data);
    kg_buf_drop(&c->in, head + n);
}

static inline void frame_release(struct frame *f)
{
    kg_buf_release(&f->data);
}

/* Expects a close frame and says its code. */
static inline int ws_recv_close(struct client *c)
{
    struct frame f;
    ws_recv(c, &f);
    assert_int_equal(f.first, 0x88);
    int code = f.data.len >= 2 ? f.data.data[0] << 8 | f.data.data[1] : 1005;
    frame_release(&f);
    return code;
}

#endif

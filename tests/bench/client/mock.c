/*
 * mock: a server that answers requests and floods from memory, one thread a connection. It forwards nothing, so
 * what the client reaches against it is the client's own ceiling.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/bench/client/link.h"
#include "tests/bench/client/ws.h"

enum { FRAME_PARTS = 5, HEAD_MAX = 8192, FLUSH_BYTES = 256 * 1024 };

static void put_frame(struct kg_buf *out, const char *channel, const char *header,
                      struct bc_span parent, const char *content, size_t content_len,
                      struct bc_span buffer)
{
    const struct bc_span part[] = {{(const uint8_t *)channel, strlen(channel)},
                                   {(const uint8_t *)header, strlen(header)},
                                   parent,
                                   {(const uint8_t *)"{}", 2},
                                   {(const uint8_t *)content, content_len},
                                   buffer};
    uint64_t parts = buffer.data ? 6 : 5;
    uint64_t at = 8 * (parts + 2);
    uint8_t table[8 * 8];
    kg_put_u64le(table, parts + 1);
    kg_put_u64le(table + 8, at);
    for (uint64_t i = 0; i < parts; i++)
        kg_put_u64le(table + 8 * (i + 2), at += part[i].len);
    out->len += bc_ws_put_head(kg_buf_reserve(out, BC_WS_HEAD_MAX), BC_WS_BINARY, at, NULL);
    kg_buf_add(out, table, 8 * (parts + 2));
    for (uint64_t i = 0; i < parts; i++)
        kg_buf_add(out, part[i].data, part[i].len);
}

static const char *header_of(const char *type)
{
    static _Thread_local char text[256];
    snprintf(
        text, sizeof text,
        "{\"msg_id\":\"mock_0000000000\",\"msg_type\":\"%s\",\"username\":\"mock\",\"session\":"
        "\"0123456789abcdef0123456789abcdef\",\"date\":\"2026-01-01T00:00:00.000000Z\","
        "\"version\":\"5.4\"}",
        type);
    return text;
}

static void iopub(struct kg_buf *out, const char *type, struct bc_span parent, const char *content)
{
    put_frame(out, "iopub", header_of(type), parent, content, strlen(content), (struct bc_span){0});
}

static int flood(int fd, struct kg_buf *out, struct bc_span parent, unsigned long count,
                 unsigned long size)
{
    kg_autobuf content = {0};
    const char head[] = "{\"data\":{\"text/plain\":\"S";
    kg_buf_add_str(&content, head);
    memset(kg_buf_reserve(&content, size + 10), 'x', size + 10);
    content.len += size > 11 ? size - 1 : 10;
    kg_buf_add_str(&content, "\"},\"metadata\":{},\"transient\":{}}");
    int rc = 0;
    for (unsigned long i = 0; i < count && rc == 0; i++) {
        unsigned long v = i;
        for (size_t d = 10; d-- > 0; v /= 10)
            content.data[sizeof head - 1 + d] = (uint8_t)('0' + v % 10);
        put_frame(out, "iopub", header_of("display_data"), parent, (char *)content.data,
                  content.len, (struct bc_span){0});
        if (out->len >= FLUSH_BYTES) {
            rc = bc_write_all(fd, out->data, out->len);
            kg_buf_clear(out);
        }
    }
    return rc;
}

static int answer(int fd, struct kg_buf *out, const struct bc_msg *m)
{
    unsigned long count = 0;
    unsigned long size = 0;
    const char *ok = "{\"status\":\"ok\",\"execution_count\":1}";
    const uint8_t *code = memmem(m->content.data, m->content.len, "flood ", 6);
    int rc = 0;
    kg_buf_clear(out);
    iopub(out, "status", m->header, "{\"execution_state\":\"busy\"}");
    if (code && sscanf((const char *)code, "flood %lu %lu", &count, &size) == 2)
        rc = flood(fd, out, m->header, count, size);
    const char *data = "{\"data\":{},\"metadata\":{},\"transient\":{}}";
    if (m->buffers)
        put_frame(out, "iopub", header_of("display_data"), m->header, data, strlen(data),
                  m->buffer[0]);
    put_frame(out, kg_channel_name(m->channel),
              header_of(bc_msg_is(m, "execute_request") ? "execute_reply" : "kernel_info_reply"),
              m->header, ok, strlen(ok), (struct bc_span){0});
    iopub(out, "status", m->header, "{\"execution_state\":\"idle\"}");
    return rc < 0 ? rc : bc_write_all(fd, out->data, out->len);
}

static void serve_socket(int fd, struct kg_buf *in)
{
    kg_autobuf out = {0};
    for (;;) {
        struct bc_frame f;
        int rc = bc_ws_head(&f, in->data, in->len);
        if (rc < 0)
            return;
        uint64_t need = rc ? f.head + f.payload : BC_WS_HEAD_MAX;
        if (rc == 0 || in->len < need) {
            size_t room = need > 65536 ? (size_t)need : 65536;
            ssize_t n = recv(fd, kg_buf_reserve(in, room), room, 0);
            if (n <= 0)
                return;
            in->len += (size_t)n;
            continue;
        }
        struct bc_msg m;
        kg_buf_cstr(in); /* sscanf stops at a NUL */
        if (f.masked)
            bc_ws_mask(in->data + f.head, (size_t)f.payload, f.mask);
        if (f.opcode == BC_WS_CLOSE)
            return;
        if (f.opcode == BC_WS_BINARY &&
            (bc_v1_parse(&m, in->data + f.head, (size_t)f.payload) < 0 || answer(fd, &out, &m) < 0))
            return;
        kg_buf_drop(in, (size_t)need);
    }
}

static void *serve(void *arg)
{
    kg_autoclose int fd = (int)(intptr_t)arg;
    kg_autobuf in = {0};
    const char *end = NULL;
    while (!end && in.len < HEAD_MAX) {
        ssize_t n = recv(fd, kg_buf_reserve(&in, HEAD_MAX), HEAD_MAX, 0);
        if (n <= 0)
            return NULL;
        in.len += (size_t)n;
        end = strstr(kg_buf_cstr(&in), "\r\n\r\n");
    }
    if (!end)
        return NULL;
    const char *upgraded =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n\r\n";
    const char *made = "HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{\"id\":\"mock\"}";
    const char *fine = "HTTP/1.1 204 No Content\r\n\r\n";
    if (memmem(in.data, in.len, "/channels", 9)) {
        kg_buf_drop(&in, (size_t)(end + 4 - (char *)in.data));
        if (bc_write_all(fd, upgraded, strlen(upgraded)) == 0)
            serve_socket(fd, &in);
        return NULL;
    }
    const char *say = memcmp(in.data, "POST /api/kernels ", 18) == 0 ? made : fine;
    bc_write_all(fd, say, strlen(say));
    return NULL;
}

int bc_mode_mock(const struct bc_config *cfg)
{
    (void)cfg;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
        perror("bench-client: mock");
        return 1;
    }
    printf("{\"mode\":\"mock\",\"port\":%d}\n", ntohs(a.sin_port));
    fflush(stdout);
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(wait, 2, -1) >= 0 || errno == EINTR) {
        if (wait[1].revents)
            break; /* whoever started us is done */
        if (!(wait[0].revents & POLLIN))
            continue;
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0)
            continue;
        int on = 1;
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer) == 0)
            pthread_detach(thread);
        else
            close(peer);
    }
    close(fd);
    return 0;
}

#include "tests/bench/client/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/ws.h"

enum { IN_START = 256 * 1024 };

static const uint8_t mask_key[4] = {0x5a, 0xc3, 0x17, 0x9e};

static void quickack(const struct bc_link *l)
{
    int on = 1;
    if (l->quickack)
        setsockopt(l->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* Reads the answer to the upgrade; what follows its head stays in l->in. */
static int shake_hands(struct bc_link *l, struct kg_err *err)
{
    for (;;) {
        if (l->end == l->cap)
            return kg_err_set(err, -EPROTO, "endless answer to the upgrade");
        ssize_t n = recv(l->fd, l->in + l->end, l->cap - l->end, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return kg_err_set(err, -EPIPE, "connection lost in the upgrade");
        l->end += (size_t)n;
        const uint8_t *end = memmem(l->in, l->end, "\r\n\r\n", 4);
        if (!end)
            continue;
        l->start = (size_t)(end + 4 - l->in);
        if (l->end < 12 || memcmp(l->in + 9, "101", 3) != 0)
            return kg_err_set(err, -EACCES, "upgrade answered with %.3s", (char *)l->in + 9);
        const uint8_t *v1 = memmem(l->in, l->start, "v1.kernel.websocket.jupyter.org", 31);
        if (l->way == BC_WS_V1 && !v1)
            return kg_err_set(err, -EPROTO, "server does not speak v1 framing");
        return 0;
    }
}

int bc_link_open(struct bc_link *l, const struct bc_config *cfg, const char *kernel_id,
                 const char *session, struct kg_err *err)
{
    *l = (struct bc_link){.way = cfg->way, .quickack = cfg->quickack, .fd = -1};
    snprintf(l->session, sizeof l->session, "%s", session);
    int rc = bc_connect(cfg->host, cfg->port);
    if (rc < 0)
        return kg_err_errno(err, -rc, "connect to port %d", cfg->port);
    l->fd = rc;
    struct timeval limit = {.tv_sec = 60};
    setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    l->timeout_ms = 60000;
    l->in = kg_malloc(IN_START);
    l->cap = IN_START;
    kg_buf_printf(
        &l->out,
        "GET %s/api/kernels/%s/channels?session_id=%s HTTP/1.1\r\nHost: %s:%d\r\n"
        "Authorization: token %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        cfg->prefix, kernel_id, session, cfg->host, cfg->port, cfg->token ? cfg->token : "",
        cfg->way == BC_WS_V1 ? "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n" : "");
    rc = bc_write_all(l->fd, l->out.data, l->out.len);
    kg_buf_clear(&l->out);
    if (rc < 0)
        rc = kg_err_set(err, -EPIPE, "connection lost in the upgrade");
    else
        rc = shake_hands(l, err);
    if (rc < 0)
        bc_link_close(l, false);
    return rc;
}

static int send_frame(struct bc_link *l, uint8_t opcode, const void *data, size_t n)
{
    kg_buf_clear(&l->out);
    l->out.len = bc_ws_put_head(kg_buf_reserve(&l->out, BC_WS_HEAD_MAX), opcode, n, mask_key);
    kg_buf_add(&l->out, data, n);
    bc_ws_mask(l->out.data + l->out.len - n, n, mask_key);
    return bc_write_all(l->fd, l->out.data, l->out.len);
}

int bc_link_send(struct bc_link *l, uint8_t channel, const char *msg_type, const char *content,
                 const void *data, size_t n, char id[BC_ID_SIZE])
{
    char header[512];
    char date[KG_ISO_SIZE];
    kg_clock_iso(date, kg_clock_wall_us());
    snprintf(id, BC_ID_SIZE, "%s_%llu", l->session, l->sent++);
    snprintf(header, sizeof header,
             "{\"msg_id\":\"%s\",\"msg_type\":\"%s\",\"username\":\"bench\",\"session\":\"%s\","
             "\"date\":\"%s\",\"version\":\"5.4\"}",
             id, msg_type, l->session, date);
    if (l->way == BC_DIRECT)
        return bc_direct_send(l, channel, header, content, data, n);
    kg_buf_clear(&l->body);
    uint8_t opcode = BC_WS_BINARY;
    if (l->way == BC_WS_V1)
        bc_v1_build(&l->body, channel, header, content, data, n);
    else if (!bc_json_build(&l->body, channel, header, content, data, n))
        opcode = BC_WS_TEXT;
    return send_frame(l, opcode, l->body.data, l->body.len);
}

/* Gets more bytes behind l->end. 1, 0 on time-out, -EPIPE. */
static int fill(struct bc_link *l, uint64_t need, int timeout_ms)
{
    if (l->start > 0 && (l->start == l->end || l->cap - l->start < need || l->end == l->cap)) {
        memmove(l->in, l->in + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->cap < need || l->end == l->cap) {
        l->cap = need > l->cap * 2 ? need : l->cap * 2;
        l->in = kg_realloc(l->in, l->cap);
    }
    if (timeout_ms > 0 && timeout_ms != l->timeout_ms) {
        struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000L};
        setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        l->timeout_ms = timeout_ms;
    }
    ssize_t n;
    do
        n = recv(l->fd, l->in + l->end, l->cap - l->end, timeout_ms == 0 ? MSG_DONTWAIT : 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return -EPIPE;
    quickack(l);
    l->end += (size_t)n;
    return 1;
}

/* A whole frame has come. 1: *m is filled; 0: it was a control frame or a fragment; -EPIPE. */
static int take(struct bc_link *l, const struct bc_frame *f, struct bc_msg *m)
{
    uint8_t *p = l->in + l->start + f->head;
    size_t n = (size_t)f->payload;
    l->start += f->head + n;
    if (f->opcode == BC_WS_CLOSE) {
        l->close_code = n >= 2 ? p[0] << 8 | p[1] : 1005;
        return -EPIPE;
    }
    if (f->opcode == BC_WS_PING)
        return send_frame(l, BC_WS_PONG, p, n) < 0 ? -EPIPE : 0;
    if (f->opcode > BC_WS_BINARY)
        return 0;
    bool text = f->opcode == BC_WS_TEXT;
    if (!f->fin || f->opcode == 0) {
        if (f->opcode)
            kg_buf_clear(&l->whole);
        kg_buf_add(&l->whole, p, n);
        if (!f->fin)
            return 0;
        p = l->whole.data;
        n = l->whole.len;
        text = n > 0 && p[0] == '{';
    }
    int rc = l->way == BC_WS_V1 ? bc_v1_parse(m, p, n) : bc_json_parse(m, p, n, !text);
    return rc < 0 ? -EPIPE : 1;
}

int bc_link_receive(struct bc_link *l, struct bc_msg *m, int timeout_ms)
{
    if (l->way == BC_DIRECT)
        return bc_direct_receive(l, m, timeout_ms);
    uint64_t end_ms =
        0; /* set at the first ping: a silent server's pings must not stretch the wait */
    for (;;) {
        struct bc_frame f;
        int rc = bc_ws_head(&f, l->in + l->start, l->end - l->start);
        if (rc < 0)
            return -EPIPE;
        uint64_t need = rc ? f.head + f.payload : BC_WS_HEAD_MAX;
        if (rc && l->end - l->start >= need)
            rc = take(l, &f, m);
        else if ((rc = fill(l, need, timeout_ms)) > 0)
            continue;
        else
            return rc;
        if (rc != 0)
            return rc;
        if (timeout_ms > 0 && !end_ms)
            end_ms = kg_clock_ms() + (uint64_t)timeout_ms;
        else if (timeout_ms > 0 && kg_clock_ms() >= end_ms)
            return 0;
    }
}

int bc_link_say_close(struct bc_link *l)
{
    return send_frame(l, BC_WS_CLOSE, "\x03\xe8", 2);
}

void bc_link_close(struct bc_link *l, bool abrupt)
{
    if (l->way == BC_DIRECT) {
        bc_direct_close(l);
    } else if (l->in && l->fd >= 0) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        if (abrupt)
            setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        else
            send_frame(l, BC_WS_CLOSE, "\x03\xe8", 2);
        close(l->fd);
    }
    free(l->in);
    kg_buf_release(&l->whole);
    kg_buf_release(&l->out);
    kg_buf_release(&l->body);
    *l = (struct bc_link){.fd = -1};
}

static const uint8_t *value_of(struct bc_span json, const char *quoted_key)
{
    const uint8_t *p = memmem(json.data, json.len, quoted_key, strlen(quoted_key));
    const uint8_t *end = json.data + json.len;
    if (!p)
        return NULL;
    for (p += strlen(quoted_key); p < end && (*p == ':' || *p == ' ');)
        p++;
    return p < end && *p == '"' ? p + 1 : NULL;
}

static bool string_is(struct bc_span json, const char *quoted_key, const char *want)
{
    const uint8_t *p = value_of(json, quoted_key);
    size_t n = strlen(want);
    return p && (size_t)(json.data + json.len - p) > n && memcmp(p, want, n) == 0 && p[n] == '"';
}

bool bc_msg_is(const struct bc_msg *m, const char *msg_type)
{
    return string_is(m->header, "\"msg_type\"", msg_type);
}

bool bc_msg_parent(const struct bc_msg *m, const char *id)
{
    const uint8_t *p = memmem(m->parent.data, m->parent.len, id, strlen(id));
    return p && p + strlen(id) < m->parent.data + m->parent.len && p[strlen(id)] == '"';
}

bool bc_msg_status(const struct bc_msg *m, const char *state)
{
    return m->channel == KG_CH_IOPUB && bc_msg_is(m, "status") &&
           string_is(m->content, "\"execution_state\"", state);
}

long bc_msg_number(const struct bc_msg *m)
{
    const uint8_t *p = value_of(m->content, "\"text/plain\"");
    const uint8_t *end = m->content.data + m->content.len;
    if (!p || end - p < 11 || *p++ != 'S')
        return -1;
    long v = 0;
    for (int i = 0; i < 10; i++)
        v = v * 10 + (p[i] - '0');
    return v;
}

int bc_link_ask(struct bc_link *l, uint8_t channel, const char *msg_type, const char *content,
                int timeout_ms)
{
    char id[BC_ID_SIZE];
    bool replied = false;
    bool idle = false;
    int rc = bc_link_send(l, channel, msg_type, content, NULL, 0, id);
    while (rc >= 0 && !(replied && idle)) {
        struct bc_msg m;
        rc = bc_link_receive(l, &m, timeout_ms);
        if (rc <= 0)
            return rc;
        if (!bc_msg_parent(&m, id))
            continue;
        if (m.channel == channel)
            replied = true;
        else if (bc_msg_status(&m, "idle"))
            idle = true;
    }
    return rc < 0 ? rc : 1;
}

const char *bc_execute(char out[512], const char *code, bool silent)
{
    snprintf(out, 512,
             "{\"code\":\"%s\",\"silent\":%s,\"store_history\":false,\"user_expressions\":{},"
             "\"allow_stdin\":false,\"stop_on_error\":true}",
             code, silent ? "true" : "false");
    return out;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernelgw/net/impl.h"

static size_t unsent(const struct kg_http *c)
{
    return c->out.len - c->out_sent;
}

static uint64_t now_ms(const struct kg_http *c)
{
    return uv_now(c->net->config.loop);
}

/* What belongs to one request is forgotten with it; an idle connection keeps no buffers. */
static void forget_request(struct kg_http *c)
{
    kg_buf_release(&c->text);
    kg_buf_release(&c->body);
    kg_buf_release(&c->headers);
    free(c->query);
    c->query = NULL;
    c->arg_count = 0;
    c->body_left = 0;
    c->chunks = (struct kg_chunked){0};
    c->closed = NULL;
    c->no_body = c->out_chunks = c->more = false;
    c->head.field_count = 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kg_http *c = handle->data;
    struct kg_net *n = c->net;
    list_remove(&c->link);
    if (c->ws)
        ws_adopt(c->ws, c->fd, c->in.data, c->in.len);
    else if (c->tunnel)
        tunnel_open(c->tunnel, c->fd);
    else
        close(c->fd);
    forget_request(c);
    kg_buf_release(&c->in);
    kg_buf_release(&c->out);
    bool stays = c->ws || c->tunnel;
    free(c);
    n->handles--;
    if (!stays)
        net_connection_gone(n);
}

/* The loop lets go of the descriptor; the rest happens when it has. */
static void let_go(struct kg_http *c)
{
    c->state = CONN_GONE;
    turn_cancel(c->net, &c->turn);
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
}

void conn_close(struct kg_http *c)
{
    enum conn_state was = c->state;
    if (was == CONN_GONE)
        return;
    let_go(c);
    struct kg_ws *ws = kg_steal(&c->ws);
    if (ws) {
        list_remove(&ws->link);
        ws_drop(ws);
    } else if (c->tunnel) {
        tunnel_drop(kg_steal(&c->tunnel));
    } else if (was == CONN_HANDLER && c->closed) {
        c->closed(c->closed_user);
    } else if (was == CONN_STREAM) {
        c->stream.closed(c->stream_user);
    }
}

static void flush(struct kg_http *c)
{
    while (unsent(c) && !c->broken) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            c->out_sent += (size_t)n;
            c->since = now_ms(c);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            c->broken = true;
        }
    }
    if (!unsent(c)) {
        c->out_sent = 0;
        kg_buf_release(&c->out);
    } else if (c->out_sent > NET_STREAM_LOW_BYTES && c->state == CONN_STREAM) {
        kg_buf_drop(&c->out, c->out_sent);
        c->out_sent = 0;
    }
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void conn_poll(struct kg_http *c)
{
    if (c->state == CONN_GONE)
        return;
    int events = 0;
    bool reading = c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_LINGER;
    if (!c->eof && (reading || c->in.len < NET_PIPELINE_BYTES))
        events |= UV_READABLE;
    if (unsent(c) && !c->turn.queued)
        events |= UV_WRITABLE;
    if (events == c->events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

void conn_head(struct kg_http *c, int status, const char *content_type, int64_t length)
{
    static char date[64];
    static time_t dated;
    time_t now = time(NULL);
    if (now != dated) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        dated = now;
    }
    kg_buf_printf(&c->out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_text(status),
                  date);
    if (content_type)
        kg_buf_printf(&c->out, "Content-Type: %s\r\n", content_type);
    if (length >= 0)
        kg_buf_printf(&c->out, "Content-Length: %lld\r\n", (long long)length);
    else if (c->out_chunks)
        kg_buf_add_str(&c->out, "Transfer-Encoding: chunked\r\n");
    if (c->close_after)
        kg_buf_add_str(&c->out, "Connection: close\r\n");
    else if (c->head.http10)
        kg_buf_add_str(&c->out, "Connection: keep-alive\r\n");
    kg_buf_add(&c->out, c->headers.data, c->headers.len);
    kg_buf_add_str(&c->out, "\r\n");
}

void conn_answered(struct kg_http *c)
{
    forget_request(c);
    c->state = c->close_after ? CONN_FLUSH : CONN_HEAD;
    c->since = now_ms(c);
    turn_add(c->net, &c->turn);
}

void conn_leave(struct kg_http *c, struct kg_ws *ws)
{
    c->ws = ws;
    c->state = CONN_FLUSH;
    turn_add(c->net, &c->turn);
}

void conn_forward(struct kg_http *c, struct net_tunnel *t)
{
    forget_request(c); /* the handler hears no more of it */
    c->tunnel = t;
    c->state = CONN_FLUSH;
    turn_add(c->net, &c->turn);
}

static void dispatch(struct kg_http *c)
{
    c->state = CONN_HANDLER;
    c->since = now_ms(c);
    c->net->config.handler(c->net->config.user, c);
}

/* Whether the body is worth reading; if not, the request has been answered, or will be. */
static bool admitted(struct kg_http *c)
{
    const struct kg_net_config *config = &c->net->config;
    bool close_after = c->close_after;
    if (!config->admit)
        return true;
    c->state = CONN_HANDLER;
    c->close_after = true; /* what comes next is no request */
    if (!config->admit(config->user, c))
        return false;
    c->close_after = close_after;
    return true;
}

/* A head is whole: what follows? */
static void begin_request(struct kg_http *c, size_t head_len)
{
    kg_buf_clear(&c->text);
    kg_buf_add(&c->text, c->in.data, head_len);
    kg_buf_cstr(&c->text);
    kg_buf_drop(&c->in, head_len);
    c->seen = 0;
    c->timed = false;
    struct kg_head *h = &c->head;
    int status = kg_head_parse(h, (char *)c->text.data, head_len);
    if (status) {
        http_refuse(c, status);
        return;
    }
    c->close_after = !h->keep_alive || c->net->closing;
    c->no_body = strcmp(h->method, "HEAD") == 0;
    size_t max = c->net->config.max_body_bytes;
    if (h->content_length > 0 && (uint64_t)h->content_length > max) {
        http_refuse(c, 413);
        return;
    }
    bool body = h->chunked || h->content_length > 0;
    if (h->websocket) {
        const char *version = kg_head_get(h, "sec-websocket-version");
        if (!version || strcmp(version, "13") != 0) {
            kg_http_add_header(c, "Sec-WebSocket-Version", "13");
            http_refuse(c, 426);
        } else if (body || !ws_key_ok(kg_head_get(h, "sec-websocket-key"))) {
            http_refuse(c, 400);
        } else {
            dispatch(c);
        }
        return;
    }
    if (!body) {
        dispatch(c);
        return;
    }
    if (!admitted(c))
        return;
    if (h->expect_continue && !c->in.len)
        kg_buf_add_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    c->body_left = h->chunked ? 0 : (size_t)h->content_length;
    c->state = CONN_BODY;
    c->since = c->body_ms = now_ms(c);
}

/* A request has begun to come. Blank lines are no part of one: whoever sends nothing else is idle. */
static bool begun(const struct kg_http *c)
{
    return c->in.len > 0 && c->in.data[0] != '\r';
}

/* Returns false when more must be read first. */
static bool head_step(struct kg_http *c)
{
    size_t blank = 0;
    while (blank + 1 < c->in.len && c->in.data[blank] == '\r' && c->in.data[blank + 1] == '\n')
        blank += 2; /* empty lines in front of a request are to be skipped (RFC 9112, 2.2) */
    if (blank) {
        kg_buf_drop(&c->in, blank);
        c->seen = 0;
    }
    if (unsent(c) > NET_PIPELINE_BYTES)
        return false; /* a client that asks but doesn't read gets no further answers */
    if (!c->timed && begun(c)) {
        c->timed = true;
        c->since = now_ms(c);
    }
    size_t head_len = kg_head_end(c->in.data, c->in.len, c->seen);
    if (head_len) {
        begin_request(c, head_len);
        return true;
    }
    c->seen = c->in.len;
    if (c->in.len <= KG_HEAD_BYTES_MAX)
        return false;
    http_refuse(c, 431);
    return true;
}

static bool body_step(struct kg_http *c)
{
    if (c->head.chunked) {
        size_t used;
        int rc = kg_chunked_feed(&c->chunks, &c->body, c->net->config.max_body_bytes, c->in.data,
                                 c->in.len, &used);
        kg_buf_drop(&c->in, used);
        if (rc == 0)
            return false;
        if (rc == 1)
            dispatch(c);
        else
            http_refuse(c, rc);
        return true;
    }
    size_t take = c->in.len < c->body_left ? c->in.len : c->body_left;
    kg_buf_add(&c->body, c->in.data, take);
    kg_buf_drop(&c->in, take);
    c->body_left -= take;
    if (c->body_left)
        return false;
    dispatch(c);
    return true;
}

/* Goes as far as the bytes read allow: several requests may lie in them. */
static void conn_work(struct kg_http *c)
{
    if (c->working)
        return;
    c->working = true;
    bool going = true;
    while (going) {
        if (c->state == CONN_HEAD)
            going = head_step(c);
        else if (c->state == CONN_BODY)
            going = body_step(c);
        else
            going = false;
    }
    c->working = false;
    if (!c->in.len)
        kg_buf_release(&c->in);
    if (c->eof) {
        if (c->state == CONN_BODY || c->state == CONN_STREAM) {
            conn_close(c);
            return;
        }
        if (c->state == CONN_HEAD && unsent(c) <= NET_PIPELINE_BYTES)
            c->state = CONN_FLUSH;
    }
    turn_add(c->net, &c->turn);
}

/* One read. Returns false when there is nothing more for now. */
static bool read_some(struct kg_http *c)
{
    bool direct = c->state == CONN_BODY && !c->head.chunked && !c->in.len;
    uint8_t *to = c->net->scratch;
    size_t room = sizeof c->net->scratch;
    if (direct) { /* straight to where it belongs, with room that grows as the bytes really come */
        size_t ahead = c->body.len + NET_SCRATCH_BYTES;
        room = c->body_left < ahead ? c->body_left : ahead;
        to = kg_buf_reserve(&c->body, room);
    }
    ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);
    if (n < 0) {
        c->broken = errno != EAGAIN && errno != EINTR;
        return errno == EINTR;
    }
    if (n == 0) {
        c->eof = true;
        return false;
    }
    if (c->state == CONN_LINGER)
        return true;
    if (direct) {
        c->body.len += (size_t)n;
        c->body_left -= (size_t)n;
    } else {
        kg_buf_add(&c->in, to, (size_t)n);
    }
    if (c->state == CONN_BODY)
        c->since = now_ms(c);
    return (size_t)n == room;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct kg_http *c = handle->data;
    if (status < 0)
        c->broken = true;
    if (!c->broken && (events & UV_READABLE)) {
        for (int i = 0; i < 4; i++) /* then the others' turn */
            if (!read_some(c) || (c->state != CONN_BODY && c->state != CONN_LINGER))
                break;
    }
    if (c->broken || (c->state == CONN_LINGER && c->eof)) {
        conn_close(c);
        return;
    }
    conn_work(c);
}

/* The end of the turn: what was written goes out. */
static void on_turn(struct net_turn *t)
{
    struct kg_http *c = kg_container_of(t, struct kg_http, turn);
    flush(c);
    if (c->broken) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_STREAM && c->more && unsent(c) < NET_STREAM_LOW_BYTES) {
        c->more = false;
        c->stream.more(c->stream_user, c);
    } else if (c->state == CONN_FLUSH && !unsent(c)) {
        if (c->ws || c->tunnel) {
            let_go(c);
            return;
        }
        shutdown(c->fd, SHUT_WR);
        c->state = CONN_LINGER;
        c->since = now_ms(c);
        kg_buf_release(&c->in);
        if (c->eof) {
            conn_close(c);
            return;
        }
    } else if (c->state == CONN_HEAD && (c->in.len || c->eof) && unsent(c) <= NET_PIPELINE_BYTES) {
        size_t before = c->in.len;
        bool fresh = c->seen < before;
        if (fresh || c->eof)
            conn_work(c);
    }
    conn_poll(c);
}

void conn_tick(struct kg_http *c, uint64_t now)
{
    uint64_t age = now - c->since;
    if (unsent(c) && age > NET_WRITE_MS) {
        conn_close(c);
        return;
    }
    switch (c->state) {
    case CONN_HEAD:
        if (begun(c) && age > NET_HEAD_MS)
            http_refuse(c, 408);
        else if (!begun(c) && !unsent(c) && (age > NET_IDLE_MS || c->net->closing))
            conn_close(c);
        break;
    case CONN_BODY:
        if (age > NET_BODY_MS ||
            now - c->body_ms > NET_BODY_GRACE_MS + c->body.len * 1000 / NET_BODY_BYTES_S)
            http_refuse(c, 408);
        break;
    case CONN_LINGER:
        if (age > NET_LINGER_MS)
            conn_close(c);
        break;
    default: break;
    }
}

void conn_open(struct kg_net *n, int fd, const char *peer)
{
    struct kg_http *c = kg_calloc(1, sizeof *c);
    c->net = n;
    c->fd = fd;
    c->turn.run = on_turn;
    c->since = uv_now(n->config.loop);
    snprintf(c->peer, sizeof c->peer, "%s", peer);
    list_add(&n->conns, &c->link);
    n->handles++;
    uv_poll_init(n->config.loop, &c->poll, fd);
    c->poll.data = c;
    conn_poll(c);
    /* A request is usually there already: one trip through the loop less. */
    on_poll(&c->poll, 0, UV_READABLE);
}

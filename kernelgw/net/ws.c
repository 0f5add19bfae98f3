#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/net/impl.h"

static uint64_t now_ms(const struct kg_ws *ws)
{
    return uv_now(ws->net->config.loop);
}

/* A key is 16 bytes in base64 (RFC 6455, 4.1): 22 digits and "==". */
bool ws_key_ok(const char *key)
{
    if (!key || strlen(key) != 24 || strcmp(key + 22, "==") != 0)
        return false;
    return strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

void kg_ws_accept(struct kg_http *req, const char *subprotocol, const struct kg_ws_events *events,
                  void *user)
{
    assert(req->state == CONN_HANDLER && req->head.websocket);
    struct kg_ws *ws = kg_calloc(1, sizeof *ws);
    ws->net = req->net;
    ws->events = *events;
    ws->user = user;
    ws->code = 1006;
    ws->fd = -1;
    ws->turn.run = out_run;
    memcpy(ws->peer, req->peer, sizeof ws->peer);
    snprintf(ws->key, sizeof ws->key, "%s", kg_head_get(&req->head, "sec-websocket-key"));
    /* The whole answer's own headers: libwebsockets is handed a request without any subprotocol. */
    struct kg_buf extra = {0};
    if (subprotocol)
        kg_buf_printf(&extra, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    kg_buf_add(&extra, req->headers.data, req->headers.len);
    kg_buf_cstr(&extra);
    ws->subprotocol = (char *)kg_buf_steal(&extra, NULL);
    list_add(&req->net->sockets, &ws->link);
    conn_leave(req, ws);
}

static void free_ws(struct kg_ws *ws)
{
    turn_cancel(ws->net, &ws->turn);
    out_release(ws);
    kg_buf_release(&ws->in);
    free(ws->subprotocol);
    free(ws);
}

void ws_drop(struct kg_ws *ws)
{
    ws->events.closed(ws->user, ws->code);
    free_ws(ws);
}

/*
 * libwebsockets takes a connected descriptor together with bytes that were already read from it. Those are
 * a request of our making: what the handler accepted and nothing else. So neither extensions, nor its own
 * idea of subprotocols, nor anything a client wrote beyond the key ever reaches its HTTP parser.
 */
void ws_adopt(struct kg_ws *ws, int fd, const uint8_t *rest, size_t n)
{
    struct kg_net *net = ws->net;
    if (fd >= net->fd_limit || net->lws_going) {
        kg_log(KG_ERROR, "net", "websocket refused", "fd=%d limit=%d", fd, net->fd_limit);
        close(fd);
        list_remove(&ws->link);
        net_connection_gone(net);
        ws_drop(ws);
        return;
    }
    kg_autobuf head = {0};
    kg_buf_printf(
        &head,
        "GET / HTTP/1.1\r\nHost: kernelgw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
        ws->key);
    kg_buf_add(&head, rest, n);
    ws->fd = fd;
    ws->heard_ms = ws->pinged_ms = now_ms(ws);
    net->adopting = ws;
    (void)lws_adopt_socket_vhost_readbuf(net->vhost, fd, (char *)head.data, head.len);
    if (net->adopting ==
        ws) { /* not even bound: it failed before any callback, and closed the descriptor */
        net->adopting = NULL;
        list_remove(&ws->link);
        net_connection_gone(net);
        ws_drop(ws);
    }
}

/* --- what comes in --- */

static void too_big(struct kg_ws *ws)
{
    char reason[64];
    snprintf(reason, sizeof reason, "message over %zu bytes", ws->net->config.max_message_bytes);
    out_release(ws);
    kg_ws_close(ws, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, reason);
}

static void on_receive(struct kg_ws *ws, struct lws *wsi, uint8_t *data, size_t n)
{
    ws->heard_ms = now_ms(ws);
    if (ws->closing)
        return;
    size_t ahead = lws_remaining_packet_payload(wsi);
    size_t max = ws->net->config.max_message_bytes;
    if (n > max || ahead > max || ws->in.len > max - n || ws->in.len + n > max - ahead) {
        too_big(ws);
        return;
    }
    bool final = lws_is_final_fragment(wsi) && ahead == 0;
    bool binary = lws_frame_is_binary(wsi) != 0;
    if (final && !ws->in.len) {
        ws->events.message(ws->user, data, n, binary);
        return;
    }
    kg_buf_add(&ws->in, data, n);
    if (!final)
        return;
    ws->events.message(ws->user, ws->in.data, ws->in.len, binary);
    kg_buf_release(&ws->in);
}

static void on_pong(struct kg_ws *ws, const void *payload, size_t n)
{
    ws->heard_ms = now_ms(ws);
    if (!ws->probing || !out_is_probe(payload, n))
        return;
    ws->probing = false;
    if (ws->events.arrived && !ws->closing)
        ws->events.arrived(ws->user);
}

/*
 * A close frame came. Ours may have gone out before it, and then this is the answer: nonzero ends the
 * connection without another one.
 */
static int on_peer_close(struct kg_ws *ws, struct lws *wsi, const uint8_t *code, size_t n)
{
    if (ws->closing && !ws->ring_len && !lws_partial_buffered(wsi))
        return -1;
    ws->peer_done = true;
    ws->code = n >= 2 ? code[0] << 8 | code[1] : 1005;
    out_release(ws);
    return 0;
}

static void on_established(struct kg_net *net, struct lws *wsi)
{
    struct kg_ws *ws = net->adopting;
    ws->wsi = wsi;
    ws->open = ws->writable = true;
    if (ws->ring_len)
        turn_add(net, &ws->turn);
    if (!ws->closing)
        ws->events.open(ws->user, ws);
}

static void on_closed(struct kg_ws *ws)
{
    struct kg_net *net = ws->net;
    ws->wsi = NULL;
    list_remove(&ws->link);
    net_connection_gone(net);
    ws_drop(ws);
}

static int add_headers(struct kg_ws *ws, struct lws_process_html_args *args)
{
    size_t n = strlen(ws->subprotocol);
    if (n > (size_t)args->max_len)
        return -1;
    memcpy(args->p, ws->subprotocol, n);
    args->p += n;
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                  size_t len)
{
    struct kg_net *net = lws_context_user(lws_get_context(wsi));
    struct kg_ws *ws = lws_get_opaque_user_data(wsi);
    (void)session;
    switch (reason) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        if (!ws && net->adopting) /* the first callback that this descriptor gets */
            lws_set_opaque_user_data(wsi, net->adopting);
        return 0;
    case LWS_CALLBACK_HTTP: return -1; /* no request but ours ever comes here */
    case LWS_CALLBACK_ADD_HEADERS: return ws ? add_headers(ws, in) : -1;
    case LWS_CALLBACK_ESTABLISHED:
        on_established(net, wsi);
        net->adopting = NULL;
        return 0;
    case LWS_CALLBACK_RECEIVE: on_receive(ws, wsi, in, len); return 0;
    case LWS_CALLBACK_RECEIVE_PONG: on_pong(ws, in, len); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        ws->writable = true;
        turn_add(net, &ws->turn);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(ws, wsi, in, len);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        /* It closes by its own will, for a frame that can't be: nothing of ours goes out any more. */
        if (ws) {
            ws->peer_done = true;
            ws->close_ms = now_ms(ws) + WS_CLOSE_MS / 2;
            out_release(ws);
        }
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (ws) {
            lws_set_opaque_user_data(wsi, NULL);
            on_closed(ws);
        }
        return 0;
    default: return 0;
    }
}

struct lws_protocols ws_protocol(void)
{
    return (struct lws_protocols){
        .name = "kernelgw", .callback = on_lws, .per_session_data_size = 8};
}

/* --- the clock, and ends --- */

/* The end by force. Its own ways to drop a socket need a timer that does not run on a foreign loop. */
static void cut(struct kg_ws *ws)
{
    if (!ws->wsi)
        return;
    if (ws->paused)
        lws_rx_flow_control(ws->wsi, 1);
    ws->paused = false;
    shutdown(ws->fd, SHUT_RDWR);
}

void ws_tick(struct kg_ws *ws, uint64_t now)
{
    if (!ws->wsi)
        return;
    bool overdue = ws->close_ms && now > ws->close_ms;
    if (ws->broken || overdue || now - ws->heard_ms > ws->net->config.silence_ms) {
        cut(ws);
        return;
    }
    unsigned ping_ms = ws->net->config.ping_ms;
    if (now - ws->heard_ms > ping_ms && now - ws->pinged_ms > ping_ms && !ws->closing) {
        ws->pinged_ms = now;
        out_ping(ws);
    }
}

void kg_ws_close(struct kg_ws *ws, int code, const char *reason)
{
    if (ws->closing || ws->peer_done)
        return;
    out_close(ws, code, reason);
    ws->closing = true;
    ws->code = code;
    ws->close_ms = now_ms(ws) + WS_CLOSE_MS;
}

void kg_ws_pause(struct kg_ws *ws, bool on)
{
    if (ws->paused == on || !ws->wsi)
        return;
    ws->paused = on;
    lws_rx_flow_control(ws->wsi, on ? 0 : 1);
}

const char *kg_ws_peer(const struct kg_ws *ws)
{
    return ws->peer;
}

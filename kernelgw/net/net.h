#ifndef KG_NET_NET_H
#define KG_NET_NET_H
/*
 * HTTP and WebSockets on the caller's libuv loop. The only room that knows libwebsockets. It moves bytes:
 * what a path means is the handler's business (kernelgw/api).
 *
 * Requests are read by this room; a connection whose WebSocket was accepted goes to libwebsockets, which
 * does the handshake and the framing, and whose TLS ends the encryption of both (docs/decisions/0004).
 * Everything here belongs to the loop's thread. No callback is made from within a call of this header,
 * so a handler may answer, queue and close without being re-entered.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"

struct kg_net;
struct kg_http; /* one request */
struct kg_ws;

struct kg_net_config {
    uv_loop_t *loop;
    const char *
        address; /* numeric, "127.0.0.1" or "::1", or a path that starts with '/' for a unix socket */
    int port;    /* 0: any free one */
    unsigned socket_mode;           /* of a unix socket; 0 means 0660 */
    const char *tls_cert, *tls_key; /* both or none */
    size_t max_body_bytes;          /* of a request; above: 413 */
    size_t max_message_bytes;       /* of a WebSocket message, inbound; above: closed with 1009 */
    size_t max_connections;         /* both kinds together; above: 503. 0 means 16384 */
    unsigned ping_ms, silence_ms; /* of WebSockets: pinged after, closed after; 0: 30 s and 90 s */
    /* Called once for each request, when its body is whole. Must lead to one kg_http_respond,
     * kg_http_stream or kg_ws_accept, now or later. A request that asks for a WebSocket has
     * kg_http_is_upgrade true; answering it by kg_http_respond refuses it with that status. Malformed
     * requests, wrong WebSocket versions and keys never get here: they are answered by this room. */
    void (*handler)(void *user, struct kg_http *req);
    /* Called for a request with a body when its head is there: is the body to be read? False: it was answered,
     * or will be, like those that the handler gets, and the connection ends with that answer. NULL: all are read. */
    bool (*admit)(void *user, struct kg_http *req);
    void *user;
};

/* The configuration is copied. On success the loop has handles of this room until kg_net_close is done.
 * Errors: -EINVAL for an address that is none, -EADDRINUSE and the like, -ENOENT/-EINVAL for TLS files. */
int kg_net_open(struct kg_net **out, const struct kg_net_config *config, struct kg_err *err);
int kg_net_port(const struct kg_net *n); /* the port in fact listened on */
/* Stops listening at once and closes every connection: WebSockets with 1012 after what is queued, for
 * which they have two seconds. Open requests get their closed callback. done comes when all is freed. */
void kg_net_close(struct kg_net *n, void (*done)(void *user), void *user);

/* --- requests; all pointers returned live until the request is answered --- */
const char *kg_http_method(const struct kg_http *req); /* "GET"... */
const char *kg_http_path(const struct kg_http *req);   /* as sent, not decoded, without the query */
/* Query argument, percent-decoded, or NULL. */
const char *kg_http_arg(const struct kg_http *req, const char *name);
/* Header by lower-case name: authorization, origin, host, cookie, content-type, accept, if-none-match,
 * x-xsrftoken, access-control-request-method, sec-websocket-protocol, ...; or NULL. */
const char *kg_http_header(const struct kg_http *req, const char *name);
const uint8_t *kg_http_body(const struct kg_http *req, size_t *n); /* never NULL */
const char *kg_http_peer(const struct kg_http *req);               /* numeric address */
bool kg_http_is_upgrade(const struct kg_http *req);
/* Any time before the answer: called when the client goes away first; the request is then gone. A client
 * that only shut its sending side is not gone: it gets its answer. */
void kg_http_on_close(struct kg_http *req, void (*closed)(void *user), void *user);

struct kg_http_header {
    const char *name;
    const char *value;
};
/* Puts a header (copied) into the answer that is still to come, whichever of the three it is. CR and LF in
 * name or value are an error of ours (asserted). Not for Content-Length, Content-Type, Connection, Date. */
void kg_http_add_header(struct kg_http *req, const char *name, const char *value);
/* Answers and ends the request (req is invalid after). body is copied. HEAD sends no body; content_type
 * may be NULL when there is none. */
void kg_http_respond(struct kg_http *req, int status, const char *content_type, const void *body,
                     size_t n, const struct kg_http_header *headers, size_t header_count);

/* An answer of unknown length (chunked; to HTTP/1.0 it ends with the connection). `more` is called, on the
 * loop, once at the start, after kg_http_stream_want, and after writes once less than 256 KiB are unsent: it
 * calls kg_http_stream_write zero or more times. After the last, kg_http_stream_end (req is invalid after).
 * closed: the client went away, also when it only shut its sending side; last callback. It does not come
 * after kg_http_stream_end. */
struct kg_http_stream_events {
    void (*more)(void *user, struct kg_http *req);
    void (*closed)(void *user);
};
void kg_http_stream(struct kg_http *req, int status, const char *content_type,
                    const struct kg_http_stream_events *events, void *user);
/* The same for an answer of `length` bytes, which its head then tells; not more than these may be written. To end it
 * with fewer is to abort it. */
void kg_http_stream_sized(struct kg_http *req, int status, const char *content_type,
                          uint64_t length, const struct kg_http_stream_events *events, void *user);
void kg_http_stream_write(struct kg_http *req, const void *data, size_t n); /* copied */
void kg_http_stream_want(struct kg_http *req); /* there is something: call `more` when possible */
void kg_http_stream_end(struct kg_http *req);
/* Ends it so that the client can't take what it has for the whole: the connection is reset. req is invalid after; closed
 * does not come. */
void kg_http_stream_abort(struct kg_http *req);

/* --- another server's answer --- */
/* The fields of a request's head, for i from 0 up; false behind the last. */
bool kg_http_field(const struct kg_http *req, size_t i, struct kg_http_header *out);
const char *kg_http_query(const struct kg_http *req); /* as sent, or NULL */
struct kg_http_prefix {
    const char *asked; /* the path that the client's requests are below */
    const char *told;  /* what the other server knows it as */
};
/*
 * Lets the server behind fd (a stream socket, taken over, which may still be connecting) answer: it gets head (n bytes, the
 * whole head of a request that says Connection: close, or asks to switch protocols) and the request's body, and the client
 * gets what it answers, as it comes; 502 when that is no answer. prefix (copied): the path that the answer is to stay
 * below (answer.h). req is invalid after.
 */
void kg_http_forward(struct kg_http *req, int fd, const struct kg_http_prefix *prefix,
                     const void *head, size_t n);

/* --- WebSockets --- */
struct kg_ws_events {
    /* The handshake is done: from now on frames may be queued. */
    void (*open)(void *user, struct kg_ws *ws);
    /* One whole message; data is valid during the call and may be changed in place. Text is valid UTF-8. */
    void (*message)(void *user, uint8_t *data, size_t n, bool binary);
    /* The socket takes more: queue frames until kg_ws_queue says false or there is nothing left. Comes after
     * kg_ws_want, and by itself when the window has room again after a kg_ws_queue that said false; never
     * while the window is full. */
    void (*fill)(void *user, struct kg_ws *ws);
    /* The peer has everything that was queued before the last kg_ws_probe. May be NULL. */
    void (*arrived)(void *user);
    /* The server is going down, and closes the socket behind what is queued now. May be NULL. */
    void (*going)(void *user);
    /* Last callback; code as sent by the peer (or by us, when we closed first), 1005 for a close without a
     * code, 1006 when the connection ended without a close. ws is invalid after it. Comes without an open
     * when the client went away during the handshake. */
    void (*closed)(void *user, int code);
};
/*
 * Accepts an upgrade; may come later than the request. subprotocol (copied) is what the answer names,
 * whatever the client offered; NULL names none. req is invalid after. The socket is pinged
 * after ping_ms of silence and cut after silence_ms.
 */
void kg_ws_accept(struct kg_http *req, const char *subprotocol, const struct kg_ws_events *events,
                  void *user);
/* Queues one message: head (copied, at most 64 bytes, may be empty) followed by the slice, whose reference is taken
 * over. Returns false when the window (1 MiB unsent) is now full; the message is queued all the same. */
bool kg_ws_queue(struct kg_ws *ws, const void *head, size_t head_len, struct kg_slice body,
                 bool binary);
void kg_ws_want(struct kg_ws *ws); /* asks for `fill`, at the end of this turn of the loop */
/* Sends what is queued, then a close frame; what the peer still sends is dropped, and after 10 s so is the
 * connection. reason: at most 123 bytes, or NULL. closed follows. */
void kg_ws_close(struct kg_ws *ws, int code, const char *reason);
/* Asks the peer, behind what is queued, by a ping; `arrived` follows when it has answered. One at a time: while an answer is
 * due, another does nothing. */
void kg_ws_probe(struct kg_ws *ws);
size_t kg_ws_unsent(const struct kg_ws *ws); /* bytes queued and not yet taken by the kernel */
/* While on, nothing more is read: the peer's sends come to a stop. A message begun may still arrive. */
void kg_ws_pause(struct kg_ws *ws, bool on);
const char *kg_ws_peer(const struct kg_ws *ws); /* numeric address */

#endif

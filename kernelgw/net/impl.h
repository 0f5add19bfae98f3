#ifndef KG_NET_IMPL_H
#define KG_NET_IMPL_H
/*
 * What the files of this room share.
 *   server.c  the listening socket, the limits, the clock, opening and closing
 *   conn.c    one HTTP connection: reads requests, sends answers
 *   http.c    the handler's view of a request, and the answers
 *   ws.c      WebSockets: the way over to libwebsockets, what comes in
 *   out.c     WebSockets: what goes out
 *   tunnel.c  requests that another server answers
 *   guest.c   libwebsockets in our loop
 *   turn.c    work put off to the end of the loop's turn
 *   tls.c     the TLS end, in front of all of these
 *   head.c, chunked.c   parsers, which know none of these
 */
#include <libwebsockets.h>
#include <netinet/in.h>
#include <uv.h>

#include "base/buf.h"
#include "kernelgw/net/chunked.h"
#include "kernelgw/net/head.h"
#include "kernelgw/net/net.h"

enum {
    NET_SCRATCH_BYTES = 64 * 1024,        /* what one read or one gathering of small frames takes */
    NET_PIPELINE_BYTES = 64 * 1024,       /* read ahead of the request at hand, above its head */
    NET_STREAM_LOW_BYTES = 256 * 1024,    /* unsent bytes of a streamed answer, above: no `more` */
    NET_PEER_SIZE = INET6_ADDRSTRLEN + 2, /* an address, or "unix" */
    NET_HEAD_MS = 10 * 1000,              /* a head must be whole after its first byte */
    NET_IDLE_MS = 75 * 1000,              /* between requests */
    NET_BODY_MS = 30 * 1000,              /* without a byte of the body */
    NET_BODY_GRACE_MS = 60 * 1000,        /* then so many bytes of it must have come */
    NET_BODY_BYTES_S = 4096,              /* each second */
    NET_WRITE_MS = 60 * 1000,             /* without a byte taken by the client */
    NET_LINGER_MS = 2 * 1000,             /* for the client to end after our end */
    NET_GRACE_MS = 2 * 1000,              /* for WebSockets at kg_net_close */
    NET_TICK_MS = 500,
    NET_CONNECTIONS_DEFAULT = 16384,
    WS_PING_MS = 30 * 1000,
    WS_SILENCE_MS = 90 * 1000,
    WS_CLOSE_MS = 10 * 1000,
    WS_WINDOW_BYTES = 1024 * 1024,
    WS_WINDOW_FRAMES = 8192, /* the same for tiny frames, whose bookkeeping outweighs them */
};

struct net_list {
    struct net_list *prev, *next;
};

/* Work at the end of the turn: an object is on the list at most once. */
struct net_turn {
    struct net_turn *next;
    void (*run)(struct net_turn *t);
    bool queued;
};

struct kg_net {
    struct kg_net_config config;
    char *address;
    int port;
    int listen_fd;
    int spare_fd; /* given up to refuse a connection when descriptors have run out */
    uv_poll_t listener;
    uv_timer_t tick;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle;
    int handles;                              /* of ours that the loop still has */
    struct net_turn *turn_first, **turn_last; /* to be run at the end of this turn */
    struct net_turn *turn_now;                /* being run */
    struct net_list conns, sockets, tunnels;
    size_t connections;
    uint64_t refused;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    int wake_fd;            /* of libwebsockets' own; -1: it has none */
    int low_fds[8];         /* of lower numbers, which are given up before that one (guest.c) */
    int fd_limit;           /* descriptors at and above this can't go to libwebsockets */
    struct kg_ws *adopting; /* whose descriptor is being handed over right now */
    struct net_tls *tls;
    bool closing;
    bool resting;      /* no connections are taken until the next tick */
    int lws_going;     /* turns since libwebsockets was told to go; 0: it runs */
    uint64_t close_ms; /* when the grace ends */
    void (*done)(void *user);
    void *done_user;
    uint8_t scratch[NET_SCRATCH_BYTES];
};

enum conn_state {
    CONN_HEAD,    /* reads a request's head, or waits for one */
    CONN_BODY,    /* reads its body */
    CONN_HANDLER, /* the handler has it */
    CONN_STREAM,  /* an answer is being streamed */
    CONN_FLUSH,   /* the last answer is whole but not all sent */
    CONN_LINGER,  /* all is sent and our side shut: what still comes is thrown away */
    CONN_GONE,    /* the loop is giving the handle back */
};

struct kg_http {
    struct net_list link;
    struct net_turn turn;
    struct kg_net *net;
    uv_poll_t poll;
    int fd;
    int events; /* what the poll handle waits for */
    enum conn_state state;
    uint64_t
        since; /* ms: the last progress in this state; in CONN_HEAD, where the request's first byte came */
    char peer[NET_PEER_SIZE];
    bool eof;     /* the client has shut its sending side */
    bool broken;  /* reading or writing failed */
    bool working; /* conn_work is on the stack */
    bool close_after;
    bool no_body;    /* HEAD */
    bool out_chunks; /* the streamed answer is in chunks */
    bool more;       /* `more` is due */
    int64_t
        out_left; /* bytes that a streamed answer of a known length still needs; -1: not known */
    struct kg_buf in;
    size_t seen; /* of in, searched for the end of a head */
    bool timed;  /* since is when that head began to come */
    struct kg_buf text;
    struct kg_head head;
    struct kg_buf body;
    size_t body_left;
    uint64_t body_ms; /* when it began to come */
    struct kg_chunked chunks;
    char *query;
    struct kg_head_field args[KG_QUERY_ARGS_MAX];
    size_t arg_count;
    struct kg_buf headers; /* for the answer, by kg_http_add_header */
    struct kg_buf out;
    size_t out_sent;
    void (*closed)(void *user);
    void *closed_user;
    struct kg_http_stream_events stream;
    void *stream_user;
    struct kg_ws *ws;          /* takes the descriptor over when the loop has let go of it */
    struct net_tunnel *tunnel; /* so does this */
};

struct net_tunnel;

struct ws_frame {
    uint8_t head[10 + 64]; /* the frame's own head, then the message's */
    uint8_t head_len;
    struct kg_slice body;
};

struct kg_ws {
    struct net_list link;
    struct net_turn turn;
    struct kg_net *net;
    struct lws *wsi; /* NULL until the descriptor is over */
    int fd;
    char peer[NET_PEER_SIZE];
    struct kg_ws_events events;
    void *user;
    char *subprotocol;
    char key[32];   /* the client's Sec-WebSocket-Key */
    bool open;      /* the open callback was made */
    bool writable;  /* the kernel's buffer is not known to be full */
    bool want;      /* fill is due */
    bool broken;    /* sending failed */
    bool peer_done; /* the peer has sent its close frame, or libwebsockets is closing */
    bool closing;   /* kg_ws_close was called */
    bool paused;
    bool probing;      /* the answer to kg_ws_probe is due */
    int code;          /* for the closed callback */
    uint64_t close_ms; /* when a connection that is being closed is cut off; 0: it isn't */
    uint64_t heard_ms, pinged_ms;
    struct kg_buf in; /* the fragments of a message that is not whole */
    struct ws_frame *ring;
    size_t ring_cap, ring_at, ring_len;
    size_t unsent;
};

/* turn.c */
void turn_open(struct kg_net *n);
void turn_add(struct kg_net *n, struct net_turn *t);
void turn_cancel(struct kg_net *n, struct net_turn *t);

static inline void list_init(struct net_list *l)
{
    l->prev = l->next = l;
}

static inline void list_add(struct net_list *list, struct net_list *item)
{
    item->prev = list->prev;
    item->next = list;
    list->prev->next = item;
    list->prev = item;
}

static inline void list_remove(struct net_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* guest.c */
int guest_open(struct kg_net *n, struct kg_err *err);
/* To be called twice, turns apart: its handles close in between. Sets n->lws to NULL the second time. */
void guest_destroy(struct kg_net *n);
void guest_release(struct kg_net *n); /* what was not needed; calm when nothing was opened */

/* server.c */
void net_handle_closed(
    uv_handle_t *handle);                   /* counts n->handles down; handle->data is the kg_net */
void net_connection_gone(struct kg_net *n); /* counts connections down */
/* Takes a connected descriptor in; peer is copied. */
void net_take(struct kg_net *n, int fd, const char *peer);

/* conn.c */
void conn_open(struct kg_net *n, int fd, const char *peer);
void conn_close(struct kg_http *c); /* from the loop only, never from within a caller's call */
void conn_tick(struct kg_http *c, uint64_t now);
/* After an answer was put into out: goes on with the next request, or ends. */
void conn_answered(struct kg_http *c);
/* Appends the status line and the headers that every answer has. length < 0: none is known. */
void conn_head(struct kg_http *c, int status, const char *content_type, int64_t length);
/* Gives the descriptor up to a WebSocket. */
void conn_leave(struct kg_http *c, struct kg_ws *ws);

/* Gives the descriptor up to a tunnel. */
void conn_forward(struct kg_http *c, struct net_tunnel *t);

/* tunnel.c */
void tunnel_open(struct net_tunnel *t, int client_fd);
void tunnel_drop(struct net_tunnel *t); /* the client went away before */
void tunnels_close(struct kg_net *n);
void tunnels_tick(struct kg_net *n, uint64_t now);

/* http.c */
const char *http_status_text(int status);
void http_refuse(struct kg_http *c, int status); /* answers a request that the handler never sees */

/* ws.c */
struct lws_protocols ws_protocol(void);
void ws_adopt(struct kg_ws *ws, int fd, const uint8_t *rest, size_t n);
void ws_drop(struct kg_ws *ws); /* the descriptor never got to libwebsockets */
void ws_tick(struct kg_ws *ws, uint64_t now);
bool ws_key_ok(const char *key);

/* out.c */
void out_run(struct net_turn *t); /* a WebSocket's end of turn */
void out_release(struct kg_ws *ws);
void out_ping(struct kg_ws *ws);
bool out_is_probe(const void *payload, size_t n);               /* of a pong */
void out_close(struct kg_ws *ws, int code, const char *reason); /* queues the close frame */

#endif

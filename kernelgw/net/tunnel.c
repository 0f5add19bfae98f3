/*
 * A request that another server answers: its connection is taken from the loop's HTTP side, the head and body that the
 * handler made go to the other server, and what that says goes back, as it comes. One request a connection, since what
 * follows would go to that server unseen; after a switch of protocols (WebSockets) all bytes pass, both ways.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernelgw/net/answer.h"
#include "kernelgw/net/impl.h"

enum { SIDES = 2, CLIENT = 0, SERVER = 1, BUFFER_BYTES = 256 * 1024, LINGER_MS = 2000 };

struct side {
    uv_poll_t poll;
    int fd;
    int events;
    bool eof;          /* it sends no more */
    bool shut;         /* we send no more */
    struct kg_buf out; /* for it */
    size_t sent;
};

struct net_tunnel {
    struct net_list link;
    struct kg_net *net;
    struct side side[SIDES];
    char *asked, *told; /* the prefix (net.h) */
    bool upgrade;       /* the client asked to switch protocols */
    bool open;          /* all bytes pass, both ways */
    bool answered;      /* the answer's head has gone to the client */
    struct kg_buf head; /* of the answer, until it is whole */
    size_t seen;
    uint64_t ended_ms; /* all is sent: only the client's end is waited for */
    int handles;
    bool closing;
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void on_closed(uv_handle_t *handle)
{
    struct net_tunnel *t = handle->data;
    struct kg_net *n = t->net;
    n->handles--;
    if (--t->handles > 0)
        return;
    for (int i = 0; i < SIDES; i++) {
        close(t->side[i].fd);
        kg_buf_release(&t->side[i].out);
    }
    kg_buf_release(&t->head);
    free(t->asked);
    free(t->told);
    free(t);
    net_connection_gone(n);
}

static void tunnel_close(struct net_tunnel *t)
{
    if (t->closing)
        return;
    t->closing = true;
    list_remove(&t->link);
    for (int i = 0; i < SIDES; i++)
        uv_close((uv_handle_t *)&t->side[i].poll, on_closed);
}

static size_t unsent(const struct side *s)
{
    return s->out.len - s->sent;
}

static bool send_some(struct side *s)
{
    while (unsent(s)) {
        ssize_t n = send(s->fd, s->out.data + s->sent, unsent(s), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s->sent += (size_t)n;
    }
    if (!unsent(s)) {
        kg_buf_release(&s->out);
        s->sent = 0;
    } else if (s->sent > BUFFER_BYTES / 2) {
        kg_buf_drop(&s->out, s->sent);
        s->sent = 0;
    }
    return true;
}

/* The other server said nothing that could be passed on. */
static void bad_gateway(struct net_tunnel *t, const char *why)
{
    if (!t->answered) {
        kg_buf_printf(
            &t->side[CLIENT].out,
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\nConnection: close\r\n\r\n{\"message\": \"%s\", \"reason\": null}",
            strlen(why) + 31, why);
        t->answered = true;
    }
    t->side[SERVER].eof = true;
}

/* More of the answer's head. What follows it passes as it is. */
static void take_head(struct net_tunnel *t)
{
    size_t n;
    while (!t->answered && (n = kg_head_end(t->head.data, t->head.len, t->seen)) > 0) {
        kg_autobuf out = {0};
        int status = kg_answer_pass(&out, (const char *)t->head.data, n, t->asked, t->told);
        if (status < 0 || (status == 101 && !t->upgrade)) {
            bad_gateway(t, "the program's answer is no HTTP");
            return;
        }
        kg_buf_add(&t->side[CLIENT].out, out.data, out.len);
        kg_buf_drop(&t->head, n);
        t->seen = 0;
        t->answered = status >= 200 || status == 101; /* others are followed by another head */
        t->open = status == 101;
    }
    if (t->answered) {
        kg_buf_add(&t->side[CLIENT].out, t->head.data, t->head.len);
        kg_buf_release(&t->head);
    } else if (t->head.len > KG_HEAD_BYTES_MAX * 4) {
        bad_gateway(t, "the program's answer has a head without end");
    } else {
        t->seen = t->head.len;
    }
}

/* Returns false when the connection is broken. */
static bool receive_some(struct net_tunnel *t, int from)
{
    struct side *s = &t->side[from];
    struct side *to = &t->side[!from];
    uint8_t *scratch = t->net->scratch;
    ssize_t n = recv(s->fd, scratch, sizeof t->net->scratch, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        s->eof = true;
        if (from == SERVER)
            bad_gateway(t, "the program ended the connection without an answer");
        return true;
    }
    if (from == SERVER && !t->answered) {
        kg_buf_add(&t->head, scratch, (size_t)n);
        take_head(t);
    } else if (from == SERVER || t->open) {
        kg_buf_add(&to->out, scratch, (size_t)n);
    } /* else: what a client sends behind its request gets no answer, as Connection: close says */
    return true;
}

static void watch(struct net_tunnel *t)
{
    for (int i = 0; i < SIDES; i++) {
        struct side *s = &t->side[i];
        int events = unsent(s) ? UV_WRITABLE : 0;
        if (!s->eof && unsent(&t->side[!i]) < BUFFER_BYTES)
            events |= UV_READABLE;
        if (events == s->events)
            continue;
        s->events = events;
        if (events)
            uv_poll_start(&s->poll, events, on_poll);
        else
            uv_poll_stop(&s->poll);
    }
}

/* Passes the end of one side on to the other, once all that it has sent is there. */
static void pass_ends(struct net_tunnel *t)
{
    struct side *client = &t->side[CLIENT], *server = &t->side[SERVER];
    if (server->eof && !unsent(client) && !client->shut) {
        client->shut = true;
        shutdown(client->fd, SHUT_WR);
        t->ended_ms = uv_now(t->net->config.loop);
    }
    if (client->eof && t->open && !unsent(server) && !server->shut) {
        server->shut = true;
        shutdown(server->fd, SHUT_WR);
    }
    if ((client->shut && (client->eof || t->open)) || (client->eof && t->answered && !t->open))
        tunnel_close(t);
}

static void go_on(struct net_tunnel *t)
{
    bool well = send_some(&t->side[CLIENT]);
    if (!send_some(&t->side[SERVER]) && well) {
        /* it may have answered without having read all */
        kg_buf_release(&t->side[SERVER].out);
        t->side[SERVER].sent = 0;
    }
    if (!well) {
        tunnel_close(t);
        return;
    }
    pass_ends(t);
    if (!t->closing)
        watch(t);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct net_tunnel *t = handle->data;
    int from = handle == &t->side[SERVER].poll;
    bool well = status >= 0 || from == SERVER;
    if (well && (events & UV_READABLE || status < 0))
        well = receive_some(t, from);
    if (!well && from == SERVER) {
        t->side[SERVER].eof = true;
        bad_gateway(t, "the program broke the connection");
        well = true;
    }
    if (well)
        go_on(t);
    else
        tunnel_close(t);
}

void tunnel_open(struct net_tunnel *t, int client_fd)
{
    struct kg_net *n = t->net;
    t->side[CLIENT].fd = client_fd;
    list_add(&n->tunnels, &t->link);
    for (int i = 0; i < SIDES; i++) {
        uv_poll_init(n->config.loop, &t->side[i].poll, t->side[i].fd);
        t->side[i].poll.data = t;
        n->handles++;
        t->handles++;
    }
    if (n->closing)
        tunnel_close(t);
    else
        go_on(t);
}

void tunnel_drop(struct net_tunnel *t)
{
    close(t->side[SERVER].fd);
    kg_buf_release(&t->side[SERVER].out);
    free(t->asked);
    free(t->told);
    free(t);
}

void tunnels_tick(struct kg_net *n, uint64_t now)
{
    struct net_list *item, *next;
    for (item = n->tunnels.next; item != &n->tunnels; item = next) {
        struct net_tunnel *t = kg_container_of(item, struct net_tunnel, link);
        next = item->next;
        if (t->ended_ms && now - t->ended_ms > LINGER_MS)
            tunnel_close(t);
    }
}

void tunnels_close(struct kg_net *n)
{
    while (n->tunnels.next != &n->tunnels)
        tunnel_close(kg_container_of(n->tunnels.next, struct net_tunnel, link));
}

void kg_http_forward(struct kg_http *req, int fd, const struct kg_http_prefix *prefix,
                     const void *head, size_t n)
{
    struct net_tunnel *t = kg_calloc(1, sizeof *t);
    t->net = req->net;
    t->asked = kg_strdup(prefix->asked);
    t->told = kg_strdup(prefix->told);
    t->upgrade = req->head.websocket;
    t->side[SERVER].fd = fd;
    kg_buf_add(&t->side[SERVER].out, head, n);
    kg_buf_add(&t->side[SERVER].out, req->body.data, req->body.len);
    conn_forward(req, t);
}

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/net/impl.h"
#include "kernelgw/net/tls.h"

enum {
    ACCEPTS_A_TURN = 64,
};

union address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

void net_handle_closed(uv_handle_t *handle)
{
    ((struct kg_net *)handle->data)->handles--;
}

/* --- listening --- */

static int parse_address(union address *a, socklen_t *len, const struct kg_net_config *config,
                         struct kg_err *err)
{
    memset(a, 0, sizeof *a);
    const char *text = config->address;
    if (text[0] == '/') {
        a->un.sun_family = AF_UNIX;
        if (strlen(text) >= sizeof a->un.sun_path)
            return kg_err_set(err, -EINVAL, "socket path %s is too long", text);
        strcpy(a->un.sun_path, text);
        *len = sizeof a->un;
    } else if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)config->port);
        *len = sizeof a->in;
    } else if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons((uint16_t)config->port);
        *len = sizeof a->in6;
    } else {
        return kg_err_set(err, -EINVAL, "%s is no numeric address and no absolute path", text);
    }
    if (config->port < 0 || config->port > 65535)
        return kg_err_set(err, -EINVAL, "port %d is out of range", config->port);
    return 0;
}

/* A socket file that nobody listens on is left over from a crash; one that answers is another server. */
static int clear_stale(const union address *a, socklen_t len, struct kg_err *err)
{
    struct stat st;
    if (lstat(a->un.sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return kg_err_set(err, -EEXIST, "%s exists and is no socket", a->un.sun_path);
    kg_autoclose int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe >= 0 && (connect(probe, &a->sa, len) == 0 || errno == EAGAIN))
        return kg_err_set(err, -EADDRINUSE, "another server listens on %s", a->un.sun_path);
    if (unlink(a->un.sun_path) < 0 && errno != ENOENT)
        return kg_err_errno(err, errno, "remove stale socket %s", a->un.sun_path);
    return 0;
}

static int listen_on(struct kg_net *n, struct kg_err *err)
{
    union address a;
    socklen_t len;
    int rc = parse_address(&a, &len, &n->config, err);
    if (rc < 0)
        return rc;
    bool local = a.sa.sa_family == AF_UNIX;
    if (local && (rc = clear_stale(&a, len, err)) < 0)
        return rc;
    kg_autoclose int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return kg_err_errno(err, errno, "make a listening socket");
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &a.sa, len) < 0)
        return kg_err_errno(err, errno, "listen on %s port %d", n->config.address, n->config.port);
    if (local && chmod(a.un.sun_path, n->config.socket_mode ? n->config.socket_mode : 0660) < 0)
        return kg_err_errno(err, errno, "set the mode of %s", a.un.sun_path);
    if (listen(fd, 1024) < 0)
        return kg_err_errno(err, errno, "listen on %s port %d", n->config.address, n->config.port);
    len = sizeof a;
    if (getsockname(fd, &a.sa, &len) < 0)
        return kg_err_errno(err, errno, "ask for the listening port");
    if (a.sa.sa_family == AF_INET)
        n->port = ntohs(a.in.sin_port);
    else if (a.sa.sa_family == AF_INET6)
        n->port = ntohs(a.in6.sin6_port);
    n->listen_fd = kg_steal_fd(&fd);
    return 0;
}

/* --- connections --- */

static void format_peer(char out[NET_PEER_SIZE], const union address *a)
{
    strcpy(out, "unix");
    if (a->sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->in.sin_addr, out, NET_PEER_SIZE);
    } else if (a->sa.sa_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
            inet_ntop(AF_INET, a->in6.sin6_addr.s6_addr + 12, out, NET_PEER_SIZE);
        else
            inet_ntop(AF_INET6, &a->in6.sin6_addr, out, NET_PEER_SIZE);
    }
}

/* Over the limit: a clear answer, without any state. */
static void turn_away(struct kg_net *n, int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 66\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        "{\"message\": \"Too many connections\", \"reason\": \"max_connections\"} \n";
    if (n->refused++ % 1000 == 0)
        kg_log(KG_WARN, "net", "connection refused", "connections=%zu refused=%llu", n->connections,
               (unsigned long long)n->refused);
    /* What lies unread when a socket is closed makes the kernel reset it, and the answer with it. */
    ssize_t got = recv(fd, n->scratch, sizeof n->scratch, MSG_DONTWAIT);
    if (got >= 0 || errno == EAGAIN)
        (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    close(fd);
}

static void on_tick(uv_timer_t *timer);

void net_take(struct kg_net *n, int fd, const char *peer)
{
    if (n->connections >= n->config.max_connections) {
        turn_away(n, fd);
        return;
    }
    if (n->connections++ == 0 && !n->closing)
        uv_timer_start(&n->tick, on_tick, NET_TICK_MS, NET_TICK_MS);
    conn_open(n, fd, peer);
}

void net_connection_gone(struct kg_net *n)
{
    assert(n->connections > 0);
    if (--n->connections == 0 && !n->closing)
        uv_timer_stop(&n->tick);
}

/* The machine can't give a connection now: asking again at once would only burn its time. */
static void rest_listener(struct kg_net *n, int why)
{
    kg_log(KG_ERROR, "net", "accept failed", "error=\"%s\" connections=%zu", strerror(why),
           n->connections);
    uv_poll_stop(&n->listener);
    n->resting = true;
    uv_timer_start(&n->tick, on_tick, NET_TICK_MS, NET_TICK_MS);
}

static void on_listener(uv_poll_t *handle, int status, int events)
{
    struct kg_net *n = handle->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !n->closing; i++) {
        union address a;
        socklen_t len = sizeof a;
        int fd = accept4(n->listen_fd, &a.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && n->spare_fd >= 0) {
            close(n->spare_fd);
            fd = accept4(n->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0)
                turn_away(n, fd);
            n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
            continue;
        }
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            if (errno != EAGAIN)
                rest_listener(n, errno);
            return;
        }
        char peer[NET_PEER_SIZE];
        format_peer(peer, &a);
        int one = 1;
        if (a.sa.sa_family != AF_UNIX)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (n->tls)
            tls_take(n->tls, fd, peer);
        else
            net_take(n, fd, peer);
    }
}

/* --- open, tick, close --- */

static void free_net(struct kg_net *n)
{
    if (n->listen_fd >= 0)
        close(n->listen_fd);
    if (n->spare_fd >= 0)
        close(n->spare_fd);
    guest_release(n);
    free(n->address);
    free(n);
}

int kg_net_open(struct kg_net **out, const struct kg_net_config *config, struct kg_err *err)
{
    struct kg_net *n = kg_calloc(1, sizeof *n);
    n->config = *config;
    n->config.address = n->address = kg_strdup(config->address);
    if (!n->config.max_connections)
        n->config.max_connections = NET_CONNECTIONS_DEFAULT;
    if (!n->config.ping_ms)
        n->config.ping_ms = WS_PING_MS;
    if (!n->config.silence_ms)
        n->config.silence_ms = WS_SILENCE_MS;
    n->listen_fd = n->spare_fd = n->wake_fd = -1;
    memset(n->low_fds, -1, sizeof n->low_fds);
    list_init(&n->conns);
    list_init(&n->sockets);
    list_init(&n->tunnels);
    int rc = listen_on(n, err);
    if (rc == 0)
        rc = guest_open(n, err);
    if (rc < 0) {
        free_net(n);
        return rc;
    }
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    turn_open(n);
    uv_timer_init(config->loop, &n->tick);
    uv_poll_init(config->loop, &n->listener, n->listen_fd);
    n->tick.data = n->listener.data = n;
    n->handles += 2;
    if (config->tls_cert && (rc = tls_open(&n->tls, n, err)) < 0) {
        kg_net_close(n, NULL, NULL);
        return rc;
    }
    uv_poll_start(&n->listener, UV_READABLE, on_listener);
    *out = n;
    return 0;
}

int kg_net_port(const struct kg_net *n)
{
    return n->port;
}

static void close_handle(struct kg_net *n, uv_handle_t *handle)
{
    (void)n;
    if (!uv_is_closing(handle))
        uv_close(handle, net_handle_closed);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct kg_net *n = handle->data;
    void (*done)(void *user) = n->done;
    void *user = n->done_user;
    free_net(n);
    if (done)
        done(user);
}

/*
 * Closing goes by the clock, since what it waits for ends in many places: sockets have their grace, then
 * libwebsockets is taken down, which needs turns of the loop of its own, then our handles go.
 */
static void close_step(struct kg_net *n)
{
    struct net_list *item, *next;
    bool over = uv_now(n->config.loop) >= n->close_ms;
    tunnels_close(n);
    for (item = n->conns.next; item != &n->conns; item = next) {
        next = item->next;
        struct kg_http *c = kg_container_of(item, struct kg_http, link);
        if (over || c->state != CONN_FLUSH)
            conn_close(c);
    }
    if (n->connections && !over)
        return;
    if (n->tls) {
        tls_close(n->tls);
        n->tls = NULL;
        return;
    }
    /* On a foreign loop it must be told twice: its handles close in between, which takes two turns. */
    if (n->lws && (n->lws_going == 0 || n->lws_going == 4))
        guest_destroy(n);
    n->lws_going++;
    if (n->lws || n->connections)
        return;
    close_handle(n, (uv_handle_t *)&n->check);
    close_handle(n, (uv_handle_t *)&n->prepare);
    close_handle(n, (uv_handle_t *)&n->idle);
    if (n->handles == 1)
        uv_close((uv_handle_t *)&n->tick, on_tick_closed);
}

static void on_tick(uv_timer_t *timer)
{
    struct kg_net *n = timer->data;
    if (n->closing) {
        close_step(n);
        return;
    }
    if (n->resting) {
        n->resting = false;
        uv_poll_start(&n->listener, UV_READABLE, on_listener);
    }
    uint64_t now = uv_now(n->config.loop);
    struct net_list *item, *next;
    for (item = n->conns.next; item != &n->conns; item = next) {
        next = item->next;
        conn_tick(kg_container_of(item, struct kg_http, link), now);
    }
    for (item = n->sockets.next; item != &n->sockets; item = next) {
        next = item->next;
        ws_tick(kg_container_of(item, struct kg_ws, link), now);
    }
    tunnels_tick(n, now);
    if (!n->connections && !n->resting)
        uv_timer_stop(&n->tick);
}

void kg_net_close(struct kg_net *n, void (*done)(void *user), void *user)
{
    assert(!n->closing);
    n->closing = true;
    n->done = done;
    n->done_user = user;
    n->close_ms = uv_now(n->config.loop) + NET_GRACE_MS;
    /* The handle first: libuv forgets a descriptor by its number, which is soon another's. */
    close_handle(n, (uv_handle_t *)&n->listener);
    close(n->listen_fd);
    n->listen_fd = -1;
    if (n->address[0] == '/')
        unlink(n->address);
    struct net_list *item, *next;
    for (item = n->sockets.next; item != &n->sockets; item = next) {
        struct kg_ws *ws = kg_container_of(item, struct kg_ws, link);
        next = item->next;
        if (ws->open && ws->events.going)
            ws->events.going(ws->user);
        kg_ws_close(ws, 1012, "the server is going down");
    }
    uv_timer_start(&n->tick, on_tick, 0, 10);
}

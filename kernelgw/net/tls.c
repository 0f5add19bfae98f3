#include "kernelgw/net/tls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { RELAY_BYTES = 64 * 1024 };

struct net_tls {
    struct kg_net *net;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    struct net_list relays;
    size_t count;
    bool closing;
    uint8_t *buffer; /* LWS_PRE and RELAY_BYTES */
};

/* One encrypted connection: wsi towards the client, fd towards its plain twin. */
struct relay {
    struct net_list link;
    struct net_tls *tls;
    struct lws *wsi; /* NULL when the client is gone */
    int fd;          /* -1 until the first byte has come through the handshake */
    uv_poll_t poll;
    bool polling;       /* the handle is open */
    bool wsi_busy;      /* what was written to the client has not all left */
    bool plain_done;    /* our side has ended: the client is cut off when all is sent */
    struct kg_buf rest; /* for the plain side, which was full */
    char peer[NET_PEER_SIZE];
};

static void free_relay(struct relay *r)
{
    list_remove(&r->link);
    r->tls->count--;
    if (r->fd >= 0)
        close(r->fd);
    kg_buf_release(&r->rest);
    struct net_tls *t = r->tls;
    free(r);
    if (t->closing && !t->count) {
        free(t->buffer);
        free(t);
    }
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct relay *r = handle->data;
    r->tls->net->handles--;
    r->polling = false;
    free_relay(r);
}

/* The client is gone. */
static void drop(struct relay *r)
{
    r->wsi = NULL;
    if (!r->polling)
        free_relay(r);
    else if (!uv_is_closing((uv_handle_t *)&r->poll))
        uv_close((uv_handle_t *)&r->poll, on_poll_closed);
}

static void on_plain(uv_poll_t *handle, int status, int events);

static void watch(struct relay *r)
{
    if (!r->polling || uv_is_closing((uv_handle_t *)&r->poll))
        return;
    int events = (r->wsi_busy || r->plain_done ? 0 : UV_READABLE) | (r->rest.len ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&r->poll, events, on_plain);
    else
        uv_poll_stop(&r->poll);
}

static void end_plain(struct relay *r)
{
    r->plain_done = true;
    lws_callback_on_writable(r->wsi);
}

static void read_plain(struct relay *r)
{
    uint8_t *data = r->tls->buffer + LWS_PRE;
    ssize_t n = recv(r->fd, data, RELAY_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        r->wsi_busy = true;
        if (lws_write(r->wsi, data, (size_t)n, LWS_WRITE_RAW) < 0)
            end_plain(r);
        else
            lws_callback_on_writable(r->wsi);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        end_plain(r);
    }
}

/* Sends what waits for the plain side; the client is read again when nothing does. */
static void write_plain(struct relay *r)
{
    while (r->rest.len) {
        ssize_t n = send(r->fd, r->rest.data, r->rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            kg_buf_drop(&r->rest, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && (errno == EAGAIN))
            return;
        else
            kg_buf_clear(&r->rest); /* it has ended; reading will find that out */
    }
    lws_rx_flow_control(r->wsi, 1);
}

static void on_plain(uv_poll_t *handle, int status, int events)
{
    struct relay *r = handle->data;
    if (!r->wsi)
        return;
    if (status < 0)
        end_plain(r);
    if (events & UV_WRITABLE)
        write_plain(r);
    if ((events & UV_READABLE) && !r->plain_done)
        read_plain(r);
    watch(r);
}

/* The handshake is done and the first bytes are here: the plain twin is born. */
static int pair_up(struct relay *r)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        kg_log(KG_ERROR, "net", "tls connection dropped", "error=%s", strerror(errno));
        return -1;
    }
    struct kg_net *n = r->tls->net;
    r->fd = pair[0];
    uv_poll_init(n->config.loop, &r->poll, r->fd);
    r->poll.data = r;
    r->polling = true;
    n->handles++;
    watch(r);
    net_take(n, pair[1], r->peer);
    return 0;
}

static int on_client(struct relay *r, const uint8_t *data, size_t n)
{
    if (r->fd < 0 && pair_up(r) < 0)
        return -1;
    if (!r->rest.len) {
        ssize_t sent = send(r->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return 0; /* the plain side has ended; reading it will say so */
        if (sent > 0) {
            data += sent;
            n -= (size_t)sent;
        }
    }
    if (n) {
        kg_buf_add(&r->rest, data, n);
        lws_rx_flow_control(r->wsi, 0);
        watch(r);
    }
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                  size_t len)
{
    struct relay *r = lws_get_opaque_user_data(wsi);
    (void)session;
    if (!r)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT: r->wsi = wsi; return 0;
    case LWS_CALLBACK_RAW_RX: r->wsi = wsi; return on_client(r, in, len);
    case LWS_CALLBACK_RAW_WRITEABLE:
        r->wsi_busy = false;
        if (r->plain_done)
            return -1;
        watch(r);
        return 0;
    case LWS_CALLBACK_RAW_CLOSE:
        lws_set_opaque_user_data(wsi, NULL);
        drop(r);
        return 0;
    default: return 0;
    }
}

void tls_take(struct net_tls *t, int fd, const char *peer)
{
    if (t->count >= t->net->config.max_connections || fd >= t->net->fd_limit) {
        close(fd); /* no answer that a TLS client would understand */
        return;
    }
    struct relay *r = kg_calloc(1, sizeof *r);
    r->tls = t;
    r->fd = -1;
    snprintf(r->peer, sizeof r->peer, "%s", peer);
    list_add(&t->relays, &r->link);
    t->count++;
    lws_sock_file_fd_type socket = {.sockfd = fd};
    lws_adopt_desc_t desc = {
        .vh = t->vhost,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
        .fd = socket,
        .vh_prot_name = t->protocols[0].name,
        .opaque = r,
    };
    /* When this fails the socket is closed, and RAW_CLOSE may or may not have come. */
    if (!lws_adopt_descriptor_vhost_via_info(&desc))
        kg_log(KG_DEBUG, "net", "tls connection failed", "peer=%s", peer);
}

int tls_open(struct net_tls **out, struct kg_net *n, struct kg_err *err)
{
    if (access(n->config.tls_cert, R_OK) < 0)
        return kg_err_errno(err, errno, "read TLS certificate %s", n->config.tls_cert);
    if (!n->config.tls_key || access(n->config.tls_key, R_OK) < 0)
        return kg_err_errno(err, n->config.tls_key ? errno : EINVAL, "read TLS key %s",
                            n->config.tls_key ? n->config.tls_key : "(none given)");
    struct net_tls *t = kg_calloc(1, sizeof *t);
    t->net = n;
    list_init(&t->relays);
    t->protocols[0] = (struct lws_protocols){.name = "kernelgw-tls",
                                             .callback = on_lws,
                                             .per_session_data_size = 8,
                                             .rx_buffer_size = 0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .vhost_name = "tls",
        .protocols = t->protocols,
        .ssl_cert_filepath = n->config.tls_cert,
        .ssl_private_key_filepath = n->config.tls_key,
        .alpn = "http/1.1",
    };
    t->vhost = lws_create_vhost(n->lws, &info);
    if (!t->vhost) {
        free(t);
        return kg_err_set(err, -EINVAL, "TLS certificate %s and key %s can't be used",
                          n->config.tls_cert, n->config.tls_key);
    }
    t->buffer = kg_malloc(LWS_PRE + RELAY_BYTES);
    *out = t;
    return 0;
}

void tls_close(struct net_tls *t)
{
    t->closing = true;
    if (!t->count) {
        free(t->buffer);
        free(t);
        return;
    }
    struct net_list *item, *next;
    for (item = t->relays.next; item != &t->relays; item = next) {
        next = item->next;
        struct relay *r = kg_container_of(item, struct relay, link);
        if (r->wsi)
            end_plain(r);
    }
}

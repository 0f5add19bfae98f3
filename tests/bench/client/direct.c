/* A link straight to a kernel's ZeroMQ sockets, by libzmq: what a server is compared with. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/client/kernel.h"

enum { SOCKETS = 3, PARTS_MAX = 24, WELCOME_MS = 60000, WELCOME_OLD_MS = 3000 };

/* Shell, control and iopub; stdin and heartbeat are not used here. */
static const uint8_t channel_of[SOCKETS] = {KG_CH_SHELL, KG_CH_CONTROL, KG_CH_IOPUB};
static const int type_of[SOCKETS] = {ZMQ_DEALER, ZMQ_DEALER, ZMQ_SUB};
static const int port_of[SOCKETS] = {0, 1, 3};

struct bc_direct {
    void *sock[SOCKETS];
    int last; /* where the last message came from: looked at first */
    crypto_auth_hmacsha256_state keyed;
    zmq_msg_t parts[PARTS_MAX];
    size_t count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *ctx;

static void make_context(void)
{
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 4096);
}

int bc_direct_open(struct bc_link *l, const struct bc_config *cfg, const struct bc_kernel *k,
                   struct kg_err *err)
{
    pthread_once(&once, make_context);
    struct bc_direct *d = l->direct = kg_calloc(1, sizeof *d);
    crypto_auth_hmacsha256_init(&d->keyed, (const unsigned char *)k->key, strlen(k->key));
    for (int i = 0; i < SOCKETS; i++) {
        const int zero = 0;
        const int retry_ms = 2; /* the kernel may not have bound yet; the default waits 100 ms */
        char where[160];
        d->sock[i] = zmq_socket(ctx, type_of[i]);
        zmq_setsockopt(d->sock[i], ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(d->sock[i], ZMQ_RCVHWM, &zero, sizeof zero);
        zmq_setsockopt(d->sock[i], ZMQ_SNDHWM, &zero, sizeof zero);
        zmq_setsockopt(d->sock[i], ZMQ_RECONNECT_IVL, &retry_ms, sizeof retry_ms);
        if (type_of[i] == ZMQ_SUB)
            zmq_setsockopt(d->sock[i], ZMQ_SUBSCRIBE, "", 0);
        bc_kernel_address(cfg, k, port_of[i], where, sizeof where);
        if (zmq_connect(d->sock[i], where) < 0)
            return kg_err_set(err, -errno, "connect %s: %s", where, zmq_strerror(errno));
    }
    /* Kernels with an XPUB (ipykernel 7, our stub) say when the subscription stands. */
    uint64_t end_ms = kg_clock_ms() + WELCOME_MS;
    while (kg_clock_ms() < end_ms) {
        struct bc_msg m;
        if (bc_link_receive(l, &m, WELCOME_OLD_MS) == 1 && bc_msg_is(&m, "iopub_welcome"))
            return 0;
    }
    bc_link_close(l, false);
    return kg_err_set(err, -ETIMEDOUT, "no iopub_welcome from the kernel");
}

static void send_part(void *s, const void *data, size_t n, bool more)
{
    while (zmq_send(s, data, n, more ? ZMQ_SNDMORE : 0) < 0 && errno == EINTR)
        ;
}

int bc_direct_send(struct bc_link *l, uint8_t channel, const char *header, const char *content,
                   const void *data, size_t n)
{
    struct bc_direct *d = l->direct;
    void *s = d->sock[channel == KG_CH_CONTROL ? 1 : 0];
    crypto_auth_hmacsha256_state st = d->keyed;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof mac + 1];
    const char *part[4] = {header, "{}", "{}", content};
    for (int i = 0; i < 4; i++)
        crypto_auth_hmacsha256_update(&st, (const unsigned char *)part[i], strlen(part[i]));
    crypto_auth_hmacsha256_final(&st, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    send_part(s, "<IDS|MSG>", 9, true);
    send_part(s, hex, sizeof hex - 1, true);
    for (int i = 0; i < 4; i++)
        send_part(s, part[i], strlen(part[i]), i < 3 || data);
    if (data)
        send_part(s, data, n, false);
    return 0;
}

static void release(struct bc_direct *d)
{
    for (size_t i = 0; i < d->count; i++)
        zmq_msg_close(&d->parts[i]);
    d->count = 0;
}

static struct bc_span span_of(zmq_msg_t *m)
{
    return (struct bc_span){zmq_msg_data(m), zmq_msg_size(m)};
}

/* One multipart message without waiting: 1, 0, or -EPIPE for what is none of Jupyter's. */
static int read_one(struct bc_direct *d, int i, struct bc_msg *m)
{
    bool more = true;
    release(d);
    while (more) {
        if (d->count == PARTS_MAX)
            return -EPIPE;
        zmq_msg_t *p = &d->parts[d->count];
        zmq_msg_init(p);
        if (zmq_msg_recv(p, d->sock[i], ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(p);
            return 0;
        }
        d->count++;
        more = zmq_msg_more(p);
    }
    size_t at = 0;
    while (at < d->count && (zmq_msg_size(&d->parts[at]) != 9 ||
                             memcmp(zmq_msg_data(&d->parts[at]), "<IDS|MSG>", 9) != 0))
        at++;
    if (at + 6 > d->count)
        return -EPIPE;
    m->channel = channel_of[i];
    m->header = span_of(&d->parts[at + 2]);
    m->parent = span_of(&d->parts[at + 3]);
    m->content = span_of(&d->parts[at + 5]);
    m->buffers = 0;
    for (size_t b = at + 6; b < d->count && m->buffers < BC_BUFFERS_MAX; b++)
        m->buffer[m->buffers++] = span_of(&d->parts[b]);
    return 1;
}

int bc_direct_receive(struct bc_link *l, struct bc_msg *m, int timeout_ms)
{
    struct bc_direct *d = l->direct;
    for (;;) {
        for (int n = 0; n < SOCKETS; n++) {
            int i = (d->last + n) % SOCKETS;
            int rc = read_one(d, i, m);
            if (rc != 0) {
                d->last = i;
                return rc;
            }
        }
        zmq_pollitem_t items[SOCKETS];
        for (int i = 0; i < SOCKETS; i++)
            items[i] = (zmq_pollitem_t){d->sock[i], 0, ZMQ_POLLIN, 0};
        int rc = timeout_ms == 0 ? 0 : zmq_poll(items, SOCKETS, timeout_ms);
        if (rc <= 0)
            return 0;
        for (int i = 0; i < SOCKETS; i++)
            if (items[i].revents)
                d->last = i;
    }
}

int bc_direct_wait(struct bc_link *links, size_t n, bool *ready, int timeout_ms)
{
    zmq_pollitem_t *items = kg_calloc(n * SOCKETS, sizeof *items);
    for (size_t k = 0; k < n; k++)
        for (int i = 0; i < SOCKETS; i++)
            items[k * SOCKETS + i] = (zmq_pollitem_t){links[k].direct->sock[i], 0, ZMQ_POLLIN, 0};
    int rc = zmq_poll(items, (int)(n * SOCKETS), timeout_ms);
    for (size_t k = 0; k < n; k++) {
        ready[k] = false;
        for (int i = 0; i < SOCKETS; i++)
            ready[k] |= items[k * SOCKETS + i].revents != 0;
    }
    free(items);
    return rc;
}

void bc_direct_close(struct bc_link *l)
{
    struct bc_direct *d = l->direct;
    if (!d)
        return;
    release(d);
    for (int i = 0; i < SOCKETS; i++)
        if (d->sock[i])
            zmq_close(d->sock[i]);
    free(d);
    l->direct = NULL;
}

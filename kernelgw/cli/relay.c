#include "kernelgw/cli/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zmq.h>

#include "base/mem.h"
#include "jupyter/message.h"
#include "jupyter/wire.h"
#include "jupyter/wsframe.h"

enum {
    ASKED_MAX = 20000,       /* requests whose asker is remembered */
    SEEN_MAX = 4096,         /* messages that a new connection may bring once more */
    QUEUE_MESSAGES = 100000, /* for a client that reads slowly */
    LINGER_MS = 1000,
};

/* A msg_id, and who asked; of a message that was passed on there is no asker. */
struct known {
    UT_hash_handle hh;
    size_t id_len, asker_len;
    uint8_t bytes[]; /* id, asker */
};

static const struct {
    enum jy_port port;
    uint8_t channel;
    int type;
} kinds[] = {
    {JY_PORT_SHELL, KG_CH_SHELL, ZMQ_ROUTER},
    {JY_PORT_CONTROL, KG_CH_CONTROL, ZMQ_ROUTER},
    {JY_PORT_STDIN, KG_CH_STDIN, ZMQ_ROUTER},
    {JY_PORT_IOPUB, KG_CH_IOPUB, ZMQ_PUB},
    {JY_PORT_HB, 0, ZMQ_REP},
};
enum { ROUTERS = 3, IOPUB = 3, HB = 4, SOCKETS = 5 };

struct kg_relay {
    void *context;
    void *socket[SOCKETS]; /* as kinds */
    struct jy_connection connection;
    struct jy_key *key;
    struct known *asked, *seen; /* uthash, oldest first */
    bool ready[ROUTERS];
    char *topic;
    zmq_msg_t parts[JY_FRAMES_MAX]; /* of the request that is being read */
    size_t part_count;
    struct kg_buf frame;
};

static int bind_all(struct kg_relay *r, struct kg_err *err)
{
    static const int linger = LINGER_MS;
    static const int queue = QUEUE_MESSAGES;
    for (size_t i = 0; i < SOCKETS; i++) {
        char at[64];
        size_t n = sizeof at;
        r->socket[i] = zmq_socket(r->context, kinds[i].type);
        if (!r->socket[i])
            return kg_err_set(err, -EIO, "make a socket: %s", zmq_strerror(zmq_errno()));
        zmq_setsockopt(r->socket[i], ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(r->socket[i], ZMQ_SNDHWM, &queue, sizeof queue);
        if (zmq_bind(r->socket[i], "tcp://127.0.0.1:*") < 0 ||
            zmq_getsockopt(r->socket[i], ZMQ_LAST_ENDPOINT, at, &n) < 0)
            return kg_err_set(err, -EIO, "listen on 127.0.0.1: %s", zmq_strerror(zmq_errno()));
        r->connection.port[kinds[i].port] = (uint16_t)strtoul(strrchr(at, ':') + 1, NULL, 10);
    }
    return 0;
}

int kg_relay_open(struct kg_relay **out, const char *kernel_id, const char *kernel_name,
                  struct kg_err *err)
{
    struct kg_relay *r = kg_calloc(1, sizeof *r);
    int rc = jy_connection_init_tcp(&r->connection, "127.0.0.1", err);
    snprintf(r->connection.kernel_name, sizeof r->connection.kernel_name, "%s", kernel_name);
    r->topic = kg_asprintf("kernel.%s", kernel_id);
    r->context = zmq_ctx_new();
    if (rc == 0)
        rc = jy_key_new(&r->key, r->connection.signature_scheme, kg_span_str(r->connection.key),
                        err);
    if (rc == 0)
        rc = bind_all(r, err);
    if (rc < 0)
        kg_relay_close(r);
    else
        *out = r;
    return rc;
}

static void forget_all(struct known **table)
{
    struct known *k, *next;
    HASH_ITER(hh, *table, k, next) {
        HASH_DEL(*table, k);
        free(k);
    }
}

static void drop_parts(struct kg_relay *r)
{
    while (r->part_count > 0)
        zmq_msg_close(&r->parts[--r->part_count]);
}

void kg_relay_close(struct kg_relay *r)
{
    if (!r)
        return;
    drop_parts(r);
    for (size_t i = 0; i < SOCKETS; i++)
        if (r->socket[i])
            zmq_close(r->socket[i]);
    zmq_ctx_term(r->context);
    forget_all(&r->asked);
    forget_all(&r->seen);
    jy_key_free(r->key);
    kg_buf_release(&r->frame);
    free(r->topic);
    free(r);
}

const struct jy_connection *kg_relay_connection(const struct kg_relay *r)
{
    return &r->connection;
}

static struct known *find(struct known *table, struct kg_span id)
{
    struct known *k = NULL;
    if (id.len)
        HASH_FIND(hh, table, id.data, id.len, k);
    return k;
}

static void remember(struct known **table, size_t max, struct kg_span id, struct kg_span asker)
{
    struct known *k = find(*table, id);
    if (!id.len)
        return;
    if (!k && HASH_COUNT(*table) >= max)
        k = *table; /* the oldest */
    if (k) {
        HASH_DEL(*table, k);
        free(k);
    }
    k = kg_calloc(1, sizeof *k + id.len + asker.len);
    k->id_len = id.len;
    k->asker_len = asker.len;
    memcpy(k->bytes, id.data, id.len);
    if (asker.len)
        memcpy(k->bytes + id.len, asker.data, asker.len);
    HASH_ADD_KEYPTR(hh, *table, k->bytes, k->id_len, k);
}

int kg_relay_wait(struct kg_relay *r, int fd, bool connected, int timeout_ms)
{
    zmq_pollitem_t items[ROUTERS + 2];
    int n = 0;
    int fd_at = -1;
    for (int i = 0; connected && i < ROUTERS; i++)
        items[n++] = (zmq_pollitem_t){.socket = r->socket[i], .events = ZMQ_POLLIN};
    if (connected)
        items[n++] = (zmq_pollitem_t){.socket = r->socket[HB], .events = ZMQ_POLLIN};
    if (fd >= 0) {
        fd_at = n;
        items[n++] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    }
    if (zmq_poll(items, n, timeout_ms) < 0)
        return -EINTR;
    for (int i = 0; connected && i < ROUTERS; i++)
        r->ready[i] = items[i].revents & ZMQ_POLLIN;
    if (connected && (items[ROUTERS].revents & ZMQ_POLLIN)) {
        zmq_msg_t beat;
        zmq_msg_init(&beat);
        if (zmq_msg_recv(&beat, r->socket[HB], ZMQ_DONTWAIT) >= 0)
            zmq_msg_send(&beat, r->socket[HB], ZMQ_DONTWAIT);
        zmq_msg_close(&beat);
    }
    return fd_at >= 0 && (items[fd_at].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) ? 1 : 0;
}

/* One whole multipart message into r->parts. 1; 0 when there is none; what has too many parts is read and dropped. */
static int receive(struct kg_relay *r, void *socket)
{
    bool more = true;
    bool too_many = false;
    drop_parts(r);
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return 0; /* the parts of a message come together: so this was the first */
        }
        more = zmq_msg_more(&part);
        too_many = too_many || r->part_count == JY_FRAMES_MAX;
        if (too_many)
            zmq_msg_close(&part);
        else
            r->parts[r->part_count++] = part;
    }
    if (too_many)
        drop_parts(r);
    return 1;
}

/* The request in r->parts as a frame; false when it is none. */
static bool frame_request(struct kg_relay *r, uint8_t channel)
{
    static struct kg_span frames[JY_FRAMES_MAX];
    struct jy_wire wire;
    struct jy_header header;
    for (size_t i = 0; i < r->part_count; i++)
        frames[i] = kg_span_of(zmq_msg_data(&r->parts[i]), zmq_msg_size(&r->parts[i]));
    if (jy_wire_parse(&wire, channel, frames, r->part_count, NULL) < 0 ||
        wire.identity_count == 0 || jy_key_verify(r->key, &wire, NULL) < 0 ||
        jy_header_require(&header, wire.msg.header, NULL) < 0)
        return false;
    if (channel != KG_CH_STDIN)
        remember(&r->asked, ASKED_MAX, header.msg_id, wire.identities[0]);
    kg_buf_clear(&r->frame);
    jy_wsframe_append(&r->frame, &wire.msg);
    return true;
}

int kg_relay_next(struct kg_relay *r, struct kg_span *out)
{
    for (int i = 0; i < ROUTERS; i++)
        while (r->ready[i]) {
            if (!receive(r, r->socket[i])) {
                r->ready[i] = false;
            } else if (frame_request(r, kinds[i].channel)) {
                *out = kg_span_of(r->frame.data, r->frame.len);
                return 1;
            }
        }
    return 0;
}

static void send_part(void *socket, struct kg_span part, bool more)
{
    zmq_send(socket, part.len ? (const void *)part.data : "", part.len,
             ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

static void send_signed(const struct kg_relay *r, void *socket, struct kg_span first,
                        const struct jy_msg *msg)
{
    static struct kg_span frames[JY_FRAMES_MAX];
    char signature[JY_SIGNATURE_SIZE];
    jy_key_sign(r->key, msg, signature);
    size_t n = jy_wire_frames(frames, msg, signature);
    send_part(socket, first, true);
    for (size_t i = 0; i < n; i++)
        send_part(socket, frames[i], i + 1 < n);
}

void kg_relay_pass(struct kg_relay *r, struct kg_span frame)
{
    struct jy_msg msg;
    struct jy_header header, parent;
    if (jy_wsframe_split(&msg, frame.data, frame.len, NULL) < 0 ||
        jy_header_peek(&header, msg.header, NULL) < 0 ||
        jy_header_peek(&parent, msg.parent_header, NULL) < 0 || find(r->seen, header.msg_id))
        return;
    remember(&r->seen, SEEN_MAX, header.msg_id, (struct kg_span){0});
    if (msg.channel == KG_CH_IOPUB) {
        send_signed(r, r->socket[IOPUB], kg_span_str(r->topic), &msg);
        return;
    }
    struct known *asker = find(r->asked, parent.msg_id);
    for (size_t i = 0; asker && i < ROUTERS; i++)
        if (kinds[i].channel == msg.channel)
            send_signed(r, r->socket[i], kg_span_of(asker->bytes + asker->id_len, asker->asker_len),
                        &msg);
    if (asker && msg.channel != KG_CH_STDIN) { /* it has its reply; a question comes before it */
        HASH_DEL(r->asked, asker);
        free(asker);
    }
}

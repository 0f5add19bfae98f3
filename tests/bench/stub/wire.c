#include "tests/bench/stub/wire.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

static const char *const port_names[ST_SOCKETS] = {"shell_port", "control_port", "stdin_port",
                                                   "iopub_port", "hb_port"};
static const int socket_types[ST_SOCKETS] = {ZMQ_ROUTER, ZMQ_ROUTER, ZMQ_ROUTER, ZMQ_XPUB, ZMQ_REP};

static int bind_socket(struct st_wire *w, int i, const char *transport, const char *ip, long port,
                       struct kg_err *err)
{
    const int unlimited = 0;
    const int linger = 2000;
    const int on = 1;
    kg_autofree char *where = strcmp(transport, "ipc") == 0 ? kg_asprintf("ipc://%s-%ld", ip, port)
                                                            : kg_asprintf("tcp://%s:%ld", ip, port);
    if (i == ST_IOPUB && w->raw)
        return st_raw_open(w->raw, where, err);
    void *s = w->sock[i] = zmq_socket(w->ctx, socket_types[i]);
    if (!s)
        return kg_err_errno(err, errno, "make socket for %s", port_names[i]);
    zmq_setsockopt(s, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(s, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    if (socket_types[i] == ZMQ_ROUTER)
        zmq_setsockopt(s, ZMQ_ROUTER_HANDOVER, &on, sizeof on);
    if (socket_types[i] == ZMQ_XPUB)
        zmq_setsockopt(s, ZMQ_XPUB_VERBOSE, &on, sizeof on);

    if (zmq_bind(s, where) < 0)
        return kg_err_set(err, -errno, "bind %s: %s", where, zmq_strerror(errno));
    return 0;
}

int st_wire_open(struct st_wire *w, const char *connection_file, struct st_raw *raw,
                 struct kg_err *err)
{
    w->raw = raw;
    json_error_t where;
    json_t *info = json_load_file(connection_file, 0, &where);
    if (!info)
        return kg_err_set(err, -EINVAL, "read %s: %s", connection_file, where.text);

    const char *transport = json_string_value(json_object_get(info, "transport"));
    const char *ip = json_string_value(json_object_get(info, "ip"));
    const char *key = json_string_value(json_object_get(info, "key"));
    w->sign = key && *key;
    if (w->sign)
        crypto_auth_hmacsha256_init(&w->keyed, (const unsigned char *)key, strlen(key));
    kg_random_hex(w->session, 16);

    int rc = 0;
    w->ctx = zmq_ctx_new();
    for (int i = 0; i < ST_SOCKETS && rc == 0; i++) {
        long port = (long)json_integer_value(json_object_get(info, port_names[i]));
        rc = port > 0 ? bind_socket(w, i, transport ? transport : "tcp", ip ? ip : "127.0.0.1",
                                    port, err)
                      : kg_err_set(err, -EINVAL, "%s: no %s", connection_file, port_names[i]);
    }
    json_decref(info);
    return rc;
}

void st_wire_close(struct st_wire *w)
{
    for (int i = 0; i < ST_SOCKETS; i++)
        if (w->sock[i])
            zmq_close(w->sock[i]);
    if (w->raw && w->raw->epoll > 0)
        st_raw_close(w->raw);
    if (w->ctx)
        zmq_ctx_term(w->ctx);
}

size_t st_sign(const struct st_wire *w, char *out, const struct st_span *part)
{
    if (!w->sign) {
        *out = 0;
        return 0;
    }
    crypto_auth_hmacsha256_state st = w->keyed;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    for (int i = 0; i < 4; i++)
        crypto_auth_hmacsha256_update(&st, (const unsigned char *)part[i].data, part[i].len);
    crypto_auth_hmacsha256_final(&st, mac);
    sodium_bin2hex(out, ST_SIG_LEN + 1, mac, sizeof mac);
    return ST_SIG_LEN;
}

void st_request_release(struct st_request *req)
{
    for (size_t i = 0; i < req->count; i++)
        zmq_msg_close(&req->parts[i]);
    req->count = 0;
}

static struct st_span span_of(zmq_msg_t *m)
{
    return (struct st_span){zmq_msg_data(m), zmq_msg_size(m)};
}

static int check(struct st_wire *w, struct st_request *req, struct kg_err *err)
{
    size_t d = 0;
    while (d < req->count && (zmq_msg_size(&req->parts[d]) != 9 ||
                              memcmp(zmq_msg_data(&req->parts[d]), "<IDS|MSG>", 9) != 0))
        d++;
    if (d + 6 > req->count)
        return kg_err_set(err, -EBADMSG, "message of %zu parts, delimiter at %zu", req->count, d);
    req->idents = d;
    struct st_span part[4];
    for (size_t i = 0; i < 4; i++)
        part[i] = span_of(&req->parts[d + 2 + i]);
    req->header = part[0];
    req->parent = part[1];
    req->metadata = part[2];
    req->content = part[3];
    req->first_buffer = d + 6;

    char sig[ST_SIG_LEN + 1];
    size_t n = st_sign(w, sig, part);
    struct st_span got = span_of(&req->parts[d + 1]);
    if (n && (got.len != n || sodium_memcmp(got.data, sig, n) != 0))
        return kg_err_set(err, -EBADMSG, "wrong signature");
    return 0;
}

int st_receive(struct st_wire *w, enum st_channel ch, struct st_request *req, struct kg_err *err)
{
    zmq_msg_t extra;
    bool more = true;
    bool over = false;
    req->count = 0;
    while (more) {
        zmq_msg_t *m = over ? &extra : &req->parts[req->count];
        zmq_msg_init(m);
        int rc;
        do
            rc = zmq_msg_recv(m, w->sock[ch], ZMQ_DONTWAIT);
        while (rc < 0 && errno == EINTR);
        if (rc < 0) {
            zmq_msg_close(m);
            st_request_release(req);
            return 0;
        }
        more = zmq_msg_more(m);
        if (over)
            zmq_msg_close(m);
        else if (++req->count == ST_PARTS_MAX)
            over = true;
    }
    int rc =
        over ? kg_err_set(err, -EBADMSG, "more than %d parts", ST_PARTS_MAX) : check(w, req, err);
    if (rc < 0)
        st_request_release(req);
    return rc < 0 ? rc : 1;
}

size_t st_header(struct st_wire *w, char out[ST_HEADER_MAX], const char *msg_type, size_t *seq_at)
{
    char date[KG_ISO_SIZE];
    kg_clock_iso(date, kg_clock_wall_us());
    *seq_at = strlen("{\"msg_id\":\"") + strlen(w->session) + 1;
    int n = snprintf(out, ST_HEADER_MAX,
                     "{\"msg_id\":\"%s_%010llu\",\"msg_type\":\"%s\",\"username\":\"stub\","
                     "\"session\":\"%s\",\"date\":\"%s\",\"version\":\"5.4\"}",
                     w->session, (unsigned long long)w->sent++, msg_type, w->session, date);
    return (size_t)n;
}

void st_send_part(void *s, const void *data, size_t n, bool more)
{
    while (zmq_send(s, data, n, more ? ZMQ_SNDMORE : 0) < 0 && errno == EINTR)
        ;
}

/* One part of a message on channel ch, by whatever socket it has. */
static void put(struct st_wire *w, enum st_channel ch, const void *data, size_t n, bool more)
{
    if (w->sock[ch]) {
        st_send_part(w->sock[ch], data, n, more);
        return;
    }
    st_raw_frame(&w->raw->out, data, n, more);
    if (!more) {
        st_raw_write(w->raw, w->raw->out.data, w->raw->out.len);
        kg_buf_clear(&w->raw->out);
    }
}

static void put_buffers(struct st_wire *w, enum st_channel ch, struct st_request *from)
{
    for (size_t i = from->first_buffer; i < from->count; i++) {
        bool more = i + 1 < from->count;
        if (!w->sock[ch]) {
            put(w, ch, zmq_msg_data(&from->parts[i]), zmq_msg_size(&from->parts[i]), more);
            continue;
        }
        zmq_msg_t copy; /* shares the bytes of the request's message */
        zmq_msg_init(&copy);
        zmq_msg_copy(&copy, &from->parts[i]);
        while (zmq_msg_send(&copy, w->sock[ch], more ? ZMQ_SNDMORE : 0) < 0 && errno == EINTR)
            ;
    }
}

static void send_rest(struct st_wire *w, enum st_channel ch, struct st_span parent,
                      const char *msg_type, struct st_span content, struct st_request *buffers_of)
{
    char header[ST_HEADER_MAX];
    char sig[ST_SIG_LEN + 1];
    size_t seq_at;
    const struct st_span part[4] = {
        {header, st_header(w, header, msg_type, &seq_at)}, parent, st_str("{}"), content};
    bool buffers = buffers_of && buffers_of->first_buffer < buffers_of->count;
    size_t n = st_sign(w, sig, part);
    put(w, ch, "<IDS|MSG>", 9, true);
    put(w, ch, sig, n, true);
    for (int i = 0; i < 4; i++)
        put(w, ch, part[i].data, part[i].len, i < 3 || buffers);
    if (buffers)
        put_buffers(w, ch, buffers_of);
}

void st_reply(struct st_wire *w, enum st_channel ch, const struct st_request *req,
              const char *msg_type, struct st_span content)
{
    for (size_t i = 0; i < req->idents; i++) {
        zmq_msg_t *ident = (zmq_msg_t *)(uintptr_t)&req->parts[i];
        put(w, ch, zmq_msg_data(ident), zmq_msg_size(ident), true);
    }
    send_rest(w, ch, req->header, msg_type, content, NULL);
}

void st_publish(struct st_wire *w, const struct st_request *req, const char *msg_type,
                struct st_span content, bool with_buffers)
{
    char topic[128];
    int n = snprintf(topic, sizeof topic, "kernel.%s.%s", w->session, msg_type);
    put(w, ST_IOPUB, topic, (size_t)n, true);
    send_rest(w, ST_IOPUB, req ? req->header : st_str("{}"), msg_type, content,
              with_buffers ? (struct st_request *)(uintptr_t)req : NULL);
}

static void welcome(void *user, const void *topic, size_t n)
{
    struct st_wire *w = user;
    char content[320];
    put(w, ST_IOPUB, topic, n, true);
    /* Topics that need escaping are not subscribed to by anybody known. */
    snprintf(content, sizeof content, "{\"subscription\":\"%.*s\"}", (int)n, (const char *)topic);
    send_rest(w, ST_IOPUB, st_str("{}"), "iopub_welcome", st_str(content), NULL);
}

void st_welcome(struct st_wire *w)
{
    char topic[256];
    if (w->raw) {
        st_raw_serve(w->raw, welcome, w);
        return;
    }
    for (;;) {
        int n = zmq_recv(w->sock[ST_IOPUB], topic, sizeof topic, ZMQ_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        /* 1: somebody subscribed, 0: left. Topics longer than any of ours are cut by libzmq. */
        if (n >= 1 && topic[0] == 1 && (size_t)n <= sizeof topic)
            welcome(w, topic + 1, (size_t)n - 1);
    }
}

static const char *value_of(struct st_span json, const char *key)
{
    char quoted[64];
    int n = snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *p = memmem(json.data, json.len, quoted, (size_t)n);
    const char *end = json.data + json.len;
    if (!p)
        return NULL;
    for (p += n; p < end && (isspace((unsigned char)*p) || *p == ':');)
        p++;
    return p < end ? p : NULL;
}

bool st_json_true(struct st_span json, const char *key)
{
    const char *p = value_of(json, key);
    return p && json.data + json.len - p >= 4 && memcmp(p, "true", 4) == 0;
}

long st_json_string(struct st_span json, const char *key, char *out, size_t cap)
{
    const char *p = value_of(json, key);
    const char *end = json.data + json.len;
    if (!p || *p != '"')
        return -ENOENT;
    size_t n = 0;
    for (p++; p < end && *p != '"'; p++) {
        char c = *p;
        if (c == '\\' && p + 1 < end) {
            c = *++p;
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
        }
        if (n + 1 < cap)
            out[n++] = c;
    }
    out[n] = 0;
    return (long)n;
}

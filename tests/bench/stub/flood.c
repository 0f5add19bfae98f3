#include "tests/bench/stub/flood.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static void put_digits(char *at, uint64_t v)
{
    for (int i = ST_SEQ_DIGITS - 1; i >= 0; i--, v /= 10)
        at[i] = (char)('0' + v % 10);
}

/* A flood is made before it is sent, since libsodium's 300 MB/s and one malloc a part would else be the limit of
 * what a server can be shown. The parts are sent as constants, which libzmq reads when it likes: they are never
 * freed. Contents of big floods are too much for that and are copied from one template. The raw socket takes
 * whole messages as bytes instead, RAW_BATCH at a time. */
struct flood {
    char topic[128];
    char header[ST_HEADER_MAX];
    size_t header_seq;
    uint64_t first; /* number of the first message in msg_id */
    char *content;
    size_t content_seq;
    struct st_span part[4];
    char *made; /* for each message: signature, header, and content when all_made */
    size_t each;
    bool all_made;
};

enum { MADE_MAX = 128 * 1024 * 1024, RAW_BATCH = 64 * 1024 };

static void flood_template(struct flood *f, struct st_wire *w, const struct st_request *req,
                           const char *kind, size_t size)
{
    bool stream = strcmp(kind, "stream") == 0;
    const char *head =
        stream ? "{\"name\":\"stdout\",\"text\":\"S" : "{\"data\":{\"text/plain\":\"S";
    const char *tail = stream ? "\\n\"}" : "\"},\"metadata\":{},\"transient\":{}}";
    size_t fill = size > 1 + ST_SEQ_DIGITS ? size - 1 - ST_SEQ_DIGITS : 0;
    size_t n = strlen(head) + ST_SEQ_DIGITS + fill + strlen(tail);
    f->content = kg_malloc(n + 1);
    memcpy(f->content, head, strlen(head));
    f->content_seq = strlen(head);
    memset(f->content + f->content_seq + ST_SEQ_DIGITS, 'x', fill);
    memcpy(f->content + n - strlen(tail), tail, strlen(tail));

    snprintf(f->topic, sizeof f->topic, "kernel.%s.%s", w->session, kind);
    f->first = w->sent;
    f->part[0] = (struct st_span){f->header, st_header(w, f->header, kind, &f->header_seq)};
    f->part[1] = (struct st_span){kg_strndup(req->header.data, req->header.len), req->header.len};
    f->part[2] = st_str("{}");
    f->part[3] = (struct st_span){f->content, n};
}

static struct flood *flood_make(struct st_wire *w, const struct st_request *req, const char *kind,
                                uint64_t count, size_t size)
{
    struct flood *f = kg_calloc(1, sizeof *f);
    flood_template(f, w, req, kind, size);
    w->sent = f->first + count;
    size_t short_each = ST_SIG_LEN + f->part[0].len;
    f->all_made = count * (short_each + f->part[3].len) <= MADE_MAX;
    f->each = short_each + (f->all_made ? f->part[3].len : 0);
    f->made = kg_malloc(count * f->each + 1); /* st_sign's NUL is written over by the header */
    for (uint64_t i = 0; i < count; i++) {
        char *at = f->made + i * f->each;
        put_digits(f->header + f->header_seq, f->first + i);
        put_digits(f->content + f->content_seq, i);
        st_sign(w, at, f->part);
        memcpy(at + ST_SIG_LEN, f->header, f->part[0].len);
        if (f->all_made)
            memcpy(at + short_each, f->content, f->part[3].len);
    }
    return f;
}

static void send_const(void *s, const void *data, size_t n, bool more)
{
    while (zmq_send_const(s, data, n, more ? ZMQ_SNDMORE : 0) < 0 && errno == EINTR)
        ;
}

static void flood_send(struct flood *f, struct st_wire *w, uint64_t i)
{
    void *s = w->sock[ST_IOPUB];
    const char *at = f->made + i * f->each;
    send_const(s, f->topic, strlen(f->topic), true);
    send_const(s, "<IDS|MSG>", 9, true);
    send_const(s, at, w->sign ? ST_SIG_LEN : 0, true);
    send_const(s, at + ST_SIG_LEN, f->part[0].len, true);
    send_const(s, f->part[1].data, f->part[1].len, true);
    send_const(s, f->part[2].data, f->part[2].len, true);
    if (f->all_made) {
        send_const(s, at + ST_SIG_LEN + f->part[0].len, f->part[3].len, false);
        return;
    }
    put_digits(f->content + f->content_seq, i);
    st_send_part(s, f->part[3].data, f->part[3].len, false);
}

/* Appends message i to the raw socket's buffer and writes that when it is full, or now. */
static void flood_send_raw(struct flood *f, struct st_wire *w, uint64_t i, bool now)
{
    struct kg_buf *out = &w->raw->out;
    const char *at = f->made + i * f->each;
    st_raw_frame(out, f->topic, strlen(f->topic), true);
    st_raw_frame(out, "<IDS|MSG>", 9, true);
    st_raw_frame(out, at, w->sign ? ST_SIG_LEN : 0, true);
    st_raw_frame(out, at + ST_SIG_LEN, f->part[0].len, true);
    st_raw_frame(out, f->part[1].data, f->part[1].len, true);
    st_raw_frame(out, f->part[2].data, f->part[2].len, true);
    if (f->all_made) {
        st_raw_frame(out, at + ST_SIG_LEN + f->part[0].len, f->part[3].len, false);
    } else {
        put_digits(f->content + f->content_seq, i);
        st_raw_frame(out, f->part[3].data, f->part[3].len, false);
    }
    if (now || out->len >= RAW_BATCH) {
        st_raw_write(w->raw, out->data, out->len);
        kg_buf_clear(out);
    }
}

bool st_flood(struct st_wire *w, const struct st_request *req, const char *kind, uint64_t count,
              size_t size, unsigned rate, const volatile sig_atomic_t *interrupted)
{
    struct flood *f = flood_make(w, req, kind, count, size);
    uint64_t start_us = kg_clock_us();
    uint64_t i = 0;
    for (; i < count && !*interrupted; i++) {
        if (rate) {
            uint64_t due = start_us + i * 1000000 / rate;
            uint64_t now = kg_clock_us();
            if (due > now)
                usleep((useconds_t)(due - now));
        }
        if (i % 64 == 0 && (!w->raw || w->raw->out.len == 0))
            st_welcome(
                w); /* whoever subscribes meanwhile is served, as by a kernel with an I/O thread */
        if (w->raw)
            flood_send_raw(f, w, i, rate || i + 1 == count);
        else
            flood_send(f, w, i);
    }
    if (w->raw && w->raw->out.len) { /* interrupted in mid-batch */
        st_raw_write(w->raw, w->raw->out.data, w->raw->out.len);
        kg_buf_clear(&w->raw->out);
    }
    free(f->content);
    if (w->raw) { /* written: nobody reads them any more */
        free(f->made);
        free((void *)(uintptr_t)f->part[1].data);
        free(f);
    }
    return i == count;
}

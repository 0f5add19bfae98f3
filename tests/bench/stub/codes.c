#include "tests/bench/stub/codes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static volatile sig_atomic_t interrupted;

void st_interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

static void fail(struct st_outcome *out, const char *ename, const char *evalue)
{
    out->failed = true;
    snprintf(out->ename, sizeof out->ename, "%s", ename);
    snprintf(out->evalue, sizeof out->evalue, "%s", evalue);
}

static void say(struct st_wire *w, const struct st_request *req, const char *text)
{
    kg_autobuf content = {0};
    struct kg_json j;
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "name", "stdout");
    kg_json_kstr(&j, "text", text);
    kg_json_object_end(&j);
    st_publish(w, req, "stream", (struct st_span){(char *)content.data, content.len}, false);
}

static void put_digits(char *at, uint64_t v)
{
    for (int i = ST_SEQ_DIGITS - 1; i >= 0; i--, v /= 10)
        at[i] = (char)('0' + v % 10);
}

/* A flood is made before it is sent, since libsodium's 300 MB/s and one malloc a part would else be the limit of
 * what a server can be shown. The parts are sent as constants, which libzmq reads when it likes: they are never
 * freed. Contents of big floods are too much for that and are copied from one template. */
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

enum { MADE_MAX = 128 * 1024 * 1024 };

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

static void flood(struct st_wire *w, const struct st_request *req, const char *kind, uint64_t count,
                  size_t size, unsigned rate, struct st_outcome *out)
{
    struct flood *f = flood_make(w, req, kind, count, size);
    uint64_t start_us = kg_clock_us();
    for (uint64_t i = 0; i < count && !interrupted; i++) {
        if (rate) {
            uint64_t due = start_us + i * 1000000 / rate;
            uint64_t now = kg_clock_us();
            if (due > now)
                usleep((useconds_t)(due - now));
        }
        flood_send(f, w, i);
        if (i % 64 == 0)
            st_welcome(
                w); /* whoever subscribes meanwhile is served, as by a kernel with an I/O thread */
    }
    if (interrupted)
        fail(out, "KeyboardInterrupt", "");
}

/* Until SIGINT, or for ms when that is not negative; heartbeats and subscriptions are not served. */
static void wait_ms(long ms, bool busy, struct st_outcome *out)
{
    uint64_t end_ms = kg_clock_ms() + (uint64_t)(ms < 0 ? 0 : ms);
    volatile uint64_t work = 0;
    while (!interrupted && (ms < 0 || kg_clock_ms() < end_ms)) {
        if (busy)
            work++;
        else
            poll(NULL, 0, 10); /* SIGINT ends it with EINTR */
    }
    if (interrupted)
        fail(out, "KeyboardInterrupt", "");
}

static void ask(struct st_wire *w, const struct st_request *req, const char *prompt,
                struct st_outcome *out)
{
    kg_autobuf content = {0};
    struct kg_json j;
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "prompt", prompt);
    kg_json_kbool(&j, "password", false);
    kg_json_object_end(&j);
    st_reply(w, ST_STDIN, req, "input_request",
             (struct st_span){(char *)content.data, content.len});

    while (!interrupted) {
        zmq_pollitem_t item = {w->sock[ST_STDIN], 0, ZMQ_POLLIN, 0};
        struct st_request answer;
        struct kg_err err = {0};
        zmq_poll(&item, 1, 100);
        if (st_receive(w, ST_STDIN, &answer, &err) != 1)
            continue;
        kg_autofree char *value = kg_malloc(ST_CODE_MAX);
        if (st_json_string(answer.content, "value", value, ST_CODE_MAX) < 0)
            *value = 0;
        st_request_release(&answer);
        say(w, req, value);
        return;
    }
    fail(out, "KeyboardInterrupt", "");
}

void st_run_code(struct st_wire *w, const struct st_request *req, const char *code,
                 bool allow_stdin, struct st_outcome *out)
{
    unsigned long long count = 0;
    unsigned long long size = 0;
    unsigned rate = 0;
    long number = 0;
    char line[4096 + 32];
    interrupted = 0;
    if (sscanf(code, "flood %llu %llu", &count, &size) == 2) {
        flood(w, req, "display_data", count, size, 0, out);
    } else if (sscanf(code, "stream %llu %llu", &count, &size) == 2) {
        flood(w, req, "stream", count, size, 0, out);
    } else if (sscanf(code, "paced %llu %llu %u", &count, &size, &rate) == 3) {
        flood(w, req, "display_data", count, size, rate, out);
    } else if (strcmp(code, "spin") == 0) {
        wait_ms(-1, true, out);
    } else if (sscanf(code, "sleep %ld", &number) == 1) {
        wait_ms(number, false, out);
    } else if (strncmp(code, "die", 3) == 0) {
        _exit(sscanf(code, "die %ld", &number) == 1 ? (int)number : 1);
    } else if (strcmp(code, "abort") == 0) {
        abort();
    } else if (strcmp(code, "echo-buffers") == 0) {
        st_publish(
            w, req, "display_data",
            st_str("{\"data\":{\"text/plain\":\"buffers\"},\"metadata\":{},\"transient\":{}}"),
            true);
    } else if (strncmp(code, "print ", 6) == 0) {
        kg_autofree char *text = kg_asprintf("%s\n", code + 6);
        say(w, req, text);
    } else if (strcmp(code, "error") == 0) {
        fail(out, "StubError", "as asked");
    } else if (strncmp(code, "env ", 4) == 0) {
        const char *value = getenv(code + 4);
        say(w, req, value ? value : "(unset)");
    } else if (strcmp(code, "cwd") == 0) {
        say(w, req, getcwd(line, sizeof line) ? line : "(none)");
    } else if (strcmp(code, "pid") == 0) {
        snprintf(line, sizeof line, "%d", (int)getpid());
        say(w, req, line);
    } else if (strncmp(code, "input ", 6) == 0) {
        if (allow_stdin)
            ask(w, req, code + 6, out);
        else
            fail(out, "StdinNotImplementedError", "the front-end takes no input requests");
    }
}

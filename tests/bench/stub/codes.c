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
#include "tests/bench/stub/flood.h"

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

static void flood(struct st_wire *w, const struct st_request *req, const char *kind, uint64_t count,
                  size_t size, unsigned rate, struct st_outcome *out)
{
    if (!st_flood(w, req, kind, count, size, rate, &interrupted))
        fail(out, "KeyboardInterrupt", "");
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

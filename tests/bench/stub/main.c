/*
 * stub-kernel -f CONNECTION_FILE: a Jupyter kernel (protocol 5.4) that does nothing, at once, and floods,
 * spins or dies when told (codes.h). All servers are measured with it, so that what is measured is the server.
 * All its sockets are libzmq's, as in real kernels; with --raw iopub is our own (raw.h), for the fastest floods.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/bench/stub/codes.h"
#include "tests/bench/stub/wire.h"

static const char info_content[] =
    "{\"status\":\"ok\",\"protocol_version\":\"5.4\",\"implementation\":\"stub\","
    "\"implementation_version\":\"1.0\",\"language_info\":{\"name\":\"stub\",\"version\":\"1.0\","
    "\"mimetype\":\"text/plain\",\"file_extension\":\".txt\"},\"banner\":\"stub kernel\","
    "\"help_links\":[],\"supported_features\":[]}";

struct kernel {
    struct st_wire wire;
    unsigned long long execution_count;
    bool stop;
};

static struct st_span span_of(const struct kg_buf *b)
{
    return (struct st_span){(const char *)b->data, b->len};
}

static void execute(struct kernel *k, enum st_channel ch, const struct st_request *req)
{
    static char code[ST_CODE_MAX];
    bool silent = st_json_true(req->content, "silent");
    if (st_json_string(req->content, "code", code, sizeof code) < 0)
        *code = 0;
    if (!silent) {
        k->execution_count++;
        kg_autobuf input = {0};
        struct kg_json j;
        kg_json_init(&j, &input);
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "code", code);
        kg_json_kint(&j, "execution_count", (int64_t)k->execution_count);
        kg_json_object_end(&j);
        st_publish(&k->wire, req, "execute_input", span_of(&input), false);
    }
    struct st_outcome out = {0};
    st_run_code(&k->wire, req, code, st_json_true(req->content, "allow_stdin"), &out);

    kg_autobuf reply = {0};
    if (out.failed) {
        kg_buf_printf(&reply, "{\"ename\":\"%s\",\"evalue\":\"%s\",\"traceback\":[\"%s: %s\"]}",
                      out.ename, out.evalue, out.ename, out.evalue);
        st_publish(&k->wire, req, "error", span_of(&reply), false);
        kg_buf_drop(&reply, 1);
        kg_autobuf content = {0};
        kg_buf_printf(&content, "{\"status\":\"error\",\"execution_count\":%llu,%s",
                      k->execution_count, kg_buf_cstr(&reply));
        st_reply(&k->wire, ch, req, "execute_reply", span_of(&content));
        return;
    }
    kg_buf_printf(
        &reply,
        "{\"status\":\"ok\",\"execution_count\":%llu,\"user_expressions\":{},\"payload\":[]}",
        k->execution_count);
    st_reply(&k->wire, ch, req, "execute_reply", span_of(&reply));
}

static void answer(struct kernel *k, enum st_channel ch, const struct st_request *req)
{
    struct st_wire *w = &k->wire;
    char type[64];
    if (st_json_string(req->header, "msg_type", type, sizeof type) < 0)
        return;
    st_publish(w, req, "status", st_str("{\"execution_state\":\"busy\"}"), false);
    if (strcmp(type, "execute_request") == 0) {
        execute(k, ch, req);
    } else if (strcmp(type, "kernel_info_request") == 0) {
        st_reply(w, ch, req, "kernel_info_reply", st_str(info_content));
    } else if (strcmp(type, "comm_msg") == 0 || strcmp(type, "comm_open") == 0) {
        st_publish(w, req, "comm_msg", req->content, true);
    } else if (strcmp(type, "comm_info_request") == 0) {
        st_reply(w, ch, req, "comm_info_reply", st_str("{\"status\":\"ok\",\"comms\":{}}"));
    } else if (strcmp(type, "complete_request") == 0) {
        st_reply(w, ch, req, "complete_reply",
                 st_str("{\"status\":\"ok\",\"matches\":[],\"cursor_start\":0,\"cursor_end\":0,"
                        "\"metadata\":{}}"));
    } else if (strcmp(type, "inspect_request") == 0) {
        st_reply(w, ch, req, "inspect_reply",
                 st_str("{\"status\":\"ok\",\"found\":false,\"data\":{},\"metadata\":{}}"));
    } else if (strcmp(type, "is_complete_request") == 0) {
        st_reply(w, ch, req, "is_complete_reply", st_str("{\"status\":\"complete\"}"));
    } else if (strcmp(type, "history_request") == 0) {
        st_reply(w, ch, req, "history_reply", st_str("{\"status\":\"ok\",\"history\":[]}"));
    } else if (strcmp(type, "interrupt_request") == 0) {
        st_reply(w, ch, req, "interrupt_reply", st_str("{\"status\":\"ok\"}"));
    } else if (strcmp(type, "shutdown_request") == 0) {
        st_reply(w, ch, req, "shutdown_reply",
                 st_json_true(req->content, "restart")
                     ? st_str("{\"status\":\"ok\",\"restart\":true}")
                     : st_str("{\"status\":\"ok\",\"restart\":false}"));
        k->stop = true;
    }
    st_publish(w, req, "status", st_str("{\"execution_state\":\"idle\"}"), false);
}

static void drain(struct kernel *k, enum st_channel ch)
{
    struct st_request req;
    struct kg_err err = {0};
    int rc;
    while (!k->stop && (rc = st_receive(&k->wire, ch, &req, &err)) != 0) {
        if (rc < 0) {
            fprintf(stderr, "stub-kernel: %s\n", err.text);
            continue;
        }
        answer(k, ch, &req);
        st_request_release(&req);
    }
}

static void beat(struct st_wire *w)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, w->sock[ST_HB], ZMQ_DONTWAIT) >= 0)
        zmq_msg_send(&m, w->sock[ST_HB], ZMQ_DONTWAIT);
    zmq_msg_close(&m);
}

static void serve(struct kernel *k, pid_t parent)
{
    struct st_wire *w = &k->wire;
    zmq_pollitem_t items[] = {{w->sock[ST_CONTROL], 0, ZMQ_POLLIN, 0},
                              {w->sock[ST_SHELL], 0, ZMQ_POLLIN, 0},
                              {w->sock[ST_IOPUB], w->raw ? w->raw->epoll : 0, ZMQ_POLLIN, 0},
                              {w->sock[ST_HB], 0, ZMQ_POLLIN, 0}};
    st_publish(w, NULL, "status", st_str("{\"execution_state\":\"starting\"}"), false);
    while (!k->stop) {
        int n = zmq_poll(items, KG_COUNT(items), 5000);
        if (n < 0 && errno != EINTR)
            return;
        if (getppid() != parent)
            return; /* whoever started us is gone: leave nothing behind */
        if (n <= 0)
            continue;
        if (items[2].revents)
            st_welcome(w);
        if (items[0].revents)
            drain(k, ST_CONTROL);
        if (items[1].revents)
            drain(k, ST_SHELL);
        if (items[3].revents)
            beat(w);
    }
}

int main(int argc, char **argv)
{
    struct kernel k = {0};
    struct kg_err err = {0};
    struct st_raw raw = {0};
    bool use_raw = argc == 4 && strcmp(argv[3], "--raw") == 0;
    if (argc != (use_raw ? 4 : 3) || strcmp(argv[1], "-f") != 0) {
        fprintf(stderr, "usage: stub-kernel -f CONNECTION_FILE [--raw]\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    pid_t parent = getppid();
    struct sigaction sa = {.sa_handler = st_interrupt};
    sigaction(SIGINT, &sa, NULL);
    if (st_wire_open(&k.wire, argv[2], use_raw ? &raw : NULL, &err) < 0) {
        fprintf(stderr, "stub-kernel: %s\n", err.text);
        st_wire_close(&k.wire);
        return 1;
    }
    serve(&k, parent);
    st_wire_close(&k.wire);
    return 0;
}

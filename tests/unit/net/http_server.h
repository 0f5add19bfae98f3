#ifndef TESTS_UNIT_NET_HTTP_SERVER_H
#define TESTS_UNIT_NET_HTTP_SERVER_H
#include "client.h"

#include "kernelgw/net/impl.h"

/* A server whose handler does what the path says. */
struct server {
    uv_loop_t loop;
    struct kg_net *net;
    int port;
    int requests, gone, streams_gone;
    struct kg_http *held;
    size_t stream_left;
    bool closed;
};

static void on_gone(void *user)
{
    struct server *s = user;
    s->gone++;
    s->held = NULL;
}

static void stream_more(void *user, struct kg_http *req)
{
    struct server *s = user;
    static char block[16384];
    memset(block, 's', sizeof block);
    for (int i = 0; i < 4 && s->stream_left; i++) {
        size_t n = s->stream_left < sizeof block ? s->stream_left : sizeof block;
        kg_http_stream_write(req, block, n);
        s->stream_left -= n;
    }
    if (!s->stream_left)
        kg_http_stream_end(req);
}

static void stream_broken_off(void *user, struct kg_http *req)
{
    (void)user;
    kg_http_stream_write(req, "some", 4);
    kg_http_stream_abort(req);
}

static void stream_nothing(void *user, struct kg_http *req)
{
    (void)user;
    (void)req;
}

static void stream_gone(void *user)
{
    ((struct server *)user)->streams_gone++;
}

static void handler(void *user, struct kg_http *req)
{
    struct server *s = user;
    const char *path = kg_http_path(req);
    s->requests++;
    if (strcmp(path, "/hold") == 0) {
        s->held = req;
        kg_http_on_close(req, on_gone, s);
    } else if (strcmp(path, "/sized") == 0) { /* says `says` bytes, sends n */
        static const struct kg_http_stream_events events = {stream_more, stream_gone};
        s->stream_left = strtoul(kg_http_arg(req, "n"), NULL, 10);
        kg_http_stream_sized(req, 200, "text/plain", strtoul(kg_http_arg(req, "says"), NULL, 10),
                             &events, s);
    } else if (strcmp(path, "/abort") == 0) {
        static const struct kg_http_stream_events events = {stream_broken_off, stream_gone};
        kg_http_stream(req, 200, "text/plain", &events, s);
    } else if (strcmp(path, "/stream") == 0) {
        static const struct kg_http_stream_events events = {stream_more, stream_gone};
        s->stream_left = strtoul(kg_http_arg(req, "n"), NULL, 10);
        kg_http_add_header(req, "X-Kind", "stream");
        kg_http_stream(req, 200, "text/plain", &events, s);
    } else if (strcmp(path, "/quiet") == 0) {
        static const struct kg_http_stream_events events = {stream_nothing, stream_gone};
        kg_http_stream(req, 200, "text/event-stream", &events, s);
    } else if (strcmp(path, "/big") == 0) {
        size_t n = 20 * 1000 * 1000;
        char *big = kg_malloc(n);
        for (size_t i = 0; i < n; i++)
            big[i] = (char)(i % 251);
        kg_http_respond(req, 200, "application/octet-stream", big, n, NULL, 0);
        free(big);
    } else if (strcmp(path, "/204") == 0) {
        kg_http_respond(req, 204, NULL, NULL, 0, NULL, 0);
    } else {
        size_t n;
        const uint8_t *body = kg_http_body(req, &n);
        const char *arg = kg_http_arg(req, "a");
        const char *header = kg_http_header(req, "x-test");
        kg_autobuf out = {0};
        kg_buf_printf(&out, "%s %s a=%s x=%s peer=%s up=%d body=", kg_http_method(req), path,
                      arg ? arg : "-", header ? header : "-", kg_http_peer(req),
                      kg_http_is_upgrade(req));
        kg_buf_add(&out, body, n);
        struct kg_http_header extra = {"X-Extra", "yes"};
        kg_http_respond(req, 200, "text/plain", out.data, out.len, &extra, 1);
    }
}

static bool admit(void *user, struct kg_http *req)
{
    if (strncmp(kg_http_path(req), "/stranger", 9) != 0)
        return true;
    handler(user, req);
    return false;
}

static void on_net_closed(void *user)
{
    ((struct server *)user)->closed = true;
}

static int setup_with(void **state, const char *address, size_t max_connections)
{
    struct server *s = kg_calloc(1, sizeof *s);
    struct kg_err err = {0};
    uv_loop_init(&s->loop);
    struct kg_net_config config = {
        .loop = &s->loop,
        .address = address,
        .max_body_bytes = 1000000,
        .max_message_bytes = 1000000,
        .max_connections = max_connections,
        .handler = handler,
        .admit = admit,
        .user = s,
    };
    if (kg_net_open(&s->net, &config, &err) < 0)
        fail_msg("%s", err.text);
    s->port = kg_net_port(s->net);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, "127.0.0.1", 0);
}

static int teardown(void **state)
{
    struct server *s = *state;
    kg_net_close(s->net, on_net_closed, s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(s->closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

static void expect_body(struct client *c, const char *request, const char *body)
{
    struct reply r;
    client_say(c, request);
    client_reply(c, &r, false);
    assert_int_equal(r.status, 200);
    assert_string_equal((char *)r.body.data, body);
    reply_release(&r);
}

#endif

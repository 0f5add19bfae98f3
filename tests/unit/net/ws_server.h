#ifndef TESTS_UNIT_NET_WS_SERVER_H
#define TESTS_UNIT_NET_WS_SERVER_H
#include "client.h"

/* Every socket echoes, unless its path or its message asks for something else. */
struct server {
    uv_loop_t loop;
    struct kg_net *net;
    int port;
    struct kg_ws *ws; /* the last one */
    struct kg_http *later;
    int opened, closed, code, fills;
    bool fill_while_full;
    size_t messages, last_len;
    uint32_t next; /* number of the next frame to be sent by fill */
    uint32_t until;
    size_t size; /* of each */
    bool net_closed;
    int arrived;
};

static void on_open(void *user, struct kg_ws *ws)
{
    struct server *s = user;
    s->opened++;
    s->ws = ws;
}

static void queue_text(struct kg_ws *ws, const char *text)
{
    struct kg_blob *b = kg_blob_copy(text, strlen(text));
    struct kg_slice slice = kg_slice_of(b, b->data, b->len);
    kg_blob_unref(b);
    kg_ws_queue(ws, NULL, 0, slice, false);
}

static void on_message(void *user, uint8_t *data, size_t n, bool binary)
{
    struct server *s = user;
    s->messages++;
    s->last_len = n;
    if (n == 4 && memcmp(data, "fill", 4) == 0) {
        kg_ws_want(s->ws);
    } else if (n == 5 && memcmp(data, "close", 5) == 0) {
        queue_text(s->ws, "last words");
        kg_ws_close(s->ws, 1012, "going");
    } else {
        struct kg_blob *b = kg_blob_copy(data, n);
        size_t head = n < 8 ? n : 8;
        struct kg_slice slice = kg_slice_of(b, b->data + head, b->len - head);
        kg_ws_queue(s->ws, b->data, head, slice, binary);
        kg_blob_unref(b);
    }
}

static void on_fill(void *user, struct kg_ws *ws)
{
    struct server *s = user;
    s->fills++;
    if (kg_ws_unsent(ws) >= 1024 * 1024)
        s->fill_while_full = true;
    while (s->next < s->until) {
        struct kg_blob *b = kg_blob_new(s->size);
        memset(b->data, (int)(s->next & 0xff), s->size);
        bool room =
            kg_ws_queue(ws, &s->next, sizeof s->next, kg_slice_of(b, b->data, b->len), true);
        kg_blob_unref(b);
        s->next++;
        if (!room)
            break;
    }
}

static void on_closed(void *user, int code)
{
    struct server *s = user;
    s->closed++;
    s->code = code;
    s->ws = NULL;
}

static void on_arrived(void *user)
{
    struct server *s = user;
    s->arrived++;
}

static const struct kg_ws_events events = {.open = on_open,
                                           .message = on_message,
                                           .fill = on_fill,
                                           .arrived = on_arrived,
                                           .closed = on_closed};

static void handler(void *user, struct kg_http *req)
{
    struct server *s = user;
    const char *path = kg_http_path(req);
    if (!kg_http_is_upgrade(req)) {
        kg_http_respond(req, 400, "application/json", "{}", 2, NULL, 0);
    } else if (strcmp(path, "/refuse") == 0) {
        static const char body[] = "{\"message\": \"no such kernel\"}";
        kg_http_respond(req, 404, "application/json", body, sizeof body - 1, NULL, 0);
    } else if (strcmp(path, "/later") == 0) {
        s->later = req;
    } else if (strcmp(path, "/v1") == 0) {
        kg_http_add_header(req, "X-Own", "header");
        kg_ws_accept(req, "v1.kernel.websocket.jupyter.org", &events, s);
    } else {
        kg_ws_accept(req, NULL, &events, s);
    }
}

static void on_net_closed(void *user)
{
    ((struct server *)user)->net_closed = true;
}

static int setup_with(void **state, unsigned ping_ms, unsigned silence_ms)
{
    struct server *s = kg_calloc(1, sizeof *s);
    struct kg_err err = {0};
    uv_loop_init(&s->loop);
    struct kg_net_config config = {
        .loop = &s->loop,
        .address = "127.0.0.1",
        .max_body_bytes = 1000000,
        .max_message_bytes = 64 * 1024 * 1024,
        .ping_ms = ping_ms,
        .silence_ms = silence_ms,
        .handler = handler,
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
    return setup_with(state, 0, 0);
}

static int teardown(void **state)
{
    struct server *s = *state;
    kg_net_close(s->net, on_net_closed, s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(s->net_closed);
    assert_int_equal(s->opened, s->closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

static void wait_closed(struct server *s)
{
    for (int i = 0; i < 2000 && !s->closed; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->closed, 1);
}

#endif

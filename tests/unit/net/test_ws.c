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

static int setup_impatient(void **state)
{
    return setup_with(state, 500, 2000);
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

static void expect_echo(struct client *c, const char *text)
{
    struct frame f;
    ws_send(c, 0x81, text, strlen(text));
    ws_recv(c, &f);
    assert_int_equal(f.first, 0x81);
    assert_string_equal((char *)f.data.data, text);
    frame_release(&f);
}

static void wait_closed(struct server *s)
{
    for (int i = 0; i < 2000 && !s->closed; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->closed, 1);
}

static void messages_go_both_ways(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    ws_connect(&c, &s->loop, s->port, "/");
    expect_echo(&c, "hello");
    expect_echo(&c, "");
    expect_echo(&c, "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x8e\x89");
    ws_send(&c, 0x82, "\0\1\2\377", 4);
    ws_recv(&c, &f);
    assert_int_equal(f.first, 0x82);
    assert_memory_equal(f.data.data, "\0\1\2\377", 4);
    frame_release(&f);
    client_close(&c);
}

static void the_handshake_names_what_the_handler_chose(void **state)
{
    struct server *s = *state;
    static const struct {
        const char *path, *offer;
        bool named;
    } cases[] = {
        {"/v1", "Sec-WebSocket-Protocol: other, v1.kernel.websocket.jupyter.org\r\n", true},
        {"/", "Sec-WebSocket-Protocol: unknown.protocol\r\n", false},
        {"/", "Sec-WebSocket-Protocol: kernelgw\r\n", false},
        {"/", "Sec-WebSocket-Protocol: ,, ;\"broken\r\n", false},
        {"/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", false},
        {"/", "Cookie: a=b\r\nOrigin: http://x\r\nX-Big: 0123456789\r\n", false},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct client c;
        struct reply r;
        client_open(&c, &s->loop, s->port);
        ws_shake(&c, cases[i].path, cases[i].offer, &r);
        assert_int_equal(r.status, 101);
        assert_non_null(strcasestr(r.head, "Upgrade: websocket\r\n"));
        assert_non_null(strstr(r.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_null(strstr(r.head, "Extensions"));
        if (cases[i].named) {
            assert_non_null(
                strstr(r.head, "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n"));
            assert_non_null(strstr(r.head, "X-Own: header\r\n"));
        } else {
            assert_null(strstr(r.head, "Sec-WebSocket-Protocol"));
        }
        reply_release(&r);
        expect_echo(&c, "works");
        client_close(&c);
    }
}

static void a_refused_upgrade_is_answered_with_json_and_the_connection_goes_on(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    ws_shake(&c, "/refuse", "", &r);
    assert_int_equal(r.status, 404);
    assert_string_equal((char *)r.body.data, "{\"message\": \"no such kernel\"}");
    reply_release(&r);
    expect_status(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    ws_shake(&c, "/", "", &r);
    assert_int_equal(r.status, 101);
    reply_release(&r);
    expect_echo(&c, "after all");
    client_close(&c);
}

static void h2c_is_not_offered(void **state)
{
    struct server *s = *state;
    struct client c;
    client_open(&c, &s->loop, s->port);
    expect_status(
        &c,
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        400);
    client_close(&c);
}

static void an_upgrade_may_be_accepted_later(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /later HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n");
    /* A frame that did not wait for the answer is not lost. */
    ws_send(&c, 0x81, "early", 5);
    for (int i = 0; i < 10; i++)
        client_step(&c);
    assert_non_null(s->later);
    assert_int_equal(c.in.len, 0);
    kg_ws_accept(s->later, NULL, &events, s);
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 101);
    reply_release(&r);
    struct frame f;
    ws_recv(&c, &f);
    assert_string_equal((char *)f.data.data, "early");
    frame_release(&f);
    client_close(&c);
}

static void fragments_are_put_together_around_a_ping(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    ws_connect(&c, &s->loop, s->port, "/");
    ws_send(&c, 0x01, "one ", 4);
    ws_send(&c, 0x89, "ping!", 5);
    ws_send(&c, 0x00, "two ", 4);
    ws_send(&c, 0x80, "three", 5);
    bool pong = false, echo = false;
    while (!pong || !echo) { /* either may overtake the other */
        ws_recv(&c, &f);
        if (f.first == 0x8a) {
            pong = true;
            assert_string_equal((char *)f.data.data, "ping!");
        } else {
            echo = true;
            assert_int_equal(f.first, 0x81);
            assert_string_equal((char *)f.data.data, "one two three");
        }
        frame_release(&f);
    }
    assert_int_equal(s->messages, 1);
    client_close(&c);
}

static void a_message_of_16_mib_comes_and_goes(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    size_t n = 16 * 1024 * 1024;
    uint8_t *big = kg_malloc(n);
    for (size_t i = 0; i < n; i++)
        big[i] = (uint8_t)(i * 7 + (i >> 12));
    ws_connect(&c, &s->loop, s->port, "/");
    ws_send(&c, 0x82, big, n);
    ws_recv(&c, &f);
    assert_int_equal(f.data.len, n);
    assert_memory_equal(f.data.data, big, n);
    frame_release(&f);
    expect_echo(&c, "still here");
    free(big);
    client_close(&c);
}

static void a_message_over_the_limit_closes_with_1009(void **state)
{
    struct server *s = *state;
    struct client c;
    ws_connect(&c, &s->loop, s->port, "/");
    /* Announced by the frame's head alone: refused before it is sent. */
    client_send(&c, "\x82\xff\0\0\0\0\x04\0\0\1\1\2\3\4abcd", 18);
    assert_int_equal(ws_recv_close(&c), 1009);
    client_close(&c);
    wait_closed(s);
    assert_int_equal(s->code, 1009);
    assert_int_equal(s->messages, 0);
}

static void fragments_over_the_limit_close_with_1009(void **state)
{
    struct server *s = *state;
    struct client c;
    size_t n = 24 * 1024 * 1024;
    uint8_t *big = kg_calloc(1, n);
    ws_connect(&c, &s->loop, s->port, "/");
    ws_send(&c, 0x02, big, n);
    ws_send(&c, 0x00, big, n);
    ws_send(&c, 0x00, big, n);
    assert_int_equal(ws_recv_close(&c), 1009);
    free(big);
    client_close(&c);
    wait_closed(s);
}

static void garbage_closes_with_a_protocol_error(void **state)
{
    struct server *s = *state;
    static const struct {
        const char *bytes;
        size_t n;
        int code;
    } cases[] = {
        {"\x83\x80\1\2\3\4", 6, 1002},         /* a reserved opcode */
        {"\xc1\x80\1\2\3\4", 6, 1002},         /* a reserved bit */
        {"\x81\x82\0\0\0\0\xff\xfe", 8, 1007}, /* text that is none */
        {"\x80\x81\0\0\0\0x", 7, 1002},        /* a continuation of nothing */
        {"\x09\x80\0\0\0\0", 6, 1002},         /* a ping in fragments */
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct client c;
        s->closed = s->opened = 0;
        ws_connect(&c, &s->loop, s->port, "/");
        client_send(&c, cases[i].bytes, cases[i].n);
        assert_int_equal(ws_recv_close(&c), cases[i].code);
        ws_send(&c, 0x88, "\x03\xea", 2);
        client_until_eof(&c);
        wait_closed(s);
        assert_int_equal(s->messages, 0);
        client_close(&c);
    }
}

static void the_peers_close_is_answered_and_told(void **state)
{
    struct server *s = *state;
    struct client c;
    ws_connect(&c, &s->loop, s->port, "/");
    ws_send(&c, 0x88,
            "\x03\xe9"
            "away",
            6);
    assert_int_equal(ws_recv_close(&c), 1001);
    client_until_eof(&c);
    wait_closed(s);
    assert_int_equal(s->code, 1001);
    client_close(&c);
}

static void a_vanished_peer_is_1006(void **state)
{
    struct server *s = *state;
    struct client c;
    ws_connect(&c, &s->loop, s->port, "/");
    client_close(&c);
    wait_closed(s);
    assert_int_equal(s->code, 1006);
}

static void our_close_comes_after_what_is_queued(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    ws_connect(&c, &s->loop, s->port, "/");
    ws_send(&c, 0x81, "close", 5);
    ws_recv(&c, &f);
    assert_string_equal((char *)f.data.data, "last words");
    frame_release(&f);
    ws_recv(&c, &f);
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.data.data,
                        "\x03\xf4"
                        "going",
                        7);
    frame_release(&f);
    ws_send(&c, 0x88, "\x03\xf4", 2);
    client_until_eof(&c);
    wait_closed(s);
    assert_int_equal(s->code, 1012);
    client_close(&c);
}

static void frames_arrive_all_and_in_order(struct server *s, uint32_t count, size_t size)
{
    struct client c;
    ws_connect(&c, &s->loop, s->port, "/");
    s->until = count;
    s->size = size;
    ws_send(&c, 0x81, "fill", 4);
    uint32_t at = 0;
    uint64_t end = kg_clock_ms() + 60000;
    while (at < count && kg_clock_ms() < end) {
        client_step(&c);
        size_t used = 0;
        for (;;) { /* all whole frames at once: a drop from the front for each would be quadratic */
            const uint8_t *p = c.in.data + used;
            size_t left = c.in.len - used;
            size_t head = size + 4 < 126 ? 2 : size + 4 < 65536 ? 4 : 10;
            if (left < head + 4 + size)
                break;
            assert_int_equal(p[0], 0x82);
            assert_memory_equal(p + head, &at, 4);
            if (size)
                assert_int_equal(p[head + 4 + size - 1], at & 0xff);
            used += head + 4 + size;
            at++;
        }
        kg_buf_drop(&c.in, used);
    }
    assert_int_equal(at, count);
    assert_false(s->fill_while_full);
    expect_echo(&c, "done");
    client_close(&c);
}

static void ten_thousand_small_frames_arrive_in_order(void **state)
{
    frames_arrive_all_and_in_order(*state, 10000, 100);
}

static void empty_bodies_and_middle_ones_too(void **state)
{
    struct server *s = *state;
    frames_arrive_all_and_in_order(s, 20000, 0);
    s->next = 0;
    frames_arrive_all_and_in_order(s, 3000, 10000);
}

static void big_frames_arrive_in_order(void **state)
{
    frames_arrive_all_and_in_order(*state, 30, 3000000);
}

static void a_slow_reader_keeps_memory_bounded(void **state)
{
    struct server *s = *state;
    struct client c;
    ws_connect(&c, &s->loop, s->port, "/");
    s->until = 1000000;
    s->size = 10000;
    ws_send(&c, 0x81, "fill", 4);
    for (int i = 0; i < 3000; i++)
        turn(&s->loop);
    size_t stuck = s->next;
    int fills = s->fills;
    assert_true(kg_ws_unsent(s->ws) <= 1024 * 1024 + 20000);
    for (int i = 0; i < 1000; i++)
        turn(&s->loop);
    assert_int_equal(s->next, stuck);
    assert_int_equal(s->fills, fills);
    assert_false(s->fill_while_full);
    /* Pings are answered nevertheless, in between whole frames. */
    ws_send(&c, 0x89, "p", 1);
    s->until = s->next;
    bool pong = false;
    uint64_t end = kg_clock_ms() + 20000;
    for (uint32_t at = 0; (at < s->until || !pong) && kg_clock_ms() < end;) {
        struct frame f;
        ws_recv(&c, &f);
        if (f.first == 0x8a) {
            pong = true;
        } else {
            assert_int_equal(f.data.len, 10004);
            assert_memory_equal(f.data.data, &at, 4);
            at++;
        }
        frame_release(&f);
    }
    assert_true(pong);
    client_close(&c);
}

static void a_paused_socket_reads_nothing_until_it_goes_on(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    ws_connect(&c, &s->loop, s->port, "/");
    expect_echo(&c, "before");
    kg_ws_pause(s->ws, true);
    ws_send(&c, 0x81, "wait", 4);
    for (int i = 0; i < 20; i++)
        client_step(&c);
    assert_int_equal(s->messages, 1);
    kg_ws_pause(s->ws, false);
    ws_recv(&c, &f);
    assert_string_equal((char *)f.data.data, "wait");
    frame_release(&f);
    client_close(&c);
}

static void a_peer_is_asked_whether_all_has_arrived(void **state)
{
    struct server *s = *state;
    struct client c;
    struct frame f;
    ws_connect(&c, &s->loop, s->port, "/");
    expect_echo(&c, "one");
    struct kg_blob *b = kg_blob_copy("two", 3);
    kg_ws_queue(s->ws, NULL, 0, (struct kg_slice){b, b->data, b->len}, false);
    kg_ws_probe(s->ws);
    kg_ws_probe(s->ws); /* one is under way */
    ws_recv(&c, &f);
    assert_int_equal(f.first, 0x81); /* what was queued comes first */
    frame_release(&f);
    ws_recv(&c, &f);
    assert_int_equal(f.first, 0x89);
    ws_send(&c, 0x8a, "something else", 14);
    expect_echo(&c, "three");
    assert_int_equal(s->arrived, 0);
    ws_send(&c, 0x8a, (char *)f.data.data, f.data.len);
    frame_release(&f);
    expect_echo(&c, "four");
    assert_int_equal(s->arrived, 1);
    client_close(&c);
}

static void a_silent_peer_is_pinged_and_then_cut(void **state)
{
    struct server *s = *state;
    struct client alive, dead;
    struct frame f;
    ws_connect(&alive, &s->loop, s->port, "/");
    ws_connect(&dead, &s->loop, s->port, "/");
    for (int pings = 0; pings < 4; pings++) {
        ws_recv(&alive, &f);
        assert_int_equal(f.first, 0x89);
        ws_send(&alive, 0x8a, f.data.data, f.data.len);
        frame_release(&f);
    }
    client_until_eof(&dead);
    assert_memory_equal(dead.in.data, "\x89\x08kernelgw", 10);
    wait_closed(s);
    assert_int_equal(s->code, 1006);
    s->ws = NULL;
    assert_false(alive.eof);
    client_close(&alive);
    client_close(&dead);
}

static void closing_the_server_says_1012_and_frees_all(void **state)
{
    struct server *s = *state;
    struct client c[5];
    for (int i = 0; i < 5; i++)
        ws_connect(&c[i], &s->loop, s->port, "/");
    kg_net_close(s->net, on_net_closed, s);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ws_recv_close(&c[i]), 1012);
        ws_send(&c[i], 0x88, "\x03\xf4", 2);
    }
    uint64_t start = kg_clock_ms(); /* the fifth never answers */
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(kg_clock_ms() - start < 4000);
    assert_int_equal(s->closed, 5);
    assert_true(s->net_closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    for (int i = 0; i < 5; i++)
        client_close(&c[i]);
    free(s);
}

/* What the rest of the process does meanwhile: it takes a descriptor in each turn of the loop, the lowest number that is free, and
 * waits for it. */
struct stranger {
    uv_poll_t poll;
    int ends[2];
    int heard;
};

struct strangers {
    uv_prepare_t turn;
    uv_loop_t *loop;
    struct stranger all[500];
    size_t count;
};

static void on_heard(uv_poll_t *handle, int status, int what)
{
    struct stranger *one = handle->data;
    char byte;
    (void)status;
    (void)what;
    if (read(one->ends[0], &byte, 1) == 1)
        one->heard++;
}

static void one_more(uv_prepare_t *turn)
{
    struct strangers *s = turn->data;
    if (s->count == KG_COUNT(s->all))
        return;
    struct stranger *one = &s->all[s->count++];
    assert_int_equal(pipe2(one->ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(uv_poll_init(s->loop, &one->poll, one->ends[0]), 0);
    one->poll.data = one;
    uv_poll_start(&one->poll, UV_READABLE, on_heard);
}

static void closing_the_server_touches_no_descriptor_of_others(void **state)
{
    struct server *s = *state;
    static struct strangers others;
    struct client c[3];
    others = (struct strangers){.loop = &s->loop};
    for (size_t i = 0; i < KG_COUNT(c); i++)
        ws_connect(&c[i], &s->loop, s->port, "/");
    uv_prepare_init(&s->loop, &others.turn);
    others.turn.data = &others;
    uv_prepare_start(&others.turn, one_more);
    kg_net_close(s->net, on_net_closed, s);
    client_close(&c[0]);
    shutdown(c[1].fd, SHUT_WR);
    while (!s->net_closed) /* the third never answers */
        uv_run(&s->loop, UV_RUN_ONCE);
    uv_prepare_stop(&others.turn);
    assert_true(others.count > 4);
    for (size_t i = 0; i < others.count; i++)
        assert_int_equal(write(others.all[i].ends[1], "x", 1), 1);
    for (int turns = 0; turns < 3; turns++)
        uv_run(&s->loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < others.count; i++) {
        assert_int_equal(others.all[i].heard, 1);
        uv_close((uv_handle_t *)&others.all[i].poll, NULL);
        close(others.all[i].ends[0]);
        close(others.all[i].ends[1]);
    }
    uv_close((uv_handle_t *)&others.turn, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    client_close(&c[1]);
    client_close(&c[2]);
    free(s);
}

static void five_hundred_sockets_are_held(void **state)
{
    struct server *s = *state;
    enum { N = 500 };
    static struct client c[N];
    for (int i = 0; i < N; i++)
        ws_connect(&c[i], &s->loop, s->port, "/");
    assert_int_equal(s->opened, N);
    for (int i = 0; i < N; i++)
        client_close(&c[i]);
    for (int i = 0; i < 2000 && s->closed < N; i++)
        turn(&s->loop);
    assert_int_equal(s->closed, N);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(messages_go_both_ways),
        T(the_handshake_names_what_the_handler_chose),
        T(a_refused_upgrade_is_answered_with_json_and_the_connection_goes_on),
        T(h2c_is_not_offered),
        T(an_upgrade_may_be_accepted_later),
        T(fragments_are_put_together_around_a_ping),
        T(a_peer_is_asked_whether_all_has_arrived),
        T(a_message_of_16_mib_comes_and_goes),
        T(a_message_over_the_limit_closes_with_1009),
        T(fragments_over_the_limit_close_with_1009),
        T(garbage_closes_with_a_protocol_error),
        T(the_peers_close_is_answered_and_told),
        T(a_vanished_peer_is_1006),
        T(our_close_comes_after_what_is_queued),
        T(ten_thousand_small_frames_arrive_in_order),
        T(empty_bodies_and_middle_ones_too),
        T(big_frames_arrive_in_order),
        T(a_slow_reader_keeps_memory_bounded),
        T(a_paused_socket_reads_nothing_until_it_goes_on),
        cmocka_unit_test_setup(closing_the_server_says_1012_and_frees_all, setup),
        cmocka_unit_test_setup(closing_the_server_touches_no_descriptor_of_others, setup),
        cmocka_unit_test_setup_teardown(a_silent_peer_is_pinged_and_then_cut, setup_impatient,
                                        teardown),
        T(five_hundred_sockets_are_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

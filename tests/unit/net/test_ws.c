#include "ws_server.h"

static void expect_echo(struct client *c, const char *text)
{
    struct frame f;
    ws_send(c, 0x81, text, strlen(text));
    ws_recv(c, &f);
    assert_int_equal(f.first, 0x81);
    assert_string_equal((char *)f.data.data, text);
    frame_release(&f);
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
        T(ten_thousand_small_frames_arrive_in_order),
        T(empty_bodies_and_middle_ones_too),
        T(big_frames_arrive_in_order),
        T(a_slow_reader_keeps_memory_bounded),
        T(a_paused_socket_reads_nothing_until_it_goes_on),
        T(five_hundred_sockets_are_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

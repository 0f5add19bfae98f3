#include "http_server.h"

static int setup_three(void **state)
{
    return setup_with(state, "127.0.0.1", 3);
}

static void a_request_reaches_the_handler_with_all_its_parts(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(
        &c,
        "POST /p%20q/%2f?b=1&a=x+y%21 HTTP/1.1\r\nHost: h\r\nX-Test:  two words \r\nContent-Length: 4\r\n\r\nbody");
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 200);
    assert_string_equal((char *)r.body.data,
                        "POST /p%20q/%2f a=x y! x=two words peer=127.0.0.1 up=0 body=body");
    assert_non_null(strstr(r.head, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(r.head, "X-Extra: yes\r\n"));
    assert_non_null(strstr(r.head, "Date: "));
    assert_null(strstr(r.head, "Connection:"));
    reply_release(&r);
    client_close(&c);
}

static void every_method_reaches_the_handler(void **state)
{
    struct server *s = *state;
    static const char *methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"};
    struct client c;
    client_open(&c, &s->loop, s->port);
    for (size_t i = 0; i < KG_COUNT(methods); i++) {
        char request[128], expected[128];
        snprintf(request, sizeof request, "%s /m HTTP/1.1\r\nHost: h\r\n\r\n", methods[i]);
        snprintf(expected, sizeof expected, "%s /m a=- x=- peer=127.0.0.1 up=0 body=", methods[i]);
        expect_body(&c, request, expected);
    }
    client_close(&c);
}

static void head_gets_the_length_but_no_body(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, true);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "Content-Length: 41\r\n"));
    expect_body(&c, "GET /h HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /h a=- x=- peer=127.0.0.1 up=0 body=");
    expect_status(&c, "GET /204 HTTP/1.1\r\nHost: h\r\n\r\n", 204);
    expect_body(&c, "GET /h HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /h a=- x=- peer=127.0.0.1 up=0 body=");
    client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct server *s = *state;
    struct client c;
    struct kg_buf all = {0};
    client_open(&c, &s->loop, s->port);
    enum { N = 2000 };
    for (int i = 0; i < N; i++)
        kg_buf_printf(&all, "POST /p%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", i);
    client_send(&c, all.data, all.len);
    for (int i = 0; i < N; i++) {
        struct reply r;
        char expected[96];
        snprintf(expected, sizeof expected, "POST /p%d a=- x=- peer=127.0.0.1 up=0 body=abc", i);
        client_reply(&c, &r, false);
        assert_string_equal((char *)r.body.data, expected);
        reply_release(&r);
    }
    assert_int_equal(s->requests, N);
    kg_buf_release(&all);
    client_close(&c);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    const char *request = "\r\nPOST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    for (const char *p = request; *p; p++)
        client_send(&c, p, 1);
    client_reply(&c, &r, false);
    assert_string_equal((char *)r.body.data, "POST /slow a=- x=- peer=127.0.0.1 up=0 body=abcde");
    reply_release(&r);
    expect_body(&c, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /next a=- x=- peer=127.0.0.1 up=0 body=");
    client_close(&c);
}

static void wait_ms(struct server *s, uint64_t ms)
{
    uint64_t end = kg_clock_ms() + ms;
    while (kg_clock_ms() < end)
        turn(&s->loop);
}

/* The only connection there is, as if so much time had gone by since then. */
static void tick_after(struct server *s, uint64_t then, uint64_t ms)
{
    struct kg_http *c = kg_container_of(s->net->conns.next, struct kg_http, link);
    assert_ptr_not_equal(s->net->conns.next, &s->net->conns);
    conn_tick(c, then + ms);
    turn(&s->loop);
}

static void blank_lines_keep_no_connection(void **state)
{
    struct server *s = *state;
    static const char *const drips[] = {"\r\n", "\r", "\n\r"};
    struct client c;
    for (size_t i = 0; i < KG_COUNT(drips); i++) {
        client_open(&c, &s->loop, s->port);
        wait_ms(s, 50);
        uint64_t then = uv_now(&s->loop);
        wait_ms(s, 300);
        client_say(&c, "\r\n");
        client_say(&c, drips[i]);
        wait_ms(s, 50);
        tick_after(s, then, NET_IDLE_MS - 100);
        assert_false(c.eof);
        client_say(&c, drips[i]);
        wait_ms(s, 20);
        tick_after(s, then, NET_IDLE_MS + 100);
        client_until_eof(&c);
        client_close(&c);
    }
    /* and take nothing from the time that the request behind them has */
    client_open(&c, &s->loop, s->port);
    wait_ms(s, 300);
    client_say(&c, "\r\nGET /");
    wait_ms(s, 50);
    tick_after(s, uv_now(&s->loop), NET_HEAD_MS - 200);
    expect_status(&c, "x HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    client_close(&c);
}

static void a_body_that_trickles_is_given_up(void **state)
{
    struct server *s = *state;
    static const char *const heads[] = {"Content-Length: 100000", "Transfer-Encoding: chunked"};
    struct client c;
    struct reply r;
    for (size_t i = 0; i < KG_COUNT(heads); i++) {
        char text[200];
        client_open(&c, &s->loop, s->port);
        snprintf(text, sizeof text, "POST /x HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", heads[i]);
        client_say(&c, text);
        wait_ms(s, 50);
        uint64_t then = uv_now(&s->loop);
        struct kg_http *conn = kg_container_of(s->net->conns.next, struct kg_http, link);
        client_say(&c, i ? "1\r\nx\r\n" : "x");
        wait_ms(s, 20);
        /* a byte has just come, as every second before */
        conn->since = then + NET_BODY_GRACE_MS - 500;
        tick_after(s, then, NET_BODY_GRACE_MS - 200);
        assert_int_equal(conn->state, CONN_BODY);
        conn->since = then + NET_BODY_GRACE_MS + 500;
        tick_after(s, then, NET_BODY_GRACE_MS + 1000);
        client_reply(&c, &r, false);
        assert_int_equal(r.status, 408);
        reply_release(&r);
        client_close(&c);
        wait_ms(s, 50);
    }
}

static void who_expects_100_is_told_to_continue(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c,
               "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 100);
    client_say(&c, "ok");
    client_reply(&c, &r, false);
    assert_string_equal((char *)r.body.data, "POST /e a=- x=- peer=127.0.0.1 up=0 body=ok");
    reply_release(&r);
    client_close(&c);
}

static void a_body_that_is_not_admitted_is_not_read(void **state)
{
    struct server *s = *state;
    static const char *const framings[] = {
        "Content-Length: 900000\r\nExpect: 100-continue\r\n\r\n",
        "Content-Length: 10\r\n\r\n0123456789",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    for (size_t i = 0; i < KG_COUNT(framings); i++) {
        struct client c;
        client_open(&c, &s->loop, s->port);
        client_say(&c, "POST /stranger HTTP/1.1\r\nHost: h\r\n");
        expect_body(&c, framings[i], "POST /stranger a=- x=- peer=127.0.0.1 up=0 body=");
        client_until_eof(&c);
        client_close(&c);
    }
    assert_int_equal(s->requests, KG_COUNT(framings));
}

static void what_is_malformed_is_refused_and_the_server_goes_on(void **state)
{
    struct server *s = *state;
    static const struct {
        int status;
        const char *request;
    } cases[] = {
        {400, "garbage\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        {400, "GET nopath HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"},
        {400,
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nf4241\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"},
        {426, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
              "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n"},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct client c;
        struct reply r;
        client_open(&c, &s->loop, s->port);
        client_say(&c, cases[i].request);
        client_reply(&c, &r, false);
        if (r.status != cases[i].status)
            fail_msg("case %zu: %d", i, r.status);
        assert_non_null(strstr(r.head, "application/json"));
        assert_non_null(strstr((char *)r.body.data, "\"message\": \""));
        client_until_eof(&c);
        reply_release(&r);
        client_close(&c);
    }
    assert_int_equal(s->requests, 0);
}

static void a_head_over_16_kib_is_refused(void **state)
{
    struct server *s = *state;
    struct client c;
    struct kg_buf b = {0};
    client_open(&c, &s->loop, s->port);
    kg_buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX-Long: ");
    while (b.len < 17000)
        kg_buf_add_char(&b, 'x');
    client_send(&c, b.data, b.len);
    expect_status(&c, "", 431);
    client_until_eof(&c);
    client_close(&c);
    b.len = 16000; /* a cookie of 15 KiB is fine */
    kg_buf_add_str(&b, "\r\n\r\n");
    client_open(&c, &s->loop, s->port);
    client_send(&c, b.data, b.len);
    expect_status(&c, "", 200);
    kg_buf_release(&b);
    client_close(&c);
}

static void a_body_up_to_the_limit_arrives_whole(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    size_t n = 1000000;
    char *body = kg_malloc(n);
    memset(body, 'z', n);
    body[0] = 'A';
    body[n - 1] = 'Z';
    client_open(&c, &s->loop, s->port);
    client_say(&c, "PUT /f HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    client_send(&c, body, n);
    client_reply(&c, &r, false);
    size_t front = strlen("PUT /f a=- x=- peer=127.0.0.1 up=0 body=");
    assert_int_equal(r.body.len, front + n);
    assert_memory_equal(r.body.data + front, body, n);
    free(body);
    reply_release(&r);
    client_close(&c);
}

static void an_answer_of_20_mb_arrives_whole(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, false);
    assert_int_equal(r.body.len, 20 * 1000 * 1000);
    for (size_t i = 0; i < r.body.len; i++)
        if (r.body.data[i] != i % 251)
            fail_msg("byte %zu", i);
    reply_release(&r);
    client_close(&c);
}

static void http_1_0_ends_with_its_answer_unless_it_says_otherwise(void **state)
{
    struct server *s = *state;
    struct client c;
    client_open(&c, &s->loop, s->port);
    expect_status(&c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200);
    expect_status(&c, "GET / HTTP/1.0\r\n\r\n", 200);
    client_until_eof(&c);
    client_close(&c);
    client_open(&c, &s->loop, s->port);
    expect_status(&c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200);
    client_until_eof(&c);
    client_close(&c);
}

static void a_half_closed_client_gets_its_answers(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(c.fd, SHUT_WR);
    for (int i = 0; i < 20; i++)
        client_step(&c);
    assert_non_null(s->held);
    kg_http_respond(s->held, 200, "text/plain", "late", 4, NULL, 0);
    client_reply(&c, &r, false);
    assert_string_equal((char *)r.body.data, "late");
    reply_release(&r);
    client_reply(&c, &r, false);
    assert_string_equal((char *)r.body.data, "GET /last a=- x=- peer=127.0.0.1 up=0 body=");
    reply_release(&r);
    client_until_eof(&c);
    assert_int_equal(s->gone, 0);
    client_close(&c);
}

static void a_client_that_resets_is_told_to_who_holds_its_request(void **state)
{
    struct server *s = *state;
    struct client c;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 10; i++)
        client_step(&c);
    assert_non_null(s->held);
    struct linger hard = {1, 0};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&c);
    for (int i = 0; i < 100 && !s->gone; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->gone, 1);
}

static void closing_tells_who_still_waits(void **state)
{
    struct server *s = *state;
    struct client a, b, idle;
    client_open(&idle, &s->loop, s->port);
    client_open(&a, &s->loop, s->port);
    client_open(&b, &s->loop, s->port);
    client_say(&a, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    client_say(&b, "GET /quiet HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 10; i++)
        client_step(&a);
    kg_net_close(s->net, on_net_closed, s);
    uint64_t start = kg_clock_ms();
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(kg_clock_ms() - start < 1500);
    assert_true(s->closed);
    assert_int_equal(s->gone, 1);
    assert_int_equal(s->streams_gone, 1);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    client_close(&a);
    client_close(&b);
    client_close(&idle);
    free(s);
}

static void over_the_limit_the_answer_is_503(void **state)
{
    struct server *s = *state;
    struct client c[4];
    for (int i = 0; i < 3; i++) {
        client_open(&c[i], &s->loop, s->port);
        expect_status(&c[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    }
    client_open(&c[3], &s->loop, s->port);
    expect_status(&c[3], "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 503);
    client_until_eof(&c[3]);
    client_close(&c[3]);
    client_close(&c[0]);
    for (int i = 0; i < 20; i++)
        client_step(&c[1]);
    client_open(&c[3], &s->loop, s->port);
    expect_status(&c[3], "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    for (int i = 1; i < 4; i++)
        client_close(&c[i]);
}

static void it_listens_where_it_was_told_and_nowhere_else(void **state)
{
    struct server *s = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    inet_pton(AF_INET, "127.0.0.2", &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    struct kg_net *other;
    struct kg_err err = {0};
    struct kg_net_config config = {
        .loop = &s->loop, .address = "127.0.0.1", .port = s->port, .handler = handler};
    assert_int_equal(kg_net_open(&other, &config, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "127.0.0.1"));
    config.address = "localhost";
    assert_int_equal(kg_net_open(&other, &config, &err), -EINVAL);
}

static void a_unix_socket_serves_too(void **state)
{
    char dir[] = "/tmp/kg-net-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64];
    snprintf(path, sizeof path, "%s/s", dir);
    for (int round = 0; round < 2; round++) {
        setup_with(state, path, 0);
        struct server *s = *state;
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        strcpy(a.sun_path, path);
        struct client c = {.loop = &s->loop, .fd = socket(AF_UNIX, SOCK_STREAM, 0)};
        assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof a), 0);
        expect_body(&c, "GET /u HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET /u a=- x=- peer=unix up=0 body=");
        struct kg_net *other;
        struct kg_err err = {0};
        struct kg_net_config config = {.loop = &s->loop, .address = path, .handler = handler};
        assert_int_equal(kg_net_open(&other, &config, &err), -EADDRINUSE);
        client_close(&c);
        teardown(state);
        assert_int_equal(access(path, F_OK), -1);
        if (round == 0) { /* what a crash leaves behind is no obstacle */
            int fd = socket(AF_UNIX, SOCK_STREAM, 0);
            assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
            close(fd);
        }
    }
    rmdir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_reaches_the_handler_with_all_its_parts),
        T(every_method_reaches_the_handler),
        T(head_gets_the_length_but_no_body),
        T(pipelined_requests_are_answered_in_order),
        T(a_request_may_come_byte_by_byte),
        T(blank_lines_keep_no_connection),
        T(a_body_that_trickles_is_given_up),
        T(who_expects_100_is_told_to_continue),
        T(a_body_that_is_not_admitted_is_not_read),
        T(what_is_malformed_is_refused_and_the_server_goes_on),
        T(a_head_over_16_kib_is_refused),
        T(a_body_up_to_the_limit_arrives_whole),
        T(an_answer_of_20_mb_arrives_whole),
        T(http_1_0_ends_with_its_answer_unless_it_says_otherwise),
        T(a_half_closed_client_gets_its_answers),
        T(a_client_that_resets_is_told_to_who_holds_its_request),
        cmocka_unit_test_setup(closing_tells_who_still_waits, setup),
        cmocka_unit_test_setup_teardown(over_the_limit_the_answer_is_503, setup_three, teardown),
        T(it_listens_where_it_was_told_and_nowhere_else),
        cmocka_unit_test(a_unix_socket_serves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

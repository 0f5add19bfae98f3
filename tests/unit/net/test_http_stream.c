/* Answers that come in pieces. */
#include "http_server.h"

static void a_stream_comes_in_chunks_and_the_connection_goes_on(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /stream?n=3000001 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "X-Kind: stream\r\n"));
    assert_int_equal(r.body.len, 3000001);
    assert_int_equal(r.body.data[3000000], 's');
    reply_release(&r);
    expect_body(&c, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /n a=- x=- peer=127.0.0.1 up=0 body=");
    client_say(&c, "HEAD /stream?n=5 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, true);
    expect_body(&c, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /n a=- x=- peer=127.0.0.1 up=0 body=");
    client_say(&c, "GET /stream?n=70000 HTTP/1.0\r\n\r\n");
    client_reply(&c, &r, false);
    assert_int_equal(r.body.len, 70000);
    reply_release(&r);
    client_close(&c);
}

/* How the connection ends: 0 for an orderly end, else an errno. */
static int end_of(struct client *c)
{
    char buf[65536];
    for (int i = 0; i < 2000; i++) {
        turn(c->loop);
        ssize_t n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN)
            return errno;
        usleep(1000);
    }
    return EAGAIN;
}

static void an_answer_of_a_known_length_is_streamed(void **state)
{
    struct server *s = *state;
    struct client c;
    struct reply r;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /sized?n=3000001&says=3000001 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, false);
    assert_non_null(strstr(r.head, "Content-Length: 3000001\r\n"));
    assert_null(strstr(r.head, "Transfer-Encoding"));
    assert_int_equal(r.body.len, 3000001);
    reply_release(&r);
    client_say(&c, "HEAD /sized?n=0&says=12 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_reply(&c, &r, true);
    assert_non_null(strstr(r.head, "Content-Length: 12\r\n"));
    expect_body(&c, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /n a=- x=- peer=127.0.0.1 up=0 body=");
    client_close(&c);
}

static void a_stream_that_breaks_off_is_never_taken_for_whole(void **state)
{
    struct server *s = *state;
    static const char *const asked[] = {
        "GET /abort HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /abort HTTP/1.0\r\n\r\n",
        "GET /sized?n=5&says=10 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /sized?n=400000&says=400001 HTTP/1.0\r\n\r\n",
    };
    for (size_t i = 0; i < KG_COUNT(asked); i++) {
        struct client c;
        client_open(&c, &s->loop, s->port);
        client_say(&c, asked[i]);
        assert_int_equal(end_of(&c), ECONNRESET);
        client_close(&c);
    }
    assert_int_equal(s->streams_gone, 0); /* who broke it off need not be told */
}

static void a_stream_to_a_slow_reader_waits_for_it(void **state)
{
    struct server *s = *state;
    struct client c;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /stream?n=100000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 500; i++)
        turn(&s->loop);
    assert_true(s->stream_left > 80000000);
    client_close(&c);
    for (int i = 0; i < 100 && !s->streams_gone; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->streams_gone, 1);
}

static void who_leaves_a_quiet_stream_is_noticed(void **state)
{
    struct server *s = *state;
    struct client c;
    client_open(&c, &s->loop, s->port);
    client_say(&c, "GET /quiet HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 20; i++)
        client_step(&c);
    assert_int_equal(s->streams_gone, 0);
    client_close(&c);
    for (int i = 0; i < 100 && !s->streams_gone; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->streams_gone, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_stream_comes_in_chunks_and_the_connection_goes_on),
        T(an_answer_of_a_known_length_is_streamed),
        T(a_stream_that_breaks_off_is_never_taken_for_whole),
        T(a_stream_to_a_slow_reader_waits_for_it),
        T(who_leaves_a_quiet_stream_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

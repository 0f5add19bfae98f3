/* How WebSockets end: by the peer, by us, by silence, with the server. */
#include "ws_server.h"

static int setup_impatient(void **state)
{
    return setup_with(state, 500, 2000);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_peers_close_is_answered_and_told),
        T(a_vanished_peer_is_1006),
        T(our_close_comes_after_what_is_queued),
        cmocka_unit_test_setup(closing_the_server_says_1012_and_frees_all, setup),
        cmocka_unit_test_setup(closing_the_server_touches_no_descriptor_of_others, setup),
        cmocka_unit_test_setup_teardown(a_silent_peer_is_pinged_and_then_cut, setup_impatient,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Our ends of a connection against libzmq's: nothing is lost, order holds, limits hold, a lost peer is dialled again. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "jupyter/zmtp/zmtp.h"

enum { GUARD_MS = 20000 };

struct world {
    uv_loop_t loop;
    void *ctx;
    void *peer; /* libzmq's socket */
    char dir[64];
    char endpoint[128];
    struct jy_zmtp *z;
    unsigned got;       /* messages received */
    unsigned in_order;  /* of them, those whose number was the next */
    struct kg_buf last; /* its last frame */
    size_t last_count;
    unsigned pause_at; /* pauses itself after that many */
    bool close_in_callback;
};

static int setup(void **state)
{
    struct world *w = kg_calloc(1, sizeof *w);
    uv_loop_init(&w->loop);
    w->ctx = zmq_ctx_new();
    strcpy(w->dir, "/tmp/kgzmtpXXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->endpoint, sizeof w->endpoint, "ipc://%s/s", w->dir);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    jy_zmtp_close(w->z);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    if (w->peer)
        zmq_close(w->peer);
    zmq_ctx_term(w->ctx);
    unlink(w->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(w->dir), 0);
    kg_buf_release(&w->last);
    free(w);
    return 0;
}

static void received(void *user, const struct kg_span *frames, size_t count)
{
    struct world *w = user;
    unsigned number = 0;
    kg_buf_clear(&w->last);
    kg_buf_add(&w->last, frames[count - 1].data, frames[count - 1].len);
    w->last_count = count;
    if (frames[count - 1].len >= sizeof number)
        memcpy(&number, frames[count - 1].data, sizeof number);
    w->in_order += number == w->got;
    w->got++;
    if (w->got == w->pause_at)
        jy_zmtp_pause(w->z);
    if (w->close_in_callback) {
        jy_zmtp_close(w->z);
        w->z = NULL;
    }
}

static void bind_peer(struct world *w, int type, const char *endpoint)
{
    const int none = 0;
    w->peer = zmq_socket(w->ctx, type);
    zmq_setsockopt(w->peer, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(w->peer, ZMQ_SNDHWM, &none, sizeof none);
    assert_int_equal(zmq_bind(w->peer, endpoint), 0);
}

static void open_ours(struct world *w, struct jy_zmtp_config c)
{
    struct kg_err err = {0};
    c.received = received;
    c.user = w;
    assert_int_equal(jy_zmtp_open(&w->z, &w->loop, &c, &err), 0);
}

static void connect_ours(struct world *w, const char *endpoint)
{
    struct kg_err err = {0};
    assert_int_equal(jy_zmtp_connect(w->z, endpoint, &err), 0);
}

/* Runs the loop until that many messages are there. */
static void pump(struct world *w, unsigned got)
{
    uint64_t end = kg_clock_ms() + GUARD_MS;
    while (w->got < got && kg_clock_ms() < end)
        if (!uv_run(&w->loop, UV_RUN_NOWAIT) || w->got < got)
            usleep(200);
    assert_int_equal(w->got, got);
}

/* Receives one frame at the peer while our loop runs; returns its length. */
static int peer_receive(struct world *w, char *out, size_t n)
{
    uint64_t end = kg_clock_ms() + GUARD_MS;
    int rc;
    while ((rc = zmq_recv(w->peer, out, n, ZMQ_DONTWAIT)) < 0 && kg_clock_ms() < end) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    assert_true(rc >= 0);
    return rc;
}

/* For a PUB: waits until our subscription has reached it. */
static void await_subscription(struct world *w)
{
    char topic[8];
    assert_int_equal(peer_receive(w, topic, sizeof topic), 1);
    assert_int_equal(topic[0], 1);
}

static void publish(struct world *w, unsigned from, unsigned to, size_t size)
{
    char *body = kg_calloc(1, size);
    for (unsigned i = from; i < to; i++) {
        memcpy(body, &i, sizeof i);
        zmq_send(w->peer, "topic", 5, ZMQ_SNDMORE);
        zmq_send(w->peer, body, size, 0);
    }
    free(body);
}

static void a_dealer_and_a_router_exchange_messages_on(struct world *w, const char *endpoint)
{
    struct kg_err err = {0};
    char id[16];
    char text[16];
    bind_peer(w, ZMQ_ROUTER, endpoint);
    char real[128];
    size_t n = sizeof real;
    zmq_getsockopt(w->peer, ZMQ_LAST_ENDPOINT, real, &n);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_DEALER, .identity = sp("who")});
    struct kg_span frames[] = {sp("early"), sp("")};
    assert_int_equal(jy_zmtp_send(w->z, frames, 2, &err), 0); /* waits for the connection */
    assert_true(jy_zmtp_queued(w->z) > 0);
    connect_ours(w, real);
    assert_int_equal(peer_receive(w, id, sizeof id), 3);
    assert_memory_equal(id, "who", 3);
    assert_int_equal(peer_receive(w, text, sizeof text), 5);
    assert_memory_equal(text, "early", 5);
    assert_int_equal(peer_receive(w, text, sizeof text), 0);
    assert_int_equal(jy_zmtp_queued(w->z), 0);
    zmq_send(w->peer, "who", 3, ZMQ_SNDMORE);
    zmq_send(w->peer, "a", 1, ZMQ_SNDMORE);
    zmq_send(w->peer, "answer", 6, 0);
    pump(w, 1);
    assert_int_equal(w->last_count, 2);
    assert_span(kg_span_of(w->last.data, w->last.len), "answer");
}

static void requests_and_replies_cross_on_ipc(void **state)
{
    struct world *w = *state;
    a_dealer_and_a_router_exchange_messages_on(w, w->endpoint);
}

static void requests_and_replies_cross_on_tcp(void **state)
{
    a_dealer_and_a_router_exchange_messages_on(*state, "tcp://127.0.0.1:*");
}

static void a_flood_arrives_complete_and_in_order(void **state)
{
    struct world *w = *state;
    bind_peer(w, ZMQ_XPUB, w->endpoint);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_SUB});
    connect_ours(w, w->endpoint);
    await_subscription(w);
    publish(w, 0, 20000, 100);
    publish(w, 20000, 20200, 30000);
    publish(w, 20200, 20201, 20 * 1024 * 1024);
    pump(w, 20201);
    assert_int_equal(w->in_order, 20201);
    assert_int_equal(w->last.len, 20 * 1024 * 1024);
}

static void a_paused_socket_delivers_nothing_until_it_goes_on(void **state)
{
    struct world *w = *state;
    bind_peer(w, ZMQ_XPUB, w->endpoint);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_SUB});
    connect_ours(w, w->endpoint);
    await_subscription(w);
    w->pause_at = 3;
    publish(w, 0, 5000, 100);
    pump(w, 3);
    for (int i = 0; i < 20; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(w->got, 3);
    jy_zmtp_resume(w->z);
    assert_int_equal(w->got, 3); /* from the loop only */
    pump(w, 5000);
    assert_int_equal(w->in_order, 5000);
}

static void what_waits_has_a_limit(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    char kilobyte[1000] = {0};
    struct kg_span frame = kg_span_of(kilobyte, sizeof kilobyte);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_DEALER, .queue_max = 10000});
    int sent = 0;
    while (jy_zmtp_send(w->z, &frame, 1, &err) == 0)
        sent++;
    assert_int_equal(err.code, -ENOBUFS);
    assert_int_equal(sent, 9);
    assert_int_equal(jy_zmtp_send(w->z, &frame, 0, &err), -EINVAL);
}

static void a_peer_over_the_limits_is_given_up(void **state)
{
    struct world *w = *state;
    bind_peer(w, ZMQ_XPUB, w->endpoint);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_SUB, .message_max = 1000});
    connect_ours(w, w->endpoint);
    await_subscription(w);
    publish(w, 0, 1, 900);
    publish(w, 1, 2, 2000);
    publish(w, 2, 3, 900);
    pump(w, 1);
    for (int i = 0; i < 20; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(w->got, 1);
}

static void nobody_listening_is_said_on_ipc(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_SUB});
    assert_int_equal(jy_zmtp_connect(w->z, w->endpoint, &err), -ENOENT);
    assert_int_equal(jy_zmtp_connect(w->z, "inproc://x", &err), -EINVAL);
    assert_int_equal(jy_zmtp_connect(w->z, "tcp://127.0.0.1:0", &err), -EINVAL);
    assert_int_equal(jy_zmtp_connect(w->z, "tcp://nowhere:80", &err), -EINVAL);
    bind_peer(w, ZMQ_XPUB, w->endpoint);
    connect_ours(w, w->endpoint);
    assert_int_equal(jy_zmtp_connect(w->z, w->endpoint, &err), -EISCONN);
    await_subscription(w);
}

static void a_lost_tcp_peer_is_dialled_again_and_waiting_messages_follow(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    char endpoint[128];
    char text[16];
    size_t n = sizeof endpoint;
    bind_peer(w, ZMQ_ROUTER, "tcp://127.0.0.1:*");
    zmq_getsockopt(w->peer, ZMQ_LAST_ENDPOINT, endpoint, &n);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_DEALER, .identity = sp("who")});
    connect_ours(w, endpoint);
    struct kg_span frame = sp("one");
    assert_int_equal(jy_zmtp_send(w->z, &frame, 1, &err), 0);
    peer_receive(w, text, sizeof text);
    assert_int_equal(peer_receive(w, text, sizeof text), 3);

    assert_true(jy_zmtp_connected(w->z));
    zmq_close(w->peer);
    for (int i = 0; i < 1000 && jy_zmtp_connected(w->z); i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_false(jy_zmtp_connected(w->z));
    frame = sp("second");
    assert_int_equal(jy_zmtp_send(w->z, &frame, 1, &err), 0);
    bind_peer(w, ZMQ_ROUTER, endpoint);
    assert_int_equal(peer_receive(w, text, sizeof text), 3);
    assert_int_equal(peer_receive(w, text, sizeof text), 6);
    assert_memory_equal(text, "second", 6);
}

static void it_can_be_closed_from_its_own_callback(void **state)
{
    struct world *w = *state;
    bind_peer(w, ZMQ_XPUB, w->endpoint);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_SUB});
    connect_ours(w, w->endpoint);
    await_subscription(w);
    w->close_in_callback = true;
    publish(w, 0, 100, 10);
    pump(w, 1);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->got, 1);
}

/* A peer that is no ZeroMQ, byte by byte. */
static void another_protocol_is_given_up(void **state)
{
    struct world *w = *state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, w->endpoint + strlen("ipc://"));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    open_ours(w, (struct jy_zmtp_config){.type = JY_ZMTP_DEALER});
    connect_ours(w, w->endpoint);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    for (int i = 0; i < 20; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    char greeting[128];
    assert_int_equal(read(fd, greeting, sizeof greeting), 64);
    assert_int_equal(read(fd, greeting, sizeof greeting), 0); /* hung up */
    close(fd);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_and_replies_cross_on_ipc, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_and_replies_cross_on_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_arrives_complete_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_paused_socket_delivers_nothing_until_it_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_waits_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_over_the_limits_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listening_is_said_on_ipc, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_lost_tcp_peer_is_dialled_again_and_waiting_messages_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(it_can_be_closed_from_its_own_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(another_protocol_is_given_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

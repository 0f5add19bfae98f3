/* ZeroMQ on libuv: nothing stalls, nothing is lost, order holds, queues end. */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "jupyter/zmq/zsock.h"

enum { GUARD_MS = 20000 };

struct world {
    uv_loop_t loop;
    uv_timer_t guard; /* a stall ends the test instead of hanging it */
    bool stalled;
    struct jy_zloop *z;
    char dir[64];
    char endpoint[128];
};

static void on_guard(uv_timer_t *t)
{
    struct world *w = t->data;
    w->stalled = true;
    uv_stop(&w->loop);
}

static int setup(void **state)
{
    struct world *w = kg_calloc(1, sizeof *w);
    struct kg_err err = {0};
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->guard);
    w->guard.data = w;
    uv_timer_start(&w->guard, on_guard, GUARD_MS, 0);
    strcpy(w->dir, "/tmp/kgzXXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->endpoint, sizeof w->endpoint, "ipc://%s/s", w->dir);
    assert_int_equal(jy_zloop_open(&w->z, &w->loop, &err), 0);
    *state = w;
    return 0;
}

static void count_done(void *user)
{
    ++*(int *)user;
}

static int teardown(void **state)
{
    struct world *w = *state;
    int done = 0;
    jy_zloop_close(w->z, count_done, &done);
    uv_close((uv_handle_t *)&w->guard, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(done, 1);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    unlink(w->endpoint + strlen("ipc://"));
    assert_int_equal(rmdir(w->dir), 0);
    free(w);
    return 0;
}

struct peer {
    struct world *w;
    struct jy_zsock *s;
    struct peer *other;
    uint32_t sent;
    uint32_t got;
    uint32_t want;
    uint32_t window;
    bool in_order;
    bool stop_when_done;
    bool echo;
    size_t payload;
    int drained;
};

static uint32_t number_in(struct kg_span f)
{
    uint32_t v = 0;
    assert_true(f.len >= 4);
    memcpy(&v, f.data, 4);
    return v;
}

static void send_number(struct peer *p, uint32_t v)
{
    struct kg_err err = {0};
    uint8_t *big = kg_calloc(1, p->payload + 4);
    memcpy(big, &v, 4);
    struct kg_span frames[] = {sp("head"), kg_span_of(big, p->payload + 4)};
    assert_int_equal(jy_zsock_send(p->s, frames, 2, &err), 0);
    p->sent++;
    free(big);
}

static void received(void *user, const struct kg_span *frames, size_t count)
{
    struct peer *p = user;
    assert_int_equal(count, 2);
    assert_span(frames[0], "head");
    uint32_t v = number_in(frames[1]);
    if (v != p->got)
        p->in_order = false;
    p->got++;
    if (p->echo)
        send_number(p, v);
    else if (p->window && p->sent < p->want)
        send_number(p, p->sent);
    if (p->got == p->want && p->stop_when_done)
        uv_stop(&p->w->loop);
}

static void on_drained(void *user)
{
    ((struct peer *)user)->drained++;
}

static void open_peer(struct peer *p, struct world *w, int type, struct jy_zsock_config c)
{
    struct kg_err err = {0};
    p->w = w;
    p->in_order = true;
    c.type = type;
    c.received = received;
    c.drained = on_drained;
    c.user = p;
    assert_int_equal(jy_zsock_open(&p->s, w->z, &c, &err), 0);
}

static void open_pair(struct world *w, struct peer *a, struct peer *b, const char *endpoint,
                      struct jy_zsock_config c)
{
    struct kg_err err = {0};
    open_peer(b, w, ZMQ_DEALER, c);
    assert_int_equal(jy_zsock_bind(b->s, endpoint, &err), 0);
    open_peer(a, w, ZMQ_DEALER, c);
    assert_int_equal(jy_zsock_connect(a->s, endpoint, &err), 0);
    a->other = b;
    b->other = a;
}

static void run(struct world *w)
{
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_false(w->stalled);
}

static void ping_pong(struct world *w, const char *endpoint, uint32_t want, uint32_t window)
{
    struct peer a = {.want = want, .window = window, .stop_when_done = true};
    struct peer b = {.echo = true};
    open_pair(w, &a, &b, endpoint, (struct jy_zsock_config){0});
    for (uint32_t i = 0; i < window; i++)
        send_number(&a, i);
    run(w);
    assert_int_equal(a.got, want);
    assert_true(a.in_order && b.in_order);
    jy_zsock_close(a.s);
    jy_zsock_close(b.s);
}

static void one_at_a_time_never_stalls(void **state)
{
    struct world *w = *state;
    ping_pong(w, w->endpoint, 3000, 1);
}

static void many_in_flight_keep_their_order(void **state)
{
    struct world *w = *state;
    ping_pong(w, w->endpoint, 20000, 100);
}

static void it_works_within_the_process(void **state)
{
    ping_pong(*state, "inproc://x", 5000, 10);
}

/* A send in the same turn as an arriving answer eats the edge: the classic stall. */
static void sending_while_an_answer_waits_does_not_lose_the_wake(void **state)
{
    struct world *w = *state;
    struct peer a = {.want = 2000, .stop_when_done = true};
    struct peer b = {.echo = true};
    open_pair(w, &a, &b, w->endpoint, (struct jy_zsock_config){0});
    while (a.sent < a.want && !w->stalled) {
        send_number(&a, a.sent);
        usleep(20); /* the answer to an earlier one may arrive before the next send */
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    run(w);
    assert_int_equal(a.got, a.want);
}

static void a_full_peer_makes_sends_wait_and_then_drains(void **state)
{
    struct world *w = *state;
    struct peer a = {0};
    struct peer b = {.want = 3000, .stop_when_done = true};
    a.payload = 2000;
    open_pair(w, &a, &b, w->endpoint, (struct jy_zsock_config){.send_hwm = 5, .recv_hwm = 5});
    jy_zsock_pause(b.s);
    for (uint32_t i = 0; i < b.want; i++)
        send_number(&a, i);
    assert_true(jy_zsock_queued(a.s) > 1000000);
    for (int i = 0; i < 50; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(b.got, 0);
    jy_zsock_resume(b.s);
    run(w);
    assert_int_equal(b.got, b.want);
    assert_true(b.in_order);
    assert_int_equal(jy_zsock_queued(a.s), 0);
    assert_true(a.drained >= 1);
}

static void the_queue_has_a_limit(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    struct peer a = {0};
    open_peer(&a, w, ZMQ_DEALER, (struct jy_zsock_config){.send_hwm = 1, .queue_max = 10000});
    assert_int_equal(jy_zsock_connect(a.s, w->endpoint, &err), 0);
    char kilobyte[1000] = {0};
    struct kg_span frame = kg_span_of(kilobyte, sizeof kilobyte);
    int rc, sent = 0;
    while ((rc = jy_zsock_send(a.s, &frame, 1, &err)) == 0 && sent < 100)
        sent++;
    assert_int_equal(rc, -ENOBUFS);
    assert_in_range(sent, 9, 12);
    assert_true(jy_zsock_queued(a.s) <= 10000);
    assert_non_null(strstr(err.text, "10000"));
    /* messages without bytes have their price too */
    frame.len = 0;
    for (sent = 0; (rc = jy_zsock_send(a.s, &frame, 1, &err)) == 0 && sent < 1000;)
        sent++;
    assert_int_equal(rc, -ENOBUFS);
}

static void pausing_stops_and_resuming_brings_what_came_meanwhile(void **state)
{
    struct world *w = *state;
    struct peer a = {0};
    struct peer b = {.want = 10, .stop_when_done = true};
    open_pair(w, &a, &b, w->endpoint, (struct jy_zsock_config){0});
    jy_zsock_pause(b.s);
    for (uint32_t i = 0; i < 10; i++)
        send_number(&a, i);
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(b.got, 0);
    jy_zsock_resume(b.s);
    run(w);
    assert_int_equal(b.got, 10);
}

static void count_turn(uv_check_t *c)
{
    ++*(int *)c->data;
}

static void a_paused_socket_with_waiting_messages_does_not_spin(void **state)
{
    struct world *w = *state;
    struct peer a = {0};
    struct peer b = {0};
    open_pair(w, &a, &b, w->endpoint, (struct jy_zsock_config){0});
    jy_zsock_pause(b.s);
    for (uint32_t i = 0; i < 10; i++)
        send_number(&a, i);
    for (int i = 0; i < 30; i++) {
        usleep(1000);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    int turns = 0;
    static uv_check_t check; /* closed in teardown's run */
    uv_check_init(&w->loop, &check);
    check.data = &turns;
    uv_check_start(&check, count_turn);
    uv_timer_start(&w->guard, on_guard, 100, 0);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(turns < 20);
    uv_close((uv_handle_t *)&check, NULL);
}

/* Two sockets: one that floods, one that asks now and then. */
static void a_flood_on_one_socket_leaves_the_other_its_turns(void **state)
{
    struct world *w = *state;
    struct peer flood_a = {0}, flood_b = {0};
    struct peer a = {.want = 50, .window = 1, .stop_when_done = true};
    struct peer b = {.echo = true};
    char other[160];
    snprintf(other, sizeof other, "inproc://flood");
    open_pair(w, &flood_a, &flood_b, other,
              (struct jy_zsock_config){.send_hwm = -1, .recv_hwm = -1});
    open_pair(w, &a, &b, w->endpoint, (struct jy_zsock_config){0});
    flood_b.want = 200000;
    for (uint32_t i = 0; i < 200000; i++)
        send_number(&flood_a, i);
    send_number(&a, 0);
    run(w);
    assert_int_equal(a.got, 50);
    /* the questions were answered before the flood had passed */
    assert_true(flood_b.got < 200000);
}

static void close_in_callback(void *user, const struct kg_span *frames, size_t count)
{
    struct peer *p = user;
    (void)frames;
    (void)count;
    p->got++;
    jy_zsock_close(p->s);
    jy_zsock_close(p->other->s);
    uv_stop(&p->w->loop);
}

static void a_callback_may_close_its_socket_and_others(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    struct peer a = {.w = w}, b = {.w = w};
    a.other = &b;
    b.other = &a;
    struct jy_zsock_config c = {.type = ZMQ_DEALER, .received = close_in_callback, .user = &b};
    assert_int_equal(jy_zsock_open(&b.s, w->z, &c, &err), 0);
    c.user = &a;
    assert_int_equal(jy_zsock_open(&a.s, w->z, &c, &err), 0);
    assert_int_equal(jy_zsock_bind(b.s, w->endpoint, &err), 0);
    assert_int_equal(jy_zsock_connect(a.s, w->endpoint, &err), 0);
    for (uint32_t i = 0; i < 5; i++)
        send_number(&a, i);
    run(w);
    assert_int_equal(b.got, 1);
    assert_int_equal(a.got, 0);
}

struct frames_seen {
    struct world *w;
    size_t counts[4];
    size_t bytes;
    int messages;
    int stop_after;
};

static void see_frames(void *user, const struct kg_span *frames, size_t count)
{
    struct frames_seen *f = user;
    assert_true(f->messages < 4);
    f->counts[f->messages++] = count;
    for (size_t i = 0; i < count; i++)
        f->bytes += frames[i].len;
    if (f->messages == f->stop_after)
        uv_stop(&f->w->loop);
}

static void a_message_of_too_many_frames_is_discarded_whole(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    struct frames_seen seen = {.w = w, .stop_after = 2};
    struct peer a = {0};
    struct jy_zsock *s;
    struct jy_zsock_config c = {
        .type = ZMQ_DEALER, .received = see_frames, .user = &seen, .frames_max = 50};
    assert_int_equal(jy_zsock_open(&s, w->z, &c, &err), 0);
    assert_int_equal(jy_zsock_bind(s, w->endpoint, &err), 0);
    open_peer(&a, w, ZMQ_DEALER, (struct jy_zsock_config){0});
    assert_int_equal(jy_zsock_connect(a.s, w->endpoint, &err), 0);
    struct kg_span frames[51];
    for (size_t i = 0; i < 51; i++)
        frames[i] = sp("x");
    assert_int_equal(jy_zsock_send(a.s, frames, 50, &err), 0);
    assert_int_equal(jy_zsock_send(a.s, frames, 51, &err), 0);
    frames[0] = (struct kg_span){0}; /* an empty frame is a frame */
    assert_int_equal(jy_zsock_send(a.s, frames, 2, &err), 0);
    assert_int_equal(jy_zsock_send(a.s, frames, 0, &err), -EINVAL);
    run(w);
    assert_int_equal(seen.counts[0], 50);
    assert_int_equal(seen.counts[1], 2);
    assert_int_equal(seen.bytes, 51);
    assert_int_equal(jy_zsock_discarded(s), 1);
}

static void subscribers_get_what_is_published(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    struct peer pub = {0};
    struct peer sub = {.want = 1000, .stop_when_done = true};
    open_peer(&pub, w, ZMQ_PUB, (struct jy_zsock_config){.send_hwm = -1});
    assert_int_equal(jy_zsock_bind(pub.s, w->endpoint, &err), 0);
    open_peer(&sub, w, ZMQ_SUB, (struct jy_zsock_config){.recv_hwm = -1});
    assert_int_equal(jy_zsock_subscribe(sub.s, sp(""), &err), 0);
    assert_int_equal(jy_zsock_connect(sub.s, w->endpoint, &err), 0);
    /* until the subscription has come through, messages go nowhere: all carry 0 */
    for (int i = 0; i < 2000 && sub.got == 0; i++) {
        send_number(&pub, 0);
        usleep(1000);
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_true(sub.got > 0);
    for (int i = 0; i < 1000; i++)
        send_number(&pub, 0);
    run(w);
    assert_true(sub.got >= 1000);
}

static void errors_name_the_endpoint(void **state)
{
    struct world *w = *state;
    struct kg_err err = {0};
    struct peer a = {0};
    open_peer(&a, w, ZMQ_DEALER, (struct jy_zsock_config){0});
    assert_true(jy_zsock_connect(a.s, "nonsense://x", &err) < 0);
    assert_non_null(strstr(err.text, "nonsense://x"));
    assert_true(jy_zsock_bind(a.s, "ipc:///no/such/dir/x", &err) < 0);
    assert_non_null(strstr(err.text, "/no/such/dir/x"));
    assert_int_equal(jy_zsock_bind(a.s, "tcp://127.0.0.1:*", &err), 0);
    char at[64];
    assert_int_equal(jy_zsock_last_endpoint(a.s, at, sizeof at, &err), 0);
    /* "tcp://127.0.0.1:PORT", or the same address in IPv6's clothes */
    assert_true(strncmp(at, "tcp://", 6) == 0 && strstr(at, "127.0.0.1") && !strchr(at, '*'));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_at_a_time_never_stalls),
        T(many_in_flight_keep_their_order),
        T(it_works_within_the_process),
        T(sending_while_an_answer_waits_does_not_lose_the_wake),
        T(a_full_peer_makes_sends_wait_and_then_drains),
        T(the_queue_has_a_limit),
        T(pausing_stops_and_resuming_brings_what_came_meanwhile),
        T(a_paused_socket_with_waiting_messages_does_not_spin),
        T(a_flood_on_one_socket_leaves_the_other_its_turns),
        T(a_callback_may_close_its_socket_and_others),
        T(a_message_of_too_many_frames_is_discarded_whole),
        T(subscribers_get_what_is_published),
        T(errors_name_the_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

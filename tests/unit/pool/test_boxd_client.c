#include "fake.h"
#include "pool/boxd_client.h"

/* The oci engine against a boxd that the test plays: packets, descriptors, lost connections. */
struct world {
    uv_loop_t loop;
    struct pl_turn turn;
    struct pl_engine *engine;
    char dir[64];
    char path[100];
    int listen_fd;
    int fd; /* the engine's connection, on boxd's side */
    int ups, downs, exits, answers;
    bool oom;
    bool closed, turn_closed;
    struct kg_err err;
    struct pl_made made;
    struct pl_stats stats;
    struct pl_listed listed[4];
    size_t count;
};

static void on_up(void *user)
{
    ((struct world *)user)->ups++;
}

static void on_down(void *user, const char *why)
{
    ((struct world *)user)->downs++;
    assert_non_null(strstr(why, "boxd at "));
}

static void on_exit_event(void *user, const char *box, int status, bool oom)
{
    struct world *w = user;
    assert_string_equal(box, "00ff");
    assert_int_equal(status, 137);
    w->exits++;
    w->oom = oom;
}

static const struct pl_engine_events events = {.exit = on_exit_event, .up = on_up, .down = on_down};

static void take(struct world *w, const struct kg_err *err)
{
    w->answers++;
    w->err = err ? *err : (struct kg_err){0};
}

static void on_made(void *user, const struct pl_made *made, const struct kg_err *err)
{
    struct world *w = user;
    take(w, err);
    if (made)
        w->made = *made;
}

static void on_done(void *user, const struct kg_err *err)
{
    take(user, err);
}

static void on_listed(void *user, const struct pl_listed *all, size_t n, const struct kg_err *err)
{
    struct world *w = user;
    take(w, err);
    w->count = n;
    for (size_t i = 0; i < n && i < KG_COUNT(w->listed); i++)
        w->listed[i] = all[i];
}

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct world *w = user;
    take(w, err);
    if (stats)
        w->stats = *stats;
}

static void on_closed(void *user)
{
    ((struct world *)user)->closed = true;
}

static void on_turn_closed(void *user)
{
    ((struct world *)user)->turn_closed = true;
}

static void step(struct world *w)
{
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (w->fd < 0 && w->listen_fd >= 0)
        w->fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

#define run_until(w, condition)                                                                    \
    do {                                                                                           \
        uint64_t limit_ = kg_clock_ms() + 20000;                                                   \
        while (!(condition)) {                                                                     \
            step(w);                                                                               \
            if (kg_clock_ms() > limit_)                                                            \
                fail_msg("waited in vain for %s", #condition);                                     \
        }                                                                                          \
    } while (0)

static void listen_again(struct world *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, w->path, sizeof w->path);
    unlink(w->path);
    w->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(w->listen_fd, 4), 0);
}

static void kill_boxd(struct world *w)
{
    close(w->fd);
    close(w->listen_fd);
    w->fd = w->listen_fd = -1;
}

static json_t *request(struct world *w);
static void answer(struct world *w, json_t *req, bool ok, const char *more, int fd);

/* It says who it is on each connection, before anything else. */
static void take_greeting(struct world *w)
{
    json_t *req = request(w);
    assert_string_equal(json_string_value(json_object_get(req, "op")), "ping");
    assert_string_equal(json_string_value(json_object_get(req, "owner")), OWNER);
    answer(w, req, true, "\"version\":\"1\",\"boxes\":0", -1);
}

static int setup(void **state)
{
    struct world *w = kg_calloc(1, sizeof *w);
    w->fd = -1;
    uv_loop_init(&w->loop);
    pl_turn_open(&w->turn, &w->loop);
    snprintf(w->dir, sizeof w->dir, "/tmp/kgboxd-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/boxd", w->dir);
    listen_again(w);
    kg_log_set_level(KG_ERROR);
    w->engine = pl_engine_oci_new(&w->loop, w->path, OWNER);
    w->engine->events = &events;
    w->engine->user = w;
    w->engine->turn = &w->turn;
    w->engine->ops->start(w->engine);
    assert_int_equal(w->ups, 0);
    run_until(w, w->ups == 1 && w->fd >= 0);
    take_greeting(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    w->engine->ops->close(w->engine, on_closed, w);
    assert_false(w->closed);
    run_until(w, w->closed);
    pl_turn_close(&w->turn, on_turn_closed, w);
    run_until(w, w->turn_closed);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    if (w->listen_fd >= 0)
        kill_boxd(w);
    pl_tree_remove(w->dir);
    free(w);
    kg_log_set_level(KG_INFO);
    return 0;
}

/* The next request; the caller frees it. */
static json_t *request(struct world *w)
{
    static char text[PL_BOXD_PACKET_MAX];
    ssize_t n = -1;
    run_until(w, (n = recv(w->fd, text, sizeof text, MSG_DONTWAIT)) > 0);
    json_t *req = json_loadb(text, (size_t)n, 0, NULL);
    assert_non_null(req);
    return req;
}

static void send_text(struct world *w, const char *text, int fd)
{
    struct iovec iov = {(char *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
    if (fd >= 0) {
        msg.msg_control = room;
        msg.msg_controllen = sizeof room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(w->fd, &msg, MSG_NOSIGNAL), iov.iov_len);
}

/* Answers req (and frees it) with more fields, as `"a":1`, and a descriptor or -1. */
static void answer(struct world *w, json_t *req, bool ok, const char *more, int fd)
{
    kg_autofree char *text = kg_asprintf("{\"id\":%lld,\"ok\":%s%s%s}",
                                         (long long)json_integer_value(json_object_get(req, "id")),
                                         ok ? "true" : "false", *more ? "," : "", more);
    send_text(w, text, fd);
    json_decref(req);
}

static const struct pl_box_spec spec = {
    .id = "00112233445566778899aabbccddeeff", .image = "python", .limits = {512, 500, 64, 100}};

static void create_asks_for_all_and_gets_the_socket(void **state)
{
    struct world *w = *state;
    w->engine->ops->create(w->engine, &spec, on_made, w);
    assert_int_equal(w->answers, 0);
    json_t *req = request(w);
    json_t *want = json_pack("{s:I,s:s,s:s,s:s,s:i,s:f,s:i,s:i,s:i,s:s}", "id", (json_int_t)2, "op",
                             "create", "box", spec.id, "image", "python", "memory_mb", 512, "cpu",
                             0.5, "pids", 64, "tmp_mb", 100, "tmp_inodes", 25600, "owner", OWNER);
    assert_true(json_equal(req, want));
    json_decref(want);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    answer(w, req, true, "\"pid\":42,\"uid\":70000", pipes[1]);
    close(pipes[1]);
    run_until(w, w->answers == 1);
    assert_int_equal(w->err.code, 0);
    assert_int_equal(w->made.uid, 70000);
    assert_int_equal(w->made.pid, 42);
    assert_int_equal(write(w->made.listen_fd, "x", 1), 1); /* it is the pipe that was sent */
    char x;
    assert_int_equal(read(pipes[0], &x, 1), 1);
    close(pipes[0]);
    close(w->made.listen_fd);
}

static void a_create_without_its_socket_is_an_error(void **state)
{
    struct world *w = *state;
    w->engine->ops->create(w->engine, &spec, on_made, w);
    answer(w, request(w), true, "\"pid\":42,\"uid\":70000", -1);
    run_until(w, w->answers == 1);
    assert_int_equal(w->err.code, -EREMOTEIO);
    w->engine->ops->create(w->engine, &spec, on_made, w);
    answer(w, request(w), false, "\"code\":\"EEXIST\",\"error\":\"box is there\"", -1);
    run_until(w, w->answers == 2);
    assert_int_equal(w->err.code, -EEXIST);
    assert_string_equal(w->err.text, "box is there");
}

static void replies_find_their_requests_in_any_order(void **state)
{
    struct world *w = *state;
    struct world other = {0};
    w->engine->ops->destroy(w->engine, "00ff", on_done, w);
    w->engine->ops->stats(w->engine, "00ff", on_stats, &other);
    json_t *first = request(w);
    json_t *second = request(w);
    answer(w, second, true,
           "\"memory_bytes\":10,\"memory_peak_bytes\":20,\"oom_kills\":1,\"pids\":3,\"cpu_ms\":4",
           -1);
    run_until(w, other.answers == 1);
    assert_int_equal(w->answers, 0);
    assert_int_equal(other.stats.memory_peak_bytes, 20);
    assert_int_equal(other.stats.oom_kills, 1);
    answer(w, first, true, "", -1);
    run_until(w, w->answers == 1);
    send_text(w, "{\"id\":77,\"ok\":true}", -1); /* to nobody: ignored */
    const struct pl_limits limits = {.cpu_milli = 2000};
    w->engine->ops->limits(w->engine, "00ff", &limits, on_done, w);
    json_t *req = request(w);
    assert_null(json_object_get(req, "memory_mb"));
    assert_true(json_number_value(json_object_get(req, "cpu")) == 2.0);
    answer(w, req, true, "", -1);
    run_until(w, w->answers == 2);
    assert_int_equal(w->downs, 0);
}

static void lists_are_read_to_their_last_page(void **state)
{
    struct world *w = *state;
    w->engine->ops->list(w->engine, on_listed, w);
    json_t *req = request(w);
    assert_null(json_object_get(req, "after"));
    answer(
        w, req, true,
        "\"boxes\":[{\"box\":\"0a\",\"owner\":\"x\",\"owner_here\":true,\"age_ms\":5},{\"box\":\"0b\",\"owner\":\"y\","
        "\"age_ms\":6}],\"more\":true",
        -1);
    req = request(w);
    assert_string_equal(json_string_value(json_object_get(req, "after")), "0b");
    answer(w, req, true, "\"boxes\":[{\"box\":\"0c\",\"owner\":\"z\",\"age_ms\":7}],\"more\":false",
           -1);
    run_until(w, w->answers == 1);
    assert_int_equal(w->err.code, 0);
    assert_int_equal(w->count, 3);
    assert_string_equal(w->listed[2].id, "0c");
    assert_string_equal(w->listed[1].owner, "y");
    assert_int_equal(w->listed[0].age_ms, 5);
    assert_true(w->listed[0].owner_here && !w->listed[1].owner_here);
    static const char *const bad[] = {
        "\"boxes\":[],\"more\":true",
        "\"boxes\":[{\"box\":\"0b\"},{\"box\":\"0a\"}],\"more\":false",
        "\"boxes\":[{\"owner\":\"x\"}],\"more\":false",
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        w->answers = 0;
        w->engine->ops->list(w->engine, on_listed, w);
        answer(w, request(w), true, bad[i], -1);
        run_until(w, w->answers == 1);
        assert_int_equal(w->err.code, -EREMOTEIO);
        assert_int_equal(w->count, 0);
    }
}

static void exits_are_told_with_their_reason(void **state)
{
    struct world *w = *state;
    send_text(w, "{\"event\":\"exit\",\"box\":\"00ff\",\"status\":137,\"oom_kills\":2}", -1);
    run_until(w, w->exits == 1);
    assert_true(w->oom);
    send_text(w, "{\"event\":\"weather\",\"box\":\"00ff\"}", -1);
    send_text(w, "{\"event\":\"exit\",\"box\":\"00ff\",\"status\":137,\"oom_kills\":0}", -1);
    run_until(w, w->exits == 2);
    assert_false(w->oom);
}

static void a_lost_boxd_fails_what_was_asked_and_is_dialled_again(void **state)
{
    struct world *w = *state;
    w->engine->ops->create(w->engine, &spec, on_made, w);
    json_decref(request(w));
    w->engine->ops->destroy(w->engine, "00ff", on_done, w); /* not even sent */
    kill_boxd(w);
    run_until(w, w->answers == 2);
    assert_int_equal(w->err.code, -ENOTCONN);
    assert_int_equal(w->downs, 1);
    w->engine->ops->destroy(w->engine, "00ff", on_done, w);
    assert_int_equal(w->answers, 2);
    run_until(w, w->answers == 3);
    assert_int_equal(w->err.code, -ENOTCONN);
    uint64_t began = kg_clock_ms();
    while (kg_clock_ms() - began < 200) /* several attempts, told once */
        step(w);
    assert_int_equal(w->downs, 1);
    listen_again(w);
    run_until(w, w->ups == 2 && w->fd >= 0);
    take_greeting(w);
    w->engine->ops->destroy(w->engine, "00ff", on_done, w);
    answer(w, request(w), true, "", -1);
    run_until(w, w->answers == 4);
    assert_int_equal(w->err.code, 0);
}

static void nonsense_from_boxd_ends_the_connection(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"not json", "[]", "{\"ok\":true}"};
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        int downs = w->downs;
        int ups = w->ups;
        send_text(w, bad[i], -1);
        run_until(w, w->downs == downs + 1);
        close(w->fd);
        w->fd = -1;
        run_until(w, w->ups == ups + 1 && w->fd >= 0);
    }
}

static void closing_answers_what_is_due(void **state)
{
    struct world *w = *state;
    w->engine->ops->create(w->engine, &spec, on_made, w);
    json_decref(request(w));
    w->engine->ops->close(w->engine, on_closed, w);
    assert_int_equal(w->answers, 0);
    run_until(w, w->closed);
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->err.code, -ECANCELED);
    w->engine = pl_engine_oci_new(&w->loop, w->path, OWNER); /* for the teardown */
    w->engine->turn = &w->turn;
    w->closed = false;
}

#define boxd_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        boxd_test(create_asks_for_all_and_gets_the_socket),
        boxd_test(a_create_without_its_socket_is_an_error),
        boxd_test(replies_find_their_requests_in_any_order),
        boxd_test(lists_are_read_to_their_last_page),
        boxd_test(exits_are_told_with_their_reason),
        boxd_test(a_lost_boxd_fails_what_was_asked_and_is_dialled_again),
        boxd_test(nonsense_from_boxd_ends_the_connection),
        boxd_test(closing_answers_what_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "fake.h"

/* The process engine with a shell script in the agent's place: what is made, and that nothing is left. */
struct world {
    uv_loop_t loop;
    struct pl_turn turn;
    struct pl_engine *engine;
    char dir[64];
    char *agent;
    int ups, answers, exits, exit_status;
    bool closed, turn_closed;
    struct pl_made made;
    struct kg_err err;
    size_t listed;
    struct pl_stats stats;
};

static void on_up(void *user)
{
    ((struct world *)user)->ups++;
}

static void on_down(void *user, const char *why)
{
    (void)user;
    fail_msg("down: %s", why);
}

static void on_exit_event(void *user, const char *box, int status, bool oom)
{
    struct world *w = user;
    assert_string_equal(box, "00112233445566778899aabbccddeeff");
    assert_false(oom);
    w->exits++;
    w->exit_status = status;
}

static const struct pl_engine_events events = {.exit = on_exit_event, .up = on_up, .down = on_down};

static void on_made(void *user, const struct pl_made *made, const struct kg_err *err)
{
    struct world *w = user;
    w->answers++;
    if (made)
        w->made = *made;
    if (err)
        w->err = *err;
}

static void on_done(void *user, const struct kg_err *err)
{
    struct world *w = user;
    w->answers++;
    if (err)
        w->err = *err;
}

static void on_listed(void *user, const struct pl_listed *all, size_t n, const struct kg_err *err)
{
    struct world *w = user;
    assert_null(err);
    w->answers++;
    w->listed = n;
    for (size_t i = 0; i < n; i++)
        assert_string_equal(all[i].owner, OWNER);
}

static void on_stats(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct world *w = user;
    w->answers++;
    if (stats)
        w->stats = *stats;
    if (err)
        w->err = *err;
}

static void on_engine_closed(void *user)
{
    ((struct world *)user)->closed = true;
}

static void on_turn_closed(void *user)
{
    ((struct world *)user)->turn_closed = true;
}

#define run_until(w, condition)                                                                    \
    do {                                                                                           \
        uint64_t limit_ = kg_clock_ms() + 20000;                                                   \
        while (!(condition)) {                                                                     \
            uv_run(&(w)->loop, UV_RUN_NOWAIT);                                                     \
            usleep(1000);                                                                          \
            if (kg_clock_ms() > limit_)                                                            \
                fail_msg("waited in vain for %s", #condition);                                     \
        }                                                                                          \
    } while (0)

static size_t entries(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;
    while (readdir(d)) // NOLINT(concurrency-mt-unsafe)
        n++;
    closedir(d);
    return n - 2;
}

static void write_agent(struct world *w, const char *script)
{
    FILE *file = fopen(w->agent, "w");
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    chmod(w->agent, 0755);
}

static int setup(void **state)
{
    struct world *w = kg_calloc(1, sizeof *w);
    struct kg_err err = {0};
    uv_loop_init(&w->loop);
    pl_turn_open(&w->turn, &w->loop);
    snprintf(w->dir, sizeof w->dir, "/tmp/kgproc-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    char run[80];
    snprintf(run, sizeof run, "%s/run", w->dir);
    mkdir(run, 0700);
    w->agent = kg_asprintf("%s/agent", w->dir);
    write_agent(w, "exec sleep 1000");
    kg_log_set_level(KG_ERROR);
    assert_int_equal(pl_engine_process_new(&w->engine, &w->loop, run, w->agent, OWNER, &err), 0);
    w->engine->events = &events;
    w->engine->user = w;
    w->engine->turn = &w->turn;
    w->engine->ops->start(w->engine);
    assert_int_equal(w->ups, 0);
    run_until(w, w->ups == 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char run[80];
    snprintf(run, sizeof run, "%s/run", w->dir);
    w->engine->ops->close(w->engine, on_engine_closed, w);
    assert_false(w->closed);
    run_until(w, w->closed);
    assert_int_equal(entries(run), 0);
    pl_turn_close(&w->turn, on_turn_closed, w);
    run_until(w, w->turn_closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    pl_tree_remove(w->dir);
    free(w->agent);
    free(w);
    kg_log_set_level(KG_INFO);
    return 0;
}

static const struct pl_box_spec spec = {.id = "00112233445566778899aabbccddeeff"};

static void create(struct world *w)
{
    w->answers = 0;
    w->engine->ops->create(w->engine, &spec, on_made, w);
    assert_int_equal(w->answers, 0);
    run_until(w, w->answers == 1);
}

static void destroy(struct world *w)
{
    w->answers = 0;
    w->engine->ops->destroy(w->engine, spec.id, on_done, w);
    run_until(w, w->answers == 1);
    assert_int_equal(w->err.code, 0);
}

static void a_box_is_a_process_with_a_listening_socket(void **state)
{
    struct world *w = *state;
    create(w);
    assert_int_equal(w->err.code, 0);
    assert_int_equal(w->made.uid, geteuid());
    assert_int_equal(kill(w->made.pid, 0), 0);
    int listening = 0;
    socklen_t size = sizeof listening;
    getsockopt(w->made.listen_fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    assert_int_equal(listening, 1);
    w->engine->ops->list(w->engine, on_listed, w);
    run_until(w, w->answers == 2);
    assert_int_equal(w->listed, 1);
    w->engine->ops->stats(w->engine, spec.id, on_stats, w);
    run_until(w, w->answers == 3);
    assert_int_equal(w->stats.pids, 1);
    create(w); /* the same id again */
    assert_int_equal(w->err.code, -EEXIST);
    w->err.code = 0;
    destroy(w);
    assert_int_equal(kill(w->made.pid, 0), -1);
    assert_int_equal(w->exits, 0); /* it was asked for */
    destroy(w);                    /* again is fine */
    close(w->made.listen_fd);
}

static void the_whole_tree_goes_with_its_box(void **state)
{
    struct world *w = *state;
    kg_autofree char *pids = kg_asprintf("%s/pids", w->dir);
    /* A child, a child that has left the process group and one whose parent has ended. */
    kg_autofree char *script =
        kg_asprintf("sleep 1000 & echo $! >>%s\nsetsid sleep 1001 & echo $! >>%s\n"
                    "sh -c 'setsid sleep 1002 & echo $! >>%s'\necho end >>%s\nexec sleep 1003",
                    pids, pids, pids, pids);
    write_agent(w, script);
    create(w);
    char text[256] = "";
    for (int i = 0; i < 5000 && !strstr(text, "end"); i++) {
        FILE *file = fopen(pids, "r");
        size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
        text[n] = 0;
        if (file)
            fclose(file);
        usleep(2000);
    }
    int children[3];
    assert_int_equal(sscanf(text, "%d %d %d", &children[0], &children[1], &children[2]), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kill(children[i], 0), 0);
    destroy(w);
    for (int i = 0; i < 3; i++) {
        char path[64];
        char stat[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", children[i]);
        FILE *file = fopen(path, "r"); /* at most a zombie that init has not reaped yet */
        if (!file)
            continue;
        assert_non_null(fgets(stat, sizeof stat, file));
        fclose(file);
        assert_non_null(strstr(stat, ") Z"));
    }
    close(w->made.listen_fd);
}

static void an_agent_that_ends_is_told_once(void **state)
{
    struct world *w = *state;
    write_agent(w, "exit 7");
    create(w);
    run_until(w, w->exits == 1);
    assert_int_equal(w->exit_status, 7);
    w->engine->ops->list(w->engine, on_listed, w);
    run_until(w, w->answers == 2);
    assert_int_equal(w->listed, 0);
    destroy(w);
    assert_int_equal(w->exits, 1);
    close(w->made.listen_fd);
}

static void bad_places_are_refused_with_a_sentence(void **state)
{
    struct world *w = *state;
    struct pl_engine *none = NULL;
    struct kg_err err = {0};
    assert_true(pl_engine_process_new(&none, &w->loop, "/no/such", w->agent, OWNER, &err) < 0);
    assert_non_null(strstr(err.text, "/no/such"));
    assert_true(pl_engine_process_new(&none, &w->loop, w->dir, "/no/agent", OWNER, &err) < 0);
    assert_non_null(strstr(err.text, "/no/agent"));
    char longer[128];
    snprintf(longer, sizeof longer, "%s/%060d", w->dir, 0);
    mkdir(longer, 0700);
    assert_int_equal(pl_engine_process_new(&none, &w->loop, longer, w->agent, OWNER, &err),
                     -ENAMETOOLONG);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_box_is_a_process_with_a_listening_socket, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_whole_tree_goes_with_its_box, setup, teardown),
        cmocka_unit_test_setup_teardown(an_agent_that_ends_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_places_are_refused_with_a_sentence, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

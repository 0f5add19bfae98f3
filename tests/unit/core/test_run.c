/* Runs on a pool that the test plays: files, start, output, exit, and what of them is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/fake_pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"

static char name[] = "py", language[] = "python";
static struct kg_core core;
static struct kg_runtime runtime;

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    runtime = (struct kg_runtime){.name = name, .language = language};
    runtime.pool.name = runtime.name;
    runtime.program =
        json_pack("{s:[{s:s,s:[ss]}]}", "phases", "name", "run", "argv", "python3", "{entry}");
    core = (struct kg_core){
        .config = {.max_runs = 1000, .run_wall_s = 30, .run_wall_max_s = 60, .run_output_mb = 32}};
    core.runtimes = (struct kg_runtimes){.items = &runtime, .count = 1};
    kg_log_set_level(KG_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct kg_run *r, *next;
    HASH_ITER(hh, core.runs, r, next)
        kg_run_delete(r);
    if (fake.done)
        fake_refuse_claim(-ECANCELED, "cancelled");
    json_decref(runtime.program);
    fake_reset();
    return 0;
}

static struct kg_run *start(void)
{
    struct kg_run_spec spec;
    struct kg_run *r = NULL;
    struct kg_err err = {0};
    json_t *body = json_pack("{s:s,s:s,s:[{s:s,s:s}]}", "language", "python", "entry", "a.py",
                             "files", "path", "a.py", "content", "1");
    if (kg_run_spec_parse(&spec, &core, body, &err) < 0 || kg_run_start(&core, &spec, &r, &err) < 0)
        fail_msg("%s", err.text);
    kg_run_spec_release(&spec);
    json_decref(body);
    return r;
}

static void say(struct pl_box *b, uint8_t channel, uint8_t kind, const char *content)
{
    kg_autobuf f = {0};
    struct jy_msg m = {.channel = channel,
                       .header = {(const uint8_t *)"{}", 2},
                       .parent_header = {(const uint8_t *)"{}", 2},
                       .metadata = {(const uint8_t *)"{}", 2},
                       .content = {(const uint8_t *)content, strlen(content)}};
    jy_wsframe_append(&f, &m);
    fake_say(b, KG_REC_MSG, channel, kind, f.data, f.len);
}

/* One that has ended, with so much output. */
static struct kg_run *ended(size_t output_bytes)
{
    fake.box_count = 0;
    struct kg_run *r = start();
    struct pl_box *b = fake_give_box();
    assert_string_equal(b->op, "files.put");
    fake_reply(b, "{\"ok\":true}");
    assert_string_equal(b->op, "run.start");
    fake_reply(b, "{\"ok\":true,\"pid\":1}");
    assert_int_equal(r->state, KG_R_RUNNING);
    while (output_bytes) {
        size_t n = output_bytes < 1 << 20 ? output_bytes : 1 << 20;
        kg_autofree char *text = kg_malloc(n + 1);
        memset(text, 'x', n);
        text[n] = 0;
        say(b, KG_CH_IOPUB, KG_KIND_OUTPUT, text);
        output_bytes -= n;
    }
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "{\"status\":\"ok\",\"exit_code\":0,\"reason\":\"exit\"}");
    assert_int_equal(r->state, KG_R_EXITED);
    assert_true(b->destroyed);
    json_decref(b->req);
    memset(b, 0, sizeof *b);
    return r;
}

static void output_of_ended_runs_is_bounded_and_the_oldest_go_first(void **state)
{
    (void)state;
    enum { EACH = 32 << 20, FIT = KG_RUNS_KEPT_BYTES / EACH };
    char ids[FIT + 3][KG_UUID_SIZE];
    for (int i = 0; i < FIT + 3; i++) {
        const struct kg_run *r = ended(EACH);
        memcpy(ids[i], r->id, sizeof ids[i]);
        kg_runs_tick(&core, kg_clock_ms());
    }
    uint64_t bytes = 0;
    for (const struct kg_run *r = core.runs; r; r = r->hh.next)
        bytes += r->journal.lane[KG_LANE_OUTPUT].bytes;
    assert_true(bytes <= KG_RUNS_KEPT_BYTES);
    assert_null(kg_run_find(&core, ids[0]));
    assert_non_null(kg_run_find(&core, ids[5]));
    assert_non_null(kg_run_find(&core, ids[FIT + 2]));
}

static void small_ended_runs_are_kept_by_number_and_age(void **state)
{
    (void)state;
    for (int i = 0; i < KG_RUNS_KEPT + 5; i++)
        ended(10);
    kg_runs_tick(&core, kg_clock_ms());
    assert_int_equal(HASH_COUNT(core.runs), KG_RUNS_KEPT);
    kg_runs_tick(&core, kg_clock_ms() + KG_RUNS_KEPT_MS + 1000);
    assert_null(core.runs);
}

static void wake(void *user)
{
    (void)user;
}

static void a_run_that_is_watched_stays(void **state)
{
    (void)state;
    struct kg_run *r = ended(10);
    struct kg_run_watch w = {.wake = wake};
    kg_run_watch(r, &w);
    kg_runs_tick(&core, kg_clock_ms() + KG_RUNS_KEPT_MS + 1000);
    assert_ptr_equal(core.runs, r);
    kg_run_unwatch(r, &w);
    kg_runs_tick(&core, kg_clock_ms() + KG_RUNS_KEPT_MS + 1000);
    assert_null(core.runs);
}

static void nothing_of_the_box_is_heard_after_the_exit(void **state)
{
    (void)state;
    struct kg_run *r = start();
    struct pl_box *b = fake_give_box();
    fake_reply(b, "{\"ok\":true}");
    fake_reply(b, "{\"ok\":true,\"pid\":1}");
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "{\"exit_code\":0,\"reason\":\"exit\"}");
    uint64_t seq = r->journal.last_seq;
    say(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "{}");
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "{\"exit_code\":9,\"reason\":\"exit\"}");
    assert_int_equal(r->journal.last_seq, seq);
    assert_int_equal(json_integer_value(json_object_get(r->exit, "exit_code")), 0);
}

static void a_kill_is_told_as_out_of_memory_when_the_limit_did_it(void **state)
{
    (void)state;
    for (uint64_t kills = 0; kills < 2; kills++) {
        struct kg_run *r = start();
        struct pl_box *b = fake_give_box();
        fake_reply(b, "{\"ok\":true}");
        fake_reply(b, "{\"ok\":true,\"pid\":1}");
        say(b, KG_CH_SHELL, KG_KIND_REPLY, "{\"signal\":9,\"reason\":\"signal\"}");
        assert_int_equal(r->state, KG_R_RUNNING); /* until the box's cgroup has been asked */
        fake_stats(b, kills);
        assert_int_equal(r->state, KG_R_EXITED);
        assert_string_equal(json_string_value(json_object_get(r->exit, "reason")),
                            kills ? "oom" : "signal");
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(output_of_ended_runs_is_bounded_and_the_oldest_go_first),
        T(small_ended_runs_are_kept_by_number_and_age),
        T(a_run_that_is_watched_stays),
        T(nothing_of_the_box_is_heard_after_the_exit),
        T(a_kill_is_told_as_out_of_memory_when_the_limit_did_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

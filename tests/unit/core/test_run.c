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
#include "kernelgw/core/account.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"

static char name[] = "py", language[] = "python";
static struct kg_core core;
static struct kg_runtime runtime;

static void set_program(const char *text)
{
    struct kg_err err = {0};
    json_t *program = json_loads(text, 0, NULL);
    kg_program_free(runtime.program);
    runtime.program = NULL;
    if (kg_program_new(&runtime.program, program, &err) < 0)
        fail_msg("%s", err.text);
    json_decref(program);
    runtime.program->memory_mb = 128;
    runtime.pool.program_limits.memory_mb = kg_program_most_memory(runtime.program, 0);
}

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    runtime = (struct kg_runtime){.name = name, .language = language};
    runtime.pool.name = runtime.name;
    runtime.pool.program_limits = (struct pl_limits){128, 500, 64, 48, 0};
    set_program("{\"phases\":[{\"name\":\"run\",\"argv\":[\"python3\",\"{entry}\"]}]}");
    core = (struct kg_core){.config = {.max_runs = 1000,
                                       .run_wall_s = 30,
                                       .run_wall_max_s = 60,
                                       .run_output_mb = 32,
                                       .memory_max_mb = 1024,
                                       .cpu_max_milli = 2000,
                                       .pids_max = 512,
                                       .queue_max = 1000,
                                       .queue_session = 100,
                                       .queue_s = 60,
                                       .session_runs = 10,
                                       .session_idle_s = 3600,
                                       .session_grace_s = 60,
                                       .max_sessions = 100}};
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
    kg_program_free(runtime.program);
    kg_accounts_release(&core);
    fake_reset();
    return 0;
}

/* more: further members of the request, as JSON, or NULL */
static struct kg_run *start_with(const char *more)
{
    struct kg_run_spec spec;
    struct kg_run *r = NULL;
    struct kg_err err = {0};
    json_t *body = json_pack("{s:s,s:s,s:[{s:s,s:s}]}", "language", "python", "entry", "a.py",
                             "files", "path", "a.py", "content", "1");
    json_t *rest = more ? json_loads(more, 0, NULL) : json_object();
    json_object_update(body, rest);
    json_decref(rest);
    if (kg_run_spec_parse(&spec, &core, body, &err) < 0 || kg_run_start(&core, &spec, &r, &err) < 0)
        fail_msg("%s", err.text);
    kg_run_spec_release(&spec);
    json_decref(body);
    return r;
}

static struct kg_run *start(void)
{
    return start_with(NULL);
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

/* Lets a run say so many times text (of JSON, so many bytes as it came), and reads what is kept. */
static void all_of_it_is_kept(const char *text, const char *means, size_t means_len)
{
    enum { EACH = 64 << 10, ALL = 32 << 20 };
    struct kg_run *r = start();
    struct pl_box *b = fake_give_box();
    fake_reply(b, "{\"ok\":true}");
    fake_reply(b, "{\"ok\":true,\"pid\":1}");
    kg_autobuf content = {0};
    kg_buf_add_str(&content, "{\"name\":\"stderr\",\"text\":\"");
    for (int i = 0; i < EACH; i++)
        kg_buf_add_str(&content, text);
    kg_buf_add_str(&content, "\"}");
    for (int i = 0; i < ALL / EACH; i++)
        say(b, KG_CH_IOPUB, KG_KIND_OUTPUT, kg_buf_cstr(&content));
    struct kg_reader reader;
    const struct kg_entry *e;
    struct kg_gap gap;
    enum kg_read what;
    size_t got = 0;
    kg_reader_attach(&reader, &r->journal, KG_FROM_START);
    while ((what = kg_reader_next(&reader, &e, &gap)) != KG_READ_NONE) {
        kg_autobuf out = {0};
        bool is_stderr = false;
        assert_int_equal(what, KG_READ_ENTRY);
        assert_true(kg_run_output(e, &is_stderr, &out) && is_stderr);
        got += out.len;
        assert_memory_equal(out.data + out.len - means_len, means, means_len);
    }
    kg_reader_detach(&reader);
    assert_int_equal(got, ALL * means_len);
}

static void what_a_run_may_say_is_kept_whole_however_it_is_escaped(void **state)
{
    (void)state;
    all_of_it_is_kept("\\n", "\n", 1);
    all_of_it_is_kept("\\u0000", "\0", 1);
    all_of_it_is_kept("\xef\xbf\xbd", "\xef\xbf\xbd", 3); /* of bytes that were no text */
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

static void runs_that_live_drive_no_ended_one_out(void **state)
{
    (void)state;
    const struct kg_run *r = ended(10);
    core.config.max_runs = 0; /* all others wait */
    core.config.queue_max = core.config.queue_session = KG_RUNS_KEPT + 5;
    for (int i = 0; i < KG_RUNS_KEPT + 5; i++)
        start();
    kg_runs_tick(&core, kg_clock_ms());
    assert_ptr_equal(core.runs, r);
    assert_int_equal(HASH_COUNT(core.runs), KG_RUNS_KEPT + 6);
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

static const char two_phases[] =
    "{\"phases\":[{\"name\":\"compile\",\"argv\":[\"cc\",\"{entry}\"],\"memory_mb\":256,\"lend\":true},"
    "{\"name\":\"run\",\"argv\":[\"/tmp/a.out\"]}],\"options\":{\"std\":{\"env\":\"STD\",\"pattern\":\"c[0-9]+\"}}}";

static void fake_used(struct pl_box *b)
{
    void (*done)(void *user) = b->used;
    b->used = NULL;
    done(b->used_user);
}

static void fake_fail_request(struct pl_box *b, int code)
{
    struct kg_err err;
    pl_reply *reply = b->reply;
    b->reply = NULL;
    reply(b->reply_user, NULL, (kg_err_set(&err, code, "the link was lost"), &err));
}

static void say_phase(struct pl_box *b, const struct kg_run *r, const char *phase)
{
    kg_autofree char *event =
        kg_asprintf("{\"event\":\"phase\",\"run_id\":\"%s\",\"phase\":\"%s\"}", r->id, phase);
    fake_say(b, KG_REC_EVENT, KG_CH_NONE, 0, event, strlen(event));
}

/* A run of two phases that has been started, in its first. */
static struct kg_run *compiling(struct pl_box **b, const char *more)
{
    set_program(two_phases);
    fake.use_needed = true;
    struct kg_run *r = start_with(more);
    *b = fake_give_box();
    fake_reply(*b, "{\"ok\":true}");
    assert_string_equal((*b)->op, "files.put"); /* the files alone are not enough */
    fake_used(*b);
    assert_string_equal((*b)->op, "run.start");
    fake_reply(*b, "{\"ok\":true,\"pid\":1}");
    return r;
}

static void each_phase_gets_what_it_may_use_before_it_begins(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *r = compiling(&b, "{\"options\":{\"std\":\"c17\"}}");
    assert_int_equal(fake.limits.memory_mb, 256); /* the box is made for the largest */
    assert_int_equal(b->use.memory_mb, 256);
    assert_true(b->use.lend);
    assert_string_equal(kg_run_phase_name(r), "compile");
    const json_t *phases = json_object_get(b->req, "phases");
    assert_null(json_object_get(json_array_get(phases, 0), "pause"));
    assert_true(json_is_true(json_object_get(json_array_get(phases, 1), "pause")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(b->req, "env"), "STD")),
                        "c17");

    say_phase(b, r, "run");
    assert_string_equal(kg_run_phase_name(r), "run");
    assert_int_equal(b->use.memory_mb, 128);
    assert_false(b->use.lend);
    assert_string_equal(b->op, "run.start"); /* it does not go on before that is done */
    fake_used(b);
    assert_string_equal(b->op, "run.continue");
    assert_string_equal(json_string_value(json_object_get(b->req, "run_id")), r->id);
    fake_reply(b, "{\"ok\":true}");
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "{\"exit_code\":0,\"reason\":\"exit\",\"phase\":\"run\"}");
    assert_int_equal(r->state, KG_R_EXITED);
}

static void a_run_goes_on_at_once_when_nothing_is_to_change(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *r = compiling(&b, NULL);
    fake.use_needed = false;
    say_phase(b, r, "run");
    assert_string_equal(b->op, "run.continue");
    fake_reply(b, "{\"ok\":true}");
}

static void a_lost_link_is_asked_again(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *r = compiling(&b, NULL);
    fake.use_needed = false;
    say_phase(b, r, "run");
    fake_fail_request(b, -ECONNRESET);
    assert_non_null(b->reply);
    assert_string_equal(b->op, "run.continue");
    fake_reply(b, "{\"ok\":false,\"code\":\"EALREADY\",\"error\":\"it runs\"}");
    assert_int_equal(r->state, KG_R_RUNNING);
    say_phase(b, r, "run");
    fake_reply(b, "{\"ok\":false,\"code\":\"EIO\",\"error\":\"no way\"}");
    assert_int_equal(r->state, KG_R_LOST);
    assert_string_equal(r->why, "no way");
}

static void a_run_deleted_in_between_is_let_go_calmly(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *r = compiling(&b, NULL);
    say_phase(b, r, "run");
    kg_run_delete(r);
    fake_used(b);
    assert_string_equal(b->op, "run.start");

    r = compiling(&b, NULL);
    fake.use_needed = false;
    say_phase(b, r, "run");
    kg_run_delete(r);
    fake_reply(b, "{\"ok\":true}");
    assert_null(core.runs);
}

static void what_is_asked_for_reaches_box_and_phases(void **state)
{
    (void)state;
    struct pl_box *b;
    compiling(&b, "{\"limits\":{\"memory_mb\":64,\"cpu_milli\":1000,\"pids\":99}}");
    assert_int_equal(fake.limits.memory_mb, 256); /* the compiler needs what it needs */
    assert_int_equal(fake.limits.tmp_mb, 24);
    assert_int_equal(fake.limits.cpu_milli, 1000);
    assert_int_equal(fake.limits.pids, 99);
    assert_int_equal(b->use.memory_mb, 256);
    struct kg_run *r = compiling(&b, "{\"limits\":{\"memory_mb\":512}}");
    assert_int_equal(fake.limits.memory_mb, 512);
    assert_int_equal(b->use.memory_mb, 512); /* more helps the compiler, too */
    say_phase(b, r, "run");
    assert_int_equal(b->use.memory_mb, 512);
    fake_used(b);
    fake_reply(b, "{\"ok\":true}");
}

static void a_compiler_that_ran_out_of_memory_is_told_as_such(void **state)
{
    (void)state;
    struct pl_box *b;
    for (uint64_t kills = 0; kills < 2; kills++) {
        struct kg_run *r = compiling(&b, NULL);
        say(b, KG_CH_SHELL, KG_KIND_REPLY,
            "{\"exit_code\":1,\"reason\":\"exit\",\"phase\":\"compile\"}");
        fake_stats(b, kills);
        assert_string_equal(json_string_value(json_object_get(r->exit, "reason")),
                            kills ? "oom" : "exit");
        if (kills)
            assert_string_equal(json_string_value(json_object_get(r->exit, "evalue")),
                                "out of memory: the limit is 256 MB");
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_a_run_may_say_is_kept_whole_however_it_is_escaped),
        T(output_of_ended_runs_is_bounded_and_the_oldest_go_first),
        T(small_ended_runs_are_kept_by_number_and_age),
        T(runs_that_live_drive_no_ended_one_out),
        T(a_run_that_is_watched_stays),
        T(nothing_of_the_box_is_heard_after_the_exit),
        T(a_kill_is_told_as_out_of_memory_when_the_limit_did_it),
        T(each_phase_gets_what_it_may_use_before_it_begins),
        T(a_run_goes_on_at_once_when_nothing_is_to_change),
        T(a_lost_link_is_asked_again),
        T(a_run_deleted_in_between_is_let_go_calmly),
        T(what_is_asked_for_reaches_box_and_phases),
        T(a_compiler_that_ran_out_of_memory_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

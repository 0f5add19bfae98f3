/* Workspaces on a pool that the test plays and a clock that it sets: turns, boxes kept, and ends. */
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
#include "kernelgw/core/cull.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/meter.h"
#include "kernelgw/core/names.h"
#include "kernelgw/core/queue.h"
#include "kernelgw/core/shelf.h"

static char name[] = "py", language[] = "python";
static struct kg_core core;
static struct kg_runtime runtime;
static uint64_t now;

static void pass_s(unsigned seconds)
{
    now += seconds * 1000ull;
    kg_clock_freeze(now);
    kg_queue_tick(&core, now);
    kg_workspaces_tick(&core, now);
}

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    now = 1000000;
    kg_clock_freeze(now);
    runtime = (struct kg_runtime){.name = name, .language = language};
    runtime.pool.name = runtime.name;
    runtime.pool.program_limits = (struct pl_limits){128, 500, 64, 48, 0};
    json_t *program =
        json_loads("{\"phases\":[{\"name\":\"run\",\"argv\":[\"python3\",\"{entry}\"]}]}", 0, NULL);
    assert_int_equal(kg_program_new(&runtime.program, program, NULL), 0);
    json_decref(program);
    runtime.program->memory_mb = 128;
    core = (struct kg_core){.config = {.max_runs = 3,
                                       .queue_max = 6,
                                       .queue_session = 4,
                                       .queue_s = 60,
                                       .session_runs = 2,
                                       .session_idle_s = 3600,
                                       .session_grace_s = 60,
                                       .max_sessions = 3,
                                       .run_wall_s = 30,
                                       .run_wall_max_s = 60,
                                       .run_output_mb = 1,
                                       .memory_max_mb = 1024,
                                       .cpu_max_milli = 2000,
                                       .pids_max = 512}};
    core.runtimes = (struct kg_runtimes){.items = &runtime, .count = 1};
    core.pool = (struct pl_pool *)&core; /* the fake never looks into it */
    kg_log_set_level(KG_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    core.closing = true;
    struct kg_run *r, *next;
    HASH_ITER(hh, core.runs, r, next)
        kg_run_delete(r);
    kg_workspaces_close(&core, false);
    kg_accounts_release(&core);
    fake_cancel_all();
    kg_program_free(runtime.program);
    fake_reset();
    kg_clock_thaw();
    return 0;
}

/* Claims are answered one by one, each before the next is asked for. */
static int try_start_as(const char *owner, struct kg_run **r, const char *session, bool network)
{
    struct kg_run_spec spec;
    struct kg_err err = {0};
    json_t *body =
        json_pack("{s:s,s:s,s:s*,s:s,s:[{s:s,s:s}]}", "language", "python", "entry", "src/a.py",
                  "session", session, "network", network ? "session" : "none", "files", "path",
                  "src/a.py", "content", "1");
    int rc = kg_run_spec_parse(&spec, &core, body, &err);
    spec.owner = owner ? kg_strdup(owner) : NULL;
    if (rc == 0)
        rc = kg_run_start(&core, &spec, r, &err);
    kg_run_spec_release(&spec);
    json_decref(body);
    return rc;
}

static int try_start(struct kg_run **r, const char *session, bool network)
{
    return try_start_as(NULL, r, session, network);
}

static struct kg_run *start_as(const char *owner, const char *session)
{
    struct kg_run *r = NULL;
    assert_int_equal(try_start_as(owner, &r, session, false), 0);
    return r;
}

static struct kg_run *start(const char *session, bool network)
{
    struct kg_run *r = NULL;
    assert_int_equal(try_start(&r, session, network), 0);
    return r;
}

/* Its files are there and it runs. */
static void run_it(struct pl_box *b)
{
    assert_string_equal(b->op, "files.put");
    fake_reply(b, "{\"ok\":true}");
    if (strcmp(b->op, "run.start") != 0) { /* of a session with a name: what it changes goes back */
        assert_string_equal(b->op, "files.mark");
        fake_reply(b, "{\"ok\":true}");
    }
    assert_string_equal(b->op, "run.start");
    fake_reply(b, "{\"ok\":true,\"pid\":1}");
}

static struct kg_run *running(const char *session, bool network, struct pl_box **box)
{
    struct kg_run *r = start(session, network);
    *box = fake_give_box();
    run_it(*box);
    assert_int_equal(r->state, KG_R_RUNNING);
    return r;
}

static void end_it(struct pl_box *b)
{
    static const char content[] =
        "{\"status\":\"ok\",\"exit_code\":0,\"reason\":\"exit\",\"cpu_ms\":700,\"stdout_bytes\":10}";
    kg_autobuf f = {0};
    struct jy_msg m = {.channel = KG_CH_SHELL,
                       .header = {(const uint8_t *)"{}", 2},
                       .parent_header = {(const uint8_t *)"{}", 2},
                       .metadata = {(const uint8_t *)"{}", 2},
                       .content = {(const uint8_t *)content, sizeof content - 1}};
    jy_wsframe_append(&f, &m);
    fake_say(b, KG_REC_MSG, KG_CH_SHELL, KG_KIND_REPLY, f.data, f.len);
    if (b->reply && strcmp(b->op, "files.changed") == 0)
        fake_reply(b, "{\"ok\":true,\"changed\":[],\"deleted\":[],\"odd\":[]}");
}

/* Its agent has removed everything, and nothing in it has run out of memory. */
static void be_cleared(struct pl_box *b)
{
    fake_reply(b, "{\"ok\":true}");
    fake_stats(b, 0);
}

static struct kg_workspace *find(const char *session)
{
    return kg_workspace_find(&core, NULL, session);
}

static void a_box_is_kept_cleared_and_used_again_for_a_minute(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b);
    assert_false(b->destroyed);
    assert_string_equal(b->op, "files.clear");
    struct kg_run *again = start("s", false); /* it waits for the box that is just being cleared */
    assert_int_equal(again->state, KG_R_QUEUED);
    assert_int_equal(fake.claims, 1);
    be_cleared(b);
    assert_ptr_equal(again->box, b);
    assert_int_equal(fake.claims, 1);
    run_it(b);
    end_it(b);
    be_cleared(b);
    pass_s(59);
    assert_false(b->destroyed);
    pass_s(1);
    assert_true(b->destroyed);
    assert_int_equal(kg_shelf_count(find("s")), 0);
}

static void a_box_that_cannot_be_cleared_is_not_used_again(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b);
    const struct kg_run *again = start("s", false);
    fake_reply(b, "{\"ok\":false,\"error\":\"somebody fills it\"}");
    assert_true(b->destroyed);
    assert_int_equal(fake.claims, 2);
    assert_int_equal(again->state, KG_R_QUEUED);
    fake_give_box();
}

static void a_box_in_which_something_ran_out_of_memory_is_not_used_again(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b); /* with status 0: it was a child of the program */
    const struct kg_run *again = start("s", false);
    fake_reply(b, "{\"ok\":true}");
    assert_int_equal(again->state, KG_R_QUEUED);
    fake_stats(b, 1);
    assert_true(b->destroyed);
    assert_int_equal(fake.claims, 2);
    fake_give_box();
}

static void a_box_that_is_asked_about_when_its_session_ends_is_destroyed(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b);
    fake_reply(b, "{\"ok\":true}");
    kg_workspace_end(find("s"), true, "left");
    assert_true(b->destroyed);
}

static void a_box_goes_to_no_other_session_nor_into_another_network(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b);
    be_cleared(b);
    start("t", false);
    assert_int_equal(fake.claims, 2);
    fake_give_box();
    start("s", true);
    assert_int_equal(fake.claims, 3);
    assert_non_null(fake.claimed_net);
    fake_give_box();
    assert_int_equal(kg_shelf_count(find("s")), 1);
}

static void kept_boxes_give_way_when_all_are_in_use(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", false, &b);
    end_it(b);
    be_cleared(b);
    const struct kg_run *r = start("t", false);
    fake_refuse_claim(-EBUSY, "all boxes are in use");
    assert_true(b->destroyed);
    assert_int_equal(r->state, KG_R_QUEUED);
    assert_int_equal(fake.claims, 3); /* asked again at once */
    fake_refuse_claim(-EBUSY, "all boxes are in use");
    assert_int_equal(r->state, KG_R_QUEUED);
    assert_int_equal(fake.claims, 3); /* nobody gives way any more: later */
    pass_s(1);
    assert_int_equal(fake.claims, 4);
    fake_give_box();
    assert_int_equal(r->state, KG_R_STARTING);
}

static void a_turn_that_found_no_box_is_not_lost(void **state)
{
    (void)state;
    struct pl_box *b[2];
    running("x", false, &b[0]);
    running("x", false, &b[1]);
    struct kg_run *a1 = start("a", false); /* has the last of three places, and asks for a box */
    struct kg_run *b1 = start("b", false);
    struct kg_run *a2 = start("a", false); /* so its session is behind b again */
    assert_int_equal(kg_queue_position(b1), 1);
    fake_refuse_claim(-EBUSY, "all boxes are in use");
    assert_int_equal(kg_queue_position(a1), 1);
    assert_int_equal(kg_queue_position(b1), 2);
    assert_int_equal(kg_queue_position(a2), 3);
    pass_s(1);
    fake_give_box();
    assert_int_equal(a1->state, KG_R_STARTING);
}

static void sessions_take_turns_and_each_has_its_places(void **state)
{
    (void)state;
    struct pl_box *b[3];
    running("a", false, &b[0]);
    running("a", false, &b[1]);
    struct kg_run *a3 = start("a", false), *a4 = start("a", false);
    assert_int_equal(fake.claims, 2); /* two places a session */
    running("b", false, &b[2]);
    struct kg_run *b2 = start("b", false);
    assert_int_equal(fake.claims, 3); /* three in all */
    assert_int_equal(kg_queue_position(a3), 1);
    assert_int_equal(kg_queue_position(b2), 2);
    assert_int_equal(kg_queue_position(a4), 3);
    struct kg_run *more = NULL;
    start("a", false);
    start("a", false);
    assert_int_equal(try_start(&more, "a", false), -EDQUOT);
    start("b", false);
    assert_int_equal(try_start(&more, "b", false), -EAGAIN);
    assert_null(more);
    end_it(
        b[0]); /* its box is just being cleared for a's next, so that b's next need not wait for that */
    assert_int_equal(fake.claims, 4);
    assert_int_equal(kg_queue_position(b2), 0);
    fake_give_box();
    be_cleared(b[0]);
    assert_null(a3->box);
    end_it(b[2]);
    assert_ptr_equal(a3->box, b[0]);
    assert_int_equal(fake.claims, 4);
    assert_int_equal(kg_queue_position(a4), 2); /* b's third comes first: a has just had its turn */
    pass_s(60);
    assert_int_equal(a4->state, KG_R_LOST);
    assert_non_null(strstr(a4->why, "no turn within 60 s"));
}

/* All three places are taken. */
static void fill_up(struct pl_box *b[3])
{
    core.config.max_sessions = core.config.queue_max = 20;
    running("x", false, &b[0]);
    running("x", false, &b[1]);
    running("y", false, &b[2]);
}

/* One more place: whose turn it is asks for a box, and gets it. */
static void next_turn(const struct kg_run *whose)
{
    assert_int_equal(kg_queue_position(whose), 1);
    core.config.max_runs++;
    kg_queue_pump(&core);
    fake_give_box();
    assert_int_equal(whose->state, KG_R_STARTING);
}

static void users_take_turns_however_many_sessions_they_have(void **state)
{
    (void)state;
    struct pl_box *b[3];
    fill_up(b);
    struct kg_run *ann[4];
    static const char *const sessions[] = {"a", "b", "c", "a"};
    for (size_t i = 0; i < 4; i++)
        ann[i] = start_as("ann", sessions[i]);
    struct kg_run *bob = start_as("bob", "a"); /* the same name, and another session */
    assert_ptr_not_equal(bob->workspace, ann[0]->workspace);
    const unsigned expected[] = {1, 3, 4, 5};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(kg_queue_position(ann[i]), expected[i]);
    assert_int_equal(kg_queue_position(bob), 2);
    struct kg_run *const turns[] = {ann[0], bob, ann[1], ann[2], ann[3]};
    for (size_t i = 0; i < KG_COUNT(turns); i++)
        next_turn(turns[i]);
}

static void watched_runs_come_first_and_leave_every_fourth_place(void **state)
{
    (void)state;
    struct pl_box *b[3];
    struct kg_err err;
    fill_up(b);
    core.config.session_runs = core.config.queue_session = 9;
    struct kg_run *batch[2] = {start_as("ann", "batch"), start_as("ann", "batch")};
    kg_workspace_attach(kg_workspace_get(&core, "bob", "page", false, &err));
    struct kg_run *page[5];
    for (size_t i = 0; i < 5; i++)
        page[i] = start_as("bob", "page");
    const unsigned expected[] = {1, 2, 3, 5, 6};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(kg_queue_position(page[i]), expected[i]);
    assert_int_equal(kg_queue_position(batch[0]), 4);
    assert_int_equal(kg_queue_position(batch[1]), 7);
    struct kg_run *const turns[] = {page[0], page[1], page[2], batch[0],
                                    page[3], page[4], batch[1]};
    for (size_t i = 0; i < KG_COUNT(turns); i++)
        next_turn(turns[i]);
    kg_workspace_detach(kg_workspace_find(&core, "bob", "page"));
}

static void programs_end_when_the_connection_stays_away(void **state)
{
    (void)state;
    struct pl_box *b;
    const struct kg_run *r = running("s", true, &b);
    struct kg_workspace *w = find("s");
    kg_workspace_attach(w);
    kg_workspace_detach(w);
    pass_s(59);
    kg_workspace_attach(w); /* in time */
    pass_s(1000);
    assert_int_equal(r->state, KG_R_RUNNING);
    kg_workspace_detach(w);
    pass_s(59);
    assert_int_equal(r->state, KG_R_RUNNING);
    pass_s(1);
    assert_int_equal(r->state, KG_R_EXITED);
    assert_string_equal(json_string_value(json_object_get(r->exit, "reason")), "stopped");
    assert_true(b->destroyed);
    assert_true(fake.nets[0].freed && !fake.nets[0].kept);
    assert_null(find("s"));
}

static void without_grace_they_end_at_once(void **state)
{
    (void)state;
    struct pl_box *b;
    core.config.session_grace_s = 0;
    running("s", false, &b);
    kg_workspace_attach(find("s"));
    kg_workspace_detach(find("s"));
    assert_true(b->destroyed);
    assert_null(find("s"));
}

static void who_comes_back_after_a_restart_has_ten_seconds_at_least(void **state)
{
    (void)state;
    for (unsigned grace = 0; grace <= 60; grace += 60) {
        struct kg_err err;
        core.config.session_grace_s = grace;
        kg_workspace_was_bound(kg_workspace_get(&core, NULL, "a", false, &err));
        pass_s(grace ? 59 : 9);
        assert_non_null(kg_workspace_find(&core, NULL, "a"));
        kg_workspace_attach(kg_workspace_find(&core, NULL, "a"));
        pass_s(600);
        assert_non_null(kg_workspace_find(&core, NULL, "a"));
        kg_workspace_detach(kg_workspace_find(&core, NULL, "a"));
        pass_s(grace);
        assert_null(kg_workspace_find(&core, NULL, "a"));
        kg_workspace_was_bound(kg_workspace_get(&core, NULL, "b", false, &err));
        pass_s(grace ? 60 : 10);
        assert_null(kg_workspace_find(&core, NULL, "b"));
    }
    /* connections that the server itself closes are not given up by anybody */
    struct kg_err err;
    core.config.session_grace_s = 0;
    kg_workspace_attach(kg_workspace_get(&core, NULL, "c", false, &err));
    core.draining = true;
    kg_workspace_detach(kg_workspace_find(&core, NULL, "c"));
    assert_non_null(kg_workspace_find(&core, NULL, "c"));
}

static void one_in_which_nothing_is_goes_after_an_hour(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", true, &b);
    pass_s(4000);
    assert_non_null(find("s")); /* a program runs */
    end_it(b);
    be_cleared(b);
    pass_s(3599);
    assert_non_null(find("s"));
    assert_false(fake.nets[0].freed);
    pass_s(1);
    assert_null(find("s"));
    assert_true(fake.nets[0].freed);
}

static void an_idle_network_goes_though_its_session_stays(void **state)
{
    (void)state;
    struct pl_box *b;
    running("s", true, &b);
    struct kg_workspace *w = find("s");
    kg_workspace_attach(w); /* a page that is left open */
    pass_s(4000);
    assert_false(fake.nets[0].freed); /* a program is in it */
    end_it(b);
    be_cleared(b);
    pass_s(30);
    assert_false(b->destroyed); /* its box is kept, and was in it */
    pass_s(30);
    assert_true(b->destroyed);
    struct pl_box *other;
    running("s", false, &other); /* uses none */
    pass_s(3599);
    assert_false(fake.nets[0].freed);
    pass_s(1);
    assert_true(fake.nets[0].freed && !fake.nets[0].kept);
    assert_ptr_equal(find("s"), w);
    /* who wants one again has one */
    struct pl_box *again;
    const struct kg_run *r = running("s", true, &again);
    assert_int_equal(fake.net_count, 2);
    assert_ptr_equal(fake.claimed_net, &fake.nets[1]);
    assert_ptr_equal(r->workspace, w);
    /* where sessions are kept for less, networks are, too */
    core.config.session_idle_s = 100;
    end_it(again);
    be_cleared(again);
    pass_s(60); /* its box goes */
    pass_s(99);
    assert_false(fake.nets[1].freed);
    pass_s(1);
    assert_true(fake.nets[1].freed);
    assert_ptr_equal(find("s"), w);
    end_it(other);
    kg_workspace_detach(w);
}

static void one_that_nobody_named_goes_with_its_run(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *r = running(NULL, true, &b);
    assert_int_equal(HASH_COUNT(core.workspaces), 1);
    end_it(b);
    assert_true(b->destroyed);
    assert_int_equal(HASH_COUNT(core.workspaces), 0);
    assert_true(fake.nets[0].freed);
    assert_int_equal(r->state, KG_R_EXITED);
    running(NULL, false, &b); /* without a network there is none at all */
    assert_int_equal(HASH_COUNT(core.workspaces), 0);
}

static void names_come_and_go_with_programs(void **state)
{
    (void)state;
    struct pl_box *b[2];
    running("s", true, &b[0]);
    assert_int_equal(json_array_size(fake.nets[0].names), 2);
    assert_string_equal(json_string_value(json_array_get(fake.nets[0].names, 0)), "a.py");
    assert_string_equal(json_string_value(json_array_get(fake.nets[0].names, 1)), "a");
    running("s", true, &b[1]);
    assert_int_equal(json_array_size(fake.nets[0].names), 2); /* each once */
    end_it(b[0]);
    assert_int_equal(json_array_size(fake.nets[0].names), 2);
}

static void sessions_are_counted_and_what_they_used(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_run *more = NULL;
    core.config.session_cpu_s = 1;
    for (int i = 0; i < 2; i++) {
        running("a", false, &b);
        end_it(b);
        pass_s(61); /* its box is not kept so long */
    }
    assert_int_equal(find("a")->cpu_ms, 1400);
    assert_int_equal(try_start(&more, "a", false), -EDQUOT);
    start("b", false);
    fake_give_box();
    start("c", false);
    fake_give_box();
    assert_int_equal(try_start(&more, "d", false), -EAGAIN);
}

/* A kernel of the session, that is ready. */
static struct kg_kernel *kernel_in(const char *session, struct pl_box **box)
{
    struct kg_kernel *k = NULL;
    json_t *own = json_pack("{s:s}", "session", session);
    struct kg_kernel_start wish = {.name = name, .own = own};
    runtime.pool.kernel_start =
        runtime.pool.kernel_start ? runtime.pool.kernel_start : json_object();
    core.config.max_kernels = 10;
    assert_int_equal(kg_kernel_start(&core, &wish, &k, NULL, NULL, NULL), 0);
    *box = fake_give_box();
    while ((*box)->reply)
        fake_reply(*box, "{\"ok\":true}");
    assert_int_equal(k->state, KG_K_IDLE);
    json_decref(own);
    return k;
}

static void no_more_kernels(struct kg_kernel *k)
{
    if (k)
        kg_kernel_delete(k);
    json_decref(runtime.pool.kernel_start);
    runtime.pool.kernel_start = NULL;
}

/* What the box has used is asked, and it is so much. */
static void look(struct pl_box *b, uint64_t cpu_ms)
{
    now += KG_METER_MS;
    kg_clock_freeze(now);
    kg_meter_tick(&core, now);
    assert_non_null(b->stats);
    fake_stats_cpu(b, cpu_ms);
}

static void kernels_use_their_sessions_processor_time(void **state)
{
    (void)state;
    struct pl_box *b;
    struct kg_err err;
    core.config.session_cpu_s = 2;
    struct kg_kernel *k = kernel_in("s", &b);
    fake_stats_cpu(b, 10000); /* before it was this kernel's: nobody's */
    k->state = KG_K_BUSY;
    look(b, 11900);
    assert_int_equal(find("s")->cpu_ms, 1900);
    assert_string_not_equal(b->op, "kernel.interrupt");
    for (unsigned i = 0; i < KG_METER_STRIKES; i++) {
        look(b, 12000 + i);
        assert_string_equal(b->op, "kernel.interrupt");
        fake_reply(b, "{\"ok\":true}");
        b->op[0] = 0;
    }
    struct kg_run *r = NULL;
    struct kg_kernel *other = NULL;
    json_t *own = json_pack("{s:s}", "session", "s");
    struct kg_kernel_start wish = {.name = name, .own = own};
    assert_int_equal(try_start(&r, "s", false), -EDQUOT);
    assert_int_equal(kg_kernel_start(&core, &wish, &other, NULL, NULL, &err), -EDQUOT);
    assert_non_null(strstr(err.text, "session s has used its 2 seconds"));
    json_decref(own);
    assert_int_equal(HASH_COUNT(core.kernels), 1);
    look(b, 13000); /* it has paid no heed */
    assert_int_equal(HASH_COUNT(core.kernels), 0);
    assert_true(b->destroyed);
    assert_int_equal(find("s")->cpu_ms, 3000);
    no_more_kernels(NULL);
}

static void a_kernel_that_pays_heed_stays_and_its_threads_count_too(void **state)
{
    (void)state;
    struct pl_box *b;
    core.config.session_cpu_s = 1;
    struct kg_kernel *k = kernel_in("s", &b);
    fake_stats_cpu(b, 0);
    k->state = KG_K_BUSY;
    look(b, 5000);
    assert_int_equal(k->meter.strikes, 1);
    kg_kernel_idle(k); /* interrupted, as it was told */
    look(b, 5100);
    assert_int_equal(k->meter.strikes, 0);
    look(b, 5100 + KG_METER_REST_MS); /* what an idle one takes */
    assert_int_equal(k->meter.strikes, 0);
    look(b, 9000); /* without any cell */
    assert_int_equal(k->meter.strikes, 1);
    no_more_kernels(k);
}

static void kernels_use_their_sessions_output(void **state)
{
    (void)state;
    struct pl_box *b;
    core.config.session_output_mb = 1;
    struct kg_kernel *k = kernel_in("s", &b);
    fake_stats_cpu(b, 0);
    k->state = KG_K_BUSY;
    assert_int_equal(kg_workspace_output_left(find("s")), 1 << 20);
    for (unsigned i = 0; i < 3; i++)
        kg_meter_kernel_said(k, KG_METER_BYTES);
    assert_int_equal(k->meter.strikes, 0);
    kg_meter_kernel_said(k, KG_METER_BYTES); /* no look is due, and yet it goes no further */
    assert_int_equal(k->meter.strikes, 1);
    assert_string_equal(b->op, "kernel.interrupt");
    assert_int_equal(kg_workspace_output_left(find("s")), 0);
    kg_meter_kernel_said(k, KG_METER_BYTES);
    assert_int_equal(k->meter.strikes, 1); /* once before the next look */
    look(b, 0);
    assert_int_equal(k->meter.strikes, 2);
    no_more_kernels(k);
}

static void idle_kernels_are_culled(void **state)
{
    (void)state;
    static const struct {
        enum kg_kernel_state state;
        bool busy_too, goes;
        int idle_s;
    } cases[] = {{KG_K_IDLE, false, true, 100},      {KG_K_IDLE, false, false, 99},
                 {KG_K_BUSY, false, false, 1000},    {KG_K_BUSY, true, true, 1000},
                 {KG_K_STARTING, true, false, 1000}, {KG_K_DEAD, false, true, 100}};
    runtime.pool.kernel_start = json_object();
    core.config.max_kernels = 10;
    core.config.cull_idle_s = 100;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kg_kernel *k = NULL;
        struct kg_kernel_start wish = {.name = name};
        assert_int_equal(kg_kernel_start(&core, &wish, &k, NULL, NULL, NULL), 0);
        k->state = cases[i].state;
        core.config.cull_busy = cases[i].busy_too;
        kg_cull_tick(&core, k->last_activity_us + cases[i].idle_s * 1000000ll);
        assert_int_equal(HASH_COUNT(core.kernels), !cases[i].goes);
        if (core.kernels)
            kg_kernel_delete(core.kernels);
        fake_refuse_claim(-ECANCELED, "cancelled");
    }
    json_decref(runtime.pool.kernel_start);
    runtime.pool.kernel_start = NULL;
}

static void host_names_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "server.py", "A-1_b", "0"};
    static const char *const bad[] = {"",     "-a",        "a-",        ".a",       "a b",
                                      "a\nb", "localhost", "LocalHost", "h\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(kg_name_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(kg_name_ok(bad[i], strlen(bad[i])));
    json_t *names = json_array();
    for (int i = 0; i < KG_NAMES_MAX + 10; i++) {
        char file[32];
        snprintf(file, sizeof file, "dir/f%d", i);
        kg_names_add(names, file, NULL);
    }
    assert_int_equal(json_array_size(names), KG_NAMES_MAX);
    json_decref(names);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_box_is_kept_cleared_and_used_again_for_a_minute),
        WITH(a_box_that_cannot_be_cleared_is_not_used_again),
        WITH(a_box_in_which_something_ran_out_of_memory_is_not_used_again),
        WITH(a_box_that_is_asked_about_when_its_session_ends_is_destroyed),
        WITH(a_box_goes_to_no_other_session_nor_into_another_network),
        WITH(kept_boxes_give_way_when_all_are_in_use),
        WITH(a_turn_that_found_no_box_is_not_lost),
        WITH(sessions_take_turns_and_each_has_its_places),
        WITH(users_take_turns_however_many_sessions_they_have),
        WITH(watched_runs_come_first_and_leave_every_fourth_place),
        WITH(programs_end_when_the_connection_stays_away),
        WITH(without_grace_they_end_at_once),
        WITH(who_comes_back_after_a_restart_has_ten_seconds_at_least),
        WITH(one_in_which_nothing_is_goes_after_an_hour),
        WITH(an_idle_network_goes_though_its_session_stays),
        WITH(one_that_nobody_named_goes_with_its_run),
        WITH(names_come_and_go_with_programs),
        WITH(sessions_are_counted_and_what_they_used),
        WITH(kernels_use_their_sessions_processor_time),
        WITH(a_kernel_that_pays_heed_stays_and_its_threads_count_too),
        WITH(kernels_use_their_sessions_output),
        WITH(idle_kernels_are_culled),
        WITH(host_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

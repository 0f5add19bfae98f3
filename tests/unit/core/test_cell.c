/* Interrupts of the server's own cells: whom they hit, and when they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/fake_pool.h"

#include "base/log.h"
#include "jupyter/message.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/cell.h"

static char name[] = "py", language[] = "python";
static struct kg_core core;
static struct kg_runtime runtime;
static uv_loop_t loop;
static unsigned ends;

static void on_ended(void *user, const struct kg_cell_end *end)
{
    (void)user;
    (void)end;
    ends++;
}

static const struct kg_cell_events events = {.ended = on_ended};

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    ends = 0;
    uv_loop_init(&loop);
    runtime = (struct kg_runtime){.name = name, .language = language};
    runtime.pool.name = runtime.name;
    runtime.pool.kernel_limits.memory_mb = 128;
    runtime.pool.kernel_start = json_object();
    core = (struct kg_core){.loop = &loop, .config = {.default_kernel = "py", .max_kernels = 2}};
    core.runtimes = (struct kg_runtimes){.items = &runtime, .count = 1};
    kg_log_set_level(KG_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct kg_kernel *k, *next;
    HASH_ITER(hh, core.kernels, k, next)
        kg_kernel_delete(k);
    fake_cancel_all();
    json_decref(runtime.pool.kernel_start);
    kg_accounts_release(&core);
    fake_reset();
    uv_run(&loop, UV_RUN_DEFAULT); /* cells end with their kernel */
    return uv_loop_close(&loop);
}

static struct kg_kernel *start(void)
{
    struct kg_kernel_start s = {0};
    struct kg_kernel *k = NULL;
    struct kg_err err;
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), 0);
    return k;
}

static struct kg_cell *run(struct kg_kernel *k, uint64_t timeout_ms)
{
    const struct kg_cell_config config = {.code = "x", .max_bytes = 1000, .timeout_ms = timeout_ms};
    struct kg_err err;
    struct kg_cell *c = kg_cell_start(k, &config, &events, NULL, &err);
    assert_non_null(c);
    return c;
}

/* The msg_id of the last request that went to the box. */
static const char *last_id(const struct pl_box *b)
{
    static char id[64];
    const char *at = NULL, *end = (const char *)b->sent.data + b->sent.len;
    for (const char *p = (const char *)b->sent.data;
         (p = memmem(p, (size_t)(end - p), "\"msg_id\":\"", 10)); p++)
        at = p + 10;
    assert_non_null(at);
    snprintf(id, sizeof id, "%.*s", (int)strcspn(at, "\""), at);
    return id;
}

static void say(struct pl_box *b, uint8_t channel, uint8_t kind, const char *type,
                const char *parent_id, const char *content)
{
    kg_autobuf frame = {0};
    char header[200], parent[200];
    snprintf(header, sizeof header, "{\"msg_id\":\"k\",\"msg_type\":\"%s\",\"session\":\"s\"}",
             type);
    snprintf(parent, sizeof parent, "{\"msg_id\":\"%s\",\"msg_type\":\"execute_request\"}",
             parent_id);
    const struct jy_msg m = {.channel = channel,
                             .header = kg_span_str(header),
                             .parent_header = kg_span_str(parent),
                             .metadata = kg_span_str("{}"),
                             .content = kg_span_str(content)};
    jy_wsframe_append(&frame, &m);
    fake_say(b, KG_REC_MSG, channel, kind, frame.data, frame.len);
}

static void say_busy(struct pl_box *b, const char *parent)
{
    say(b, KG_CH_IOPUB, KG_KIND_STATUS_BUSY, "status", parent, "{\"execution_state\":\"busy\"}");
}

static void say_idle(struct pl_box *b, const char *parent)
{
    say(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", parent, "{\"execution_state\":\"idle\"}");
}

static void stop_loop(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static bool interrupted(struct pl_box *b)
{
    bool was = strcmp(b->op, "kernel.interrupt") == 0;
    if (was && b->reply)
        fake_reply(b, "{\"ok\":true}");
    b->op[0] = 0;
    return was;
}

/* How many interrupts go out within that time. */
static unsigned interrupts_within(struct pl_box *b, unsigned ms)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ms / 20; i++) {
        uv_timer_t t;
        uv_timer_init(&loop, &t);
        uv_timer_start(&t, stop_loop, 20, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&t, NULL);
        uv_run(&loop, UV_RUN_NOWAIT);
        n += interrupted(b);
    }
    return n;
}

static void a_cell_that_runs_is_interrupted_again_until_it_heeds(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_cell *c = run(k, 0);
    say_busy(b, last_id(b));
    assert_int_equal(interrupts_within(b, 100), 0);
    kg_cell_stop(c);
    assert_true(interrupts_within(b, 1300) >= 2);
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", last_id(b), "{\"status\":\"error\"}");
    say_idle(b, last_id(b));
    interrupts_within(b, 100);
    assert_int_equal(ends, 1);
}

/* Its own idle may be late behind a flood, and never comes when it was lost. */
static void interrupts_end_when_the_kernel_runs_anothers_cell(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_cell *c = run(k, 0);
    say_busy(b, last_id(b));
    interrupts_within(b, 60);
    kg_cell_cancel(c);
    assert_true(interrupts_within(b, 100) >= 1);
    say_busy(b, "of-another-client");
    interrupts_within(b, 60); /* what had been on its way */
    assert_int_equal(interrupts_within(b, 1300), 0);
    assert_int_equal(ends, 0); /* nobody hears of a cancelled one */
}

static void a_reply_ends_interrupts_also_while_the_idle_is_due(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_cell *c = run(k, 0);
    say_busy(b, last_id(b));
    interrupts_within(b, 60);
    say(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", last_id(b), "{\"status\":\"ok\"}");
    interrupts_within(b, 60);
    kg_cell_stop(c);
    assert_int_equal(interrupts_within(b, 1200), 0);
    say_idle(b, last_id(b));
    interrupts_within(b, 60);
    assert_int_equal(ends, 1);
}

static void one_that_waits_for_its_turn_interrupts_nobody(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    say_busy(b, "of-another-client");
    struct kg_cell *c = run(k, 100);
    kg_cell_stop(c);
    assert_int_equal(interrupts_within(b, 1200), 0);
    say_busy(b, last_id(b));
    assert_true(interrupts_within(b, 200) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cell_that_runs_is_interrupted_again_until_it_heeds,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(interrupts_end_when_the_kernel_runs_anothers_cell, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reply_ends_interrupts_also_while_the_idle_is_due, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_waits_for_its_turn_interrupts_nobody, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

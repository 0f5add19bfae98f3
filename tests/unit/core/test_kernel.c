#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/fake_pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "jupyter/message.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"

static char name[] = "py", language[] = "python";
static struct kg_core core;
static struct kg_runtime runtime;
static unsigned probes, wakes, starts_ok, starts_failed;
static int closed_code;

static void wake(void *user)
{
    (void)user;
    wakes++;
}

static void closed(void *user, int code, const char *reason)
{
    (void)user;
    (void)reason;
    closed_code = code;
}

static void probe(void *user)
{
    (void)user;
    probes++;
}

static const struct kg_client_events events = {.wake = wake, .probe = probe, .closed = closed};

static void outcome(void *user, struct kg_kernel *k, const struct kg_err *err)
{
    (void)user;
    (void)k;
    starts_ok += err == NULL;
    starts_failed += err != NULL;
}

static int set_up(void **state)
{
    (void)state;
    fake_reset();
    runtime = (struct kg_runtime){.name = name, .language = language};
    runtime.pool.name = runtime.name;
    runtime.pool.kernel_limits.memory_mb = 128;
    runtime.pool.kernel_start = json_object();
    core = (struct kg_core){.config = {.default_kernel = "py", .max_kernels = 2}};
    core.runtimes = (struct kg_runtimes){.items = &runtime, .count = 1};
    probes = wakes = starts_ok = starts_failed = 0;
    closed_code = 0;
    kg_log_set_level(KG_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct kg_kernel *k, *next;
    HASH_ITER(hh, core.kernels, k, next)
        kg_kernel_delete(k);
    if (fake.done)
        fake_refuse_claim(-ECANCELED, "cancelled");
    json_decref(runtime.pool.kernel_start);
    kg_accounts_release(&core);
    fake_reset();
    return 0;
}

static struct kg_kernel *start(void)
{
    struct kg_kernel_start s = {0};
    struct kg_kernel *k = NULL;
    struct kg_err err;
    assert_int_equal(kg_kernel_start(&core, &s, &k, outcome, NULL, &err), 0);
    return k;
}

/* A request's frame, or a kernel's answer to the request of that id. */
static struct kg_buf frame_of(uint8_t channel, const char *type, const char *id,
                              const char *parent_id)
{
    struct kg_buf out = {0};
    char header[200];
    char parent[200] = "{}";
    snprintf(header, sizeof header, "{\"msg_id\":\"%s\",\"msg_type\":\"%s\",\"session\":\"s\"}", id,
             type);
    if (parent_id)
        snprintf(parent, sizeof parent, "{\"msg_id\":\"%s\",\"msg_type\":\"execute_request\"}",
                 parent_id);
    struct jy_msg m = {.channel = channel,
                       .header = {(const uint8_t *)header, strlen(header)},
                       .parent_header = {(const uint8_t *)parent, strlen(parent)},
                       .metadata = {(const uint8_t *)"{}", 2},
                       .content = {(const uint8_t *)"{}", 2}};
    jy_wsframe_append(&out, &m);
    return out;
}

static int request(struct kg_client *c, const char *id)
{
    kg_autobuf f = frame_of(KG_CH_SHELL, "execute_request", id, NULL);
    struct kg_err err;
    return kg_client_send(c, f.data, f.len, &err);
}

static void answer(struct pl_box *b, uint8_t channel, uint8_t kind, const char *type,
                   const char *parent)
{
    kg_autobuf f = frame_of(channel, type, "k1", parent);
    fake_say(b, KG_REC_MSG, channel, kind, f.data, f.len);
}

/* Type of the client's next message; "" when there is none. */
static const char *next_type(struct kg_client *c)
{
    static char type[100];
    struct kg_slice slice;
    struct jy_msg m;
    struct jy_header h;
    if (!kg_client_next(c, &slice))
        return "";
    assert_int_equal(jy_wsframe_split(&m, slice.data, slice.len, NULL), 0);
    assert_int_equal(jy_header_peek(&h, m.header, NULL), 0);
    snprintf(type, sizeof type, "%.*s", (int)h.msg_type.len, (const char *)h.msg_type.data);
    kg_slice_release(&slice);
    return type;
}

static void requests_wait_in_order_for_the_kernel_to_start(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    assert_string_equal(kg_kernel_state_name(k), "starting");
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof id, "m%d", i);
        assert_int_equal(request(c, id), 0);
    }
    struct pl_box *b = fake_give_box();
    assert_int_equal(starts_ok, 1);
    assert_string_equal(kg_kernel_state_name(k), "idle");
    assert_int_equal(b->sends, 5);
    const char *at = (const char *)b->sent.data;
    for (int i = 0; i < 5; i++) {
        char id[12];
        snprintf(id, sizeof id, "\"m%d\"", i);
        const char *found =
            memmem(at, b->sent.len - (size_t)(at - (const char *)b->sent.data), id, strlen(id));
        assert_non_null(found);
        at = found;
    }
}

static void a_start_that_fails_is_told_and_the_kernel_is_dead(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    fake_refuse_claim(-EAGAIN, "no box left");
    assert_int_equal(starts_failed, 1);
    assert_string_equal(kg_kernel_state_name(k), "dead");
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    assert_string_equal(next_type(c), "error");
    assert_string_equal(next_type(c), "execute_reply");
    assert_string_equal(next_type(c), "status");
    assert_string_equal(next_type(c), "");
    assert_null(k->requests);
}

static void replies_go_to_the_asker_and_output_to_all(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *one = kg_client_attach(k, "s1", KG_FROM_NOW, &events, NULL);
    struct kg_client *two = kg_client_attach(k, "s2", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(two, "m"), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_BUSY, "status", "m");
    assert_string_equal(kg_kernel_state_name(k), "busy");
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "stream", "m");
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", "m");
    assert_string_equal(kg_kernel_state_name(k), "idle");
    assert_string_equal(next_type(one), "status");
    assert_string_equal(next_type(one), "stream");
    assert_string_equal(next_type(one), "status");
    assert_string_equal(next_type(one), "");
    assert_string_equal(next_type(two), "status");
    assert_string_equal(next_type(two), "stream");
    assert_string_equal(next_type(two), "execute_reply");
    assert_string_equal(next_type(two), "status");
    assert_null(k->requests);
}

static int say(struct kg_client *c, const char *type, const char *id)
{
    kg_autobuf f = frame_of(KG_CH_SHELL, type, id, NULL);
    struct kg_err err;
    return kg_client_send(c, f.data, f.len, &err);
}

static void messages_without_a_reply_never_fill_the_places_of_those_with_one(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "one", KG_FROM_NOW, &events, NULL);
    /* each gets its idle, as a slider's that is moved for hours */
    for (int i = 0; i < KG_PENDING_MAX + 10; i++) {
        assert_int_equal(say(c, "comm_msg", "m"), 0);
        answer(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", "m");
    }
    assert_null(k->requests);
    /* none gets it, while a cell spins: the handler of the newest may still ask */
    char id[20];
    for (int i = 0; i < KG_PENDING_MAX + 10; i++) {
        snprintf(id, sizeof id, "m%d", i);
        assert_int_equal(say(c, "comm_msg", id), 0);
    }
    assert_int_equal(request(c, "cell"), 0);
    answer(b, KG_CH_STDIN, KG_KIND_INPUT_REQUEST, "input_request", id);
    const char *type;
    while (strcmp(type = next_type(c), "status") == 0)
        ;
    assert_string_equal(type, "input_request");
    /* requests that the kernel does not know end with an idle and no reply */
    for (int i = 0; i < KG_PENDING_MAX + 10; i++) {
        snprintf(id, sizeof id, "u%d", i);
        assert_int_equal(say(c, "nonesuch_request", id), 0);
        answer(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", id);
    }
    /* what has a reply to come is never forgotten for them */
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "cell");
    while (strcmp(type = next_type(c), "status") == 0)
        ;
    assert_string_equal(type, "execute_reply");
    /* and when the kernel ends, no reply is made up for what has none */
    assert_int_equal(say(c, "comm_msg", "last"), 0);
    kg_requests_fail(k, NULL, NULL);
    while (*(type = next_type(c)))
        assert_string_not_equal(type, "comm_msg_reply");
}

static void an_idle_that_is_lost_is_said_in_the_kernels_place(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_BUSY, "status", "m");
    kg_requests_check_idles(k, kg_clock_ms() + 2 * KG_IDLE_LOST_MS);
    assert_string_equal(kg_kernel_state_name(k),
                        "busy"); /* a cell may be silent as long as it likes */
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    kg_requests_check_idles(k, kg_clock_ms());
    assert_string_equal(kg_kernel_state_name(k), "busy");
    kg_requests_check_idles(k, kg_clock_ms() + KG_IDLE_LOST_MS);
    assert_string_equal(kg_kernel_state_name(k), "idle");
    assert_string_equal(next_type(c), "status");
    assert_string_equal(next_type(c), "execute_reply");
    assert_string_equal(next_type(c), "stream");
    assert_string_equal(next_type(c), "status");
    assert_string_equal(next_type(c), "");
    assert_null(k->requests);
    /* the other order owes nothing */
    assert_int_equal(request(c, "n"), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", "n");
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "n");
    assert_null(k->requests);
    assert_int_equal(k->idles_due, 0);
}

static void a_client_that_comes_back_goes_on_where_it_was(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    kg_client_detach(c);
    assert_int_equal(kg_kernel_connections(k), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "stream", "m");
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    struct kg_client *other = kg_client_attach(k, "other", KG_FROM_NOW, &events, NULL);
    struct kg_client *back = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(other), "");
    assert_string_equal(next_type(back), "stream");
    assert_string_equal(next_type(back), "execute_reply");
    assert_string_equal(next_type(back), "");
}

static void a_newer_connection_of_the_same_session_takes_over(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    fake_give_box();
    kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(closed_code, 1008);
    assert_int_equal(kg_kernel_connections(k), 1);
}

/* Number of the client's next message, which must be of this type. */
static uint64_t next_number(struct kg_client *c, const char *type)
{
    struct kg_slice slice;
    struct jy_msg m;
    struct jy_header h;
    assert_true(kg_client_next(c, &slice));
    assert_int_equal(jy_wsframe_split(&m, slice.data, slice.len, NULL), 0);
    assert_int_equal(jy_header_peek(&h, m.header, NULL), 0);
    assert_int_equal(h.msg_type.len, strlen(type));
    assert_memory_equal(h.msg_type.data, type, strlen(type));
    json_t *metadata = json_loadb((const char *)m.metadata.data, m.metadata.len, 0, NULL);
    json_t *seq = json_object_get(json_object_get(metadata, "kgw"), "seq");
    uint64_t number = json_is_integer(seq) ? (uint64_t)json_integer_value(seq) : 0;
    json_decref(metadata);
    kg_slice_release(&slice);
    return number;
}

static void what_a_dead_socket_may_not_have_delivered_comes_again(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "stream", "m");
    assert_string_equal(next_type(c), "stream");
    kg_clients_probe(k);
    assert_int_equal(probes, 1);
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "display_data", "m");
    assert_string_equal(next_type(c), "display_data");
    kg_clients_probe(k); /* one is under way */
    assert_int_equal(probes, 1);
    kg_client_arrived(c); /* the stream, and nothing behind it */
    kg_client_detach(c);
    c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(c), "display_data");
    assert_string_equal(next_type(c), "");
}

static void anybody_goes_on_behind_a_number_exactly_once(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", 0, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_BUSY, "status", "m");
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "stream", "m");
    assert_int_equal(next_number(c, "status"), 256);
    uint64_t seen = next_number(c, "stream");
    assert_int_equal(seen, 512);
    answer(b, KG_CH_IOPUB, KG_KIND_OUTPUT, "display_data", "m");
    kg_client_detach(c);
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    answer(b, KG_CH_IOPUB, KG_KIND_STATUS_IDLE, "status", "m");
    /* another page of the same user: it gets the reply, since who asked is gone */
    c = kg_client_attach(k, "other", seen, &events, NULL);
    assert_int_equal(next_number(c, "display_data"), 768);
    assert_int_equal(next_number(c, "execute_reply"), 1024);
    seen = next_number(c, "status");
    assert_string_equal(next_type(c), "");
    kg_client_detach(c);
    c = kg_client_attach(k, "third", seen, &events, NULL);
    assert_string_equal(next_type(c), "");
    /* who comes without a number gets what comes from now on */
    c = kg_client_attach(k, "plain", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(c), "");
}

static void a_question_is_asked_again_of_who_comes_next(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    answer(b, KG_CH_STDIN, KG_KIND_INPUT_REQUEST, "input_request", "m");
    assert_string_equal(next_type(c), "input_request");
    struct kg_client *second = kg_client_attach(k, "beside", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(second), ""); /* who was asked is here */
    kg_client_detach(second);
    kg_client_detach(c);
    c = kg_client_attach(k, "reloaded", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(c), "input_request");
    kg_autobuf f = frame_of(KG_CH_STDIN, "input_reply", "i", NULL);
    struct kg_err err;
    assert_int_equal(kg_client_send(c, f.data, f.len, &err), 0);
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    assert_string_equal(next_type(c), "execute_reply"); /* it took the cell over */
    kg_client_detach(c);
    c = kg_client_attach(k, "later", KG_FROM_NOW, &events, NULL);
    assert_string_equal(next_type(c), ""); /* answered */
}

static void die(struct pl_box *b, const char *event, uint64_t oom_kills)
{
    fake_say(b, KG_REC_EVENT, KG_CH_NONE, 0, event, strlen(event));
    fake_stats(b, oom_kills);
}

static void a_death_is_explained_to_who_waited_and_the_kernel_starts_again(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    die(b, "{\"event\":\"kernel_exit\",\"exit_code\":null,\"signal\":9}", 1);
    assert_non_null(strstr(k->reason, "out of memory"));
    assert_non_null(strstr(k->reason, "128 MB"));
    assert_string_equal(next_type(c), "error");
    assert_string_equal(next_type(c), "execute_reply");
    assert_string_equal(next_type(c), "status"); /* idle, for the cell */
    assert_string_equal(next_type(c), "status"); /* restarting */
    assert_string_equal(kg_kernel_state_name(k), "restarting");
    assert_string_equal(b->op, "restart");
    assert_int_equal(request(c, "m2"), 0); /* waits */
    assert_int_equal(b->sends, 1);
    fake_reply(b, "{\"ok\":true}");
    assert_string_equal(kg_kernel_state_name(k), "idle");
    assert_int_equal(b->sends, 2);
}

static void a_kernel_that_dies_again_and_again_is_given_up(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    for (int i = 0; i < KG_AUTORESTART_MAX; i++) {
        die(b, "{\"event\":\"kernel_exit\",\"exit_code\":1,\"signal\":null}", 0);
        fake_reply(b, "{\"ok\":true}");
    }
    die(b, "{\"event\":\"kernel_exit\",\"exit_code\":1,\"signal\":null}", 0);
    assert_string_equal(kg_kernel_state_name(k), "dead");
    assert_true(b->destroyed);
}

static void a_restart_answers_what_waited_and_keeps_the_connections(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    kg_kernel_restart(k, outcome, NULL);
    assert_string_equal(next_type(c), "execute_reply");
    assert_string_equal(next_type(c), "status");
    assert_int_equal(request(c, "after"), 0);
    assert_int_equal(starts_ok, 1);
    fake_reply(b, "{\"ok\":true}");
    assert_int_equal(starts_ok, 2);
    assert_int_equal(closed_code, 0);
    assert_int_equal(b->sends, 2);
}

static void a_restart_that_fails_in_place_takes_a_new_box(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    kg_kernel_restart(k, outcome, NULL);
    fake_reply(b, "{\"ok\":false,\"error\":\"no\"}");
    assert_true(b->destroyed);
    assert_int_equal(fake.claims, 2);
    fake_give_box();
    assert_string_equal(kg_kernel_state_name(k), "idle");
    assert_int_equal(starts_ok, 2);
}

static void a_box_that_is_lost_is_replaced(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    assert_int_equal(request(c, "m"), 0);
    b->events->gone(b->user, "PID 1 ended", false);
    assert_string_equal(next_type(c), "error");
    assert_int_equal(fake.claims, 2);
    fake_give_box();
    assert_string_equal(kg_kernel_state_name(k), "idle");
}

static void deleting_while_starting_cancels_and_frees_late(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    kg_kernel_delete(k);
    assert_int_equal(closed_code, 1000);
    assert_int_equal(fake.cancels, 1);
    assert_int_equal(starts_failed, 1);
    struct pl_box *b = fake_give_box(); /* it was on its way already */
    assert_true(b->destroyed);
}

static void a_stalled_reader_loses_output_in_words_and_keeps_its_replies(void **state)
{
    (void)state;
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    kg_clock_freeze(1000000);
    c->reader.progress_ms = 0; /* takes nothing since long: not waited for */
    assert_int_equal(request(c, "m"), 0);
    size_t n = 1 << 20;
    kg_autobuf big = frame_of(KG_CH_IOPUB, "stream", "k", "m");
    kg_buf_reserve(&big, n);
    for (int i = 0; i < 60; i++)
        fake_say(b, KG_REC_MSG, KG_CH_IOPUB, KG_KIND_OUTPUT, big.data, n);
    answer(b, KG_CH_SHELL, KG_KIND_REPLY, "execute_reply", "m");
    kg_clock_thaw();
    assert_false(b->held);
    assert_true(k->journal.lane[KG_LANE_OUTPUT].bytes <= KG_JOURNAL_OUTPUT_BYTES);
    struct kg_slice slice;
    struct jy_msg m;
    assert_true(kg_client_next(c, &slice));
    assert_int_equal(jy_wsframe_split(&m, slice.data, slice.len, NULL), 0);
    assert_non_null(memmem(m.metadata.data, m.metadata.len, "\"messages\":28", 13));
    kg_slice_release(&slice);
    size_t outputs = 0;
    while (kg_client_next(c, &slice)) {
        outputs++;
        kg_slice_release(&slice);
    }
    assert_int_equal(outputs, 32 + 1);
}

static void a_reader_that_keeps_moving_holds_the_box_back_for_a_while(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    core.holds = kg_malloc(sizeof *core.holds);
    uv_timer_init(&loop, core.holds);
    kg_clock_freeze(1000000); /* however slow the machine: the reader is not late yet */
    struct kg_kernel *k = start();
    struct pl_box *b = fake_give_box();
    struct kg_client *c = kg_client_attach(k, "s", KG_FROM_NOW, &events, NULL);
    size_t n = 1 << 20;
    uint8_t *data = kg_calloc(1, n);
    for (int i = 0; i < 40; i++)
        fake_say(b, KG_REC_MSG, KG_CH_IOPUB, KG_KIND_OUTPUT, data, n);
    assert_true(b->held);
    struct kg_slice slice;
    for (int i = 0; i < 30; i++) {
        assert_true(kg_client_next(c, &slice));
        kg_slice_release(&slice);
    }
    kg_client_read_done(c);
    assert_false(b->held);
    kg_clock_thaw();
    free(data);
    uv_close((uv_handle_t *)core.holds, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    free(core.holds);
}

static void bad_starts_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct kg_kernel *k;
    struct kg_err err;
    struct kg_kernel_start s = {.name = "cobol"};
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), -ENOENT);
    s = (struct kg_kernel_start){.kernel_id = "not-a-uuid"};
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), -EINVAL);
    s = (struct kg_kernel_start){.env = json_pack("{s:i}", "A", 1)};
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), -EINVAL);
    json_decref(s.env);
    s = (struct kg_kernel_start){.kernel_id = "0b0b0b0b-0000-4000-8000-00000000000A"};
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), 0);
    fake_give_box();
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), -EEXIST);
    start();
    fake_give_box();
    s = (struct kg_kernel_start){0};
    assert_int_equal(kg_kernel_start(&core, &s, &k, NULL, NULL, &err), -EAGAIN);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(requests_wait_in_order_for_the_kernel_to_start),
        T(a_start_that_fails_is_told_and_the_kernel_is_dead),
        T(replies_go_to_the_asker_and_output_to_all),
        T(messages_without_a_reply_never_fill_the_places_of_those_with_one),
        T(an_idle_that_is_lost_is_said_in_the_kernels_place),
        T(a_client_that_comes_back_goes_on_where_it_was),
        T(what_a_dead_socket_may_not_have_delivered_comes_again),
        T(anybody_goes_on_behind_a_number_exactly_once),
        T(a_question_is_asked_again_of_who_comes_next),
        T(a_newer_connection_of_the_same_session_takes_over),
        T(a_death_is_explained_to_who_waited_and_the_kernel_starts_again),
        T(a_kernel_that_dies_again_and_again_is_given_up),
        T(a_restart_answers_what_waited_and_keeps_the_connections),
        T(a_restart_that_fails_in_place_takes_a_new_box),
        T(a_box_that_is_lost_is_replaced),
        T(deleting_while_starting_cancels_and_frees_late),
        T(a_stalled_reader_loses_output_in_words_and_keeps_its_replies),
        T(a_reader_that_keeps_moving_holds_the_box_back_for_a_while),
        T(bad_starts_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

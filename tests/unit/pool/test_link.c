#include "fake.h"

/* The link as a claimed box's owner sees it; the agent is played by hand. */
static struct fake_agent *claimed(struct fake *f, struct got *g)
{
    f->runtimes[0].kernel_limits = f->runtimes[0].program_limits;
    claim_kind(g, f, PL_PROGRAM);
    until(f, g->calls == 1);
    assert_non_null(g->box);
    return fake_find(f, pl_box_id(g->box));
}

static struct fake_agent *open_claimed(void **state, struct got *g)
{
    fake_open(*state);
    return claimed(*state, g);
}

static void messages_go_both_ways_in_order(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct kg_err err = {0};
    struct fake_agent *a = open_claimed(state, &g);
    for (int i = 0; i < 3; i++) {
        char text[2] = {(char)('a' + i), 0};
        fake_say(a, i == 1 ? KG_REC_EVENT : KG_REC_MSG, text);
        assert_int_equal(pl_box_send(g.box, KG_CH_SHELL, text, 1, &err), 0);
    }
    assert_int_equal(pl_box_send(g.box, KG_CH_COUNT, "x", 1, &err), -EINVAL);
    until(f, g.records == 3 && a->messages.len == 3);
    assert_memory_equal(g.bodies.data, "abc", 3);
    assert_memory_equal(a->messages.data, "abc", 3);
    until(f, a->acked == 3); /* at the tick */
    kg_buf_release(&g.bodies);
}

static void much_output_is_acknowledged_before_the_tick(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct fake_agent *a = open_claimed(state, &g);
    size_t n = PL_LINK_ACK_BYTES + 1;
    kg_autofree char *body = kg_calloc(1, n);
    int size = 1024 * 1024;
    setsockopt(a->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    fake_send(a, KG_REC_MSG, KG_CH_IOPUB, ++a->next_seq, body, n);
    uint64_t before = kg_clock_ms();
    until(f, a->acked == 1);
    if (kg_clock_ms() - before < PL_TICK_MS) /* else the machine was asleep, and nothing is shown */
        assert_int_equal(g.bodies.len, n);
    kg_buf_release(&g.bodies);
}

static void a_silent_peer_and_a_wrong_user_do_not_become_a_box(void **state)
{
    static const enum mood moods[] = {SILENT, ABSENT, WRONG_BOX, WRONG_UID};
    struct fake *f = *state;
    f->tuning.hello_ms = 20;
    f->tuning.boot_ms = 60;
    fake_open(f);
    for (size_t i = 0; i < KG_COUNT(moods); i++) {
        struct got g;
        f->mood = moods[i];
        claim_kind(&g, f, PL_PROGRAM);
        until(f, g.calls == 1);
        assert_null(g.box);
        assert_int_equal(g.err.code, -ETIMEDOUT);
        assert_non_null(strstr(g.err.text, "hello"));
    }
    until(f, f->pool->box_count == 0);
    assert_int_equal(fake_boxes(f), 0);
}

static void broken_records_end_the_box(void **state)
{
    static const enum mood moods[] = {GARBAGE, OVERSIZE};
    struct fake *f = *state;
    fake_open(f);
    for (size_t i = 0; i < KG_COUNT(moods); i++) {
        struct got g;
        f->mood = moods[i];
        claim_kind(&g, f, PL_PROGRAM);
        until(f, g.calls == 1);
        if (g.box) /* the hello alone was read first */
            until(f, g.gone == 1);
        else
            assert_true(g.err.code < 0);
        until(f, f->pool->box_count == 0);
    }
}

static void gateway_records_from_an_agent_end_the_box(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct fake_agent *a = open_claimed(state, &g);
    fake_send(a, KG_REC_ACK, KG_CH_NONE, 1, "", 0);
    until(f, g.gone == 1);
    assert_non_null(strstr(g.why, "not the agent's to send"));
}

static void a_dropped_connection_goes_on_where_it_was(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct kg_err err = {0};
    struct fake_agent *a = open_claimed(state, &g);
    fake_say(a, KG_REC_MSG, "one");
    until(f, g.records == 1);
    fake_hang_up(a);
    fake_steps(f, 5);
    assert_int_equal(g.gone, 0);
    assert_int_equal(pl_box_send(g.box, KG_CH_SHELL, "kept", 4, &err), 0);
    fake_dial(a);
    until(f, a->welcome && a->messages.len == 4);
    assert_int_equal(a->from_seq, 2);
    assert_memory_equal(a->messages.data, "kept", 4);
    a->next_seq = 0;
    fake_say(a, KG_REC_MSG, "one"); /* sent again: not delivered again */
    fake_say(a, KG_REC_MSG, "two");
    until(f, g.records == 2);
    assert_memory_equal(g.bodies.data, "onetwo", 6);
    kg_buf_release(&g.bodies);
}

static void an_agent_that_stays_away_is_gone(void **state)
{
    struct fake *f = *state;
    struct got g;
    f->tuning.redial_ms = 20;
    struct fake_agent *a = open_claimed(state, &g);
    fake_hang_up(a);
    until(f, g.gone == 1);
    assert_non_null(strstr(g.why, "dial again"));
    until(f, f->pool->box_count == 0);
}

struct answer {
    int calls;
    struct kg_err err;
    json_t *reply;
};

static void on_answer(void *user, const json_t *reply, const struct kg_err *err)
{
    struct answer *a = user;
    a->calls++;
    a->reply = json_deep_copy(reply);
    if (err)
        a->err = *err;
}

static void requests_are_answered_once(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct answer yes = {0};
    struct answer no = {0};
    struct fake_agent *a = open_claimed(state, &g);
    pl_box_request(g.box, "files.put", json_pack("{s:s}", "path", "a"), "content", 7, on_answer,
                   &yes);
    pl_box_request(g.box, "refuse", NULL, NULL, 0, on_answer, &no);
    assert_int_equal(yes.calls, 0);
    until(f, yes.calls && no.calls);
    assert_true(json_is_true(json_object_get(yes.reply, "ok")));
    assert_true(json_is_false(json_object_get(no.reply, "ok")));
    assert_int_equal(no.err.code, 0); /* a refusal is an answer */
    assert_int_equal(a->data.len, 7);
    json_decref(yes.reply);
    json_decref(no.reply);
    fake_steps(f, 5);
    assert_int_equal(yes.calls + no.calls, 2);
}

static void requests_end_with_their_link_or_box(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct answer lost = {0};
    struct answer cancelled = {0};
    struct answer huge = {0};
    struct fake_agent *a = open_claimed(state, &g);
    pl_box_request(g.box, "never", NULL, NULL, 0, on_answer, &lost);
    fake_steps(f, 3);
    fake_hang_up(a);
    until(f, lost.calls == 1);
    assert_int_equal(lost.err.code, -ECONNRESET);
    fake_dial(a);
    until(f, a->welcome);
    pl_box_request(g.box, "huge", NULL, "", (size_t)PL_LINK_OUT_MAX + 1, on_answer, &huge);
    pl_box_request(g.box, "never", NULL, NULL, 0, on_answer, &cancelled);
    pl_box_destroy(g.box);
    assert_int_equal(cancelled.calls, 0);
    until(f, cancelled.calls == 1 && huge.calls == 1);
    assert_int_equal(cancelled.err.code, -ECANCELED);
    assert_int_equal(huge.err.code, -EMSGSIZE);
    assert_int_equal(g.gone, 0);
}

static void a_sender_is_told_when_too_much_waits(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct kg_err err = {0};
    struct fake_agent *a = open_claimed(state, &g);
    size_t n = 4 * 1024 * 1024;
    kg_autofree char *frame = kg_malloc(n);
    int sent = 0;
    memset(frame, 'x', n);
    fake_hang_up(a);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    while (pl_box_send(g.box, KG_CH_SHELL, frame, n, &err) == 0)
        assert_in_range(++sent, 1, 17);
    assert_int_equal(err.code, -ENOBUFS);
    assert_int_equal(sent, 16);
    fake_dial(a);
    until(f, a->messages.len == n * (size_t)sent); /* none is lost or cut */
    assert_int_equal(pl_box_send(g.box, KG_CH_SHELL, frame, n, &err), 0);
    until(f, a->messages.len == n * 17);
    for (size_t i = 0; i < a->messages.len; i += 4096)
        assert_int_equal(a->messages.data[i], 'x');
}

static void a_held_box_is_not_read(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct fake_agent *a = open_claimed(state, &g);
    pl_box_hold(g.box, true);
    fake_say(a, KG_REC_MSG, "x");
    fake_say(a, KG_REC_MSG, "y");
    fake_steps(f, 20);
    assert_int_equal(g.records, 0);
    pl_box_hold(g.box, false);
    until(f, g.records == 2);
    kg_buf_release(&g.bodies);
}

static void hold_in_the_middle(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct got *g = user;
    (void)rec;
    (void)body;
    g->records++;
    pl_box_hold(g->box, true);
}

static const struct pl_box_events holding = {.record = hold_in_the_middle};

static void hold_takes_effect_between_two_records(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct fake_agent *a = open_claimed(state, &g);
    pl_box_set_events(g.box, &holding, &g);
    for (int i = 0; i < 3; i++)
        fake_say(a, KG_REC_MSG, "x");
    for (int i = 1; i <= 3; i++) {
        until(f, g.records == i);
        fake_steps(f, 3);
        assert_int_equal(g.records, i);
        pl_box_hold(g.box, false);
    }
}

static void destroy_in_the_middle(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct got *g = user;
    g->records++;
    pl_box_destroy(g->box);
    assert_int_equal(rec->body_len, 5);
    assert_memory_equal(body.data, "first", 5); /* valid until the call returns */
}

static const struct pl_box_events destroying = {.record = destroy_in_the_middle};

static void a_box_may_be_destroyed_by_its_own_message(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct fake_agent *a = open_claimed(state, &g);
    pl_box_set_events(g.box, &destroying, &g);
    fake_say(a, KG_REC_MSG, "first");
    fake_say(a, KG_REC_MSG, "second");
    until(f, f->pool->box_count == 0);
    assert_int_equal(g.records, 1);
}

static void a_kernel_starts_again_in_its_box(void **state)
{
    struct fake *f = *state;
    struct got g;
    struct answer again = {0};
    fake_ops.caps = PL_ENGINE_LIMITS;
    fake_open(f);
    claim_kind(&g, f, PL_KERNEL);
    until(f, g.calls == 1);
    struct fake_agent *a = fake_find(f, pl_box_id(g.box));
    json_t *env = json_pack("{s:s}", "B", "2");
    pl_box_restart_kernel(g.box, env, "/work/y", on_answer, &again);
    json_decref(env);
    until(f, again.calls == 1);
    assert_int_equal(again.err.code, 0);
    assert_string_equal(json_string_value(json_object_get(again.reply, "implementation")), "fake");
    json_decref(again.reply);
    assert_int_equal(a->stops, 1);
    assert_int_equal(a->starts, 2);
    json_t *got = json_object_get(a->started, "env");
    assert_string_equal(json_string_value(json_object_get(got, "A")), "1");
    assert_string_equal(json_string_value(json_object_get(got, "B")), "2");
    assert_string_equal(json_string_value(json_object_get(a->started, "cwd")), "/work/y");
    assert_int_equal(a->limits.cpu_milli, 500); /* what was lent is back */
    a->mood = NO_KERNEL;
    again = (struct answer){0};
    pl_box_restart_kernel(g.box, NULL, NULL, on_answer, &again);
    until(f, again.calls == 1);
    assert_int_equal(again.err.code, -EIO);
    assert_string_equal(again.err.text, "start kernel: no module named ipykernel");
    a->mood = SLOW_KERNEL;
    again = (struct answer){0};
    pl_box_restart_kernel(g.box, NULL, NULL, on_answer, &again);
    fake_steps(f, 10);
    pl_box_destroy(g.box);
    until(f, again.calls == 1);
    assert_int_equal(again.err.code, -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(messages_go_both_ways_in_order),
        pool_test(much_output_is_acknowledged_before_the_tick),
        pool_test(a_silent_peer_and_a_wrong_user_do_not_become_a_box),
        pool_test(broken_records_end_the_box),
        pool_test(gateway_records_from_an_agent_end_the_box),
        pool_test(a_dropped_connection_goes_on_where_it_was),
        pool_test(an_agent_that_stays_away_is_gone),
        pool_test(requests_are_answered_once),
        pool_test(requests_end_with_their_link_or_box),
        pool_test(a_sender_is_told_when_too_much_waits),
        pool_test(a_held_box_is_not_read),
        pool_test(hold_takes_effect_between_two_records),
        pool_test(a_box_may_be_destroyed_by_its_own_message),
        pool_test(a_kernel_starts_again_in_its_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

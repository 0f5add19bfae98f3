#include "kernelgw/core/cell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "jupyter/message.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/cell_times.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/content.h"
#include "kernelgw/core/outputs.h"

enum {
    INTERRUPT_MS = 500,
    INTERRUPTS = 10,
    READS_A_TURN = 64,
    WAIT_TICK_MS = 250,            /* between looks at whether a kernel that starts is ready */
    MESSAGE_WEIGHT_MAX = 64 << 20, /* of one message's values, beside its text */
    VALUES_COUNT = 4,              /* a part of what they take in memory counts as output */
    WAIT_LEAST_MS = 5000,          /* for its turn, however short its timeout */
    RESUME_CHECK_MS = 500,
};

struct kg_cell {
    struct kg_client *client; /* NULL once the kernel is gone */
    const struct kg_cell_events *events;
    void *user;
    uv_timer_t turn; /* reads on from the loop, not from inside of whoever woke us */
    uv_timer_t
        limit; /* the timeout, and then between interrupts; of one taken up, until it is heard of */
    int closing;
    char msg_id[KG_UUID_SIZE];
    json_t *reply;
    json_t *times;
    struct kg_outputs outputs;
    json_t *kept; /* of one that is taken up: what was written down, until it is used */
    bool begun, idle, timed_out, stopped, cancelled;
    bool
        passed; /* the kernel has begun with a later cell: this one is over, whatever is still to be read of it */
    uint64_t timeout_ms, waited_ms; /* for its turn */
    bool resumed, heard;
    struct kg_cell
        *barrier; /* behind one that was taken up: when it has run, the other has ended */
    int interrupts;
    uint64_t began_ms;
    char why[KG_ERR_TEXT_MAX];
};

static void on_handle_closed(uv_handle_t *h)
{
    struct kg_cell *c = h->data;
    if (--c->closing == 0)
        free(c);
}

/* NOLINTNEXTLINE(misc-no-recursion): a barrier has none of its own */
static void release(struct kg_cell *c)
{
    if (c->barrier)
        kg_cell_leave(kg_steal(&c->barrier));
    if (c->client) {
        c->client->session_id[0] = 0; /* no place is kept for it */
        kg_client_detach(c->client);
    }
    c->client = NULL;
    json_decref(c->kept);
    json_decref(c->reply);
    json_decref(c->times);
    kg_outputs_release(&c->outputs);
    c->closing = 2;
    uv_close((uv_handle_t *)&c->turn, on_handle_closed);
    uv_close((uv_handle_t *)&c->limit, on_handle_closed);
}

json_t *kg_cell_outputs(const struct kg_cell *c)
{
    return kg_outputs_list(&c->outputs);
}

json_t *kg_cell_times(const struct kg_cell *c)
{
    return c->times;
}

/* The last callback; what comes afterwards is nobody's. */
static void tell_end(struct kg_cell *c)
{
    json_t *outputs = kg_cell_outputs(c);
    kg_outputs_hand_on(&c->outputs);
    const struct kg_cell_end told = {
        .reply = c->reply,
        .outputs = outputs,
        .times = c->times,
        .timed_out = c->timed_out,
        .why = c->reply ? NULL : c->why,
        .bytes = c->outputs.bytes,
        .wall_ms = kg_clock_ms() - c->began_ms,
    };
    if (!c->cancelled)
        c->events->ended(c->user, &told);
    c->cancelled = true;
    c->outputs.earlier = NULL;
    json_decref(outputs);
}

static void end(struct kg_cell *c)
{
    tell_end(c);
    release(c);
}

static void take_output(struct kg_cell *c, struct kg_span type, const json_t *content, size_t n)
{
    json_t *output = kg_output_of(type, content);
    if (!output)
        return;
    if (!content) { /* it can't be read */
        kg_outputs_leave_out(&c->outputs, n);
        json_decref(output);
        return;
    }
    if (c->events->output && !c->cancelled)
        c->events->output(c->user, output);
    kg_outputs_take(&c->outputs, output, n);
    json_decref(output);
}

static void on_limit(uv_timer_t *timer);

/* A kernel that hangs, or is busy with another's cell, never begins with this one. Nothing takes a request out of a kernel's
 * queue: whoever asked is told, and the cell stays to be interrupted if its turn comes after all. */
static void wait_on(struct kg_cell *c)
{
    uint64_t most = c->timeout_ms > WAIT_LEAST_MS ? c->timeout_ms : WAIT_LEAST_MS;
    if (c->client && c->client->kernel->ready) /* a start has limits of its own */
        c->waited_ms += WAIT_TICK_MS;
    if (c->waited_ms <= most) {
        uv_timer_start(&c->limit, on_limit, WAIT_TICK_MS, 0);
        return;
    }
    snprintf(c->why, sizeof c->why,
             "the kernel did not begin with the cell within %llu s; it interrupts it if it does",
             (unsigned long long)(most / 1000));
    c->timed_out = true;
    tell_end(c);
}

/* Its time is up. A kernel that is about to begin a cell passes over an interrupt: so it is sent again, as long as it can hit
 * nobody else's cell. */
static void on_limit(uv_timer_t *timer)
{
    struct kg_cell *c = timer->data;
    struct kg_err err = {0};
    if (!c->begun && !c->stopped) {
        wait_on(c);
        return;
    }
    if (c->interrupts++ == INTERRUPTS) {
        snprintf(c->why, sizeof c->why, "the cell did not heed its interrupts, and goes on");
        if (c->begun)
            end(c);
        else
            tell_end(c);
        return;
    }
    if (c->begun && c->client && !c->reply && !c->idle && !c->passed) {
        c->timed_out = !c->stopped;
        kg_kernel_interrupt(c->client->kernel, &err);
    }
    uv_timer_start(timer, on_limit, INTERRUPT_MS, 0);
}

/* It runs: from here on its time counts. */
static void begin(struct kg_cell *c)
{
    bool at_once = c->cancelled || c->stopped;
    c->begun = true;
    if (c->timeout_ms || at_once)
        uv_timer_start(&c->limit, on_limit, at_once ? 0 : c->timeout_ms, 0);
}

/* Of another request: does it tell that the kernel is past this cell? */
static void take_other(struct kg_cell *c, const struct jy_msg *msg, const struct jy_header *header,
                       const struct jy_header *parent)
{
    if (!c->begun || !kg_span_is(header->msg_type, "status") ||
        !kg_span_is(parent->msg_type, "execute_request"))
        return;
    struct kg_span state;
    if (jy_json_find_string(msg->content, "execution_state", &state, NULL) == 1)
        c->passed = c->passed || jy_text_is(state, "busy");
}

/* What was written down of a cell that was taken up stands before what is still to be had of it. */
static void use_kept(struct kg_cell *c)
{
    kg_outputs_replace(&c->outputs, kg_steal(&c->kept));
}

static bool is_gap(const struct jy_msg *msg)
{
    json_t *metadata = json_loadb((const char *)msg->metadata.data, msg->metadata.len, 0, NULL);
    bool gap = json_object_get(json_object_get(metadata, "kgw"), "gap") != NULL;
    json_decref(metadata);
    return gap;
}

/* Of a cell that was taken up: is its beginning here, and is all of it behind that? */
static void hear(struct kg_cell *c, const struct jy_msg *msg, const json_t *content)
{
    static const char note[] =
        "\n[kernelgw: the server was restarted here; outputs may be missing, or here twice]\n";
    const char *state = json_string_value(json_object_get(content, "execution_state"));
    bool is_busy = state && strcmp(state, "busy") == 0;
    bool first = !c->heard;
    c->heard = true;
    if (first && !is_busy && c->kept) {
        use_kept(c);
        json_array_append_new(c->outputs.list, json_pack("{s:s,s:s,s:s}", "output_type", "stream",
                                                         "name", "stderr", "text", note));
        begin(c);
    } else if (c->kept && is_gap(msg)) { /* which tells itself what is missing */
        use_kept(c);
    }
}

/* What stands for a reply of so many values that they would take the server's memory, or one that is no JSON: a box makes what
 * it likes. */
static json_t *reply_left_out(const char *ename, const char *evalue)
{
    return json_pack("{s:s,s:s,s:s,s:[]}", "status", "error", "ename", ename, "evalue", evalue,
                     "traceback");
}

static void take(struct kg_cell *c, const struct kg_slice *frame)
{
    struct jy_msg msg;
    struct jy_header header, parent;
    if (jy_wsframe_split(&msg, frame->data, frame->len, NULL) < 0 ||
        jy_header_peek(&header, msg.header, NULL) < 0 ||
        jy_header_peek(&parent, msg.parent_header, NULL) < 0)
        return;
    if (!kg_span_is(parent.msg_id, c->msg_id)) {
        take_other(c, &msg, &header, &parent);
        return;
    }
    size_t weight = kg_json_weight(msg.content.data, msg.content.len);
    bool heavy = weight > msg.content.len + MESSAGE_WEIGHT_MAX;
    if (heavy && msg.channel == KG_CH_IOPUB) {
        kg_outputs_leave_out(&c->outputs, msg.content.len);
        return;
    }
    json_t *content = heavy ? reply_left_out("ReplyTooLarge", "the reply holds too many values")
                            : kg_content_load(msg.content);
    if (c->resumed)
        hear(c, &msg, content);
    kg_cell_times_take(c->times, &msg, &header, content);
    if (msg.channel == KG_CH_SHELL && kg_span_is(header.msg_type, "execute_reply")) {
        json_decref(c->reply);
        c->reply = content ? json_incref(content)
                           : reply_left_out("ReplyUnreadable", "the kernel's reply can't be read");
    } else if (kg_span_is(header.msg_type, "status")) {
        const char *state = json_string_value(json_object_get(content, "execution_state"));
        c->idle = c->idle || (state && strcmp(state, "idle") == 0);
        if (state && strcmp(state, "busy") == 0)
            begin(c);
    } else if (msg.channel == KG_CH_IOPUB) {
        size_t counts = weight / VALUES_COUNT;
        take_output(c, header.msg_type, content,
                    counts > msg.content.len ? counts : msg.content.len);
    }
    json_decref(content);
}

static void on_turn(uv_timer_t *timer)
{
    struct kg_cell *c = timer->data;
    struct kg_slice slice;
    int n = 0;
    while (c->client && n++ < READS_A_TURN && kg_client_next(c->client, &slice)) {
        take(c, &slice);
        kg_slice_release(&slice);
    }
    if (c->client)
        kg_client_read_done(c->client);
    if ((c->reply && c->idle) || !c->client)
        end(c);
    else if (n > READS_A_TURN)
        uv_timer_start(timer, on_turn, 0, 0);
}

static void wake(void *user)
{
    struct kg_cell *c = user;
    uv_timer_start(&c->turn, on_turn, 0, 0);
}

/* To read is to have: there is no connection that could lose it. */
static void probe(void *user)
{
    struct kg_cell *c = user;
    kg_client_arrived(c->client);
}

static void closed(void *user, int code, const char *reason)
{
    struct kg_cell *c = user;
    (void)code;
    c->client = NULL;
    snprintf(c->why, sizeof c->why, "%s", reason);
    wake(c);
}

static const struct kg_client_events client_events = {
    .wake = wake, .probe = probe, .closed = closed};

static void on_barrier(void *user, const struct kg_cell_end *told)
{
    struct kg_cell *c = user;
    (void)told;
    c->barrier = NULL;
    if (c->heard)
        return; /* meanwhile, and it ends by itself */
    use_kept(c);
    snprintf(c->why, sizeof c->why, "how it ended while the server was away is no longer kept");
    end(c);
}

static const struct kg_cell_events barrier_events = {.ended = on_barrier};

/*
 * When the kernel is there, and has told all that is still kept, and nothing of a cell that was taken up is among it: it may
 * run, and be silent, or its end may be lost. An empty cell is put behind it, which tells.
 */
static void on_resume_check(uv_timer_t *timer)
{
    static const struct kg_cell_config empty = {.code = "", .silent = true};
    struct kg_cell *c = timer->data;
    struct kg_kernel *k = c->client ? c->client->kernel : NULL;
    struct kg_err err;
    if (c->heard || !k)
        return; /* it was heard of: from then on its own time counts */
    if (k->ready && !k->journal.refilling)
        c->barrier = kg_cell_start(k, &empty, &barrier_events, c, &err);
    else
        uv_timer_start(timer, on_resume_check, RESUME_CHECK_MS, 0);
}

static int send_request(struct kg_cell *c, const struct kg_cell_config *config, struct kg_err *err)
{
    kg_autobuf header = {0}, content = {0}, frame = {0};
    struct kg_json j;
    jy_header_write(&header, &(struct jy_header_fields){.msg_id = c->msg_id,
                                                        .msg_type = "execute_request",
                                                        .session = c->msg_id,
                                                        .username = "kernelgw"});
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "code", config->code);
    kg_json_kbool(&j, "silent", config->silent);
    kg_json_kbool(&j, "store_history", config->store_history && !config->silent);
    kg_json_key(&j, "user_expressions");
    kg_json_raw(&j, "{}", 2);
    kg_json_kbool(&j, "allow_stdin", false);
    kg_json_kbool(&j, "stop_on_error", config->stop_on_error);
    kg_json_object_end(&j);
    const struct jy_msg msg = {
        .channel = KG_CH_SHELL,
        .header = kg_span_of(header.data, header.len),
        .parent_header = kg_span_str("{}"),
        .metadata = kg_span_str("{}"),
        .content = kg_span_of(content.data, content.len),
    };
    jy_wsframe_append(&frame, &msg);
    return kg_client_send(c->client, frame.data, frame.len, err);
}

struct kg_cell *kg_cell_start(struct kg_kernel *k, const struct kg_cell_config *config,
                              const struct kg_cell_events *events, void *user, struct kg_err *err)
{
    struct kg_cell *c = kg_calloc(1, sizeof *c);
    c->events = events;
    c->user = user;
    kg_outputs_init(&c->outputs, config->max_bytes, config->displays);
    c->times = json_object();
    c->timeout_ms = config->timeout_ms;
    c->began_ms = kg_clock_ms();
    c->resumed = config->resume;
    if (config->msg_id)
        snprintf(c->msg_id, sizeof c->msg_id, "%s", config->msg_id);
    else
        kg_uuid4(c->msg_id);
    uv_timer_init(k->core->loop, &c->turn);
    uv_timer_init(k->core->loop, &c->limit);
    c->turn.data = c->limit.data = c;
    c->client = kg_client_attach(k, c->resumed ? c->msg_id : NULL,
                                 c->resumed ? KG_FROM_START : KG_FROM_NOW, &client_events, c);
    c->client->internal = true;
    if (c->resumed) {
        c->kept = config->kept ? json_copy((json_t *)(uintptr_t)config->kept) : json_array();
        uv_timer_start(&c->limit, on_resume_check, RESUME_CHECK_MS, 0);
        wake(c);
    }
    if (send_request(c, config, err) < 0) {
        release(c);
        return NULL;
    }
    if (c->timeout_ms && !c->resumed) /* whose time counts from when it is heard of */
        uv_timer_start(&c->limit, on_limit, WAIT_TICK_MS, 0);
    return c;
}

/* NOLINTNEXTLINE(misc-no-recursion): as release */
void kg_cell_leave(struct kg_cell *c)
{
    release(c);
}

void kg_cell_stop(struct kg_cell *c)
{
    c->stopped = true;
    uv_timer_start(&c->limit, on_limit, 0, 0);
}

void kg_cell_cancel(struct kg_cell *c)
{
    c->cancelled = true;
    c->outputs.earlier = NULL;
    if (c->begun)
        uv_timer_start(&c->limit, on_limit, 0, 0);
}

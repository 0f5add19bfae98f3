#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "runtimes/kernelkit/kit_inside.h"

void kk_kit_status(struct kk_kit *k, const struct kk_request *r, bool busy)
{
    kk_messages_set_parent(&k->out, r->msg.header);
    kk_messages_status(&k->out, busy);
}

void kk_kit_reply_type(char *out, size_t size, const struct kk_request *r)
{
    static const char tail[] = "_request";
    size_t n = r->type.len;
    if (n > sizeof tail - 1 &&
        memcmp(r->type.data + n - (sizeof tail - 1), tail, sizeof tail - 1) == 0)
        n -= sizeof tail - 1;
    snprintf(out, size, "%.*s_reply", (int)(n < 64 ? n : 64), (const char *)r->type.data);
}

void kk_kit_refuse(struct kk_kit *k, const struct kk_request *r, const char *ename,
                   const char *evalue)
{
    char type[80];
    kk_kit_reply_type(type, sizeof type, r);
    kk_messages_set_parent(&k->out, r->msg.header);
    struct kg_json *j = kk_messages_begin(&k->out);
    kg_json_kstr(j, "status", "error");
    kg_json_kstr(j, "ename", ename);
    kg_json_kstr(j, "evalue", evalue);
    kk_json_kraw(j, "traceback", (struct kg_span){0}, "[]");
    if (jy_text_is(r->type, "execute_request"))
        kg_json_kint(j, "execution_count", k->next_count - 1);
    kk_messages_end(&k->out, r->msg.channel, type, KG_KIND_REPLY);
}

static void interrupt(struct kk_kit *k, const struct kk_request *r)
{
    struct kg_err err = {0};
    kk_kit_interrupt(k, &err);
    kk_messages_set_parent(&k->out, r->msg.header);
    kg_json_kstr(kk_messages_begin(&k->out), "status", "ok");
    kk_messages_end(&k->out, r->msg.channel, "interrupt_reply", KG_KIND_REPLY);
}

/* Told to the asker and, as ipykernel does, to everybody. */
static void shut_down(struct kk_kit *k, const struct kk_request *r)
{
    bool restart = false;
    const struct kk_field field = {"restart", KK_BOOL, &restart, false};
    kk_content_read(r->msg.content, &field, 1, NULL);
    const struct {
        uint8_t channel;
        enum kg_rec_kind kind;
    } to[] = {{r->msg.channel, KG_KIND_REPLY}, {KG_CH_IOPUB, KG_KIND_OTHER}};
    kk_messages_set_parent(&k->out, r->msg.header);
    for (size_t i = 0; i < KG_COUNT(to); i++) {
        struct kg_json *j = kk_messages_begin(&k->out);
        kg_json_kstr(j, "status", "ok");
        kg_json_kbool(j, "restart", restart);
        kk_messages_end(&k->out, to[i].channel, "shutdown_reply", to[i].kind);
    }
    k->shut_down = true;
}

/* Answered in the debugger's own protocol, so that a client's debugger shows the sentence. */
static void refuse_debug(struct kk_kit *k, const struct kk_request *r)
{
    struct kg_span command = {0};
    int64_t seq = 0;
    const struct kk_field fields[] = {{"command", KK_TEXT, &command, false},
                                      {"seq", KK_INT, &seq, false}};
    kk_content_read(r->msg.content, fields, KG_COUNT(fields), NULL);
    kk_messages_set_parent(&k->out, r->msg.header);
    struct kg_json *j = kk_messages_begin(&k->out);
    kg_json_kstr(j, "type", "response");
    kg_json_kint(j, "seq", seq);
    kg_json_kint(j, "request_seq", seq);
    kg_json_kbool(j, "success", false);
    kg_json_key(j, "command");
    kk_json_text(j, command);
    kg_json_kstr(j, "message", "this kernel has no debugger");
    kk_messages_end(&k->out, r->msg.channel, "debug_reply", KG_KIND_REPLY);
}

static void ignore(struct kk_kit *k, const struct kk_request *r)
{
    (void)k;
    (void)r;
}

/* Requests that need no evaluator. Those at once are answered whatever runs; the others in their turn. */
static const struct {
    const char *type;
    void (*answer)(struct kk_kit *k, const struct kk_request *r);
    bool at_once, on_control, on_shell;
} answers[] = {
    {"kernel_info_request", kk_kit_info, true, true, true},
    {"interrupt_request", interrupt, true, true, false},
    {"shutdown_request", shut_down, true, true, true},
    {"debug_request", refuse_debug, true, true, false},
    {"history_request", kk_kit_history, false, false, true},
    {"comm_info_request", kk_kit_comm_info, false, false, true},
    {"comm_open", kk_kit_comm_open, false, false, true},
    {"comm_msg", ignore, false, false, true},
    {"comm_close", ignore, false, false, true},
};

/* What the evaluator works on. */
static const struct {
    const char *type;
    void (*begin)(struct kk_kit *k, struct kk_request *r);
} jobs[] = {
    {"execute_request", kk_kit_execute},
    {"complete_request", kk_kit_ask},
    {"inspect_request", kk_kit_ask},
    {"is_complete_request", kk_kit_ask},
};

/* KG_COUNT(answers) when it is none of these. */
static size_t find_answer(const struct kk_request *r)
{
    bool control = r->msg.channel == KG_CH_CONTROL;
    size_t i = 0;
    while (i < KG_COUNT(answers) && !(jy_text_is(r->type, answers[i].type) &&
                                      (control ? answers[i].on_control : answers[i].on_shell)))
        i++;
    return i;
}

static size_t find_job(const struct kk_request *r)
{
    size_t i = 0;
    while (i < KG_COUNT(jobs) &&
           !(r->msg.channel == KG_CH_SHELL && jy_text_is(r->type, jobs[i].type)))
        i++;
    return i;
}

static void answer(struct kk_kit *k, struct kk_request *r, size_t i)
{
    kk_kit_status(k, r, true);
    answers[i].answer(k, r);
    kk_kit_status(k, r, false);
    free(r);
}

void kk_kit_dispatch(struct kk_kit *k, struct kk_request *r)
{
    size_t i = find_answer(r);
    if (i < KG_COUNT(answers))
        answer(k, r, i);
    else
        jobs[find_job(r)].begin(k, r);
}

static void enqueue(struct kk_kit *k, struct kk_request *r)
{
    if (kk_queue_put(&k->queue, r)) {
        kk_kit_next(k);
        return;
    }
    char why[96];
    snprintf(why, sizeof why, "more than %d MB of requests wait for the kernel",
             KK_KIT_QUEUE_MAX / 1024 / 1024);
    kk_kit_status(k, r, true);
    kk_kit_refuse(k, r, "QueueFull", why);
    kk_kit_status(k, r, false);
    free(r);
}

static void take(struct kk_kit *k, struct kk_request *r)
{
    size_t i = find_answer(r);
    bool known = i < KG_COUNT(answers);
    if (!known && find_job(r) == KG_COUNT(jobs)) {
        kg_log(KG_WARN, "kit", "unknown request dropped", "type=%.*s",
               (int)(r->type.len < 64 ? r->type.len : 64), (const char *)r->type.data);
        kk_kit_status(k, r, true); /* as ipykernel does: whoever waits for idle gets it */
        kk_kit_status(k, r, false);
        free(r);
        return;
    }
    /* Before the first evaluator has said what it is, there is nothing to be told of it. */
    bool at_once =
        known && answers[i].at_once && (k->info.len > 0 || answers[i].answer != kk_kit_info);
    if (!at_once) {
        enqueue(k, r);
        return;
    }
    answer(k, r, i);
    if (k->shut_down && k->state != KIT_ENDING && k->state != KIT_DYING)
        kk_kit_end(k, KK_KIT_GRACE_MS);
}

void kk_kit_message(struct kk_kit *k, uint8_t channel, const uint8_t *frame, size_t n)
{
    struct jy_msg m;
    struct jy_header header;
    struct kg_err err = {0};
    if (k->state == KIT_NONE || k->stop_due) {
        kg_log(KG_WARN, "kit", "message dropped", "state=%s", kk_kit_state_name(k));
        return;
    }
    int rc = jy_wsframe_split(&m, frame, n, &err);
    if (rc == 0 && m.channel != channel)
        rc = kg_err_set(&err, -EPROTO, "the frame names another channel than its record");
    if (rc == 0)
        rc = jy_header_require(&header, m.header, &err);
    if (rc < 0) {
        kg_log(KG_WARN, "kit", "message dropped", "error=\"%s\"", err.text);
        return;
    }
    if (kk_history_seen(&k->seen, header.msg_id))
        return; /* sent again after a reconnect */
    if (channel == KG_CH_STDIN)
        kk_kit_take_input(k, m.content);
    else
        take(k, kk_request_new(frame, n));
}

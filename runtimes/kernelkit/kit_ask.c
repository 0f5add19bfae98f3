#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/help.h"
#include "runtimes/kernelkit/kit_inside.h"

/* ---- complete, inspect, is_complete: the evaluator's ---- */

static int64_t characters(struct kg_span text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += (text.data[i] & 0xc0) != 0x80;
    return n;
}

/* -1: at the end. Nothing is beyond the code. */
static int64_t position(int64_t asked, struct kg_span code)
{
    kg_autobuf text = {0};
    jy_text_decode(&text, code);
    int64_t end = characters(kg_span_of(text.data, text.len));
    return asked < 0 || asked > end ? end : asked;
}

static int send_question(struct kk_kit *k, const struct kk_request *r, struct kg_err *err)
{
    struct kg_span code = {0};
    int64_t cursor = -1, detail = 0;
    const struct kk_field fields[] = {{"code", KK_TEXT, &code, true},
                                      {"cursor_pos", KK_INT, &cursor, false},
                                      {"detail_level", KK_INT, &detail, false}};
    int rc = kk_content_read(r->msg.content, fields, KG_COUNT(fields), err);
    if (rc < 0)
        return rc;
    bool inspect = jy_text_is(r->type, "inspect_request");
    bool complete = jy_text_is(r->type, "complete_request");
    kg_autobuf line = {0};
    struct kg_json json;
    struct kg_json *j = kk_kit_op_begin(k, &line, &json,
                                        inspect    ? "inspect"
                                        : complete ? "complete"
                                                   : "is_complete");
    kg_json_key(j, "code");
    kk_json_text(j, code);
    if (inspect || complete)
        kg_json_kint(j, "cursor_pos", position(cursor, code));
    if (inspect)
        kg_json_kint(j, "detail_level", detail);
    return kk_kit_op_send(k, &line, j, KK_JOB_ASK, err);
}

bool kk_kit_asks_help(const struct kk_kit *k, struct kg_span code, struct kg_buf *name, int *detail)
{
    struct kg_span found;
    if (!k->helps || code.len > 4 * KK_HELP_NAME_MAX)
        return false;
    kg_buf_clear(name);
    jy_text_decode(name, code);
    if (!kk_help_asked(kg_span_of(name->data, name->len), &found, detail))
        return false;
    kg_buf_drop(name, (size_t)(found.data - name->data));
    name->len = found.len;
    return true;
}

int kk_kit_send_inspect(struct kk_kit *k, struct kg_span name, int detail, enum kk_job job,
                        struct kg_err *err)
{
    kg_autobuf line = {0};
    struct kg_json json;
    struct kg_json *j = kk_kit_op_begin(k, &line, &json, "inspect");
    kg_json_key(j, "code");
    kg_json_strn(j, name.data, name.len);
    kg_json_kint(j, "cursor_pos", characters(name));
    kg_json_kint(j, "detail_level", detail);
    return kk_kit_op_send(k, &line, j, job, err);
}

/* A console asks before it sends: for the evaluator `name?` is no code, or code that goes on. */
static bool answer_complete(struct kk_kit *k, const struct kk_request *r)
{
    struct kg_span code = {0};
    const struct kk_field field = {"code", KK_TEXT, &code, true};
    kg_autobuf name = {0};
    int detail;
    if (!jy_text_is(r->type, "is_complete_request") ||
        kk_content_read(r->msg.content, &field, 1, NULL) < 0 ||
        !kk_kit_asks_help(k, code, &name, &detail))
        return false;
    kg_json_kstr(kk_messages_begin(&k->out), "status", "complete");
    kk_messages_end(&k->out, KG_CH_SHELL, "is_complete_reply", KG_KIND_REPLY);
    return true;
}

static void end_question(struct kk_kit *k)
{
    kk_kit_status(k, k->request, false);
    k->job = KK_JOB_NONE;
    free(kg_steal(&k->request));
}

void kk_kit_ask(struct kk_kit *k, struct kk_request *r)
{
    struct kg_err err = {0};
    kk_kit_status(k, r, true);
    k->request = r;
    if (answer_complete(k, r))
        end_question(k);
    else if (send_question(k, r, &err) < 0)
        kk_kit_ask_failed(k, "BadRequest", err.text);
}

static void write_answer(struct kg_json *j, const struct kk_request *r, const struct kk_said *said)
{
    kg_json_key(j, "status");
    kk_json_text(j, said->status);
    if (jy_text_is(r->type, "complete_request")) {
        kk_json_kraw(j, "matches", said->matches, "[]");
        kg_json_kint(j, "cursor_start", said->cursor_start);
        kg_json_kint(j, "cursor_end", said->cursor_end);
        kk_json_kraw(j, "metadata", said->metadata, "{}");
    } else if (jy_text_is(r->type, "inspect_request")) {
        kg_json_kbool(j, "found", said->found);
        kk_json_kraw(j, "data", said->data, "{}");
        kk_json_kraw(j, "metadata", said->metadata, "{}");
    } else if (jy_text_is(said->status, "incomplete")) {
        kg_json_key(j, "indent");
        kk_json_text(j, said->indent);
    }
}

static bool status_fits(const struct kk_request *r, struct kg_span status)
{
    if (!jy_text_is(r->type, "is_complete_request"))
        return jy_text_is(status, "ok");
    return jy_text_is(status, "complete") || jy_text_is(status, "incomplete") ||
           jy_text_is(status, "invalid") || jy_text_is(status, "unknown");
}

void kk_kit_answered(struct kk_kit *k, const struct kk_said *said)
{
    char type[80];
    k->fruitful = true;
    if (!status_fits(k->request, said->status)) {
        kg_autobuf ename = {0}, evalue = {0};
        jy_text_decode(&ename, said->ename);
        jy_text_decode(&evalue, said->evalue);
        kk_kit_ask_failed(k, ename.len ? kg_buf_cstr(&ename) : "EvaluatorError",
                          kg_buf_cstr(&evalue));
        return;
    }
    kk_kit_reply_type(type, sizeof type, k->request);
    kk_messages_set_parent(&k->out, k->request->msg.header);
    write_answer(kk_messages_begin(&k->out), k->request, said);
    kk_messages_end(&k->out, KG_CH_SHELL, type, KG_KIND_REPLY);
    end_question(k);
}

void kk_kit_ask_failed(struct kk_kit *k, const char *ename, const char *evalue)
{
    kk_kit_refuse(k, k->request, ename, evalue);
    end_question(k);
}

/* ---- what needs no evaluator; the caller says busy and idle ---- */

void kk_kit_info(struct kk_kit *k, const struct kk_request *r)
{
    kk_messages_set_parent(&k->out, r->msg.header);
    kk_messages_content(&k->out, r->msg.channel, "kernel_info_reply", KG_KIND_KERNEL_INFO,
                        kg_span_of(k->info.data, k->info.len));
}

void kk_kit_history(struct kk_kit *k, const struct kk_request *r)
{
    struct kk_past_query query;
    kg_autobuf pattern = {0};
    struct kg_err err = {0};
    if (kk_past_query_read(&query, &pattern, r->msg.content, &err) < 0) {
        kk_kit_refuse(k, r, "BadRequest", err.text);
        return;
    }
    kk_messages_set_parent(&k->out, r->msg.header);
    struct kg_json *j = kk_messages_begin(&k->out);
    kg_json_kstr(j, "status", "ok");
    kg_json_key(j, "history");
    kk_past_write(&k->past, &query, j);
    kk_messages_end(&k->out, r->msg.channel, "history_reply", KG_KIND_REPLY);
}

void kk_kit_comm_info(struct kk_kit *k, const struct kk_request *r)
{
    kk_messages_set_parent(&k->out, r->msg.header);
    struct kg_json *j = kk_messages_begin(&k->out);
    kg_json_kstr(j, "status", "ok");
    kk_json_kraw(j, "comms", (struct kg_span){0}, "{}");
    kk_messages_end(&k->out, r->msg.channel, "comm_info_reply", KG_KIND_REPLY);
}

/* No target has a name here, so every comm is closed again at once. */
void kk_kit_comm_open(struct kk_kit *k, const struct kk_request *r)
{
    struct kg_span id = {0};
    const struct kk_field field = {"comm_id", KK_TEXT, &id, true};
    if (kk_content_read(r->msg.content, &field, 1, NULL) < 0)
        return;
    kk_messages_set_parent(&k->out, r->msg.header);
    struct kg_json *j = kk_messages_begin(&k->out);
    kg_json_key(j, "comm_id");
    kk_json_text(j, id);
    kk_json_kraw(j, "data", (struct kg_span){0}, "{}");
    kk_messages_end(&k->out, KG_CH_IOPUB, "comm_close", KG_KIND_OTHER);
}

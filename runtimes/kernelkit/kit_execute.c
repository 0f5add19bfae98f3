#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/death.h"
#include "runtimes/kernelkit/help.h"
#include "runtimes/kernelkit/kit_inside.h"

static int read_request(struct kk_cell_state *c, struct kg_span *code, struct kg_span *expressions,
                        struct kg_span content, struct kg_err *err)
{
    *c = (struct kk_cell_state){.store = true, .allow_stdin = true, .stop_on_error = true};
    const struct kk_field fields[] = {
        {"code", KK_TEXT, code, true},
        {"silent", KK_BOOL, &c->silent, false},
        {"store_history", KK_BOOL, &c->store, false},
        {"allow_stdin", KK_BOOL, &c->allow_stdin, false},
        {"stop_on_error", KK_BOOL, &c->stop_on_error, false},
        {"user_expressions", KK_OBJECT, expressions, false},
    };
    int rc = kk_content_read(content, fields, KG_COUNT(fields), err);
    c->store = c->store && !c->silent;
    return rc;
}

static void tell_input(struct kk_kit *k, struct kg_span code)
{
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    kg_json_key(j, "code");
    kk_json_text(j, code);
    kg_json_kint(j, "execution_count", k->cell.count);
    kk_messages_end(&k->cell_out, KG_CH_IOPUB, "execute_input", KG_KIND_EXECUTE_INPUT);
}

/* A cell that is kept takes the next number; a shown one that is not kept bears it, as in IPython, and leaves it; a silent one
 * is answered with the last. */
static void number(struct kk_kit *k, struct kg_span code)
{
    k->cell.count = k->cell.silent ? k->next_count - 1 : k->next_count;
    if (!k->cell.store)
        return;
    kg_autobuf text = {0};
    jy_text_decode(&text, code);
    kk_past_add(&k->past, k->next_count++, kg_span_of(text.data, text.len));
}

static void end_cell(struct kk_kit *k)
{
    k->job = KK_JOB_NONE;
    k->cell.asks_input = false;
    kk_messages_status(&k->cell_out, false);
    free(kg_steal(&k->request));
}

static int send_code(struct kk_kit *k, struct kg_span code, struct kg_span expressions,
                     struct kg_err *err)
{
    kg_autobuf line = {0};
    struct kg_json json;
    k->oom_before =
        kk_death_oom_kills(k->options->link); /* an earlier cell's child explains no end */
    struct kg_json *j = kk_kit_op_begin(k, &line, &json, "execute");
    kg_json_key(j, "code");
    kk_json_text(j, code);
    kg_json_kbool(j, "silent", k->cell.silent);
    kg_json_kbool(j, "store_history", k->cell.store);
    kg_json_kbool(j, "allow_stdin", k->cell.allow_stdin);
    kg_json_kint(j, "execution_count", k->cell.count);
    kk_json_kraw(j, "user_expressions", expressions, "{}");
    return kk_kit_op_send(k, &line, j, KK_JOB_EXECUTE, err);
}

static int send_cell(struct kk_kit *k, struct kg_span code, struct kg_span expressions,
                     struct kg_err *err)
{
    kg_autobuf name = {0};
    int detail = 0;
    k->cell.help = kk_kit_asks_help(k, code, &name, &detail);
    if (!k->cell.help)
        return send_code(k, code, expressions, err);
    return kk_kit_send_inspect(k, kg_span_of(name.data, name.len), detail, KK_JOB_EXECUTE, err);
}

void kk_kit_execute(struct kk_kit *k, struct kk_request *r)
{
    struct kg_span code = {0}, expressions = {0};
    struct kg_err err = {0};
    kk_evaluator_drain(k->evaluator); /* what came up to now belongs to the last cell */
    int rc = read_request(&k->cell, &code, &expressions, r->msg.content, &err);
    if (rc < 0) {
        kk_kit_status(k, r, true);
        kk_kit_refuse(k, r, "BadRequest", err.text);
        kk_kit_status(k, r, false);
        free(r);
        return;
    }
    k->request = r;
    kk_messages_set_parent(&k->cell_out, r->msg.header);
    kk_messages_status(&k->cell_out, true);
    number(k, code);
    if (!k->cell.silent)
        tell_input(k, code);
    if (send_cell(k, code, expressions, &err) < 0)
        kk_kit_cell_failed(k, "EvaluatorError", err.text);
}

/* What a cell's question found goes to the front end's pager, as IPython's does; what it did not find is said. */
static void write_help(const struct kk_said *said, struct kg_json *j)
{
    kg_json_key(j, "payload");
    kg_json_array_begin(j);
    if (said->found) {
        kg_json_object_begin(j);
        kg_json_kstr(j, "source", "page");
        kk_json_kraw(j, "data", said->data, "{}");
        kg_json_kint(j, "start", 0);
        kg_json_object_end(j);
    }
    kg_json_array_end(j);
}

static void reply_ok(struct kk_kit *k, const struct kk_said *said)
{
    static const char none[] = "Nothing is known of that name.\n";
    if (k->cell.help && !said->found)
        kk_messages_stream(&k->cell_out, KK_STDOUT, (const uint8_t *)none, sizeof none - 1);
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    kg_json_kstr(j, "status", "ok");
    kg_json_kint(j, "execution_count", k->cell.count);
    kk_json_kraw(j, "user_expressions", said->user_expressions, "{}");
    if (k->cell.help)
        write_help(said, j);
    else
        kk_json_kraw(j, "payload", said->payload, "[]");
    kk_messages_end(&k->cell_out, KG_CH_SHELL, "execute_reply", KG_KIND_REPLY);
}

static void write_error(struct kg_json *j, const struct kk_said *said)
{
    kg_json_key(j, "ename");
    kk_json_text(j, said->ename);
    kg_json_key(j, "evalue");
    kk_json_text(j, said->evalue);
    kk_json_kraw(j, "traceback", said->traceback, "[]");
}

/* Shown, and replied. */
static void fail(struct kk_kit *k, const struct kk_said *said)
{
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    write_error(j, said);
    kk_messages_end(&k->cell_out, KG_CH_IOPUB, "error", KG_KIND_ERROR);
    j = kk_messages_begin(&k->cell_out);
    kg_json_kstr(j, "status", "error");
    kg_json_kint(j, "execution_count", k->cell.count);
    write_error(j, said);
    kk_json_kraw(j, "user_expressions", (struct kg_span){0}, "{}");
    kk_json_kraw(j, "payload", (struct kg_span){0}, "[]");
    kk_messages_end(&k->cell_out, KG_CH_SHELL, "execute_reply", KG_KIND_REPLY);
    bool stop = k->cell.stop_on_error && !k->cell.silent;
    end_cell(k);
    if (stop)
        kk_kit_abort_queued(k);
}

void kk_kit_executed(struct kk_kit *k, const struct kk_said *said)
{
    k->fruitful = true;
    if (!jy_text_is(said->status, "ok")) {
        fail(k, said);
        return;
    }
    reply_ok(k, said);
    end_cell(k);
}

void kk_kit_cell_failed(struct kk_kit *k, const char *ename, const char *evalue)
{
    /* As raw text and JSON, like an evaluator's own words. */
    kg_autobuf words = {0}, list = {0};
    kg_autofree char *line = kg_asprintf("\033[31m%s\033[0m: %s", ename, evalue);
    struct kg_json j;
    kg_json_init(&j, &list);
    kg_json_array_begin(&j);
    kg_json_str(&j, line);
    kg_json_array_end(&j);
    kg_json_init(&j, &words);
    kg_json_str(&j, evalue);
    const struct kk_said said = {
        .ename = kg_span_str(ename),
        .evalue = kg_span_of(words.data + 1, words.len - 2),
        .traceback = kg_span_of(list.data, list.len),
    };
    fail(k, &said);
}

/* As ipykernel does: execute requests alone, and those that have come by now. */
void kk_kit_abort_queued(struct kk_kit *k)
{
    struct kk_request *r;
    while ((r = kk_queue_take_type(&k->queue, "execute_request"))) {
        kk_kit_status(k, r, true);
        kg_json_kstr(kk_messages_begin(&k->out), "status", "aborted");
        kk_messages_end(&k->out, KG_CH_SHELL, "execute_reply", KG_KIND_REPLY);
        kk_kit_status(k, r, false);
        free(r);
    }
}

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/kit_inside.h"

/* What is kept of what it writes before it is ready. */
enum { NOISE_MAX = 2048, ENDING_MS = 500 };

static void tell(struct kk_kit *k, const char *json)
{
    struct kg_err err = {0};
    if (kk_evaluator_send(k->evaluator, kg_span_str(json), &err) < 0)
        kg_log(KG_DEBUG, "kit", "not taken by the evaluator", "error=\"%s\"", err.text);
}

static void write_bundle(struct kg_json *j, const struct kk_said *s)
{
    kk_json_kraw(j, "data", s->data, "{}");
    kk_json_kraw(j, "metadata", s->metadata, "{}");
}

static void on_result(struct kk_kit *k, const struct kk_said *s)
{
    struct kg_span raw;
    if (k->cell.silent)
        return;
    if (k->cell.store && jy_json_find_string(s->data, "text/plain", &raw, NULL) > 0) {
        kg_autobuf text = {0};
        jy_text_decode(&text, raw);
        kk_past_set_result(&k->past, k->cell.count, kg_span_of(text.data, text.len));
    }
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    kg_json_kint(j, "execution_count", k->cell.count);
    write_bundle(j, s);
    kk_messages_end(&k->cell_out, KG_CH_IOPUB, "execute_result", KG_KIND_OUTPUT);
}

static void on_display(struct kk_kit *k, const struct kk_said *s)
{
    if (s->update && !s->display_id.len) {
        kg_log(KG_WARN, "kit", "update of a display without its id", "%s", "");
        return;
    }
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    write_bundle(j, s);
    kg_json_key(j, "transient");
    kg_json_object_begin(j);
    if (s->display_id.len) {
        kg_json_key(j, "display_id");
        kk_json_text(j, s->display_id);
    }
    kg_json_object_end(j);
    kk_messages_end(&k->cell_out, KG_CH_IOPUB, s->update ? "update_display_data" : "display_data",
                    KG_KIND_OUTPUT);
}

static void on_clear(struct kk_kit *k, const struct kk_said *s)
{
    kg_json_kbool(kk_messages_begin(&k->cell_out), "wait", s->wait);
    kk_messages_end(&k->cell_out, KG_CH_IOPUB, "clear_output", KG_KIND_OTHER);
}

static void on_input(struct kk_kit *k, const struct kk_said *s)
{
    if (k->job != KK_JOB_EXECUTE || !k->cell.allow_stdin) {
        tell(k, "{\"op\":\"input\",\"value\":null}");
        return;
    }
    k->cell.asks_input = true;
    struct kg_json *j = kk_messages_begin(&k->cell_out);
    kg_json_key(j, "prompt");
    kk_json_text(j, s->prompt);
    kg_json_kbool(j, "password", s->password);
    kk_messages_end(&k->cell_out, KG_CH_STDIN, "input_request", KG_KIND_INPUT_REQUEST);
}

void kk_kit_take_input(struct kk_kit *k, struct kg_span content)
{
    struct kg_span raw = {0};
    const struct kk_field field = {"value", KK_TEXT, &raw, false};
    if (k->job != KK_JOB_EXECUTE || !k->cell.asks_input)
        return; /* nobody asks, or not any more */
    k->cell.asks_input = false;
    bool given = kk_content_read(content, &field, 1, NULL) == 0 && raw.data;
    kg_autobuf text = {0}, line = {0};
    struct kg_json j;
    jy_text_decode(&text, raw);
    const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    kg_json_init(&j, &line);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "op", "input");
    kg_json_key(&j, "value");
    if (given)
        kg_json_strn(&j, text.data, end ? (size_t)(end - text.data) : text.len);
    else
        kg_json_null(&j);
    kg_json_object_end(&j);
    tell(k, kg_buf_cstr(&line));
}

static const struct {
    const char *name;
    void (*take)(struct kk_kit *k, const struct kk_said *s);
    bool acked, needs_data;
} events[] = {
    {"result", on_result, false, true},
    {"display", on_display, true, true},
    {"clear", on_clear, true, false},
    {"input", on_input, false, false},
};

/* While it warms up nothing is shown, but its waits are ended. */
static void take_event(struct kk_kit *k, const struct kk_said *s, bool good)
{
    size_t i = 0;
    while (i < KG_COUNT(events) && !jy_text_is(s->event, events[i].name))
        i++;
    if (i == KG_COUNT(events)) {
        kg_log(KG_WARN, "kit", "unknown event of the evaluator", "event=%.*s",
               (int)(s->event.len < 64 ? s->event.len : 64), (const char *)s->event.data);
        return;
    }
    if (good && (!events[i].needs_data || s->data.len) && (!k->quiet || events[i].take == on_input))
        events[i].take(k, s);
    if (events[i].acked)
        tell(k, "{\"op\":\"ack\"}");
}

static void take_reply(struct kk_kit *k, const struct kk_said *s, const struct kg_err *bad)
{
    enum kk_job job = k->job;
    if (job == KK_JOB_NONE || s->reply != (int64_t)k->job_id) {
        kg_log(KG_WARN, "kit", "reply to nothing", "reply=%lld", (long long)s->reply);
        return;
    }
    if (job == KK_JOB_EXECUTE && bad) {
        kk_kit_cell_failed(k, "EvaluatorError", bad->text);
    } else if (job == KK_JOB_EXECUTE) {
        kk_kit_executed(k, s);
    } else if (job == KK_JOB_ASK && bad) {
        kk_kit_ask_failed(k, "EvaluatorError", bad->text);
    } else if (job == KK_JOB_ASK) {
        kk_kit_answered(k, s);
    } else if (job == KK_JOB_CONFIGURE) {
        kg_autobuf evalue = {0};
        struct kg_err err = {0};
        bool ok = !bad && jy_text_is(s->status, "ok");
        jy_text_decode(&evalue, s->evalue);
        if (!ok)
            kg_err_set(&err, -EIO, "configure the kernel: %.250s",
                       bad ? bad->text : kg_buf_cstr(&evalue));
        k->job = KK_JOB_NONE;
        kk_kit_configured(k, ok ? NULL : &err);
    } else {
        k->job = KK_JOB_NONE;
        if (k->state == KIT_WARMING)
            kk_kit_be_ready(k); /* whatever became of it: it is for speed alone */
    }
    kk_kit_next(k);
}

void kk_kit_line(void *user, struct kg_span line)
{
    struct kk_kit *k = user;
    struct kk_said said;
    struct kg_err err = {0};
    kk_evaluator_drain(k->evaluator); /* what was written before the line */
    int rc = kk_said_read(&said, line, &err);
    if (rc < 0)
        kg_log(KG_WARN, "kit", "line of the evaluator", "error=\"%s\"", err.text);
    if (rc == -EPROTO) {
        line = kk_said_salvage(line);
        rc = kk_said_read(&said, line, &err);
        if (rc < 0)
            return;
    }
    if (jy_text_is(said.event, "ready"))
        kk_kit_take_ready(k, &said);
    else if (said.event.data)
        take_event(k, &said, rc == 0);
    else if (said.reply >= 0)
        take_reply(k, &said, rc < 0 ? &err : NULL);
}

void kk_kit_text(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kk_kit *k = user;
    if (!k->quiet) {
        kk_messages_stream(&k->cell_out, stream, text, n);
        return;
    }
    kg_buf_add(&k->noise, text, n);
    if (k->noise.len > NOISE_MAX)
        kg_buf_drop(&k->noise, k->noise.len - NOISE_MAX);
}

void kk_kit_broken(void *user, const char *why)
{
    kk_kit_kill(user, why);
}

static void on_closed_for_good(uv_timer_t *timer)
{
    kk_kit_kill(timer->data, "the evaluator closed its descriptor 3");
}

void kk_kit_closed(void *user)
{
    struct kk_kit *k = user;
    if (k->state != KIT_DYING) /* how it ends says more, if it does */
        uv_timer_start(&k->timer, on_closed_for_good, ENDING_MS, 0);
}

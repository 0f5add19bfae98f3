#include "runtimes/agent/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "jupyter/message.h"
#include "jupyter/wsframe.h"

void kk_messages_init(struct kk_messages *m, struct kk_link *link, const char *session,
                      const char *username)
{
    *m = (struct kk_messages){.link = link};
    if (session && *session)
        snprintf(m->session, sizeof m->session, "%s", session);
    else
        kg_uuid4(m->session);
    kg_random_hex(m->tag, 16);
    snprintf(m->username, sizeof m->username, "%s", username && *username ? username : "user");
    kk_messages_set_parent(m, kg_span_str("{}"));
}

void kk_messages_release(struct kk_messages *m)
{
    kg_buf_release(&m->parent);
    kg_buf_release(&m->header);
    kg_buf_release(&m->content);
}

void kk_messages_set_parent(struct kk_messages *m, struct kg_span parent)
{
    kg_buf_clear(&m->parent);
    kg_buf_add(&m->parent, parent.data, parent.len);
}

void kk_messages_set_run(struct kk_messages *m, const char *id)
{
    kg_buf_clear(&m->parent);
    jy_header_write(&m->parent, &(struct jy_header_fields){.msg_id = id,
                                                           .msg_type = "execute_request",
                                                           .session = m->session,
                                                           .username = m->username});
}

static void put(struct kk_messages *m, uint8_t channel, const char *type, enum kg_rec_kind kind)
{
    char id[64];
    snprintf(id, sizeof id, "%.32s_%" PRIu64, m->tag, ++m->count);
    kg_buf_clear(&m->header);
    jy_header_write(&m->header, &(struct jy_header_fields){.msg_id = id,
                                                           .msg_type = type,
                                                           .session = m->session,
                                                           .username = m->username});
    struct jy_msg msg = {
        .channel = channel,
        .header = kg_span_of(m->header.data, m->header.len),
        .parent_header = kg_span_of(m->parent.data, m->parent.len),
        .metadata = kg_span_str("{}"),
        .content = kg_span_of(m->content.data, m->content.len),
    };
    kk_frame_put(m->link, &msg, kind);
    if (m->content.cap > 4 * KK_OUTPUT_MAX)
        kg_buf_release(&m->content);
}

void kk_messages_status(struct kk_messages *m, bool busy)
{
    kg_buf_clear(&m->content);
    kg_buf_printf(&m->content, "{\"execution_state\":\"%s\"}", busy ? "busy" : "idle");
    put(m, KG_CH_IOPUB, "status", busy ? KG_KIND_STATUS_BUSY : KG_KIND_STATUS_IDLE);
}

void kk_messages_stream(struct kk_messages *m, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kg_json j;
    kg_buf_clear(&m->content);
    kg_json_init(&j, &m->content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "name", stream == KK_STDERR ? "stderr" : "stdout");
    kg_json_key(&j, "text");
    kg_json_strn(&j, text, n);
    kg_json_object_end(&j);
    put(m, KG_CH_IOPUB, "stream", KG_KIND_OUTPUT);
}

struct kg_json *kk_messages_begin(struct kk_messages *m)
{
    kg_buf_clear(&m->content);
    kg_json_init(&m->json, &m->content);
    kg_json_object_begin(&m->json);
    return &m->json;
}

void kk_messages_end(struct kk_messages *m, uint8_t channel, const char *type,
                     enum kg_rec_kind kind)
{
    kg_json_object_end(&m->json);
    put(m, channel, type, kind);
}

void kk_messages_content(struct kk_messages *m, uint8_t channel, const char *type,
                         enum kg_rec_kind kind, struct kg_span content)
{
    kg_buf_clear(&m->content);
    kg_buf_add(&m->content, content.data, content.len);
    put(m, channel, type, kind);
}

void kk_messages_reply(struct kk_messages *m, struct kg_span content)
{
    kk_messages_content(m, KG_CH_SHELL, "execute_reply", KG_KIND_REPLY, content);
}

void kk_frame_put(struct kk_link *link, const struct jy_msg *msg, uint8_t kind)
{
    size_t n = jy_wsframe_size(msg);
    uint8_t *at = kk_link_begin(link, n);
    jy_wsframe_write_head(at, msg);
    at += jy_wsframe_head_size(msg);
    const struct kg_span parts[] = {msg->header, msg->parent_header, msg->metadata, msg->content};
    for (size_t i = 0; i < 4; i++) {
        memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    for (size_t i = 0; i < msg->buffer_count; i++) {
        struct kg_span b = jy_msg_buffer(msg, i);
        if (b.len)
            memcpy(at, b.data, b.len);
        at += b.len;
    }
    kk_link_commit(link, KG_REC_MSG, msg->channel, kind, n);
}

static void error_words(char *name, size_t name_size, char *value, size_t value_size,
                        const struct kk_exit *e)
{
    if (strcmp(e->reason, "timeout") == 0) {
        snprintf(name, name_size, "TimeLimitExceeded");
        snprintf(value, value_size, "the program ran longer than %.3g s and was ended",
                 (double)e->limit / 1000);
    } else if (strcmp(e->reason, "output_limit") == 0) {
        snprintf(name, name_size, "OutputLimitExceeded");
        snprintf(value, value_size, "the program wrote more than %" PRIu64 " bytes and was ended",
                 e->limit);
    } else if (strcmp(e->reason, "stopped") == 0) {
        snprintf(name, name_size, "Stopped");
        snprintf(value, value_size, "the program was stopped");
    } else if (e->detail) {
        snprintf(name, name_size, "StartError");
        snprintf(value, value_size, "%s", e->detail);
    } else if (!e->exited) {
        const char *words = sigdescr_np(e->signal);
        snprintf(name, name_size, "Signal");
        snprintf(value, value_size, "the program was ended by signal %d (%s)", e->signal,
                 words ? words : "unknown");
    } else {
        snprintf(name, name_size, "ExitStatus");
        snprintf(value, value_size, "the program ended with exit status %d", e->exit_code);
    }
}

void kk_exit_json(struct kg_buf *out, const struct kk_exit *e)
{
    bool ok = e->exited && e->exit_code == 0 && strcmp(e->reason, "exit") == 0;
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "status", ok ? "ok" : "error");
    kg_json_kint(&j, "execution_count", 1);
    kg_json_key(&j, "exit_code");
    if (e->exited)
        kg_json_int(&j, e->exit_code);
    else
        kg_json_null(&j);
    kg_json_key(&j, "signal");
    if (!e->exited && e->signal)
        kg_json_int(&j, e->signal);
    else
        kg_json_null(&j);
    kg_json_kstr(&j, "reason", e->reason);
    kg_json_kstr(&j, "phase", e->phase);
    kg_json_kint(&j, "wall_ms", (int64_t)e->wall_ms);
    kg_json_kint(&j, "cpu_ms", (int64_t)e->cpu_ms);
    kg_json_kint(&j, "rss_kb", (int64_t)e->rss_kb);
    kg_json_kint(&j, "stdout_bytes", (int64_t)e->stdout_bytes);
    kg_json_kint(&j, "stderr_bytes", (int64_t)e->stderr_bytes);
    if (ok) {
        kg_json_key(&j, "payload");
        kg_json_raw(&j, "[]", 2);
        kg_json_key(&j, "user_expressions");
        kg_json_raw(&j, "{}", 2);
    } else {
        char name[32];
        char value[KG_ERR_TEXT_MAX];
        error_words(name, sizeof name, value, sizeof value, e);
        kg_json_kstr(&j, "ename", name);
        kg_json_kstr(&j, "evalue", value);
        kg_json_key(&j, "traceback");
        kg_json_raw(&j, "[]", 2);
    }
    kg_json_object_end(&j);
}

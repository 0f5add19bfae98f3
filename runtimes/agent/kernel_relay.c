#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"

/* What is kept of what it writes before it is ready. */
enum { NOISE_MAX = 2048, REPEATED_MS = 500 };

static void relay(struct kk_kernel *k, uint8_t channel, const uint8_t *frame, size_t n)
{
    struct jy_msg m;
    struct jy_header header;
    struct kg_err err = {0};
    int rc = jy_wsframe_split(&m, frame, n, &err);
    if (rc == 0 && m.channel != channel)
        rc = kg_err_set(&err, -EPROTO, "the frame names another channel than its record");
    if (rc == 0)
        rc = jy_header_require(&header, m.header, &err);
    if (rc == 0) {
        if (kk_history_seen(&k->history, header.msg_id))
            return; /* sent again after a reconnect */
        if (channel == KG_CH_SHELL)
            kk_messages_set_parent(&k->messages, m.header);
        rc = kk_wires_send(k->wires, &m, &err);
    }
    if (rc < 0)
        kg_log(KG_WARN, "agent", "message to the kernel dropped", "error=\"%s\"", err.text);
}

void kk_kernel_relay_waiting(struct kk_kernel *k)
{
    struct kg_rec rec;
    size_t off = 0;
    while (kg_rec_decode(&rec, k->waiting.data + off, k->waiting.len - off, NULL) > 0) {
        relay(k, rec.channel, k->waiting.data + off + KG_REC_HEAD, rec.body_len);
        off += KG_REC_HEAD + rec.body_len;
    }
    kg_buf_release(&k->waiting);
}

void kk_kernel_message(struct kk_kernel *k, uint8_t channel, const uint8_t *frame, size_t n)
{
    if (k->state == K_ALIVE || k->state == K_STOPPING) {
        relay(k, channel, frame, n);
        return;
    }
    bool starting = k->state == K_STARTING || k->state == K_WARMING;
    if (!starting || k->waiting.len + n > KK_KERNEL_WAITING_MAX) {
        kg_log(KG_WARN, "agent", "message for the kernel dropped", "state=%s",
               kk_kernel_state_name(k));
        return;
    }
    struct kg_rec rec = {.type = KG_REC_MSG, .channel = channel};
    kg_rec_append(&k->waiting, &rec, frame, n);
}

static void take_own(struct kk_kernel *k, uint64_t number, const struct jy_msg *m,
                     enum kg_rec_kind kind)
{
    if (m->channel == KG_CH_IOPUB) {
        k->hears_iopub = true;
    } else if (kind == KG_KIND_KERNEL_INFO && k->state == K_STARTING && k->info.len == 0) {
        enum jy_json_type type;
        /* It becomes part of our own JSON, so it must be some. */
        if (jy_json_check(m->content, &type, NULL) == 0 && type == JY_JSON_OBJECT)
            kg_buf_add(&k->info, m->content.data, m->content.len);
        else
            kk_kernel_kill(k, "the kernel's kernel_info_reply is no JSON");
    } else if (kind == KG_KIND_REPLY && number == k->warm_asked && k->state == K_WARMING) {
        kk_kernel_be_ready(k);
        return;
    } else if (kind == KG_KIND_REPLY && number == k->configure_asked) {
        kk_kernel_take_configured(k, m->content);
    }
    kk_kernel_check_ready(k);
}

/*
 * Finds msg_type alone, in a header as all kernels write it: half of a small message's cost was to scan the whole of it.
 * False for anything out of the ordinary (the key twice, or a quote in it or in the value); then it is scanned. Nobody
 * is deceived by a header made to be misread: a kernel may say what it likes of its own messages.
 */
static bool peek_type(struct jy_header *out, struct kg_span json)
{
    static const char key[] = "\"msg_type\"";
    const size_t n = sizeof key - 1;
    const uint8_t *end = json.data + json.len;
    const uint8_t *at = json.len ? memmem(json.data, json.len, key, n) : NULL;
    if (!at || at == json.data || at[-1] == '\\' || memmem(at + n, (size_t)(end - at) - n, key, n))
        return false;
    at += n;
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    if (at == end || *at != '"')
        return false;
    const uint8_t *text = ++at;
    while (at < end && *at != '"' && *at != '\\')
        at++;
    if (at == end || *at != '"')
        return false;
    *out = (struct jy_header){.msg_type = kg_span_of(text, (size_t)(at - text))};
    return true;
}

void kk_kernel_received(void *user, const struct jy_wire *wire)
{
    struct kk_kernel *k = user;
    const struct jy_msg *m = &wire->msg;
    struct jy_header header;
    bool known = peek_type(&header, m->header) || jy_header_peek(&header, m->header, NULL) == 0;
    enum kg_rec_kind kind = known ? jy_kind_of(m->channel, &header, m->content) : KG_KIND_OTHER;
    uint64_t own = kk_own_match(&k->own, m->parent_header);
    if (own) {
        take_own(k, own, m, kind);
        return;
    }
    if (kind == KG_KIND_OTHER && m->channel == KG_CH_IOPUB &&
        kg_span_is(header.msg_type, "iopub_welcome")) {
        k->hears_iopub = true;
        kk_kernel_check_ready(k);
        return;
    }
    bool first_start = kind == KG_KIND_STATUS_STARTING && !k->said_starting;
    k->said_starting = k->said_starting || first_start;
    if (k->state == K_STARTING || k->state == K_WARMING || first_start)
        return; /* of the start itself, though it may be heard after the answer: nobody's business */
    if (jy_wsframe_size(m) > KG_REC_BODY_MAX) {
        kg_log(KG_WARN, "agent", "message from the kernel dropped", "bytes=%zu limit=%d",
               jy_wsframe_size(m), KG_REC_BODY_MAX);
        return;
    }
    kk_frame_put(k->link, m, (uint8_t)kind);
}

void kk_kernel_bad_signature(void *user, uint8_t channel, uint64_t count)
{
    struct kk_kernel *k = user;
    if (count & (count - 1))
        return; /* told of at 1, 2, 4, 8...: whoever forges must not flood us, too */
    kg_autobuf body = {0};
    kg_buf_printf(&body, "{\"event\":\"bad_signature\",\"channel\":\"%s\",\"count\":%llu}",
                  kg_channel_name(channel), (unsigned long long)count);
    kk_link_add(k->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

/* What the process itself writes: shown with the last cell once it is ready; before that, kept to say why it failed. One
 * that repeats itself has it published within a fraction of a second, unless it dies first: so long it is kept. */
void kk_kernel_stdio(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kk_kernel *k = user;
    if (!k->start_due && !k->repeats_itself) {
        kk_messages_stream(&k->messages, stream, text, n);
        return;
    }
    if (!k->start_due && kg_clock_ms() - k->noise_ms > REPEATED_MS)
        kg_buf_clear(&k->noise);
    k->noise_ms = kg_clock_ms();
    kg_buf_add(&k->noise, text, n);
    if (k->noise.len > NOISE_MAX)
        kg_buf_drop(&k->noise, k->noise.len - NOISE_MAX);
    if (memmem(k->noise.data, k->noise.len, "Address already in use", 22))
        k->lost_a_port = true;
}

void kk_kernel_last_words(struct kk_kernel *k)
{
    if (k->repeats_itself && k->noise.len > 0 && kg_clock_ms() - k->noise_ms <= REPEATED_MS)
        kk_messages_stream(&k->messages, KK_STDERR, k->noise.data, k->noise.len);
}

#include "jupyter/message.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "jupyter/scan.h"

/* Where the first buffer's end stands in a v1 frame's table: after n, the start of the channel, and the
 * ends of channel, header, parent_header, metadata and content. */
enum { FIRST_BUFFER_START = 8 * 6 };

struct kg_span jy_msg_buffer(const struct jy_msg *m, size_t i)
{
    if (!m->frame)
        return m->buffers[i];
    const uint8_t *at = m->frame + FIRST_BUFFER_START + 8 * i;
    uint64_t from = kg_get_u64le(at);
    return kg_span_of(m->frame + from, (size_t)(kg_get_u64le(at + 8) - from));
}

int jy_header_peek(struct jy_header *out, struct kg_span json, struct kg_err *err)
{
    static const struct {
        const char *key;
        size_t offset;
    } fields[] = {
        {"msg_id", offsetof(struct jy_header, msg_id)},
        {"msg_type", offsetof(struct jy_header, msg_type)},
        {"session", offsetof(struct jy_header, session)},
        {"username", offsetof(struct jy_header, username)},
        {"date", offsetof(struct jy_header, date)},
        {"version", offsetof(struct jy_header, version)},
        {"subshell_id", offsetof(struct jy_header, subshell_id)},
    };
    *out = (struct jy_header){0};
    struct jy_scan s;
    struct jy_member m;
    int rc = jy_scan_begin(&s, json, err);
    if (rc < 0)
        return rc;
    while ((rc = jy_scan_next(&s, &m, err)) > 0) {
        for (size_t i = 0; i < KG_COUNT(fields); i++) {
            if (!jy_member_is(&m, fields[i].key))
                continue;
            struct kg_span text =
                m.type == JY_JSON_STRING ? jy_member_text(&m) : (struct kg_span){0};
            memcpy((char *)out + fields[i].offset, &text, sizeof text);
            break;
        }
    }
    return rc;
}

int jy_header_require(struct jy_header *out, struct kg_span json, struct kg_err *err)
{
    int rc = jy_header_peek(out, json, err);
    if (rc < 0) {
        kg_err_wrap(err, "header");
        return rc;
    }
    if (out->msg_id.len == 0)
        return kg_err_set(err, -EPROTO, "header has no msg_id");
    if (out->msg_type.len == 0)
        return kg_err_set(err, -EPROTO, "header has no msg_type");
    return 0;
}

static enum kg_rec_kind status_kind(struct kg_span content)
{
    struct kg_span state;
    if (jy_json_find_string(content, "execution_state", &state, NULL) <= 0)
        return KG_KIND_OTHER;
    if (jy_text_is(state, "busy"))
        return KG_KIND_STATUS_BUSY;
    if (jy_text_is(state, "idle"))
        return KG_KIND_STATUS_IDLE;
    if (jy_text_is(state, "starting"))
        return KG_KIND_STATUS_STARTING;
    return KG_KIND_OTHER;
}

static bool ends_with(struct kg_span text, const char *tail)
{
    size_t n = strlen(tail);
    return text.len > n && memcmp(text.data + text.len - n, tail, n) == 0;
}

enum kg_rec_kind jy_kind_of(uint8_t channel, const struct jy_header *header, struct kg_span content)
{
    static const struct {
        const char *type;
        enum kg_rec_kind kind;
    } on_iopub[] = {
        {"stream", KG_KIND_OUTPUT},         {"display_data", KG_KIND_OUTPUT},
        {"execute_result", KG_KIND_OUTPUT}, {"update_display_data", KG_KIND_OUTPUT},
        {"error", KG_KIND_ERROR},           {"execute_input", KG_KIND_EXECUTE_INPUT},
    };
    struct kg_span type = header->msg_type;
    switch (channel) {
    case KG_CH_IOPUB:
        if (jy_text_is(type, "status"))
            return status_kind(content);
        for (size_t i = 0; i < KG_COUNT(on_iopub); i++)
            if (jy_text_is(type, on_iopub[i].type))
                return on_iopub[i].kind;
        return KG_KIND_OTHER;
    case KG_CH_SHELL:
    case KG_CH_CONTROL:
        if (jy_text_is(type, "kernel_info_reply"))
            return KG_KIND_KERNEL_INFO;
        return ends_with(type, "_reply") ? KG_KIND_REPLY : KG_KIND_OTHER;
    case KG_CH_STDIN:
        return jy_text_is(type, "input_request") ? KG_KIND_INPUT_REQUEST : KG_KIND_OTHER;
    default: return KG_KIND_OTHER;
    }
}

void jy_header_write(struct kg_buf *out, const struct jy_header_fields *f)
{
    char date[KG_ISO_SIZE];
    kg_clock_iso(date, f->date_us ? f->date_us : kg_clock_wall_us());
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "msg_id", f->msg_id);
    kg_json_kstr(&j, "msg_type", f->msg_type);
    kg_json_kstr(&j, "session", f->session);
    kg_json_kstr(&j, "username", f->username);
    kg_json_kstr(&j, "date", date);
    kg_json_kstr(&j, "version", JY_PROTOCOL_VERSION);
    if (f->subshell_id)
        kg_json_kstr(&j, "subshell_id", f->subshell_id);
    kg_json_object_end(&j);
}

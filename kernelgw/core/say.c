#include "kernelgw/core/say.h"

#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/record.h"
#include "jupyter/message.h"
#include "jupyter/wsframe.h"

static struct kg_span span_of(const char *s)
{
    return (struct kg_span){(const uint8_t *)s, strlen(s)};
}

struct kg_slice kg_say(uint8_t channel, const char *msg_type, const char *session,
                       struct kg_span parent, const char *metadata, const char *content)
{
    char msg_id[KG_UUID_SIZE];
    kg_uuid4(msg_id);
    kg_autobuf header = {0};
    struct jy_header_fields fields = {
        .msg_id = msg_id, .msg_type = msg_type, .session = session, .username = "kernelgw"};
    jy_header_write(&header, &fields);
    struct jy_msg msg = {.channel = channel,
                         .header = {header.data, header.len},
                         .parent_header = parent.len ? parent : span_of("{}"),
                         .metadata = span_of(metadata ? metadata : "{}"),
                         .content = span_of(content)};
    kg_autobuf frame = {0};
    jy_wsframe_append(&frame, &msg);
    struct kg_blob *blob = kg_blob_copy(frame.data, frame.len);
    return (struct kg_slice){blob, blob->data, blob->len};
}

struct kg_slice kg_say_status(const char *session, struct kg_span parent, const char *state)
{
    kg_autobuf content = {0};
    kg_buf_printf(&content, "{\"execution_state\":\"%s\"}", state);
    return kg_say(KG_CH_IOPUB, "status", session, parent, NULL, kg_buf_cstr(&content));
}

struct kg_slice kg_say_stream(const char *session, struct kg_span parent, const char *metadata,
                              const char *name, const char *text)
{
    kg_autobuf content = {0};
    struct kg_json j;
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "name", name);
    kg_json_kstr(&j, "text", text);
    kg_json_object_end(&j);
    return kg_say(KG_CH_IOPUB, "stream", session, parent, metadata, kg_buf_cstr(&content));
}

struct kg_slice kg_say_error(uint8_t channel, const char *reply_type, const char *session,
                             struct kg_span parent, const char *ename, const char *evalue)
{
    kg_autobuf content = {0};
    kg_autobuf line = {0};
    struct kg_json j;
    kg_buf_printf(&line, "\x1b[0;31m%s\x1b[0m: %s", ename, evalue);
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    if (reply_type) {
        kg_json_kstr(&j, "status", "error");
        kg_json_kint(&j, "execution_count", 0);
        kg_json_key(&j, "payload");
        kg_json_array_begin(&j);
        kg_json_array_end(&j);
        kg_json_key(&j, "user_expressions");
        kg_json_object_begin(&j);
        kg_json_object_end(&j);
    }
    kg_json_kstr(&j, "ename", ename);
    kg_json_kstr(&j, "evalue", evalue);
    kg_json_key(&j, "traceback");
    kg_json_array_begin(&j);
    kg_json_strn(&j, line.data, line.len);
    kg_json_array_end(&j);
    kg_json_object_end(&j);
    return kg_say(channel, reply_type ? reply_type : "error", session, parent, NULL,
                  kg_buf_cstr(&content));
}

struct kg_slice kg_say_numbered(const struct kg_slice *frame, uint64_t seq)
{
    static const char ours[] = "{\"kgw\":{";
    struct jy_msg msg;
    if (jy_wsframe_split(&msg, frame->data, frame->len, NULL) < 0)
        return kg_slice_of(frame->blob, frame->data, frame->len);
    struct kg_span m = msg.metadata;
    while (m.len && (*m.data == ' ' || *m.data == '\n'))
        m = kg_span_of(m.data + 1, m.len - 1);
    /* what the server itself wrote begins with its own member; in anybody else's it is put in front */
    bool own = m.len > sizeof ours - 1 && memcmp(m.data, ours, sizeof ours - 1) == 0;
    size_t skip = own ? sizeof ours - 1 : 1;
    struct kg_span rest = m.len > skip ? kg_span_of(m.data + skip, m.len - skip) : span_of("}");
    size_t blank = 0;
    while (blank < rest.len && (rest.data[blank] == ' ' || rest.data[blank] == '\n'))
        blank++;
    bool last = blank < rest.len && rest.data[blank] == '}';
    kg_autobuf metadata = {0};
    kg_buf_printf(&metadata, "{\"kgw\":{\"seq\":%llu%s%s", (unsigned long long)seq, own ? "" : "}",
                  last ? "" : ",");
    kg_buf_add(&metadata, rest.data, rest.len);
    msg.metadata = kg_span_of(metadata.data, metadata.len);
    kg_autobuf out = {0};
    jy_wsframe_append(&out, &msg);
    struct kg_blob *blob = kg_blob_copy(out.data, out.len);
    return (struct kg_slice){blob, blob->data, blob->len};
}

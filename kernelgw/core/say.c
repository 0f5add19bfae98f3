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

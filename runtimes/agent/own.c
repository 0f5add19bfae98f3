#include "runtimes/agent/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"

void kk_own_init(struct kk_own *o)
{
    *o = (struct kk_own){.mark = "kgw-"};
    kg_random_hex(o->mark + 4, 16);
}

void kk_own_release(struct kk_own *o)
{
    kg_buf_release(&o->header);
}

uint64_t kk_own_send(struct kk_own *o, struct kk_wires *w, uint8_t channel, const char *type,
                     struct kg_span content, struct kg_err *err)
{
    char id[72];
    snprintf(id, sizeof id, "%s_%" PRIu64, o->mark, ++o->count);
    kg_buf_clear(&o->header);
    jy_header_write(&o->header, &(struct jy_header_fields){.msg_id = id,
                                                           .msg_type = type,
                                                           .session = o->mark,
                                                           .username = "kernelgw"});
    struct jy_msg m = {
        .channel = channel,
        .header = kg_span_of(o->header.data, o->header.len),
        .parent_header = kg_span_str("{}"),
        .metadata = kg_span_str("{}"),
        .content = content,
    };
    return kk_wires_send(w, &m, err) < 0 ? 0 : o->count;
}

uint64_t kk_own_execute(struct kk_own *o, struct kk_wires *w, const char *code, struct kg_err *err)
{
    kg_autobuf content = {0};
    struct kg_json j;
    kg_json_init(&j, &content);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "code", code);
    kg_json_kbool(&j, "silent", true);
    kg_json_kbool(&j, "store_history", false);
    kg_json_key(&j, "user_expressions");
    kg_json_raw(&j, "{}", 2);
    kg_json_kbool(&j, "allow_stdin", false);
    kg_json_kbool(&j, "stop_on_error", false);
    kg_json_object_end(&j);
    return kk_own_send(o, w, KG_CH_SHELL, "execute_request", kg_span_of(content.data, content.len),
                       err);
}

uint64_t kk_own_match(const struct kk_own *o, struct kg_span parent_header)
{
    size_t n = strlen(o->mark);
    const uint8_t *at =
        parent_header.len ? memmem(parent_header.data, parent_header.len, o->mark, n) : NULL;
    const uint8_t *end = parent_header.data + parent_header.len;
    /* The mark stands in the session, too; the number follows it in msg_id alone. */
    while (at && (at + n >= end || at[n] != '_'))
        at = memmem(at + 1, (size_t)(end - at - 1), o->mark, n);
    if (!at)
        return 0;
    uint64_t number = 0;
    for (at += n + 1; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return number;
}

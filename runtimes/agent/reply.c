#include "runtimes/agent/reply.h"

#include <string.h>

void kk_reply_begin(struct kk_reply *r, uint64_t id)
{
    r->body = (struct kg_buf){0};
    kg_json_init(&r->json, &r->body);
    kg_json_object_begin(&r->json);
    kg_json_kint(&r->json, "id", (int64_t)id);
    kg_json_kbool(&r->json, "ok", true);
}

void kk_reply_send(struct kk_reply *r, struct kk_link *link)
{
    kg_json_object_end(&r->json);
    kk_link_reply(link, r->body.data, r->body.len);
    kg_buf_release(&r->body);
}

void kk_reply_ok(struct kk_link *link, uint64_t id)
{
    struct kk_reply r;
    kk_reply_begin(&r, id);
    kk_reply_send(&r, link);
}

void kk_reply_error(struct kk_link *link, uint64_t id, const struct kg_err *err)
{
    kg_autobuf body = {0};
    struct kg_json j;
    const char *code = err->code < 0 ? strerrorname_np(-err->code) : NULL;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kint(&j, "id", (int64_t)id);
    kg_json_kbool(&j, "ok", false);
    kg_json_kstr(&j, "code", code ? code : "EIO");
    kg_json_kstr(&j, "error", err->text[0] ? err->text : "failed");
    kg_json_object_end(&j);
    kk_link_reply(link, body.data, body.len);
}

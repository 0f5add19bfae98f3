#ifndef KK_REPLY_H
#define KK_REPLY_H
/* Builds and sends the answer to a REQ. */
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "runtimes/agent/link.h"

struct kk_reply {
    struct kg_buf body;
    struct kg_json json; /* open object: the op's own members are added to it */
};

/* {"id":n,"ok":true, ... }: begin, add members to r->json, send (which also releases). */
void kk_reply_begin(struct kk_reply *r, uint64_t id);
void kk_reply_send(struct kk_reply *r, struct kk_link *link);
/* {"id":n,"ok":true} */
void kk_reply_ok(struct kk_link *link, uint64_t id);
/* {"id":n,"ok":false,"code":"ENOSPC","error":"sentence"} */
void kk_reply_error(struct kk_link *link, uint64_t id, const struct kg_err *err);

#endif

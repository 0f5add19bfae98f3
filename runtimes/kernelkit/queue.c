#include "runtimes/kernelkit/queue.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"

struct kk_request *kk_request_new(const uint8_t *frame, size_t n)
{
    struct kk_request *r = kg_calloc(1, sizeof *r + n);
    struct jy_header header = {0};
    r->len = n;
    memcpy(r->frame, frame, n);
    jy_wsframe_split(&r->msg, r->frame, n, NULL);
    jy_header_peek(&header, r->msg.header, NULL);
    r->type = header.msg_type;
    return r;
}

bool kk_queue_put(struct kk_queue *q, struct kk_request *r)
{
    if (q->head && q->bytes + r->len > q->max)
        return false;
    q->bytes += r->len;
    DL_APPEND(q->head, r);
    return true;
}

static struct kk_request *take(struct kk_queue *q, struct kk_request *r)
{
    if (r) {
        DL_DELETE(q->head, r);
        q->bytes -= r->len;
    }
    return r;
}

struct kk_request *kk_queue_take(struct kk_queue *q)
{
    return take(q, q->head);
}

struct kk_request *kk_queue_take_type(struct kk_queue *q, const char *type)
{
    struct kk_request *r;
    DL_FOREACH(q->head, r)
        if (jy_text_is(r->type, type))
            break;
    return take(q, r);
}

void kk_queue_release(struct kk_queue *q)
{
    struct kk_request *r;
    while ((r = kk_queue_take(q)))
        free(r);
}

#ifndef KK_QUEUE_H
#define KK_QUEUE_H
/* Requests that wait for the evaluator, in order, within a number of bytes. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "jupyter/message.h"

/* A Jupyter message with its bytes. */
struct kk_request {
    struct kk_request *next, *prev; /* of the queue */
    struct jy_msg msg;              /* spans of frame */
    struct kg_span type;            /* msg_type, raw text; a span of frame */
    size_t len;
    uint8_t frame[];
};

/* A copy of a v1 frame that jy_wsframe_split and jy_header_require took. free() it. */
struct kk_request *kk_request_new(const uint8_t *frame, size_t n);

struct kk_queue {
    struct kk_request *head; /* utlist */
    size_t bytes;
    size_t max;
};

/* Takes r, or returns false: it would be above the limit. A queue that is empty takes anything. */
bool kk_queue_put(struct kk_queue *q, struct kk_request *r);
/* NULL when it is empty. */
struct kk_request *kk_queue_take(struct kk_queue *q);
/* The first whose msg_type is type; NULL when there is none. */
struct kk_request *kk_queue_take_type(struct kk_queue *q, const char *type);
void kk_queue_release(struct kk_queue *q);

#endif

#ifndef KK_OWN_H
#define KK_OWN_H
/*
 * The agent's own requests to a kernel. Their msg_ids begin with a random mark, so that what answers them can be told from
 * what answers the gateway's by looking for the mark in the parent header.
 */
#include "runtimes/agent/wires.h"

struct kk_own {
    char mark[40]; /* "kgw-" and 32 hex digits */
    uint64_t count;
    struct kg_buf header;
};

void kk_own_init(struct kk_own *o);
void kk_own_release(struct kk_own *o);
/* Sends a request of type with JSON content to shell or control. Returns its number (1, 2...), or 0 with *err. */
uint64_t kk_own_send(struct kk_own *o, struct kk_wires *w, uint8_t channel, const char *type,
                     struct kg_span content, struct kg_err *err);
/* execute_request that shows nothing and counts for nothing. */
uint64_t kk_own_execute(struct kk_own *o, struct kk_wires *w, const char *code, struct kg_err *err);
/* The number of the own request that parent_header names; 0 when it is somebody else's. */
uint64_t kk_own_match(const struct kk_own *o, struct kg_span parent_header);

#endif

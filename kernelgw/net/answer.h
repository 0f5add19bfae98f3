#ifndef KG_NET_ANSWER_H
#define KG_NET_ANSWER_H
/* The head of an answer that is passed on from another server. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Appends the head of n bytes (as found by kg_head_end) to out, as a client is to see it that asked for a path below
 * prefix: it ends the connection, unless the protocol is switched; what it redirects to stays below prefix, as far as it is an
 * absolute path; its cookies are sent there alone. told: what the other server takes the prefix for, and may redirect to. Returns its status, or -EPROTO for what is no head.
 */
int kg_answer_pass(struct kg_buf *out, const char *head, size_t n, const char *prefix,
                   const char *told);

#endif

#ifndef KG_CORE_SAY_H
#define KG_CORE_SAY_H
/* Jupyter messages that the server itself writes: statuses, gaps, what a dead kernel could not say any more. */
#include "base/blob.h"
#include "base/span.h"

/*
 * A whole v1 frame; the caller owns its reference. parent: the header that it answers, as JSON; empty: {}. metadata
 * and content: JSON objects.
 */
struct kg_slice kg_say(uint8_t channel, const char *msg_type, const char *session,
                       struct kg_span parent, const char *metadata, const char *content);

/* status on iopub. */
struct kg_slice kg_say_status(const char *session, struct kg_span parent, const char *state);
/* stream on iopub; name is "stdout" or "stderr". */
struct kg_slice kg_say_stream(const char *session, struct kg_span parent, const char *metadata,
                              const char *name, const char *text);
/* error on iopub, or (reply_type not NULL) the reply of that type with status error, on its channel. */
struct kg_slice kg_say_error(uint8_t channel, const char *reply_type, const char *session,
                             struct kg_span parent, const char *ename, const char *evalue);

/* A copy of a v1 frame whose metadata says its number: {"kgw":{"seq":n}}. The caller owns its reference. */
struct kg_slice kg_say_numbered(const struct kg_slice *frame, uint64_t seq);

#endif

#ifndef KK_MESSAGES_H
#define KK_MESSAGES_H
/*
 * Jupyter messages of the agent's own making: those of a program run, which looks like the execution of a cell whose msg_id is
 * the run's id, and those of a kernel over an evaluator. Each goes straight into the link's ring as a v1 frame.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/span.h"
#include "jupyter/message.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/output.h"

struct kk_messages {
    struct kk_link *link;
    char tag
        [33]; /* in front of the counter in message ids: random, so that no two makers' ids meet */
    char session[65];
    char username[65];
    uint64_t count;
    struct kg_buf parent;          /* parent_header, JSON */
    struct kg_buf header, content; /* scratch */
    struct kg_json json;           /* of content, between begin and end */
};

/* What follows answers the message whose header is parent (JSON text, copied). session NULL: a fresh one. */
void kk_messages_init(struct kk_messages *m, struct kk_link *link, const char *session,
                      const char *username);
void kk_messages_release(struct kk_messages *m);
void kk_messages_set_parent(struct kk_messages *m, struct kg_span parent);
/* parent_header of a run: an execute_request with msg_id id. */
void kk_messages_set_run(struct kk_messages *m, const char *id);

void kk_messages_status(struct kk_messages *m, bool busy);
void kk_messages_stream(struct kk_messages *m, enum kk_stream stream, const uint8_t *text,
                        size_t n);
/* execute_reply on shell; content is JSON. */
void kk_messages_reply(struct kk_messages *m, struct kg_span content);

/* Any other message: its content is an object whose members are written between the two. */
struct kg_json *kk_messages_begin(struct kk_messages *m);
void kk_messages_end(struct kk_messages *m, uint8_t channel, const char *type,
                     enum kg_rec_kind kind);
/* A message whose content is there already, as JSON. */
void kk_messages_content(struct kk_messages *m, uint8_t channel, const char *type,
                         enum kg_rec_kind kind, struct kg_span content);

/* Puts any message into the link's ring. kind: enum kg_rec_kind. */
void kk_frame_put(struct kk_link *link, const struct jy_msg *msg, uint8_t kind);

/* How a run ended (docs/PROTOCOL.md, "Exit content"). */
struct kk_exit {
    bool exited; /* false: by a signal, or it never ran */
    int exit_code;
    int signal;
    const char *reason;
    const char *phase;
    uint64_t wall_ms, cpu_ms, rss_kb, stdout_bytes, stderr_bytes;
    uint64_t limit;     /* ms for timeout, bytes for output_limit: for the sentence */
    const char *detail; /* why it did not run, or NULL */
};
void kk_exit_json(struct kg_buf *out, const struct kk_exit *e);

#endif

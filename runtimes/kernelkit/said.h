#ifndef KK_SAID_H
#define KK_SAID_H
/* What an evaluator says in one line (docs/EVALUATORS.md). Pure. */
#include "base/err.h"
#include "base/span.h"

/* What the line does not hold is zero; reply is -1. Spans point into the line, whose JSON is checked. */
struct kk_said {
    struct kg_span event, status, ename, evalue, display_id, prompt, indent; /* raw text */
    struct kg_span implementation, implementation_version, banner;
    struct kg_span data, metadata, user_expressions, language_info; /* objects */
    struct kg_span traceback, payload, matches, help_links;         /* lists */
    int64_t reply, cursor_start, cursor_end;
    bool update, wait, password, found, help;
};

/* 0, or as kk_content_read: after -EINVAL what is right in it is there all the same. */
int kk_said_read(struct kk_said *s, struct kg_span line, struct kg_err *err);
/* For a line that is none: an interrupt, or user code, may have left half a line in front of a reply, and whoever waits for it
 * would wait for ever. Returns the line's end from the last `{"reply":` on; empty when there is none. */
struct kg_span kk_said_salvage(struct kg_span line);

#endif

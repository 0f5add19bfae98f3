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
    bool update, wait, password, found;
};

/* 0, or as kk_content_read: after -EINVAL what is right in it is there all the same. */
int kk_said_read(struct kk_said *s, struct kg_span line, struct kg_err *err);

#endif

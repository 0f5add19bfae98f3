#ifndef KK_PAST_H
#define KK_PAST_H
/*
 * The cells that were executed, for history_request. A kernel has one session, numbered 1 (0 means the current one). Bounded:
 * the oldest go first. Pure.
 * Source: jupyter_client documentation, "Messaging in Jupyter", "History"; IPython 8, core/history.py.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

enum {
    KK_PAST_BYTES = 2 * 1024 * 1024,
    KK_PAST_CELLS = 4096,
    KK_PAST_RESULT_MAX = 16 * 1024, /* a longer result is not kept */
    KK_PAST_PATTERN_MAX = 4096,
    KK_PAST_SESSION = 1,
};

struct kk_cell;

struct kk_past {
    struct kk_cell *first, *last;
    size_t bytes, count;
};

enum kk_past_access { KK_PAST_RANGE, KK_PAST_TAIL, KK_PAST_SEARCH };

struct kk_past_query {
    enum kk_past_access access;
    bool output, unique;
    int64_t session, start, stop, n; /* stop 0: no end; n 0: all */
    struct kg_span pattern;          /* UTF-8 */
};

void kk_past_release(struct kk_past *p);
/* code: UTF-8. line: the cell's count, above all before. */
void kk_past_add(struct kk_past *p, int64_t line, struct kg_span code);
/* The text of the result of the cell added last; it has none so far. */
void kk_past_set_result(struct kk_past *p, int64_t line, struct kg_span text);

/* Reads the content of a history_request. The pattern's text goes to *pattern and must live as long as *q. */
int kk_past_query_read(struct kk_past_query *q, struct kg_buf *pattern, struct kg_span content,
                       struct kg_err *err);
/* Writes the list of a history_reply: [session, line, input] or [session, line, [input, output]], oldest first. */
void kk_past_write(const struct kk_past *p, const struct kk_past_query *q, struct kg_json *j);

/* Shell patterns as SQLite's GLOB has them: * ? [abc] [^a-z]; of characters, not bytes. In time at most text x pattern. */
bool kk_glob(struct kg_span pattern, struct kg_span text);

#endif

#ifndef SQ_NAMES_H
#define SQ_NAMES_H
/* Names that can be completed: the server's keywords and functions, and what its databases hold at the moment. */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "runtimes/sql/context.h"
#include "runtimes/sql/session.h"

enum { SQ_MATCHES_MAX = 500 };

struct sq_names {
    struct kg_buf words; /* NUL-ended, one after the other */
};

struct sq_matches {
    char *texts[SQ_MATCHES_MAX]; /* on the heap */
    const char *types[SQ_MATCHES_MAX];
    size_t n;
};

/* Fetches keywords and functions, once. */
void sq_names_load(struct sq_names *names, struct sq_session *s);

/* What the context's name can become, best first. The caller releases. */
void sq_names_match(const struct sq_names *names, struct sq_session *s, const struct sq_context *c,
                    struct sq_matches *out);
void sq_matches_release(struct sq_matches *m);

/* A statement from a format whose %Q are strings of the caller's, quoted. NULL-ended list of them. On the heap. */
char *sq_sql(struct sq_session *s, const char *format, ...) __attribute__((sentinel));

#endif

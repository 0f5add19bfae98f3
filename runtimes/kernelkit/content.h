#ifndef KK_CONTENT_H
#define KK_CONTENT_H
/*
 * Reads the members that matter out of a JSON object: a request's content, or what an evaluator says. All of the text is
 * checked (jupyter/scan.h), so that what is taken out of it can be put into other JSON. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

enum kk_field_type {
    KK_TEXT,   /* struct kg_span: raw text, see jupyter/scan.h */
    KK_BOOL,   /* bool */
    KK_INT,    /* int64_t */
    KK_OBJECT, /* struct kg_span: the value's JSON */
    KK_ARRAY,  /* struct kg_span */
};

struct kk_field {
    const char *name;
    enum kk_field_type type;
    void *out; /* left alone when the member is absent or null */
    bool required;
};

/* Returns 0; -EPROTO when json is no valid object; -EINVAL when a member is missing or of another type, with a sentence
 * such as "code must be a string": the other members are read all the same. */
int kk_content_read(struct kg_span json, const struct kk_field *fields, size_t count,
                    struct kg_err *err);

/* Raw text as a JSON string of valid UTF-8, whatever escapes it came with. */
void kk_json_text(struct kg_json *j, struct kg_span raw);
/* A key, and a value that is JSON already. Empty: fallback. */
void kk_json_kraw(struct kg_json *j, const char *key, struct kg_span json, const char *fallback);

#endif

#ifndef JY_SCAN_H
#define JY_SCAN_H
/*
 * Reads single members of a JSON object without building a document: the values come out as spans of
 * the text they stand in. What is scanned is checked in full (RFC 8259, valid UTF-8, at most
 * JY_JSON_DEPTH levels deep), so that a value which passed can be spliced into other JSON. Like
 * Python's json module, which most kernels use, it takes NaN, Infinity and -Infinity for numbers, and
 * of two members with the same key the last one counts. Pure functions; nothing is allocated unless a
 * kg_buf is asked for.
 *
 * "Raw text" below is the inside of a JSON string as it was sent: without quotes, escapes still in it.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { JY_JSON_DEPTH = 512 };

enum jy_json_type {
    JY_JSON_OBJECT,
    JY_JSON_ARRAY,
    JY_JSON_STRING,
    JY_JSON_NUMBER,
    JY_JSON_TRUE,
    JY_JSON_FALSE,
    JY_JSON_NULL,
};

struct jy_scan {
    const uint8_t *start; /* of the object's text, for positions in errors */
    const uint8_t *at;
    const uint8_t *end;
    bool first;
};

struct jy_member {
    struct kg_span key;   /* raw text */
    struct kg_span value; /* from its first byte to its last: `"x"`, `{...}`, `12` */
    enum jy_json_type type;
    bool key_escaped; /* the key has escapes in it */
};

/* Begins to walk the members of the object that is all of json (whitespace around it allowed).
 * Returns 0, or -EPROTO when there is no object. */
int jy_scan_begin(struct jy_scan *s, struct kg_span json, struct kg_err *err);
/* Returns 1 with the next member; 0 when the object has ended and nothing follows it; -EPROTO with
 * the byte's position in *err. */
int jy_scan_next(struct jy_scan *s, struct jy_member *out, struct kg_err *err);

/* Checks that all of json is one value; *type (may be NULL) is what it is. 0 or -EPROTO. */
int jy_json_check(struct kg_span json, enum jy_json_type *type, struct kg_err *err);

/* The last top-level member named key (plain ASCII). Returns 1 with it, 0 when there is none (*out is
 * untouched), -EPROTO for what is no valid object. */
int jy_json_find(struct kg_span json, const char *key, struct jy_member *out, struct kg_err *err);
/* As jy_json_find for a member that is a string: *raw is its raw text. A member of another type is
 * not found. */
int jy_json_find_string(struct kg_span json, const char *key, struct kg_span *raw,
                        struct kg_err *err);

/* The raw text of a member of type JY_JSON_STRING. */
static inline struct kg_span jy_member_text(const struct jy_member *m)
{
    return (struct kg_span){m->value.data + 1, m->value.len - 2};
}

/* A number that is a whole one within int64. Returns 0, or -EPROTO / -ERANGE. */
int jy_json_int(struct kg_span value, int64_t *out);

/* Appends raw text with its escapes resolved, as UTF-8. Half a surrogate pair becomes U+FFFD. raw
 * must come from a string that was scanned. */
void jy_text_decode(struct kg_buf *out, struct kg_span raw);
/* True when two raw texts mean the same string, or one means s. */
bool jy_text_equal(struct kg_span a, struct kg_span b);
bool jy_text_is(struct kg_span raw, const char *s);

/* True when the member's key means s. */
static inline bool jy_member_is(const struct jy_member *m, const char *s)
{
    return m->key_escaped ? jy_text_is(m->key, s) : kg_span_is(m->key, s);
}

#endif

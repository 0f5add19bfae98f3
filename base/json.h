#ifndef KG_BASE_JSON_H
#define KG_BASE_JSON_H
/*
 * Writes JSON into a kg_buf, without a document in memory. Commas are its own business; nesting is the
 * caller's (asserted). Strings are given as UTF-8; bytes that are not valid UTF-8 become U+FFFD, so what
 * comes out is always valid JSON. Reading JSON is jansson's job, not this file's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct kg_json {
    struct kg_buf *out;
    bool comma; /* the next value needs one in front */
    int depth;
};

void kg_json_init(struct kg_json *j, struct kg_buf *out); /* out is borrowed and appended to */

void kg_json_object_begin(struct kg_json *j);
void kg_json_object_end(struct kg_json *j);
void kg_json_array_begin(struct kg_json *j);
void kg_json_array_end(struct kg_json *j);
void kg_json_key(struct kg_json *j, const char *key);
void kg_json_str(struct kg_json *j, const char *s); /* NULL writes null */
void kg_json_strn(struct kg_json *j, const void *s, size_t n);
void kg_json_int(struct kg_json *j, int64_t v);
void kg_json_real(struct kg_json *j, double v); /* not finite writes null */
void kg_json_bool(struct kg_json *j, bool v);
void kg_json_null(struct kg_json *j);
/* Text that is JSON already, as one value. */
void kg_json_raw(struct kg_json *j, const void *json, size_t n);

/* Key and value in one call. */
void kg_json_kstr(struct kg_json *j, const char *key, const char *s);
void kg_json_kint(struct kg_json *j, const char *key, int64_t v);
void kg_json_kbool(struct kg_json *j, const char *key, bool v);

/*
 * About how many bytes a document read from this text takes in memory, as jansson 2.14 keeps it on glibc: an empty object
 * of two bytes costs it over two hundred. One pass, to be made before a text from outside is read; never an error, whatever
 * the text is.
 */
size_t kg_json_weight(const void *text, size_t n);

/* Length of the valid UTF-8 character at the start of s, 0 when there is none: no overlong forms, no
 * surrogates, nothing above U+10FFFF. Source: RFC 3629, section 4. */
size_t kg_utf8_char(const uint8_t *s, size_t n);

/* How many bytes at the start of s form whole UTF-8 characters when the last may be cut off:
 * n, or up to 3 less. Used to cut output between characters. */
size_t kg_utf8_whole(const uint8_t *s, size_t n);

#endif

#ifndef KG_NET_HEAD_H
#define KG_NET_HEAD_H
/*
 * Reads the head of one HTTP/1.x request, and a query. Pure functions over bytes: no I/O, no allocation.
 * Strict where leniency is how requests get smuggled (RFC 9112): CRLF only, no folded lines, no space
 * before a colon, one Host, one Content-Length, and never both a length and chunks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KG_HEAD_BYTES_MAX = 16 * 1024, /* of a whole head; above: 431 */
    KG_HEAD_FIELDS_MAX = 100,
    KG_QUERY_ARGS_MAX = 64,
};

struct kg_head_field {
    const char *name; /* in lower case */
    const char *value;
};

struct kg_head {
    const char *method; /* as sent: "GET" */
    const char *path;   /* starts with '/', or is "*"; not decoded, without the query */
    const char *query;  /* behind the first '?', or NULL */
    struct kg_head_field fields[KG_HEAD_FIELDS_MAX];
    size_t field_count;
    int64_t content_length; /* -1: none was given */
    bool http10;
    bool chunked;
    bool keep_alive; /* what the client wants, by version and Connection */
    bool expect_continue;
    bool websocket; /* GET with Connection: upgrade and Upgrade: websocket */
};

/*
 * Finds the end of a head in n bytes, given that the first `seen` were searched before. Returns the
 * head's length with its last CRLF CRLF, or 0 when it isn't there yet.
 */
size_t kg_head_end(const uint8_t *in, size_t n, size_t seen);

/*
 * Reads a head of n bytes (as found by kg_head_end) in place: text is changed, must have room for a NUL
 * at text[n], and must outlive *h. Returns 0, or the HTTP status to refuse it with: 400, 431, 501, 505.
 */
int kg_head_parse(struct kg_head *h, char *text, size_t n);

/* The first field of that lower-case name, or NULL. */
const char *kg_head_get(const struct kg_head *h, const char *name);

/* True when a comma-separated list, in any field of that name, holds the token (any case). */
bool kg_head_has_token(const struct kg_head *h, const char *name, const char *token);

/*
 * Splits and decodes a query in place ('+' is a space, %XX a byte; a '%' without two digits stays). An
 * argument without '=' has the value "". Arguments with a NUL in name or value are left out, and so is
 * what comes after `max` of them. Returns how many were read.
 */
size_t kg_query_parse(struct kg_head_field *args, size_t max, char *query);

#endif

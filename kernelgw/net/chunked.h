#ifndef KG_NET_CHUNKED_H
#define KG_NET_CHUNKED_H
/* Takes the chunks off a request's body (RFC 9112, 7.1). Chunk extensions and trailers are read and dropped. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A zeroed struct is ready to begin. */
struct kg_chunked {
    uint64_t left; /* of the chunk's data; while its size is read: the size so far */
    uint32_t line; /* bytes of the present size line or of all trailers */
    uint8_t state;
    uint8_t digits;
};

/*
 * Reads from n bytes, as many as belong to the body, into *used, and appends the data to out, which must
 * not grow beyond max. Returns 1 when the body is whole, 0 when more is needed, or the HTTP status to
 * refuse it with: 400 malformed, 413 too large.
 */
int kg_chunked_feed(struct kg_chunked *c, struct kg_buf *out, size_t max, const uint8_t *in,
                    size_t n, size_t *used);

#endif

#ifndef KG_BASE_BLOB_H
#define KG_BASE_BLOB_H
/*
 * Immutable bytes seen by many: one kernel message on its way to five browsers is one kg_blob with a
 * count. For the loop's thread only, so the count is a plain integer. A kg_slice is a stretch of a
 * blob; a holder of a slice owns one reference to its blob.
 */
#include <stddef.h>
#include <stdint.h>

struct kg_blob {
    uint32_t refs;
    size_t len;
    uint8_t data[];
};

struct kg_slice {
    struct kg_blob *blob;
    const uint8_t *data; /* inside blob->data */
    size_t len;
};

/* A blob of n bytes with one reference; the caller writes data before it shares the blob. */
struct kg_blob *kg_blob_new(size_t n);
struct kg_blob *kg_blob_copy(const void *data, size_t n);
struct kg_blob *kg_blob_ref(struct kg_blob *b);
void kg_blob_unref(struct kg_blob *b); /* NULL is fine */

/* A slice over [data, data+len) of b; takes a reference of its own. */
static inline struct kg_slice kg_slice_of(struct kg_blob *b, const uint8_t *data, size_t len)
{
    return (struct kg_slice){kg_blob_ref(b), data, len};
}

static inline void kg_slice_release(struct kg_slice *s)
{
    kg_blob_unref(s->blob);
    *s = (struct kg_slice){0};
}

#endif

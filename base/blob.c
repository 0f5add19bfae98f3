#include "base/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct kg_blob *kg_blob_new(size_t n)
{
    struct kg_blob *b = kg_malloc(sizeof *b + n);
    b->refs = 1;
    b->len = n;
    return b;
}

struct kg_blob *kg_blob_copy(const void *data, size_t n)
{
    struct kg_blob *b = kg_blob_new(n);
    if (n)
        memcpy(b->data, data, n);
    return b;
}

struct kg_blob *kg_blob_ref(struct kg_blob *b)
{
    assert(b->refs > 0);
    b->refs++;
    return b;
}

void kg_blob_unref(struct kg_blob *b)
{
    if (!b)
        return;
    assert(b->refs > 0);
    if (--b->refs == 0)
        free(b);
}

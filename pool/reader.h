#ifndef KG_POOL_READER_H
#define KG_POOL_READER_H
/*
 * Cuts a stream of bytes into link records without copying: bytes are read into shared blobs, and bodies are
 * slices of them. Only what spans two blobs is copied: a small record moves to the front of the
 * next blob, a large body gets a blob of exactly its size. Does no I/O; a zeroed struct is a fresh reader.
 */
#include <stdbool.h>
#include <sys/uio.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/record.h"

enum {
    PL_CHUNK_MIN = 16 * 1024,
    PL_CHUNK_MAX = 256 * 1024,
};

struct pl_reader {
    struct kg_blob *chunk;
    size_t start;        /* of what is not cut yet */
    size_t end;          /* of what has been read */
    size_t chunk_size;   /* of the next chunk: follows how much comes at once */
    struct kg_blob *big; /* the body of big_rec, being read */
    size_t big_have;
    struct kg_rec big_rec;
    struct kg_blob *lent; /* the big body that next handed out last */
    size_t offered;
};

void pl_reader_release(struct pl_reader *r);

/* Says where the next bytes are to be read to: fills iov and returns how many of its two are used. */
int pl_reader_room(struct pl_reader *r, struct iovec iov[2]);
/* n bytes have been read into the room that was last given. */
void pl_reader_took(struct pl_reader *r, size_t n);

/*
 * Cuts the next record. Returns 1 with *rec and *body, 0 when more bytes are needed, or a negative code with *err.
 * body->blob is borrowed: valid until the next call of any of these; a reference taken to it stays good.
 */
int pl_reader_next(struct pl_reader *r, struct kg_rec *rec, struct kg_slice *body,
                   struct kg_err *err);

/* Gives memory back that holds nothing: when the stream has run dry. */
void pl_reader_dry(struct pl_reader *r);

#endif

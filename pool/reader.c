#include "pool/reader.h"

#include <string.h>

/* Less room than this at a chunk's end isn't worth a system call. */
enum { ROOM_MIN = 1024 };

void pl_reader_release(struct pl_reader *r)
{
    kg_blob_unref(r->chunk);
    kg_blob_unref(r->big);
    kg_blob_unref(r->lent);
    *r = (struct pl_reader){0};
}

static void new_chunk(struct pl_reader *r)
{
    if (r->chunk_size == 0)
        r->chunk_size = PL_CHUNK_MIN;
    struct kg_blob *fresh = kg_blob_new(r->chunk_size);
    size_t rest = r->end - r->start;
    if (rest)
        memcpy(fresh->data, r->chunk->data + r->start, rest);
    kg_blob_unref(r->chunk);
    r->chunk = fresh;
    r->start = 0;
    r->end = rest;
}

/* The record at start is too large to move: its body gets a blob of its own, the chunk is empty then. */
static void begin_big(struct pl_reader *r, const struct kg_rec *rec)
{
    size_t have = r->end - r->start - KG_REC_HEAD;
    r->big = kg_blob_new(rec->body_len);
    r->big_rec = *rec;
    r->big_have = have;
    memcpy(r->big->data, r->chunk->data + r->start + KG_REC_HEAD, have);
    r->start = r->end;
}

static size_t chunk_room(const struct pl_reader *r)
{
    return r->chunk ? r->chunk->len - r->end : 0;
}

/* Nobody holds a slice of an empty chunk with one reference: it can be filled from its front again. */
static void rewind_chunk(struct pl_reader *r)
{
    if (r->chunk && r->start == r->end && r->chunk->refs == 1)
        r->start = r->end = 0;
}

static void make_room(struct pl_reader *r)
{
    rewind_chunk(r);
    size_t rest = r->end - r->start;
    size_t need = KG_REC_HEAD;
    struct kg_rec rec;
    bool head = rest >= KG_REC_HEAD &&
                kg_rec_decode(&rec, r->chunk->data + r->start, rest, NULL) == KG_REC_HEAD;
    if (head)
        need += rec.body_len;
    size_t room = chunk_room(r);
    if (room >= ROOM_MIN && (rest >= need || need - rest <= room))
        return;
    if (head && need > PL_CHUNK_MIN / 4)
        begin_big(r, &rec);
    rewind_chunk(r);
    if (chunk_room(r) < ROOM_MIN || r->start != r->end)
        new_chunk(r);
}

int pl_reader_room(struct pl_reader *r, struct iovec iov[2])
{
    kg_blob_unref(r->lent);
    r->lent = NULL;
    if (!r->big)
        make_room(r);
    else if (chunk_room(r) < ROOM_MIN)
        new_chunk(r);
    int n = 0;
    r->offered = 0;
    if (r->big) {
        size_t want = r->big->len - r->big_have;
        iov[n++] = (struct iovec){r->big->data + r->big_have, want};
        r->offered += want;
    }
    size_t room = chunk_room(r);
    iov[n++] = (struct iovec){r->chunk->data + r->end, room};
    r->offered += room;
    return n;
}

void pl_reader_took(struct pl_reader *r, size_t n)
{
    if (n >= r->offered && r->chunk_size < PL_CHUNK_MAX)
        r->chunk_size *= 2;
    else if (n < r->chunk_size / 16 && r->chunk_size > PL_CHUNK_MIN)
        r->chunk_size /= 2;
    if (r->big) {
        size_t want = r->big->len - r->big_have;
        size_t part = n < want ? n : want;
        r->big_have += part;
        n -= part;
    }
    r->end += n;
}

int pl_reader_next(struct pl_reader *r, struct kg_rec *rec, struct kg_slice *body,
                   struct kg_err *err)
{
    kg_blob_unref(r->lent);
    r->lent = NULL;
    if (r->big) {
        if (r->big_have < r->big->len)
            return 0;
        *rec = r->big_rec;
        *body = (struct kg_slice){r->big, r->big->data, r->big->len};
        r->lent = r->big;
        r->big = NULL;
        return 1;
    }
    size_t have = r->end - r->start;
    if (have < KG_REC_HEAD)
        return 0;
    const uint8_t *at = r->chunk->data + r->start;
    int rc = kg_rec_decode(rec, at, have, err);
    if (rc < 0)
        return rc;
    if (have - KG_REC_HEAD < rec->body_len)
        return 0;
    *body = (struct kg_slice){r->chunk, at + KG_REC_HEAD, rec->body_len};
    r->start += KG_REC_HEAD + (size_t)rec->body_len;
    return 1;
}

void pl_reader_dry(struct pl_reader *r)
{
    if (r->chunk && !r->big && r->start == r->end && r->chunk->refs == 1) {
        kg_blob_unref(r->chunk);
        r->chunk = NULL;
        r->start = r->end = 0;
    }
}

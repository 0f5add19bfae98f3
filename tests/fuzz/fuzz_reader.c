/* pool/reader.c: what is cut out of a stream read in pieces is what stands in the stream read at once. */
#include "base/record.h"
#include "fuzz.h"
#include "pool/reader.h"

/* The pieces' sizes come from the input's first bytes. */
static size_t piece(const uint8_t *sizes, size_t round)
{
    size_t n = sizes[round % 4];
    return n < 200 ? n + 1 : (n - 199) * 997;
}

static size_t feed(struct pl_reader *r, const uint8_t *in, size_t n)
{
    struct iovec iov[2];
    int parts = pl_reader_room(r, iov);
    size_t done = 0;
    for (int i = 0; i < parts && done < n; i++) {
        size_t part = n - done < iov[i].iov_len ? n - done : iov[i].iov_len;
        memcpy(iov[i].iov_base, in + done, part);
        done += part;
    }
    MUST(done > 0);
    pl_reader_took(r, done);
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const uint8_t *sizes = data;
    data += 4;
    size -= 4;
    struct pl_reader r = {0};
    size_t fed = 0;
    size_t cut = 0;
    int rc = 0;
    for (size_t round = 0; rc == 0 && fed < size; round++) {
        size_t n = piece(sizes, round);
        fed += feed(&r, data + fed, n < size - fed ? n : size - fed);
        struct kg_rec rec;
        struct kg_rec straight;
        struct kg_slice body;
        struct kg_err err = {0};
        while ((rc = pl_reader_next(&r, &rec, &body, &err)) > 0) {
            MUST(kg_rec_decode(&straight, data + cut, size - cut, NULL) == KG_REC_HEAD);
            MUST(memcmp(&rec, &straight, sizeof rec) == 0);
            MUST(body.len == rec.body_len && cut + KG_REC_HEAD + body.len <= fed);
            MUST(memcmp(body.data, data + cut + KG_REC_HEAD, body.len) == 0);
            cut += KG_REC_HEAD + body.len;
        }
        MUST(rc == 0 || (rc < 0 && err.text[0]));
        if (rc < 0)
            MUST(kg_rec_decode(&straight, data + cut, size - cut, NULL) == rc);
        pl_reader_dry(&r);
    }
    pl_reader_release(&r);
    return 0;
}

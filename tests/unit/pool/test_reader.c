#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool/reader.h"

enum { RECORDS = 400, KEPT_MAX = RECORDS };

static uint32_t seed;

static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Bodies of all sizes that matter: none, small, about a chunk's quarter, larger than any chunk. */
static size_t size_of(int i)
{
    switch (roll(12)) {
    case 0: return 0;
    case 1: return 4096 - KG_REC_HEAD + roll(3);
    case 2: return PL_CHUNK_MIN + roll(100);
    case 3: return i % 40 == 0 ? PL_CHUNK_MAX * 2 + roll(5000) : 700;
    default: return roll(300);
    }
}

static uint8_t byte_of(uint64_t seq, size_t at)
{
    return (uint8_t)(seq * 31 + at * 7 + (at >> 8));
}

static void build(struct kg_buf *out)
{
    for (int i = 1; i <= RECORDS; i++) {
        struct kg_rec rec = {.type = KG_REC_MSG, .channel = KG_CH_IOPUB, .seq = (uint64_t)i};
        size_t n = size_of(i);
        kg_autofree uint8_t *body = kg_malloc(n + 1);
        for (size_t k = 0; k < n; k++)
            body[k] = byte_of(rec.seq, k);
        kg_rec_append(out, &rec, body, n);
    }
}

static void check_body(uint64_t seq, struct kg_slice body)
{
    for (size_t k = 0; k < body.len; k++)
        if (body.data[k] != byte_of(seq, k))
            fail_msg("record %llu differs at byte %zu", (unsigned long long)seq, k);
}

/* Gives the reader at most n bytes of in; returns how many it had room for. */
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
    assert_true(done > 0 || n == 0);
    pl_reader_took(r, done);
    return done;
}

static void read_through(uint32_t seed_, uint32_t most_at_once, uint32_t keep_one_of)
{
    kg_autobuf stream = {0};
    struct pl_reader r = {0};
    struct kg_slice kept[KEPT_MAX];
    uint64_t kept_seq[KEPT_MAX];
    size_t keeps = 0;
    uint64_t last = 0;
    seed = seed_;
    build(&stream);
    for (size_t at = 0; at < stream.len;) {
        size_t n = 1 + roll(most_at_once);
        at += feed(&r, stream.data + at, n < stream.len - at ? n : stream.len - at);
        struct kg_rec rec;
        struct kg_slice body;
        int rc;
        while ((rc = pl_reader_next(&r, &rec, &body, NULL)) > 0) {
            assert_int_equal(rec.seq, ++last);
            assert_int_equal(rec.body_len, body.len);
            check_body(rec.seq, body);
            if (keep_one_of && rec.seq % keep_one_of == 0) {
                kept_seq[keeps] = rec.seq;
                kept[keeps++] = kg_slice_of(body.blob, body.data, body.len);
            }
        }
        assert_int_equal(rc, 0);
        pl_reader_dry(&r);
    }
    assert_int_equal(last, RECORDS);
    pl_reader_release(&r);
    for (size_t i = 0; i < keeps; i++) { /* what was kept has not been written over */
        check_body(kept_seq[i], kept[i]);
        kg_slice_release(&kept[i]);
    }
}

static void records_come_out_whole_however_they_come_in(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 3, 17, 100, 5000, 70000, 3000000};
    for (uint32_t i = 0; i < KG_COUNT(sizes); i++)
        read_through(i + 1, sizes[i], 0);
}

static void kept_bodies_stay_as_they_were(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {7, 900, 20000, 400000};
    for (uint32_t i = 0; i < KG_COUNT(sizes); i++)
        for (uint32_t keep = 1; keep < 20; keep += 6)
            read_through(i * 100 + keep, sizes[i], keep);
}

static void a_body_within_one_blob_is_not_copied(void **state)
{
    (void)state;
    struct pl_reader r = {0};
    kg_autobuf stream = {0};
    for (int i = 0; i < 10; i++) {
        struct kg_rec rec = {.type = KG_REC_MSG, .seq = 1};
        kg_rec_append(&stream, &rec, "0123456789", 10);
    }
    struct iovec iov[2];
    assert_int_equal(pl_reader_room(&r, iov), 1);
    memcpy(iov[0].iov_base, stream.data, stream.len);
    pl_reader_took(&r, stream.len);
    for (int i = 0; i < 10; i++) {
        struct kg_rec rec;
        struct kg_slice body;
        assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 1);
        assert_ptr_equal(body.data, (uint8_t *)iov[0].iov_base + i * 26 + KG_REC_HEAD);
    }
    pl_reader_dry(&r);
    assert_null(r.chunk); /* an idle link holds no memory */
    pl_reader_release(&r);
}

static void a_large_body_is_read_straight_into_its_place(void **state)
{
    (void)state;
    enum { SIZE = 3000000 };
    struct pl_reader r = {0};
    uint8_t head[KG_REC_HEAD];
    struct kg_rec rec = {.type = KG_REC_MSG, .body_len = SIZE, .seq = 1};
    struct kg_slice body;
    struct iovec iov[2];
    kg_rec_encode(head, &rec);
    feed(&r, head, sizeof head);
    assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 0);
    assert_int_equal(pl_reader_room(&r, iov), 2);
    assert_int_equal(iov[0].iov_len, SIZE); /* and what follows it comes with the same call */
    memset(iov[0].iov_base, 7, SIZE);
    pl_reader_took(&r, SIZE);
    assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 1);
    assert_ptr_equal(body.data, iov[0].iov_base);
    assert_int_equal(body.blob->len, SIZE);
    assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 0);
    pl_reader_release(&r);
}

static void every_prefix_of_a_record_waits_for_more(void **state)
{
    (void)state;
    kg_autobuf stream = {0};
    struct kg_rec rec = {.type = KG_REC_EVENT, .channel = KG_CH_NONE, .seq = 1};
    kg_rec_append(&stream, &rec, "{\"event\":\"x\"}", 13);
    for (size_t n = 0; n < stream.len; n++) {
        struct pl_reader r = {0};
        struct kg_slice body;
        feed(&r, stream.data, n);
        assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 0);
        feed(&r, stream.data + n, stream.len - n);
        assert_int_equal(pl_reader_next(&r, &rec, &body, NULL), 1);
        assert_int_equal(body.len, 13);
        pl_reader_release(&r);
    }
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct kg_rec rec;
        int rc;
    } cases[] = {
        {{.type = 0}, -EPROTO},
        {{.type = 5}, -EPROTO},
        {{.type = 99}, -EPROTO},
        {{.type = KG_REC_MSG, .channel = KG_CH_COUNT}, -EPROTO},
        {{.type = KG_REC_MSG, .body_len = KG_REC_BODY_MAX + 1}, -EMSGSIZE},
        {{.type = KG_REC_MSG, .body_len = UINT32_MAX}, -EMSGSIZE},
    };
    for (size_t i = 0; i < KG_COUNT(cases); i++) {
        struct pl_reader r = {0};
        struct kg_rec rec = cases[i].rec;
        struct kg_slice body;
        struct kg_err err = {0};
        uint8_t head[KG_REC_HEAD];
        kg_rec_encode(head, &rec);
        feed(&r, head, sizeof head);
        assert_int_equal(pl_reader_next(&r, &rec, &body, &err), cases[i].rc);
        assert_int_equal(err.code, cases[i].rc);
        pl_reader_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_whole_however_they_come_in),
        cmocka_unit_test(kept_bodies_stay_as_they_were),
        cmocka_unit_test(a_body_within_one_blob_is_not_copied),
        cmocka_unit_test(a_large_body_is_read_straight_into_its_place),
        cmocka_unit_test(every_prefix_of_a_record_waits_for_more),
        cmocka_unit_test(what_is_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

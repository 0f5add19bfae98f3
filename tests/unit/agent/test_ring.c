#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/agent/ring.h"

/* What a gateway would have read: numbers and bodies in order. */
struct heard {
    struct kg_buf bytes;
    size_t at;
};

static void take(struct kk_ring *r, struct heard *h, size_t piece)
{
    struct iovec iov[8];
    int n;
    while ((n = kk_ring_gather(r, iov, 8, piece)) > 0) {
        size_t sent = 0;
        for (int i = 0; i < n && sent < piece; i++) {
            size_t part = iov[i].iov_len < piece - sent ? iov[i].iov_len : piece - sent;
            kg_buf_add(&h->bytes, iov[i].iov_base, part);
            sent += part;
        }
        kk_ring_sent(r, sent);
    }
    assert_int_equal(r->unsent, 0);
}

static bool next(struct heard *h, struct kg_rec *rec, const char **body)
{
    struct kg_err err;
    int rc = kg_rec_decode(rec, h->bytes.data + h->at, h->bytes.len - h->at, &err);
    if (rc == 0) {
        assert_int_equal(h->at, h->bytes.len);
        return false;
    }
    assert_int_equal(rc, KG_REC_HEAD);
    *body = (const char *)h->bytes.data + h->at + KG_REC_HEAD;
    h->at += KG_REC_HEAD + rec->body_len;
    assert_true(h->at <= h->bytes.len);
    return true;
}

static void say(struct kk_ring *r, uint8_t kind, size_t n)
{
    kg_autofree uint8_t *body = kg_malloc(n);
    memset(body, (int)('a' + (r->last_seq + 1) % 26), n);
    kk_ring_add(r, KG_REC_MSG, KG_CH_IOPUB, kind, body, n);
}

static void expect_msg(struct heard *h, uint64_t seq, size_t n)
{
    struct kg_rec rec;
    const char *body;
    assert_true(next(h, &rec, &body));
    assert_int_equal(rec.type, KG_REC_MSG);
    assert_int_equal(rec.seq, seq);
    assert_int_equal(rec.body_len, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(body[i], 'a' + seq % 26);
}

static void expect_gap(struct heard *h, uint64_t from, uint64_t to, uint64_t *bytes)
{
    struct kg_rec rec;
    const char *body;
    assert_true(next(h, &rec, &body));
    assert_int_equal(rec.type, KG_REC_EVENT);
    assert_int_equal(rec.seq, to);
    kg_autofree char *text = kg_strndup(body, rec.body_len);
    uint64_t messages, b, f, t;
    assert_int_equal(sscanf(text,
                            "{\"event\":\"gap\",\"messages\":%" SCNu64 ",\"bytes\":%" SCNu64
                            ",\"from_seq\":%" SCNu64 ",\"to_seq\":%" SCNu64 "}",
                            &messages, &b, &f, &t),
                     4);
    assert_int_equal(messages, to - from + 1);
    assert_int_equal(f, from);
    assert_int_equal(t, to);
    if (bytes)
        *bytes = b;
}

static void expect_end(struct heard *h)
{
    struct kg_rec rec;
    const char *body;
    assert_false(next(h, &rec, &body));
    kg_buf_release(&h->bytes);
    h->at = 0;
}

static void records_come_out_as_they_went_in_whatever_the_pieces(void **state)
{
    (void)state;
    const size_t pieces[] = {1, 7, 1000, 100000, 10000000};
    for (size_t p = 0; p < KG_COUNT(pieces); p++) {
        struct kk_ring r;
        struct heard h = {0};
        size_t n = pieces[p] < 100 ? 40 : 3000;
        kk_ring_init(&r, 1000000);
        for (size_t i = 0; i < n; i++)
            say(&r, KG_KIND_OUTPUT, i % 300);
        take(&r, &h, pieces[p]);
        for (size_t i = 0; i < n; i++)
            expect_msg(&h, i + 1, i % 300);
        expect_end(&h);
        kk_ring_release(&r);
    }
}

static void replies_keep_their_place_between_messages(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 60; piece += 6) {
        struct kk_ring r;
        struct heard h = {0};
        struct kg_rec rec;
        const char *body;
        kk_ring_init(&r, 1000);
        kk_ring_reply(&r, "r0", 2);
        say(&r, KG_KIND_OUTPUT, 10);
        say(&r, KG_KIND_OUTPUT, 10);
        kk_ring_reply(&r, "r1", 2);
        kk_ring_reply(&r, "r2", 2);
        say(&r, KG_KIND_OUTPUT, 10);
        kk_ring_reply(&r, "r3", 2);
        take(&r, &h, piece);
        static const char *const want[] = {"r0", NULL, NULL, "r1", "r2", NULL, "r3"};
        uint64_t seq = 0;
        for (size_t i = 0; i < KG_COUNT(want); i++) {
            if (!want[i]) {
                expect_msg(&h, ++seq, 10);
                continue;
            }
            assert_true(next(&h, &rec, &body));
            assert_int_equal(rec.type, KG_REC_REPLY);
            assert_int_equal(rec.seq, 0);
            assert_memory_equal(body, want[i], 2);
        }
        expect_end(&h);
        kk_ring_release(&r);
    }
}

static void what_was_sent_can_be_sent_again(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 20);
    for (int i = 0; i < 500; i++)
        say(&r, KG_KIND_OUTPUT, 1000);
    take(&r, &h, 333);
    kg_buf_clear(&h.bytes);
    for (uint64_t from = 0; from <= 502; from += 251) {
        kk_ring_rewind(&r, from, true);
        take(&r, &h, 100000);
        for (uint64_t seq = from ? from : 1; seq <= 500; seq++)
            expect_msg(&h, seq, 1000);
        expect_end(&h);
    }
    kk_ring_release(&r);
}

static void what_is_gone_is_told_as_a_gap(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        say(&r, KG_KIND_REPLY, 1000);
        if (i % 100 == 0)
            take(&r, &h, 1 << 20);
    }
    take(&r, &h, 1 << 20);
    kg_buf_clear(&h.bytes);
    uint64_t first = kk_ring_first(&r);
    assert_true(first > 1);
    assert_true(r.bytes >= 1 << 20);
    assert_true(r.bytes < (1 << 20) + 2 * KK_RING_CHUNK);
    kk_ring_rewind(&r, 1, true);
    take(&r, &h, 1 << 20);
    expect_gap(&h, 1, first - 1, NULL);
    for (uint64_t seq = first; seq <= 5000; seq++)
        expect_msg(&h, seq, 1000);
    expect_end(&h);
    kk_ring_release(&r);
}

static void a_message_above_all_limits_is_kept_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 16);
    say(&r, KG_KIND_OUTPUT, 1 << 20);
    say(&r, KG_KIND_STATUS_IDLE, 10);
    take(&r, &h, 1 << 15);
    assert_int_equal(kk_ring_first(&r), 1);
    kk_ring_rewind(&r, 1, true);
    kg_buf_clear(&h.bytes);
    take(&r, &h, 1 << 15);
    expect_msg(&h, 1, 1 << 20);
    expect_msg(&h, 2, 10);
    expect_end(&h);
    kk_ring_ack(&r, 1);
    assert_int_equal(kk_ring_first(&r), 2);
    kk_ring_ack(&r, 99); /* a lie: there is no such number */
    assert_int_equal(r.acked, 1);
    kk_ring_release(&r);
}

static void a_reply_half_sent_goes_again_to_the_same_gateway_only(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct kk_ring r;
        struct heard h = {0};
        struct iovec iov[4];
        struct kg_rec rec;
        const char *body;
        kk_ring_init(&r, 1000);
        say(&r, KG_KIND_OUTPUT, 10);
        kk_ring_reply(&r, "reply", 5);
        assert_int_equal(kk_ring_gather(&r, iov, 4, 1000), 2);
        kk_ring_sent(&r, 26 + 9);
        kk_ring_rewind(&r, 2, keep);
        take(&r, &h, 1000);
        if (keep) {
            assert_true(next(&h, &rec, &body));
            assert_memory_equal(body, "reply", 5);
        }
        expect_end(&h);
        say(&r, KG_KIND_OUTPUT, 3);
        take(&r, &h, 1000);
        expect_msg(&h, 2, 3);
        expect_end(&h);
        kk_ring_release(&r);
    }
}

static void shedding_drops_output_and_keeps_the_rest_in_order(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 20);
    uint64_t dropped = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 2000; i++)
            say(&r, i % 100 == 50 ? KG_KIND_REPLY : KG_KIND_OUTPUT, 500);
        kk_ring_reply(&r, "reply", 5);
        dropped += kk_ring_shed(&r, 1 << 20);
        assert_true(r.unsent <= 1 << 20);
    }
    assert_true(dropped > 30000);
    take(&r, &h, 12345);
    struct kg_rec rec;
    const char *body;
    uint64_t seq = 0, told = 0, replies = 0, kept = 0;
    while (next(&h, &rec, &body)) {
        if (rec.type == KG_REC_REPLY) {
            replies++;
            continue;
        }
        if (rec.type == KG_REC_EVENT) {
            uint64_t messages = 0, bytes = 0, from = 0, to = 0;
            kg_autofree char *text = kg_strndup(body, rec.body_len);
            assert_int_equal(sscanf(text,
                                    "{\"event\":\"gap\",\"messages\":%" SCNu64 ",\"bytes\":%" SCNu64
                                    ",\"from_seq\":%" SCNu64 ",\"to_seq\":%" SCNu64 "}",
                                    &messages, &bytes, &from, &to),
                             4);
            assert_int_equal(from, seq + 1);
            assert_int_equal(to, rec.seq);
            assert_int_equal(messages, to - from + 1);
            assert_int_equal(bytes, messages * 516);
            told += messages;
            seq = to;
            continue;
        }
        assert_int_equal(rec.seq, ++seq);
        assert_int_equal(body[0], 'a' + seq % 26);
        kept += rec.kind == KG_KIND_REPLY;
    }
    assert_int_equal(seq, 40000);
    assert_int_equal(told, dropped);
    assert_int_equal(replies, 20);
    assert_int_equal(kept, 400); /* every one */
    kg_buf_release(&h.bytes);
    kk_ring_release(&r);
}

static void what_must_be_kept_has_a_limit_too(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 20);
    for (int i = 0; i < 40000; i++) {
        say(&r, KG_KIND_OTHER, 500);
        if (i % 1000 == 0)
            kk_ring_shed(&r, 1 << 20);
    }
    kk_ring_shed(&r, 1 << 20);
    assert_true(r.unsent <= 1 << 20);
    take(&r, &h, 1 << 20);
    /* The chunk that stood at the cursor is not touched; then one gap; then the newest. */
    struct kg_rec rec;
    const char *body;
    uint64_t seq = 0, gaps = 0;
    while (next(&h, &rec, &body)) {
        gaps += rec.type == KG_REC_EVENT;
        seq = rec.seq;
    }
    assert_int_equal(seq, 40000);
    assert_int_equal(gaps, 1);
    kg_buf_release(&h.bytes);
    kk_ring_release(&r);
}

static void endless_shedding_takes_no_more_memory(void **state)
{
    (void)state;
    struct kk_ring r;
    struct heard h = {0};
    kk_ring_init(&r, 1 << 18);
    for (int i = 0; i < 200000; i++) {
        say(&r, KG_KIND_OUTPUT, 2000);
        if (i % 64 == 0)
            kk_ring_shed(&r, 1 << 18);
    }
    assert_true(r.bytes < 1 << 20);
    take(&r, &h, 1 << 20);
    assert_true(h.bytes.len < 1 << 20);
    kg_buf_release(&h.bytes);
    kk_ring_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_they_went_in_whatever_the_pieces),
        cmocka_unit_test(replies_keep_their_place_between_messages),
        cmocka_unit_test(what_was_sent_can_be_sent_again),
        cmocka_unit_test(what_is_gone_is_told_as_a_gap),
        cmocka_unit_test(a_message_above_all_limits_is_kept_until_it_is_acknowledged),
        cmocka_unit_test(a_reply_half_sent_goes_again_to_the_same_gateway_only),
        cmocka_unit_test(shedding_drops_output_and_keeps_the_rest_in_order),
        cmocka_unit_test(what_must_be_kept_has_a_limit_too),
        cmocka_unit_test(endless_shedding_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

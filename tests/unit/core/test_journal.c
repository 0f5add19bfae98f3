#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kernelgw/core/journal.h"

static uint64_t add(struct kg_journal *j, const char *text, uint8_t kind, uint32_t target)
{
    struct kg_blob *b = kg_blob_copy(text, strlen(text));
    uint64_t seq =
        kg_journal_append(j, 0, (struct kg_slice){b, b->data, b->len}, KG_CH_IOPUB, kind, target);
    kg_blob_unref(b);
    return seq;
}

static void expect_entry(struct kg_reader *r, const char *text)
{
    const struct kg_entry *e;
    struct kg_gap gap;
    assert_int_equal(kg_reader_next(r, &e, &gap), KG_READ_ENTRY);
    assert_int_equal(e->frame.len, strlen(text));
    assert_memory_equal(e->frame.data, text, e->frame.len);
}

static void expect_none(struct kg_reader *r)
{
    const struct kg_entry *e;
    struct kg_gap gap;
    assert_int_equal(kg_reader_next(r, &e, &gap), KG_READ_NONE);
}

static void a_reader_sees_both_lanes_in_the_order_of_appending(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader r;
    kg_journal_init(&j, 1000, 1000, 0);
    kg_reader_attach(&r, &j, KG_FROM_NOW);
    add(&j, "busy", KG_KIND_STATUS_BUSY, 0);
    add(&j, "out1", KG_KIND_OUTPUT, 0);
    add(&j, "err", KG_KIND_ERROR, 0);
    add(&j, "out2", KG_KIND_OUTPUT, 0);
    expect_entry(&r, "busy");
    expect_entry(&r, "out1");
    expect_entry(&r, "err");
    expect_entry(&r, "out2");
    expect_none(&r);
    kg_reader_detach(&r);
    kg_journal_release(&j);
}

static void a_flood_of_output_never_pushes_out_status_and_replies_and_the_gap_is_exact(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader r;
    kg_journal_init(&j, 40, 1000, 0);
    kg_reader_attach(&r, &j, KG_FROM_NOW);
    add(&j, "busy", KG_KIND_STATUS_BUSY, 0);
    for (int i = 0; i < 100; i++)
        add(&j, "0123456789", KG_KIND_OUTPUT, 0);
    add(&j, "idle", KG_KIND_STATUS_IDLE, 0);
    const struct kg_entry *e;
    struct kg_gap gap;
    assert_int_equal(kg_reader_next(&r, &e, &gap), KG_READ_GAP);
    assert_int_equal(gap.messages, 96);
    assert_int_equal(gap.bytes, 960);
    expect_entry(&r, "busy");
    for (int i = 0; i < 4; i++)
        expect_entry(&r, "0123456789");
    expect_entry(&r, "idle");
    expect_none(&r);
    kg_reader_detach(&r);
    kg_journal_release(&j);
}

static void a_reply_goes_to_its_asker_alone(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader a, b;
    kg_journal_init(&j, 1000, 1000, 0);
    kg_reader_attach(&a, &j, KG_FROM_NOW);
    kg_reader_attach(&b, &j, KG_FROM_NOW);
    add(&j, "for b", KG_KIND_REPLY, b.id);
    add(&j, "for all", KG_KIND_OUTPUT, 0);
    expect_entry(&a, "for all");
    expect_none(&a);
    expect_entry(&b, "for b");
    expect_entry(&b, "for all");
    kg_reader_detach(&a);
    kg_reader_detach(&b);
    kg_journal_release(&j);
}

static void what_all_have_read_is_let_go_and_a_later_reader_starts_at_the_end(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader a, b;
    kg_journal_init(&j, 1000, 1000, 0);
    kg_reader_attach(&a, &j, KG_FROM_NOW);
    kg_reader_attach(&b, &j, KG_FROM_NOW);
    for (int i = 0; i < 200; i++)
        add(&j, "x", i % 2 ? KG_KIND_OUTPUT : KG_KIND_REPLY, 0);
    for (int i = 0; i < 200; i++)
        expect_entry(&a, "x");
    kg_journal_trim(&j);
    assert_int_equal(j.lane[KG_LANE_OUTPUT].count, 100);
    kg_reader_detach(&b);
    kg_journal_trim(&j);
    assert_int_equal(j.lane[KG_LANE_OUTPUT].count, 0);
    assert_int_equal(j.lane[KG_LANE_OUTPUT].bytes, 0);
    kg_reader_attach(&b, &j, KG_FROM_NOW);
    expect_none(&b);
    add(&j, "new", KG_KIND_OUTPUT, 0);
    expect_entry(&b, "new");
    kg_reader_detach(&a);
    kg_reader_detach(&b);
    kg_journal_release(&j);
}

static void a_kept_journal_is_read_from_its_start_by_who_comes_late(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader r;
    kg_journal_init(&j, 1000, 1000, UINT64_MAX);
    add(&j, "one", KG_KIND_OUTPUT, 0);
    add(&j, "two", KG_KIND_OUTPUT, 0);
    kg_journal_trim(&j);
    kg_reader_attach(&r, &j, KG_FROM_START);
    assert_int_equal(kg_reader_lag(&r), 6);
    expect_entry(&r, "one");
    expect_entry(&r, "two");
    assert_int_equal(kg_reader_lag(&r), 0);
    kg_reader_detach(&r);
    kg_journal_release(&j);
}

static void who_is_far_behind_may_pass_over_what_came_first(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader r;
    struct kg_gap gap;
    kg_journal_init(&j, 1000, 1000, UINT64_MAX);
    add(&j, "one", KG_KIND_OUTPUT, 0);
    add(&j, "status", KG_KIND_REPLY, 0);
    add(&j, "two", KG_KIND_OUTPUT, 0);
    add(&j, "three", KG_KIND_OUTPUT, 0);
    kg_reader_attach(&r, &j, KG_FROM_START);
    assert_false(kg_reader_skip(&r, 11, &gap));
    expect_entry(&r, "one");
    assert_true(kg_reader_skip(&r, 5, &gap));
    assert_int_equal(gap.after, 1);
    assert_int_equal(gap.before, 4);
    assert_int_equal(gap.messages, 1);
    assert_int_equal(gap.bytes, 3);
    expect_entry(&r, "status");
    expect_entry(&r, "three");
    add(&j, "four", KG_KIND_OUTPUT, 0);
    assert_true(kg_reader_skip(&r, 3, &gap));
    assert_int_equal(gap.before, 6);
    assert_int_equal(kg_reader_lag(&r), 0);
    expect_none(&r);
    kg_reader_detach(&r);
    kg_journal_release(&j);
}

static void a_message_larger_than_the_bound_still_arrives(void **state)
{
    (void)state;
    struct kg_journal j;
    struct kg_reader r;
    kg_journal_init(&j, 4, 4, 0);
    kg_reader_attach(&r, &j, KG_FROM_NOW);
    add(&j, "much too large", KG_KIND_OUTPUT, 0);
    expect_entry(&r, "much too large");
    kg_reader_detach(&r);
    kg_journal_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_both_lanes_in_the_order_of_appending),
        cmocka_unit_test(
            a_flood_of_output_never_pushes_out_status_and_replies_and_the_gap_is_exact),
        cmocka_unit_test(a_reply_goes_to_its_asker_alone),
        cmocka_unit_test(what_all_have_read_is_let_go_and_a_later_reader_starts_at_the_end),
        cmocka_unit_test(a_kept_journal_is_read_from_its_start_by_who_comes_late),
        cmocka_unit_test(who_is_far_behind_may_pass_over_what_came_first),
        cmocka_unit_test(a_message_larger_than_the_bound_still_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

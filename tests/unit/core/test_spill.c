#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/spill.h"

static uv_loop_t loop;
static char dir[] = "/tmp/kgw-spill-XXXXXX";
static struct kg_spills all;
static struct kg_journal journal;
static unsigned readies;

static void ready(void *user)
{
    (void)user;
    readies++;
}

static int set_up(void **state)
{
    (void)state;
    struct kg_err err;
    kg_log_set_level(KG_ERROR);
    snprintf(dir, sizeof dir, "/tmp/kgw-spill-XXXXXX");
    assert_non_null(mkdtemp(dir));
    uv_loop_init(&loop);
    all = (struct kg_spills){
        .loop = &loop, .dir = dir, .max_bytes = 32 << 20, .total_max_bytes = 64 << 20};
    assert_int_equal(kg_spills_open(&all, &err), 0);
    kg_journal_init(&journal, 100 * 1000, 100 * 1000, 1000);
    journal.spill = kg_spill_new(&all, "k", ready, NULL);
    readies = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kg_spill_free(journal.spill);
    kg_journal_release(&journal);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(all.total_bytes, 0);
    assert_int_equal(rmdir(dir), 0); /* so nothing was left in it */
    return 0;
}

/* Entries that say their number, from..to, each of size bytes. */
static void add(unsigned from, unsigned to, size_t size)
{
    for (unsigned i = from; i <= to; i++) {
        struct kg_blob *b = kg_blob_new(size);
        memset(b->data, 'x', size);
        memcpy(b->data, &i, sizeof i);
        kg_journal_append(&journal, i, (struct kg_slice){b, b->data, b->len}, KG_CH_IOPUB,
                          KG_KIND_OUTPUT, 0);
        kg_blob_unref(b);
    }
}

/* Reads from..to, waiting for the file where it must. */
static void expect(struct kg_reader *r, unsigned from, unsigned to, size_t size)
{
    const struct kg_entry *e;
    struct kg_gap gap;
    for (unsigned i = from; i <= to; i++) {
        enum kg_read what;
        unsigned before = readies;
        while ((what = kg_reader_next(r, &e, &gap)) == KG_READ_NONE) {
            assert_true(uv_loop_alive(&loop));
            uv_run(&loop, UV_RUN_ONCE);
        }
        assert_true(readies <= before + 1); /* fetched once, not again and again */
        assert_int_equal(what, KG_READ_ENTRY);
        assert_int_equal(e->seq, i);
        assert_int_equal(e->frame.len, size);
        assert_memory_equal(e->frame.data, &i, sizeof i);
        assert_int_equal(e->frame.data[size - 1], 'x');
    }
    if (to == journal.last_seq)
        assert_int_equal(kg_reader_next(r, &e, &gap), KG_READ_NONE);
}

static void what_has_no_room_in_memory_is_read_from_the_file(void **state)
{
    (void)state;
    struct kg_reader r;
    kg_reader_attach(&r, &journal, KG_FROM_NOW);
    add(1, 3000, 1000);
    uv_run(&loop, UV_RUN_DEFAULT);
    add(3001, 4000, 1000);
    assert_true(journal.lane[KG_LANE_OUTPUT].bytes <= 100 * 1000);
    expect(&r, 1, 4000, 1000);
    assert_int_equal(kg_reader_lag(&r), 0);
    kg_journal_trim(&journal);
    assert_int_equal(all.total_bytes, 0); /* all have it */
    kg_reader_detach(&r);
}

static void a_journal_that_never_spilled_is_trimmed(void **state)
{
    (void)state;
    struct kg_reader r;
    kg_reader_attach(&r, &journal, KG_FROM_NOW);
    kg_journal_trim(&journal);
    add(1, 10, 1000);
    expect(&r, 1, 10, 1000);
    kg_journal_trim(&journal);
    kg_reader_detach(&r);
}

static void two_readers_go_at_their_own_pace(void **state)
{
    (void)state;
    struct kg_reader a, b;
    kg_reader_attach(&a, &journal, KG_FROM_NOW);
    kg_reader_attach(&b, &journal, KG_FROM_NOW);
    add(1, 2000, 1000);
    uv_run(&loop, UV_RUN_DEFAULT);
    expect(&a, 1, 500, 1000);
    expect(&b, 1, 1500, 1000);
    add(2001, 2500, 1000);
    expect(&a, 501, 2500, 1000);
    kg_journal_trim(&journal);
    expect(&b, 1501, 2500, 1000);
    kg_reader_detach(&a);
    kg_reader_detach(&b);
}

static void who_comes_with_a_number_gets_what_is_behind_it(void **state)
{
    (void)state;
    add(1, 3000, 1000); /* nobody reads: all is needed */
    uv_run(&loop, UV_RUN_DEFAULT);
    static const unsigned since[] = {0, 1, 127, 128, 129, 1000, 2700, 2899, 2900, 2999, 3000};
    for (size_t i = 0; i < KG_COUNT(since); i++) {
        struct kg_reader r;
        kg_reader_attach(&r, &journal, since[i]);
        expect(&r, since[i] + 1, 3000, 1000);
        kg_reader_detach(&r);
    }
}

static void the_oldest_go_when_the_bound_is_reached_and_the_gap_is_exact(void **state)
{
    (void)state;
    struct kg_reader slow, late;
    const struct kg_entry *e;
    struct kg_gap gap;
    kg_reader_attach(&slow, &journal, KG_FROM_NOW);
    for (unsigned i = 0; i < 60; i++) {
        add(i * 1000 + 1, i * 1000 + 1000, 1000);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_true(all.total_bytes <= 40 << 20);
    assert_int_equal(kg_reader_next(&slow, &e, &gap), KG_READ_GAP);
    assert_int_equal(gap.after, 0);
    assert_int_equal(gap.messages, gap.before - 1);
    assert_int_equal(gap.bytes, gap.messages * 1000);
    assert_true(gap.messages > 20000 && gap.messages < 40000);
    expect(&slow, (unsigned)gap.before, 60000, 1000);
    kg_reader_attach(&late, &journal, 7);
    assert_int_equal(kg_reader_next(&late, &e, &gap), KG_READ_GAP);
    assert_int_equal(gap.after, 7);
    expect(&late, (unsigned)gap.before, 60000, 1000);
    kg_reader_detach(&slow);
    kg_reader_detach(&late);
}

static void large_entries_and_small_ones_stand_side_by_side(void **state)
{
    (void)state;
    struct kg_reader r;
    kg_reader_attach(&r, &journal, KG_FROM_NOW);
    for (unsigned i = 1; i <= 8; i++) {
        add(i, i, 3 << 20);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    add(9, 500, 5000);
    uv_run(&loop, UV_RUN_DEFAULT);
    add(501, 502, 1 << 20);
    expect(&r, 1, 8, 3 << 20);
    expect(&r, 9, 500, 5000);
    expect(&r, 501, 502, 1 << 20);
    kg_reader_detach(&r);
}

static void a_disk_that_cannot_keep_up_costs_the_oldest(void **state)
{
    (void)state;
    struct kg_reader r;
    const struct kg_entry *e;
    struct kg_gap gap;
    kg_log_set_level(KG_ERROR);
    kg_reader_attach(&r, &journal, KG_FROM_NOW);
    add(1, 40, 1 << 20); /* within one turn of the loop: nothing is written meanwhile */
    assert_int_equal(kg_reader_next(&r, &e, &gap), KG_READ_GAP);
    assert_int_equal(gap.messages, gap.before - 1);
    assert_true(gap.before < 40 - 8);
    expect(&r, (unsigned)gap.before, 40, 1 << 20);
    uv_run(&loop, UV_RUN_DEFAULT);
    kg_reader_detach(&r);
}

static void a_folder_that_is_gone_costs_output_and_nothing_else(void **state)
{
    (void)state;
    struct kg_reader r;
    const struct kg_entry *e;
    struct kg_gap gap;
    kg_log_set_level(KG_ERROR + 1);
    assert_int_equal(rmdir(dir), 0);
    kg_reader_attach(&r, &journal, KG_FROM_NOW);
    add(1, 3000, 1000);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(kg_reader_next(&r, &e, &gap), KG_READ_GAP);
    assert_int_equal(gap.after, 0);
    expect(&r, (unsigned)gap.before, 3000, 1000);
    kg_reader_detach(&r);
    assert_int_equal(mkdir(dir, 0700), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_has_no_room_in_memory_is_read_from_the_file),
        TEST(a_journal_that_never_spilled_is_trimmed),
        TEST(two_readers_go_at_their_own_pace),
        TEST(who_comes_with_a_number_gets_what_is_behind_it),
        TEST(the_oldest_go_when_the_bound_is_reached_and_the_gap_is_exact),
        TEST(large_entries_and_small_ones_stand_side_by_side),
        TEST(a_disk_that_cannot_keep_up_costs_the_oldest),
        TEST(a_folder_that_is_gone_costs_output_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "kernelgw/core/journal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"

enum { RING_START = 64 };

static struct kg_entry *lane_at(const struct kg_journal_lane *l, uint64_t ord)
{
    uint64_t first = l->next_ord - l->count;
    return &l->ring[(l->head + (size_t)(ord - first)) & (l->cap - 1)];
}

static uint64_t lane_first(const struct kg_journal_lane *l)
{
    return l->next_ord - l->count;
}

static uint64_t lane_first_cum(const struct kg_journal_lane *l)
{
    return l->next_cum - l->bytes;
}

static void lane_drop_first(struct kg_journal_lane *l)
{
    struct kg_entry *e = &l->ring[l->head];
    l->bytes -= e->frame.len;
    kg_slice_release(&e->frame);
    l->head = (l->head + 1) & (l->cap - 1);
    l->count--;
}

static void lane_grow(struct kg_journal_lane *l)
{
    size_t cap = l->cap ? l->cap * 2 : RING_START;
    struct kg_entry *ring = kg_calloc(cap, sizeof *ring);
    for (size_t i = 0; i < l->count; i++)
        ring[i] = l->ring[(l->head + i) & (l->cap - 1)];
    free(l->ring);
    l->ring = ring;
    l->cap = cap;
    l->head = 0;
}

void kg_journal_init(struct kg_journal *j, uint64_t output_bytes, uint64_t control_bytes, bool keep)
{
    *j = (struct kg_journal){.next_seq = 1, .next_reader = 1, .keep = keep};
    j->lane[KG_LANE_OUTPUT].max_bytes = output_bytes;
    j->lane[KG_LANE_CONTROL].max_bytes = control_bytes;
}

void kg_journal_release(struct kg_journal *j)
{
    assert(!j->readers);
    for (int i = 0; i < KG_LANES; i++) {
        while (j->lane[i].count)
            lane_drop_first(&j->lane[i]);
        free(j->lane[i].ring);
        j->lane[i] = (struct kg_journal_lane){0};
    }
}

static enum kg_lane lane_of(uint8_t kind)
{
    return kind == KG_KIND_OUTPUT || kind == KG_KIND_OTHER ? KG_LANE_OUTPUT : KG_LANE_CONTROL;
}

uint64_t kg_journal_append(struct kg_journal *j, struct kg_slice frame, uint8_t channel,
                           uint8_t kind, uint32_t target)
{
    enum kg_lane which = lane_of(kind);
    struct kg_journal_lane *l = &j->lane[which];
    if (l->count == l->cap)
        lane_grow(l);
    struct kg_entry *e = &l->ring[(l->head + l->count) & (l->cap - 1)];
    *e = (struct kg_entry){.seq = j->next_seq++,
                           .ord = l->next_ord++,
                           .cum = l->next_cum,
                           .target = target,
                           .channel = channel,
                           .kind = kind};
    if (which == KG_LANE_CONTROL && frame.len < KG_JOURNAL_COPY_BELOW) {
        /* a small message that stays long must not keep the large chunk alive that it was read into */
        struct kg_blob *own = kg_blob_copy(frame.data, frame.len);
        e->frame = (struct kg_slice){own, own->data, own->len};
    } else {
        e->frame = kg_slice_of(frame.blob, frame.data, frame.len);
    }
    l->next_cum += frame.len;
    l->bytes += frame.len;
    l->count++;
    /* the newest always stays, however large it is */
    while (l->bytes > l->max_bytes && l->count > 1)
        lane_drop_first(l);
    return e->seq;
}

void kg_reader_attach(struct kg_reader *r, struct kg_journal *j, bool from_start)
{
    *r = (struct kg_reader){.journal = j, .id = j->next_reader++, .progress_ms = kg_clock_ms()};
    if (!from_start) {
        r->seq = j->next_seq;
        for (int i = 0; i < KG_LANES; i++) {
            r->ord[i] = j->lane[i].next_ord;
            r->cum[i] = j->lane[i].next_cum;
        }
    }
    r->next = j->readers;
    if (j->readers)
        j->readers->prev = r;
    j->readers = r;
}

void kg_reader_detach(struct kg_reader *r)
{
    if (!r->journal)
        return;
    if (r->prev)
        r->prev->next = r->next;
    else
        r->journal->readers = r->next;
    if (r->next)
        r->next->prev = r->prev;
    *r = (struct kg_reader){0};
}

/* Moves r past what its lanes have dropped since; true when there was anything. */
static bool skip_dropped(struct kg_reader *r, struct kg_gap *gap)
{
    *gap = (struct kg_gap){0};
    for (int i = 0; i < KG_LANES; i++) {
        const struct kg_journal_lane *l = &r->journal->lane[i];
        uint64_t first = lane_first(l);
        if (r->ord[i] >= first)
            continue;
        gap->messages += first - r->ord[i];
        gap->bytes += lane_first_cum(l) - r->cum[i];
        r->ord[i] = first;
        r->cum[i] = lane_first_cum(l);
    }
    return gap->messages > 0;
}

static const struct kg_entry *peek(const struct kg_reader *r, int lane)
{
    const struct kg_journal_lane *l = &r->journal->lane[lane];
    return r->ord[lane] < l->next_ord ? lane_at(l, r->ord[lane]) : NULL;
}

enum kg_read kg_reader_next(struct kg_reader *r, const struct kg_entry **entry, struct kg_gap *gap)
{
    if (skip_dropped(r, gap))
        return KG_READ_GAP;
    for (;;) {
        const struct kg_entry *control = peek(r, KG_LANE_CONTROL);
        const struct kg_entry *output = peek(r, KG_LANE_OUTPUT);
        if (!control && !output)
            return KG_READ_NONE;
        int lane =
            !control || (output && output->seq < control->seq) ? KG_LANE_OUTPUT : KG_LANE_CONTROL;
        const struct kg_entry *e = lane == KG_LANE_OUTPUT ? output : control;
        r->ord[lane] = e->ord + 1;
        r->cum[lane] = e->cum + e->frame.len;
        r->seq = e->seq + 1;
        if (e->target != 0 && e->target != r->id)
            continue;
        r->progress_ms = kg_clock_ms();
        *entry = e;
        return KG_READ_ENTRY;
    }
}

uint64_t kg_reader_lag(const struct kg_reader *r)
{
    return r->journal->lane[KG_LANE_OUTPUT].next_cum - r->cum[KG_LANE_OUTPUT];
}

void kg_journal_trim(struct kg_journal *j)
{
    if (j->keep)
        return;
    for (int i = 0; i < KG_LANES; i++) {
        struct kg_journal_lane *l = &j->lane[i];
        uint64_t least = l->next_ord;
        for (const struct kg_reader *r = j->readers; r; r = r->next)
            if (r->ord[i] < least)
                least = r->ord[i];
        while (l->count && lane_first(l) < least)
            lane_drop_first(l);
    }
}

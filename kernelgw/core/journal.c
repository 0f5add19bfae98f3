#include "kernelgw/core/journal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/spill.h"

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

/* The oldest of a lane has to leave memory: to the file, where there is one, or altogether. */
static void push_out_first(struct kg_journal *j, struct kg_journal_lane *l)
{
    const struct kg_entry *e = &l->ring[l->head];
    if (l == &j->lane[KG_LANE_OUTPUT] && j->spill)
        kg_spill_add(j->spill, e);
    else
        l->dropped_seq = e->seq;
    lane_drop_first(l);
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

void kg_journal_init(struct kg_journal *j, uint64_t output_bytes, uint64_t control_bytes,
                     uint64_t history_bytes)
{
    *j = (struct kg_journal){.next_reader = 1, .history_bytes = history_bytes};
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

/* The newest always stays, however large it is. */
static void keep_bound(struct kg_journal *j, struct kg_journal_lane *l)
{
    while (l->bytes > l->max_bytes && l->count > 1)
        push_out_first(j, l);
}

void kg_journal_limit_output(struct kg_journal *j, uint64_t bytes)
{
    j->lane[KG_LANE_OUTPUT].max_bytes = bytes;
    keep_bound(j, &j->lane[KG_LANE_OUTPUT]);
}

/* Answers are no output, whatever their kind: the file does not know for whom an entry is. */
static enum kg_lane lane_of(uint8_t channel, uint8_t kind)
{
    bool output = kind == KG_KIND_OUTPUT || kind == KG_KIND_OTHER;
    return output && channel == KG_CH_IOPUB ? KG_LANE_OUTPUT : KG_LANE_CONTROL;
}

uint64_t kg_journal_append(struct kg_journal *j, uint64_t number, struct kg_slice frame,
                           uint8_t channel, uint8_t kind, uint32_t target)
{
    enum kg_lane which = lane_of(channel, kind);
    struct kg_journal_lane *l = &j->lane[which];
    if (l->count == l->cap)
        lane_grow(l);
    struct kg_entry *e = &l->ring[(l->head + l->count) & (l->cap - 1)];
    j->last_seq = number > j->last_seq ? number : j->last_seq + 1;
    *e = (struct kg_entry){.seq = j->last_seq,
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
    keep_bound(j, l);
    return j->last_seq;
}

/* The first entry in memory that is numbered above since; the end when there is none. */
static uint64_t ord_after(const struct kg_journal_lane *l, uint64_t since)
{
    uint64_t low = lane_first(l), high = l->next_ord;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (lane_at(l, middle)->seq <= since)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kg_reader_seek(struct kg_reader *r, uint64_t since)
{
    const struct kg_journal *j = r->journal;
    uint64_t seq = since;
    /* a number that was never given here: nothing is known to be missing */
    if (since > j->last_seq)
        since = j->last_seq;
    r->at.seq = j->refilling && seq != KG_FROM_NOW ? seq : since;
    r->lost_after = 0;
    for (int i = 0; i < KG_LANES; i++) {
        const struct kg_journal_lane *l = &j->lane[i];
        if (since == KG_FROM_START) { /* the gap of who starts at the start is known to the byte */
            r->at.ord[i] = r->at.cum[i] = 0;
            continue;
        }
        uint64_t ord = ord_after(l, since);
        r->at.ord[i] = ord;
        r->at.cum[i] = ord < l->next_ord ? lane_at(l, ord)->cum : l->next_cum;
        if (i == KG_LANE_OUTPUT && j->spill && ord == lane_first(l))
            kg_spill_seek(j->spill, since, &r->at.ord[i], &r->at.cum[i]);
        if (l->dropped_seq > since ||
            (i == KG_LANE_OUTPUT && j->spill && kg_spill_dropped_seq(j->spill) > since))
            r->lost_after = since;
    }
    r->confirmed = r->at;
}

void kg_journal_refilled(struct kg_journal *j)
{
    j->refilling = false;
    for (struct kg_reader *r = j->readers; r; r = r->next) {
        if (r->at.seq > j->last_seq)
            r->at.seq = j->last_seq;
        if (r->confirmed.seq > j->last_seq)
            r->confirmed.seq = j->last_seq;
    }
}

void kg_reader_attach(struct kg_reader *r, struct kg_journal *j, uint64_t since)
{
    *r = (struct kg_reader){.journal = j, .id = j->next_reader++, .progress_ms = kg_clock_ms()};
    kg_reader_seek(r, since);
    r->next = j->readers;
    if (j->readers)
        j->readers->prev = r;
    j->readers = r;
}

void kg_reader_detach(struct kg_reader *r)
{
    if (!r->journal)
        return;
    if (r->journal->spill)
        kg_spill_forget_reader(r->journal->spill, r);
    if (r->prev)
        r->prev->next = r->next;
    else
        r->journal->readers = r->next;
    if (r->next)
        r->next->prev = r->prev;
    *r = (struct kg_reader){0};
}

/* The first place of a lane that can still be read. */
static void lane_begin(const struct kg_journal *j, int lane, uint64_t *ord, uint64_t *cum)
{
    const struct kg_journal_lane *l = &j->lane[lane];
    *ord = lane_first(l);
    *cum = lane_first_cum(l);
    if (lane == KG_LANE_OUTPUT && j->spill)
        kg_spill_begin(j->spill, ord, cum);
}

/* Moves r past what its lanes have dropped since; true when there was anything. */
static bool skip_dropped(struct kg_reader *r, struct kg_gap *gap)
{
    const struct kg_journal *j = r->journal;
    bool any = r->lost_after > 0;
    *gap = (struct kg_gap){.after = r->at.seq};
    r->lost_after = 0;
    for (int i = 0; i < KG_LANES; i++) {
        uint64_t first, cum;
        lane_begin(j, i, &first, &cum);
        if (r->at.ord[i] < first) {
            any = true;
            gap->messages += first - r->at.ord[i];
            gap->bytes += cum - r->at.cum[i];
            r->at.ord[i] = first;
            r->at.cum[i] = cum;
        }
        uint64_t dropped = j->lane[i].dropped_seq;
        if (i == KG_LANE_OUTPUT && j->spill && kg_spill_dropped_seq(j->spill) > dropped)
            dropped = kg_spill_dropped_seq(j->spill);
        if (dropped >= gap->before)
            gap->before = dropped + 1;
    }
    return any;
}

/* What r reads next in a lane; NULL for nothing. *wait: it is in the file, and on its way. */
static const struct kg_entry *peek(struct kg_reader *r, int lane, bool *wait)
{
    const struct kg_journal *j = r->journal;
    const struct kg_journal_lane *l = &j->lane[lane];
    if (r->at.ord[lane] >= l->next_ord)
        return NULL;
    if (r->at.ord[lane] >= lane_first(l))
        return lane_at(l, r->at.ord[lane]);
    const struct kg_entry *e = kg_spill_get(j->spill, r, r->at.ord[lane]);
    *wait = !e;
    return e;
}

static bool is_away(const struct kg_journal *j, uint32_t id)
{
    for (const struct kg_reader *r = j->readers; r; r = r->next)
        if (r->id == id)
            return r->away;
    return true;
}

enum kg_read kg_reader_next(struct kg_reader *r, const struct kg_entry **entry, struct kg_gap *gap)
{
    if (skip_dropped(r, gap))
        return KG_READ_GAP;
    for (;;) {
        bool wait = false;
        const struct kg_entry *output = peek(r, KG_LANE_OUTPUT, &wait);
        const struct kg_entry *control = peek(r, KG_LANE_CONTROL, &wait);
        if (wait || (!control && !output))
            return KG_READ_NONE;
        int lane =
            !control || (output && output->seq < control->seq) ? KG_LANE_OUTPUT : KG_LANE_CONTROL;
        const struct kg_entry *e = lane == KG_LANE_OUTPUT ? output : control;
        r->at.ord[lane] = e->ord + 1;
        r->at.cum[lane] = e->cum + e->frame.len;
        if (e->seq <= r->at.seq)
            continue; /* a place in the file is found to within a stretch */
        r->at.seq = e->seq;
        if (e->target != 0 && e->target != r->id &&
            !(r->takes_over && is_away(r->journal, e->target)))
            continue;
        r->progress_ms = kg_clock_ms();
        *entry = e;
        return KG_READ_ENTRY;
    }
}

void kg_reader_confirm(struct kg_reader *r, const struct kg_place *place)
{
    if (place->seq > r->confirmed.seq)
        r->confirmed = *place;
}

void kg_reader_rewind(struct kg_reader *r)
{
    if (r->confirms)
        r->at = r->confirmed;
}

uint64_t kg_reader_lag(const struct kg_reader *r)
{
    return r->journal->lane[KG_LANE_OUTPUT].next_cum - r->at.cum[KG_LANE_OUTPUT];
}

bool kg_reader_skip(struct kg_reader *r, uint64_t keep, struct kg_gap *gap)
{
    const struct kg_journal_lane *l = &r->journal->lane[KG_LANE_OUTPUT];
    uint64_t *ord = &r->at.ord[KG_LANE_OUTPUT], *cum = &r->at.cum[KG_LANE_OUTPUT];
    if (kg_reader_lag(r) <= keep || *ord < lane_first(l))
        return false;
    uint64_t low = *ord, high = l->next_ord;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (l->next_cum - lane_at(l, middle)->cum > keep)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t to = low < l->next_ord ? lane_at(l, low)->cum : l->next_cum;
    *gap = (struct kg_gap){.after = r->at.seq,
                           .before = low < l->next_ord ? lane_at(l, low)->seq
                                                       : lane_at(l, low - 1)->seq + 1,
                           .messages = low - *ord,
                           .bytes = to - *cum};
    *ord = low;
    *cum = to;
    return true;
}

void kg_journal_trim(struct kg_journal *j)
{
    if (j->history_bytes == UINT64_MAX || !j->readers)
        return;
    for (int i = 0; i < KG_LANES; i++) {
        struct kg_journal_lane *l = &j->lane[i];
        uint64_t least = l->next_ord;
        for (const struct kg_reader *r = j->readers; r; r = r->next) {
            const struct kg_place *p = r->confirms ? &r->confirmed : &r->at;
            if (p->ord[i] < least)
                least = p->ord[i];
        }
        if (i == KG_LANE_OUTPUT && j->spill && least >= lane_first(l))
            kg_spill_clear(j->spill); /* all have what is in it */
        while (l->count && l->bytes > j->history_bytes && lane_first(l) < least) {
            l->dropped_seq = l->ring[l->head].seq;
            lane_drop_first(l);
        }
    }
}

#include "runtimes/agent/ring.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A gap event's record is never longer. */
enum { GAP_RECORD_MAX = 208 };

struct kk_gap {
    uint64_t from, to, messages, bytes;
};

struct kk_chunk {
    struct kk_chunk *next;
    uint64_t base; /* place of data[0] in the stream of all that was ever put in... */
    uint64_t span; /* ...of which it stands for this much: len, unless records were shed */
    uint64_t first_seq, last_seq;
    size_t len, cap;
    bool shed;         /* output was dropped from it */
    struct kk_gap gap; /* when its last record is a gap event: that, */
    size_t gap_off;    /* and where it starts; gap.messages is 0 otherwise */
    uint8_t data[];
};

struct kk_note {
    struct kk_note *next;
    uint64_t pos; /* goes out when the stream has been sent up to here */
    size_t len;
    uint8_t data[];
};

/* Where a walk over what is unsent stands. */
struct walk {
    const struct kk_chunk *chunk;
    size_t off;
    const struct kk_note *note;
    size_t note_off;
};

struct piece {
    const uint8_t *data;
    size_t len;
    bool note;
};

static struct kk_chunk *chunk_new(size_t cap, uint64_t base)
{
    struct kk_chunk *c = kg_malloc(sizeof *c + cap);
    *c = (struct kk_chunk){.base = base, .cap = cap};
    return c;
}

void kk_ring_init(struct kk_ring *r, size_t keep)
{
    *r = (struct kk_ring){.keep = keep};
    r->head = r->tail = r->at = chunk_new(KK_RING_CHUNK, 0);
}

static void notes_free(struct kk_ring *r)
{
    while (r->notes) {
        struct kk_note *n = r->notes;
        r->notes = n->next;
        r->unsent -= n->len;
        free(n);
    }
    r->notes_tail = NULL;
    r->note_off = 0;
}

void kk_ring_release(struct kk_ring *r)
{
    notes_free(r);
    while (r->head) {
        struct kk_chunk *c = r->head;
        r->head = c->next;
        free(c);
    }
    free(r->spare);
    *r = (struct kk_ring){0};
}

uint8_t *kk_ring_begin(struct kk_ring *r, size_t n)
{
    size_t need = KG_REC_HEAD + n;
    struct kk_chunk *c = r->tail;
    if (c->cap - c->len < need) {
        uint64_t base = c->base + c->span;
        if (need <= KK_RING_CHUNK && r->spare) {
            c->next = kg_steal(&r->spare);
            *c->next = (struct kk_chunk){.base = base, .cap = KK_RING_CHUNK};
        } else {
            c->next = chunk_new(need > KK_RING_CHUNK ? need : KK_RING_CHUNK, base);
        }
        c = r->tail = c->next;
    }
    return c->data + c->len + KG_REC_HEAD;
}

static void drop_head(struct kk_ring *r)
{
    struct kk_chunk *c = r->head;
    r->head = c->next;
    r->bytes -= c->len;
    if (!r->spare && c->cap == KK_RING_CHUNK)
        r->spare = c;
    else
        free(c);
}

/* Lets go of sent chunks that nobody will ask for. One bigger than all that is kept stays until its ack only. */
static void forget_sent(struct kk_ring *r)
{
    while (r->head != r->at) {
        struct kk_chunk *c = r->head;
        bool old = r->bytes - c->len >= r->keep;
        bool huge = c->len > r->keep && c->last_seq <= r->acked;
        if (!old && !huge)
            break;
        drop_head(r);
    }
}

uint64_t kk_ring_commit(struct kk_ring *r, uint8_t type, uint8_t channel, uint8_t kind, size_t n)
{
    struct kk_chunk *c = r->tail;
    struct kg_rec rec = {.body_len = (uint32_t)n,
                         .type = type,
                         .channel = channel,
                         .kind = kind,
                         .seq = ++r->last_seq};
    assert(n <= KG_REC_BODY_MAX && c->cap - c->len >= KG_REC_HEAD + n);
    kg_rec_encode(c->data + c->len, &rec);
    if (!c->first_seq)
        c->first_seq = rec.seq;
    c->last_seq = rec.seq;
    c->gap.messages = 0;
    c->len += KG_REC_HEAD + n;
    c->span += KG_REC_HEAD + n;
    r->bytes += KG_REC_HEAD + n;
    r->unsent += KG_REC_HEAD + n;
    return rec.seq;
}

uint64_t kk_ring_add(struct kk_ring *r, uint8_t type, uint8_t channel, uint8_t kind,
                     const void *body, size_t n)
{
    uint8_t *to = kk_ring_begin(r, n);
    if (n)
        memcpy(to, body, n);
    return kk_ring_commit(r, type, channel, kind, n);
}

static struct kk_note *note_new(const struct kg_rec *head, const void *body, size_t n)
{
    struct kk_note *note = kg_malloc(sizeof *note + KG_REC_HEAD + n);
    struct kg_rec rec = *head;
    rec.body_len = (uint32_t)n;
    *note = (struct kk_note){.len = KG_REC_HEAD + n};
    kg_rec_encode(note->data, &rec);
    memcpy(note->data + KG_REC_HEAD, body, n);
    return note;
}

void kk_ring_reply(struct kk_ring *r, const void *body, size_t n)
{
    struct kg_rec rec = {.type = KG_REC_REPLY, .channel = KG_CH_NONE};
    struct kk_note *note = note_new(&rec, body, n);
    note->pos = r->tail->base + r->tail->span;
    *(r->notes_tail ? &r->notes_tail->next : &r->notes) = note;
    r->notes_tail = note;
    r->unsent += note->len;
}

uint64_t kk_ring_first(const struct kk_ring *r)
{
    for (const struct kk_chunk *c = r->head; c; c = c->next)
        if (c->first_seq)
            return c->first_seq;
    return r->last_seq + 1;
}

/* The next piece to be sent; false when there is none. Moves over chunk ends, not over the piece. */
static bool walk_next(struct walk *w, struct piece *out)
{
    for (;;) {
        uint64_t pos =
            w->off == w->chunk->len ? w->chunk->base + w->chunk->span : w->chunk->base + w->off;
        if (w->note && w->note->pos <= pos) {
            *out = (struct piece){w->note->data + w->note_off, w->note->len - w->note_off, true};
            return true;
        }
        if (w->off < w->chunk->len)
            break;
        if (!w->chunk->next)
            return false;
        w->chunk = w->chunk->next;
        w->off = 0;
    }
    size_t end = w->chunk->len;
    /* Notes never stand inside a chunk that was shed from, so offsets are places in the stream here. */
    if (w->note && w->note->pos < w->chunk->base + w->chunk->span)
        end = (size_t)(w->note->pos - w->chunk->base);
    *out = (struct piece){w->chunk->data + w->off, end - w->off, false};
    return true;
}

static void walk_past(struct walk *w, const struct piece *p, size_t n)
{
    if (!p->note) {
        w->off += n;
        return;
    }
    w->note_off += n;
    if (w->note_off == w->note->len) {
        w->note = w->note->next;
        w->note_off = 0;
    }
}

int kk_ring_gather(const struct kk_ring *r, struct iovec *iov, int max, size_t max_bytes)
{
    struct walk w = {r->at, r->at_off, r->notes, r->note_off};
    struct piece p;
    size_t bytes = 0;
    int n = 0;
    while (n < max && bytes < max_bytes && walk_next(&w, &p)) {
        iov[n++] = (struct iovec){(void *)(uintptr_t)p.data, p.len};
        bytes += p.len;
        walk_past(&w, &p, p.len);
    }
    return n;
}

void kk_ring_sent(struct kk_ring *r, size_t n)
{
    struct walk w = {r->at, r->at_off, r->notes, r->note_off};
    struct piece p;
    while (n > 0 && walk_next(&w, &p)) {
        size_t step = p.len < n ? p.len : n;
        walk_past(&w, &p, step);
        n -= step;
        r->unsent -= step;
        while (r->notes != w.note) {
            struct kk_note *done = r->notes;
            r->notes = done->next;
            free(done);
        }
        r->note_off = w.note_off;
    }
    assert(n == 0);
    if (!r->notes)
        r->notes_tail = NULL;
    r->at = (struct kk_chunk *)(uintptr_t)w.chunk;
    r->at_off = w.off;
    forget_sent(r);
}

void kk_ring_ack(struct kk_ring *r, uint64_t seq)
{
    if (seq > r->acked && seq <= r->last_seq)
        r->acked = seq;
    forget_sent(r);
}

static int gap_body(char *out, size_t size, const struct kk_gap *g)
{
    return snprintf(out, size,
                    "{\"event\":\"gap\",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"from_seq\":%" PRIu64 ",\"to_seq\":%" PRIu64 "}",
                    g->messages, g->bytes, g->from, g->to);
}

/* Moves the cursor to the first record numbered from_seq or above. */
static void seek(struct kk_ring *r, uint64_t from_seq)
{
    struct kk_chunk *c = r->head;
    while (c->next && (c->first_seq == 0 || c->last_seq < from_seq))
        c = c->next;
    size_t off = 0;
    struct kg_rec rec;
    while (off < c->len) {
        kg_rec_decode(&rec, c->data + off, c->len - off, NULL);
        if (rec.seq >= from_seq)
            break;
        off += KG_REC_HEAD + rec.body_len;
    }
    r->at = c;
    r->at_off = off;
    r->unsent = 0;
    for (const struct kk_note *n = r->notes; n; n = n->next)
        r->unsent += n->len;
    for (c = r->at; c; c = c->next)
        r->unsent += c->len;
    r->unsent -= off;
}

void kk_ring_rewind(struct kk_ring *r, uint64_t from_seq, bool keep_replies)
{
    if (!keep_replies)
        notes_free(r);
    r->note_off = 0; /* a reply that went out by half goes out again */
    if (from_seq == 0)
        from_seq = 1;
    uint64_t first = kk_ring_first(r);
    seek(r, from_seq);
    /* Replies made before the place we start from must not wait for a place that was passed. */
    if (from_seq >= first)
        return;
    struct kk_gap g = {.from = from_seq, .to = first - 1, .messages = first - from_seq};
    char body[GAP_RECORD_MAX - KG_REC_HEAD];
    int n = gap_body(body, sizeof body, &g);
    struct kg_rec rec = {.type = KG_REC_EVENT, .channel = KG_CH_NONE, .seq = g.to};
    struct kk_note *note = note_new(&rec, body, (size_t)n);
    note->next = r->notes;
    r->notes = note;
    if (!r->notes_tail)
        r->notes_tail = note;
    r->unsent += note->len;
}

/* Writes c's gap event at off, as its last record. */
static void put_gap(struct kk_chunk *c, size_t off)
{
    char body[GAP_RECORD_MAX - KG_REC_HEAD];
    int n = gap_body(body, sizeof body, &c->gap);
    struct kg_rec rec = {
        .body_len = (uint32_t)n, .type = KG_REC_EVENT, .channel = KG_CH_NONE, .seq = c->gap.to};
    assert(c->cap - off >= KG_REC_HEAD + (size_t)n);
    kg_rec_encode(c->data + off, &rec);
    memcpy(c->data + off + KG_REC_HEAD, body, (size_t)n);
    c->gap_off = off;
    c->len = off + KG_REC_HEAD + (size_t)n;
}

/* Adds what g tells to c: to the gap it ends with, or as a new one. */
static void add_gap(struct kk_chunk *c, const struct kk_gap *g)
{
    bool goes_on = c->gap.messages && c->gap.to + 1 == g->from;
    struct kk_gap sum = *g;
    if (goes_on) {
        sum.from = c->gap.from;
        sum.messages += c->gap.messages;
        sum.bytes += c->gap.bytes;
    }
    c->gap = sum;
    put_gap(c, goes_on ? c->gap_off : c->len);
    if (!c->first_seq)
        c->first_seq = g->from;
    c->last_seq = g->to;
}

/* Reads back a gap event that put_gap wrote. */
static bool read_gap(struct kk_gap *g, const struct kg_rec *rec, const uint8_t *body)
{
    char text[GAP_RECORD_MAX - KG_REC_HEAD];
    if (rec->type != KG_REC_EVENT || rec->body_len >= sizeof text)
        return false;
    memcpy(text, body, rec->body_len);
    text[rec->body_len] = 0;
    return sscanf(text,
                  "{\"event\":\"gap\",\"messages\":%" SCNu64 ",\"bytes\":%" SCNu64
                  ",\"from_seq\":%" SCNu64 ",\"to_seq\":%" SCNu64 "}",
                  &g->messages, &g->bytes, &g->from, &g->to) == 4;
}

/* Copies from's records to the end of to, gaps instead of those that are dropped: output, or all. to has room. */
static uint64_t copy_kept(struct kk_chunk *to, const struct kk_chunk *from, bool all)
{
    uint64_t dropped = 0;
    struct kg_rec rec;
    struct kk_gap gap;
    for (size_t off = 0; off < from->len; off += KG_REC_HEAD + rec.body_len) {
        kg_rec_decode(&rec, from->data + off, from->len - off, NULL);
        size_t n = KG_REC_HEAD + rec.body_len;
        if (read_gap(&gap, &rec, from->data + off + KG_REC_HEAD)) {
            add_gap(to, &gap);
        } else if (all || rec.kind == KG_KIND_OUTPUT) {
            add_gap(to, &(struct kk_gap){rec.seq, rec.seq, 1, n});
            dropped++;
        } else {
            memcpy(to->data + to->len, from->data + off, n);
            to->len += n;
            to->gap.messages = 0;
            if (!to->first_seq)
                to->first_seq = rec.seq;
            to->last_seq = rec.seq;
        }
    }
    return dropped;
}

/* Replies that stood inside what is shed go out behind it. */
static void defer_notes(struct kk_ring *r, uint64_t from, uint64_t to)
{
    for (struct kk_note *n = r->notes; n; n = n->next)
        if (n->pos > from && n->pos < to)
            n->pos = to;
}

/* A chunk with src's place in the stream and room for cap bytes. */
static struct kk_chunk *shed_copy(const struct kk_chunk *src, size_t cap)
{
    struct kk_chunk *c = chunk_new(cap, src->base);
    c->span = src->span;
    c->next = src->next;
    c->shed = true;
    return c;
}

/* Puts c, made from the old chunks of old_len bytes behind prev, in their place. */
static void replace(struct kk_ring *r, struct kk_chunk *prev, struct kk_chunk *c, size_t old_len)
{
    defer_notes(r, c->base, c->base + c->span);
    prev->next = c;
    r->bytes = r->bytes - old_len + c->len;
    r->unsent = r->unsent - old_len + c->len;
}

static uint64_t shed_next(struct kk_ring *r, struct kk_chunk *prev, bool all)
{
    struct kk_chunk *old = prev->next;
    /* Worst case: every second record is a dropped one that is shorter than the gap event in its place. */
    struct kk_chunk *c = shed_copy(old, old->len * 3 + GAP_RECORD_MAX);
    uint64_t dropped = copy_kept(c, old, all);
    c->cap = c->len + GAP_RECORD_MAX;
    c = kg_realloc(c, sizeof *c + c->cap);
    replace(r, prev, c, old->len);
    free(old);
    return dropped;
}

/* Joins neighbours that were shed, so that endless shedding leaves no trail of small chunks. */
static void join_shed(struct kk_ring *r)
{
    for (struct kk_chunk *prev = r->at; prev->next; prev = prev->next) {
        for (;;) {
            struct kk_chunk *a = prev->next;
            struct kk_chunk *b = a->next;
            if (!b || b == r->tail || !a->shed || !b->shed || a->len + b->len > 2 * KK_RING_CHUNK)
                break;
            struct kk_chunk *both = shed_copy(a, a->len + b->len + 2 * GAP_RECORD_MAX);
            (void)copy_kept(both, a, false); /* drops nothing more: their output is gone already */
            (void)copy_kept(both, b, false);
            both->span = b->base + b->span - a->base;
            both->next = b->next;
            replace(r, prev, both, a->len + b->len);
            free(a);
            free(b);
        }
    }
}

/* The chunk in front of the one to be shed next; NULL when there is none. */
static struct kk_chunk *shed_victim(struct kk_ring *r, bool all)
{
    for (struct kk_chunk *prev = r->at; prev->next && prev->next != r->tail; prev = prev->next)
        if (all ? prev->next->len > GAP_RECORD_MAX : !prev->next->shed)
            return prev;
    return NULL;
}

uint64_t kk_ring_shed(struct kk_ring *r, size_t max)
{
    uint64_t dropped = 0;
    while (r->unsent > max) {
        bool all = false;
        struct kk_chunk *prev = shed_victim(r, all);
        if (!prev) {
            /* Only things that are kept are left: now the oldest of those. */
            all = true;
            prev = shed_victim(r, all);
        }
        if (!prev)
            break;
        dropped += shed_next(r, prev, all);
        join_shed(r);
    }
    return dropped;
}

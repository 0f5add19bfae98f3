#ifndef KK_RING_H
#define KK_RING_H
/*
 * What the agent has to say to the gateway: numbered records (MSG, EVENT) in a byte-bounded memory that
 * outlives a connection, and un-numbered ones (REPLY) that stand between them in the order they were
 * made. Bytes are written once, into the place they are sent from. This is memory only; kk_link moves it.
 *
 * Sent records are kept until `keep` bytes came after them, so that a new gateway may ask for them again.
 * When too much is unsent, kk_ring_shed drops the oldest output and leaves a gap event in its place.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/record.h"

enum { KK_RING_KEEP = 4 * 1024 * 1024, KK_RING_CHUNK = 128 * 1024 };

struct kk_chunk;
struct kk_note;

struct kk_ring {
    size_t keep;
    uint64_t last_seq; /* of the newest numbered record; 0: none yet */
    uint64_t acked;
    size_t bytes;  /* in all chunks */
    size_t unsent; /* behind the cursor, notes included */
    struct kk_chunk *head, *tail;
    struct kk_chunk *at; /* the cursor: the next byte to be sent... */
    size_t at_off;       /* ...and its place in that chunk */
    struct kk_chunk *spare;
    struct kk_note *notes, *notes_tail;
    size_t note_off; /* how much of the first note is sent */
};

void kk_ring_init(struct kk_ring *r, size_t keep);
void kk_ring_release(struct kk_ring *r);

/* Returns room for a numbered record's body of exactly n bytes; the caller fills it and calls kk_ring_commit
 * before anything else. */
uint8_t *kk_ring_begin(struct kk_ring *r, size_t n);
/* Numbers the record begun. Returns its number. */
uint64_t kk_ring_commit(struct kk_ring *r, uint8_t type, uint8_t channel, uint8_t kind, size_t n);
/* begin, copy, commit. */
uint64_t kk_ring_add(struct kk_ring *r, uint8_t type, uint8_t channel, uint8_t kind,
                     const void *body, size_t n);
/* Adds a REPLY: it is sent after all that is in the ring now and before all that comes later. */
void kk_ring_reply(struct kk_ring *r, const void *body, size_t n);

/* Number of the oldest record still held; last_seq + 1 when there is none. */
uint64_t kk_ring_first(const struct kk_ring *r);

/* Points iov at what is to be sent next, at most max entries and about max_bytes. Returns the entries. */
int kk_ring_gather(const struct kk_ring *r, struct iovec *iov, int max, size_t max_bytes);
/* The first n gathered bytes are sent. */
void kk_ring_sent(struct kk_ring *r, size_t n);
void kk_ring_ack(struct kk_ring *r, uint64_t seq);

/*
 * For a new connection: what is sent next is the record numbered from_seq. Records that are no longer there
 * are told by a gap event first. Replies not wholly sent are sent again, or forgotten when keep_replies is
 * false (their asker is gone).
 */
void kk_ring_rewind(struct kk_ring *r, uint64_t from_seq, bool keep_replies);

/*
 * Until at most max bytes are unsent: drops the oldest unsent output (KG_KIND_OUTPUT), whole chunks at a time, and when
 * none is left whatever is oldest; a gap event stands where records were. The chunk being sent and the newest are
 * not touched. Returns how many records were dropped.
 */
uint64_t kk_ring_shed(struct kk_ring *r, size_t max);

#endif

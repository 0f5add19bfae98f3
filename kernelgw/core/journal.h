#ifndef KG_CORE_JOURNAL_H
#define KG_CORE_JOURNAL_H
/*
 * What a kernel or a run has said, in order, for any number of readers at their own pace, now or later. Two lanes with
 * byte bounds of their own hold the entries: output (stream, display data, comms), where the oldest go first to a
 * file (core/spill.h) and then altogether, and control (status, replies, errors, input requests), so that a flood of output
 * never pushes out what a client waits for. A reader that lost something is told what, at the place where it is missing.
 *
 * What some reader still needs is kept up to the bounds; what all have is kept up to a smaller one, for who comes later
 * with a number to go on from. While nobody reads, everything is needed.
 *
 * Numbers (seq) rise and have holes: whoever appends may choose them, so that they can outlive the server (core/kernel.c).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/record.h"

enum kg_lane { KG_LANE_CONTROL, KG_LANE_OUTPUT, KG_LANES };

struct kg_spill;

struct kg_entry {
    uint64_t seq;
    uint64_t ord;          /* place in its lane: 0, 1, 2... */
    uint64_t cum;          /* bytes of its lane before it */
    struct kg_slice frame; /* a v1.kernel.websocket.jupyter.org frame */
    uint32_t target;       /* the one reader it is for; 0: all */
    uint8_t channel, kind;
};

struct kg_journal_lane {
    struct kg_entry *ring;
    size_t cap, head, count; /* cap is a power of two */
    uint64_t next_ord, next_cum;
    uint64_t bytes, max_bytes;
    uint64_t dropped_seq; /* of the last entry that is nowhere any more; 0: none */
};

/* Where a reader stands: what it reads next in each lane, and the number of the last entry that it passed. */
struct kg_place {
    uint64_t ord[KG_LANES], cum[KG_LANES];
    uint64_t seq;
};

struct kg_reader {
    struct kg_reader *prev, *next;
    struct kg_journal *journal;
    uint32_t id; /* never 0, never used twice in a journal */
    struct kg_place at;
    struct kg_place confirmed; /* what it surely has; kept for it from there on */
    bool confirms;        /* it says what it has by kg_reader_confirm; else to read is to have */
    bool away;            /* nobody is behind it at present */
    bool takes_over;      /* also gets what was for readers that are away or gone */
    uint64_t lost_after;  /* told as its first gap; 0: nothing */
    uint64_t progress_ms; /* when it last read something */
};

struct kg_journal {
    struct kg_journal_lane lane[KG_LANES];
    struct kg_reader *readers;
    struct kg_spill *spill; /* of the output lane; NULL: what has no room is lost */
    uint64_t last_seq;
    uint64_t history_bytes; /* of output that all have */
    uint32_t next_reader;
    bool refilling; /* numbers above last_seq were given, and are coming again */
};

/* What a reader can no longer have: everything numbered above `after` and below `before`. */
struct kg_gap {
    uint64_t after, before;
    uint64_t messages, bytes; /* 0: not known any more */
};

enum kg_read {
    KG_READ_NONE, /* nothing, or not yet: what is in the file is being fetched */
    KG_READ_ENTRY,
    KG_READ_GAP
};

/* Where kg_reader_attach begins, besides behind a number. */
#define KG_FROM_START UINT64_C(0)
#define KG_FROM_NOW   UINT64_MAX

/* history_bytes UINT64_MAX: nothing goes for being read (runs). */
void kg_journal_init(struct kg_journal *j, uint64_t output_bytes, uint64_t control_bytes,
                     uint64_t history_bytes);
void kg_journal_release(struct kg_journal *j); /* readers must be gone; the spill is the caller's */
/* From now on; what is above goes at once, as ever. */
void kg_journal_limit_output(struct kg_journal *j, uint64_t bytes);

/* Adds an entry and returns its number: `number`, or the one after the last where that would not rise (0, say). Takes a
 * reference of its own to frame's blob, or copies a small frame. */
uint64_t kg_journal_append(struct kg_journal *j, uint64_t number, struct kg_slice frame,
                           uint8_t channel, uint8_t kind, uint32_t target);

/* r reads what is numbered above since (what is no longer there is its first gap); KG_FROM_START, KG_FROM_NOW. */
void kg_reader_attach(struct kg_reader *r, struct kg_journal *j, uint64_t since);
void kg_reader_detach(struct kg_reader *r); /* a reader never attached is fine */
/* What comes again has come: readers that know a higher number wait for it in vain no longer. */
void kg_journal_refilled(struct kg_journal *j);
/* Moves an attached reader. */
void kg_reader_seek(struct kg_reader *r, uint64_t since);

/*
 * The next thing for r. KG_READ_ENTRY: *entry is borrowed until the next call on this journal. KG_READ_GAP: *gap
 * says what r can no longer have; the entries after it follow.
 */
enum kg_read kg_reader_next(struct kg_reader *r, const struct kg_entry **entry, struct kg_gap *gap);
/* r surely has what it had read when its `at` was place. */
void kg_reader_confirm(struct kg_reader *r, const struct kg_place *place);
/* Reads again what is not confirmed. */
void kg_reader_rewind(struct kg_reader *r);

/* Bytes of output that r has not read yet. */
uint64_t kg_reader_lag(const struct kg_reader *r);
/* Passes over the oldest output that r has not read until at most keep bytes of it are left. False: it had no more than
 * that, or what is in the file goes on to be read. *gap says what was passed over. */
bool kg_reader_skip(struct kg_reader *r, uint64_t keep, struct kg_gap *gap);
/* Lets go of what every reader has. To be called after a batch of reads, not after each. */
void kg_journal_trim(struct kg_journal *j);

#endif

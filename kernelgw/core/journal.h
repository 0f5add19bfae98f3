#ifndef KG_CORE_JOURNAL_H
#define KG_CORE_JOURNAL_H
/*
 * What a kernel or a run has said, in order, for any number of readers at their own pace. Entries are
 * numbered 1, 2, 3... Two lanes with byte bounds of their own hold them: output (stream, display data,
 * comms), where a slow reader may lose the oldest, and control (status, replies, errors, input requests), so
 * that a flood of output never pushes out what a client waits for. A reader that lost something is told
 * exactly how much, at the place where it is missing.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/record.h"

enum kg_lane { KG_LANE_CONTROL, KG_LANE_OUTPUT, KG_LANES };

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
};

struct kg_reader {
    struct kg_reader *prev, *next;
    struct kg_journal *journal;
    uint32_t id; /* never 0, never used twice in a journal */
    uint64_t ord[KG_LANES], cum[KG_LANES];
    uint64_t seq;         /* everything below was read, or told as a gap */
    uint64_t progress_ms; /* when it last read something */
};

struct kg_journal {
    struct kg_journal_lane lane[KG_LANES];
    struct kg_reader *readers;
    uint64_t next_seq;
    uint32_t next_reader;
    bool keep; /* entries stay though every reader has read them (runs); else they go */
};

struct kg_gap {
    uint64_t messages, bytes;
};

enum kg_read { KG_READ_NONE, KG_READ_ENTRY, KG_READ_GAP };

void kg_journal_init(struct kg_journal *j, uint64_t output_bytes, uint64_t control_bytes,
                     bool keep);
void kg_journal_release(struct kg_journal *j); /* readers must be gone */

/* Adds an entry and returns its number. Takes a reference of its own to frame's blob, or copies a small frame. */
uint64_t kg_journal_append(struct kg_journal *j, struct kg_slice frame, uint8_t channel,
                           uint8_t kind, uint32_t target);

/* r reads from the very start (from_start; what is no longer there is its first gap), or what comes from now on. */
void kg_reader_attach(struct kg_reader *r, struct kg_journal *j, bool from_start);
void kg_reader_detach(struct kg_reader *r); /* a reader never attached is fine */

/*
 * The next thing for r. KG_READ_ENTRY: *entry is borrowed until the next call on this journal. KG_READ_GAP: *gap
 * says what r can no longer have; the entries after it follow.
 */
enum kg_read kg_reader_next(struct kg_reader *r, const struct kg_entry **entry, struct kg_gap *gap);

/* Bytes of output that r has not read yet. */
uint64_t kg_reader_lag(const struct kg_reader *r);
/* Lets go of what every reader has read. To be called after a batch of reads, not after each. */
void kg_journal_trim(struct kg_journal *j);

#endif

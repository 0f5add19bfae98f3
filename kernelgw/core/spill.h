#ifndef KG_CORE_SPILL_H
#define KG_CORE_SPILL_H
/*
 * What has left a journal's memory and is still needed: entries of its output lane, oldest first, in a few files that are
 * written behind and thrown away from the front. Nothing here waits for a disk: files are written and read by libuv's
 * worker threads, and an entry stays in memory until it is written. When the disk can't keep up, or the bound is reached, the
 * oldest are lost, and dropped_seq says so.
 *
 * A file is records of base/record.h, one behind the other: type MSG, seq, and the frame as body.
 */
#include <uv.h>

#include "kernelgw/core/journal.h"

/* Where the files are, and what all of them may take. One for a server. */
struct kg_spills {
    uv_loop_t *loop;
    const char *dir; /* exists, and belongs to this server alone; NULL: nothing is spilled */
    uint64_t max_bytes, total_max_bytes; /* of one, of all */
    uint64_t total_bytes;
};

/* Removes what an earlier server left in dir, and makes it. Returns 0, or a negative code with *err. */
int kg_spills_open(struct kg_spills *s, struct kg_err *err);

/* name: [0-9a-zA-Z-], the files' own. ready(user): what kg_spill_get said is on its way is there. NULL when nothing is
 * spilled here. */
struct kg_spill *kg_spill_new(struct kg_spills *all, const char *name, void (*ready)(void *user),
                              void *user);
void kg_spill_free(struct kg_spill *s); /* removes the files; no callback comes; NULL is fine */

void kg_spill_add(struct kg_spill *s, const struct kg_entry *e);
void kg_spill_clear(struct kg_spill *s);
/* The place of its first entry, when there is one; else both stay as they are. */
void kg_spill_begin(const struct kg_spill *s, uint64_t *ord, uint64_t *cum);
/* The place of an entry at or (by some) before the first that is numbered above since; else both stay. */
void kg_spill_seek(const struct kg_spill *s, uint64_t since, uint64_t *ord, uint64_t *cum);
/* Bytes of output that it can have, and those of them that wait for the disk. */
uint64_t kg_spill_room(const struct kg_spill *s);
uint64_t kg_spill_pending(const struct kg_spill *s);
/* Number of the last entry that was lost; 0: none. */
uint64_t kg_spill_dropped_seq(const struct kg_spill *s);
/* The entry at ord, which is between begin and the journal's memory; borrowed until the reader's next get. NULL: it is
 * being fetched. */
const struct kg_entry *kg_spill_get(struct kg_spill *s, const struct kg_reader *r, uint64_t ord);
void kg_spill_forget_reader(struct kg_spill *s, const struct kg_reader *r);

#endif

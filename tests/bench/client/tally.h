#ifndef BENCH_CLIENT_TALLY_H
#define BENCH_CLIENT_TALLY_H
/* Counts what arrives of a numbered flood: lost, twice, out of order. */
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/client/link.h"
#include "tests/bench/client/stat.h"

struct bc_tally {
    unsigned long expected;
    uint8_t *seen;
    unsigned long received, twice, disorder;
    long last;
    uint64_t first_us, last_us;
    uint64_t bytes;
    unsigned long
        notes; /* iopub messages that are neither the flood nor the request's usual company */
    bool replied, idle;
};

void bc_tally_init(struct bc_tally *t, unsigned long expected);
void bc_tally_release(struct bc_tally *t);
/* Takes one message of the request `id` into account. */
void bc_tally_take(struct bc_tally *t, const struct bc_msg *m, const char *id);
static inline bool bc_tally_done(const struct bc_tally *t)
{
    return t->replied && t->idle;
}
/* Appends expected, received, lost, twice, disorder, notes, replied, idle. */
void bc_tally_json(const struct bc_tally *t, struct kg_json *j);
/* Receives until reply and idle are there or nothing came for quiet_ms. As bc_link_receive: 1 done, 0 quiet, negative. */
int bc_tally_read(struct bc_tally *t, struct bc_link *l, const char *id, int quiet_ms);

#endif

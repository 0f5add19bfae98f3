#ifndef KG_CORE_QUEUE_H
#define KG_CORE_QUEUE_H
/*
 * Runs that wait for their turn: for one of --session-runs places of their session, of --max-runs of the server, and for a
 * box. Sessions take turns, so that one with a hundred programs delays another's first by one; within a session it is first
 * come, first served.
 */
#include "kernelgw/core/run.h"

/* The runs of one session, or of one owner's that name none. */
struct kg_flow {
    struct kg_flow *prev, *next; /* of those that have runs waiting, in turn */
    char *key;
    struct kg_run *waiting; /* utlist by queue_prev, queue_next */
    unsigned count;         /* waiting */
    unsigned live;          /* have had their turn, and have not ended */
    bool named;             /* --session-runs holds for it */
    UT_hash_handle hh;
};

/* -EAGAIN with *err when the queue is full, -EDQUOT when the session's share of it is. key: of its flow. */
int kg_queue_may_add(const struct kg_core *core, const char *key, struct kg_err *err);
void kg_queue_add(struct kg_run *r, const char *key);
/* A run that waits, or has had its turn, is no more. Calm when it is in no queue. */
void kg_queue_remove(struct kg_run *r);
/* It found no box: it is the first again. */
void kg_queue_again(struct kg_run *r);
/* How many come before it, and itself: 1 is next; 0: it does not wait. */
unsigned kg_queue_position(const struct kg_run *r);
/* Lets those begin that may. */
void kg_queue_pump(struct kg_core *core);
void kg_queue_tick(struct kg_core *core, uint64_t now_ms);

#endif

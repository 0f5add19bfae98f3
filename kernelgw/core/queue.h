#ifndef KG_CORE_QUEUE_H
#define KG_CORE_QUEUE_H
/*
 * Runs that wait for their turn: for one of --session-runs places of their session, of --max-runs of the server, and for a
 * box. There are two lines: of runs that somebody watches (at a terminal, or in a session that a connection is bound to), which are
 * served first, and of all others, which get every fourth place as long as both wait. In a line users take turns, each
 * user's sessions take his, and within a session it is first come, first served: who starts a hundred programs delays
 * another's first by one, from however many sessions.
 */
#include "kernelgw/core/run.h"

struct kg_account;

enum { KG_WATCHED, KG_UNWATCHED, KG_LINES, KG_WATCHED_IN_A_ROW = 3 };

/* A session's place in a line. */
struct kg_turn {
    struct kg_turn *prev, *next; /* of those of its user that have runs waiting, in turn */
    struct kg_flow *flow;
    struct kg_run *waiting; /* utlist by queue_prev, queue_next */
    unsigned count;
    struct kg_run *at; /* while positions are counted */
};

/* A user's place in a line. */
struct kg_share {
    struct kg_share *prev, *next; /* of those that have runs waiting, in turn */
    struct kg_account *account;
    struct kg_turn *turns;
    unsigned count;
    struct kg_turn *at; /* while positions are counted, as is the next */
    unsigned left;
};

/* The runs of one session, or of one owner's that name none. */
struct kg_flow {
    char *key;
    struct kg_account *account;
    struct kg_turn turns[KG_LINES];
    unsigned live; /* have had their turn, and have not ended */
    bool named;    /* --session-runs holds for it */
    UT_hash_handle hh;
};

/* -EAGAIN with *err when the queue is full, -EDQUOT when the session's or the user's share of it is. key: of its flow. */
int kg_queue_may_add(struct kg_core *core, const char *key, const char *owner, struct kg_err *err);
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

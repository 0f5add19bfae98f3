#ifndef KG_POOL_TURN_H
#define KG_POOL_TURN_H
/*
 * Work put off to the end of the loop's turn, so that no callback runs before the call that caused it has
 * returned, and everything written to a link in one turn leaves in one write. Tasks are embedded in
 * their owners; an owner cancels its task before it goes.
 */
#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

enum { PL_TICK_MS = 50 };

struct pl_task {
    TAILQ_ENTRY(pl_task) entry;
    void (*run)(struct pl_task *task);
    struct pl_tasks *in; /* the list it waits in; NULL: not waiting */
};

TAILQ_HEAD(pl_tasks, pl_task);

struct pl_turn {
    uv_loop_t *loop;
    uv_idle_t idle;       /* keeps the loop from sleeping while something waits */
    uv_prepare_t prepare; /* runs what waits, just before the loop would sleep */
    uv_timer_t tick;
    struct pl_tasks soon;
    struct pl_tasks last;
    struct pl_tasks ticked;
    int open_handles;
    void (*closed)(void *user);
    void *closed_user;
};

void pl_turn_open(struct pl_turn *t, uv_loop_t *loop);
/* Runs what waits by pl_turn_soon, forgets flushes and ticks. t may be freed once closed has been called. */
void pl_turn_close(struct pl_turn *t, void (*closed)(void *user), void *user);

/* Runs the task at the end of this turn. A task that waits already stays where it is. */
void pl_turn_soon(struct pl_turn *t, struct pl_task *task);
/* As pl_turn_soon, after everything that pl_turn_soon put off: for flushing. */
void pl_turn_last(struct pl_turn *t, struct pl_task *task);
/* Runs the task within PL_TICK_MS: for what may be late but not be left. */
void pl_turn_tick(struct pl_turn *t, struct pl_task *task);
void pl_task_cancel(struct pl_task *task);

#endif

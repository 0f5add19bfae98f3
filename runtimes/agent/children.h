#ifndef KK_CHILDREN_H
#define KK_CHILDREN_H
/*
 * Every process that ends in the box is reaped here, whoever's child it was; and whatever is left is killed here.
 * A box holds one job at a time, so "all" are the job's; but for the box's service, which is spared.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <uv.h>

#include "runtimes/agent/options.h"

struct kk_children;

struct kk_usage {
    uint64_t cpu_ms; /* of everything reaped since kk_children_reset_usage */
    uint64_t rss_kb; /* the largest of them */
};

int kk_children_open(struct kk_children **out, uv_loop_t *loop, const struct kk_options *options);
void kk_children_close(struct kk_children *c); /* memory goes in the loop's close callback */

/* ended(user, status) comes from the loop when pid has been reaped; status is as waitpid gives it. One watch at a
 * time; a new one replaces it. */
void kk_children_watch(struct kk_children *c, pid_t pid, void (*ended)(void *user, int status),
                       void *user);

/* pid is the box's service: it and what it starts are none of "all". In a box they are told by the service's uid, elsewhere
 * by descent and session. ended comes as above, once. 0: there is none any more. */
void kk_children_spare(struct kk_children *c, pid_t pid, void (*ended)(void *user, int status),
                       void *user);

/* Kills the service that was or is pid, and what it has started. */
void kk_children_kill_service(const struct kk_children *c, pid_t pid);

/*
 * Kills everything that is not the agent or the service until nothing is left, then calls gone(user) from the loop, once. When five
 * seconds were not enough (a process stuck in the kernel), gone comes all the same.
 */
void kk_children_kill_all(struct kk_children *c, void (*gone)(void *user), void *user);

void kk_children_reset_usage(struct kk_children *c);
struct kk_usage kk_children_usage(const struct kk_children *c);

/* What the user's processes take; the service is left out. */
struct kk_stats {
    uint64_t rss_kb;
    uint64_t processes;
    uint64_t cpu_ms; /* of the living, and of the reaped since the last reset */
};

/* Reads /proc: what the user's processes take now. */
struct kk_stats kk_children_stats(const struct kk_children *c);

#endif

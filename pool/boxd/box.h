#ifndef BD_BOX_H
#define BD_BOX_H
/* What the files that make up bd_boxes share: boxes.c (table, start), box_make.c, box_limits.c, box_end.c. */
#include "pool/boxd/boxes.h"
#include "pool/boxd/job.h"
#include "pool/boxd/state.h"

struct bd_net;
struct bd_outside;

enum bd_phase { BD_MAKING, BD_LIVING, BD_ENDING };

struct bd_boxes {
    struct bd_boxes_config config; /* strings are ours */
    struct bd_cgroups cgroups;
    struct bd_jobs *jobs;
    struct bd_box **list; /* by id */
    size_t count;
    size_t room;
    struct bd_net *nets;        /* uthash by id */
    struct bd_outside *outside; /* NULL: session networks have loopback alone */
    char *resolv;               /* what boxes have as /etc/resolv.conf then */
    size_t ending;              /* of them being killed at this moment: at most BD_ENDINGS_MAX */
    uint32_t next_slot;         /* where the search for a free id range begins */
    char boot[KG_UUID_SIZE];
    char *agent_dir;
    bool agent_elsewhere; /* not in the run directory */
    int run_lock;
    int cgroup_lock;
    int home_netns;
    bool
        own_removal; /* the runtime keeps nothing but its state directory and cgroups: we remove them */
    bool stopping;
    void (*stopped)(void *user);
    void *stopped_user;
    uv_signal_t child;
    uv_timer_t stop_timer;
};

/* What a box may use at this moment. 0: not known (a box of an earlier boxd). */
struct bd_box_figures {
    uint32_t memory_mb, cpu_milli, pids;
};

struct bd_box {
    struct bd_boxes *all;
    struct bd_state state;
    struct bd_box_figures limits;
    enum bd_phase phase;
    char *dir; /* RUN/box/ID */
    int pidfd; /* of PID 1; -1 when it isn't known or has ended */
    int link_fd;
    int netns_fd;
    int words_fd;  /* what the runtime and the agent wrote to stderr */
    int helper_fd; /* cgroup.procs of the runtime's group, while it works */
    struct bd_job *job;
    uv_poll_t exit_poll;
    uv_timer_t timer;
    bool polling;
    int closing;      /* handles whose close callback is due */
    int status;       /* of PID 1, by waitpid; -1 unknown */
    bool wants_reply; /* of created */
    struct bd_ticket creator;
    struct bd_ticket *destroyers;
    size_t destroyers_count;
    bool counted;     /* in all->ending */
    bool delete_done; /* the runtime's own delete has run */
    unsigned tries;
};

/* boxes.c */
struct bd_box *bd_box_new(struct bd_boxes *all,
                          const struct bd_state *state); /* in the table, BD_MAKING */
void bd_box_gone(struct bd_box *box); /* out of the table; tells those who wait; frees */
int bd_box_save(struct bd_box *box, struct kg_err *err);
void bd_boxes_wake(struct bd_boxes *all); /* an ending has finished or given its place away */
bool bd_box_exists(const struct bd_boxes *all, const char *id); /* in any phase */
void bd_boxes_reap(struct bd_boxes *all); /* hands out what waitpid says, without waiting */
/* Watches PID 1 by pidfd; what follows its end is bd_box_ended's. */
int bd_box_watch(struct bd_box *box, struct kg_err *err);
void bd_box_unwatch(struct bd_box *box);

/* box_end.c */
/* Begins or goes on with the end, from any phase. */
void bd_box_end(struct bd_box *box);
void bd_box_ended(struct bd_box *box); /* PID 1 has ended by itself */

/* box_limits.c */
int bd_box_tell_limits(struct bd_box *box, struct kg_err *err); /* writes /run/kgw/limits */
void bd_box_recall_limits(struct bd_box *box); /* what an earlier boxd has written there */

/* box_make.c */
int bd_box_bind_link(struct bd_box *box, struct kg_err *err);
/* The last line that the runtime or the agent wrote, for a person; "" when none. */
void bd_box_last_words(const struct bd_box *box, char *out, size_t room);

#endif

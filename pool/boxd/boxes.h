#ifndef BD_BOXES_H
#define BD_BOXES_H
/*
 * All boxes of one boxd: making, taking up again, looking at and ending them. Knows nothing of sockets and
 * requests; who asked is a ticket that comes back with the answer.
 *
 * A box is MAKING (the runtime is at work), LIVING (PID 1 runs) or ENDING (being killed and removed, for as
 * many tries as it takes). It leaves the table when no process, cgroup, namespace or directory of it is left.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "pool/boxd/cgroup.h"
#include "pool/boxd/request.h"

struct bd_boxes;
struct bd_box;

struct bd_ticket {
    uint64_t connection;
    int64_t request;
};

struct bd_boxes_config {
    uv_loop_t *loop;
    const char *run_dir;       /* absolute; root's alone */
    const char *images;        /* absolute: IMAGES/NAME/rootfs */
    const char *agent;         /* the agent's binary; copied at the start */
    const char *runtime;       /* absolute path */
    const char *cgroup_parent; /* relative */
    uint32_t max_boxes;
    uint32_t uid_base;
    bool outside;              /* session networks lead out (outside.h) */
    const char *outside_block; /* but not to these ranges, a checked list; or NULL */
    /* How answers and news travel; none is called from within the call that caused it. */
    void (*created)(void *user, struct bd_ticket t, struct bd_box *box, const struct kg_err *err);
    void (*destroyed)(void *user, struct bd_ticket t);
    /* PID 1 ended by itself. status: exit code, 128 + signal, or -1 when nobody can tell. */
    void (*exited)(void *user, const struct bd_box *box, int status, uint64_t oom_kills);
    void *user;
};

/*
 * Locks the run directory and the cgroup parent, ends what a killed predecessor left half-made and takes up
 * its living boxes. -EBUSY when another boxd has one of the locks. Strings are copied.
 */
int bd_boxes_open(struct bd_boxes **out, const struct bd_boxes_config *config, struct kg_err *err);
/*
 * Stops: what is being made or ended is brought to its end, living boxes are left alone (all is false) or
 * ended too (all). done comes when nothing is under way; bd_boxes_free may follow.
 */
void bd_boxes_stop(struct bd_boxes *all, bool end_living, void (*done)(void *user), void *user);
void bd_boxes_free(struct bd_boxes *all);

/* Begins to make a box: `created` comes with it or with an error, unless this returns one already. */
int bd_box_create(struct bd_boxes *all, const struct bd_request *request, struct bd_ticket t,
                  struct kg_err *err);
/* Who asked for them by this connection can't be told any more: what is still being made for it is ended, since
 * whoever comes next would not find it in a list. */
void bd_boxes_asker_gone(struct bd_boxes *all, uint64_t connection);
/* Ends a box that has just been made, and that nobody can be told of. */
void bd_box_unwanted(struct bd_box *box);
/* Begins to end a box: `destroyed` comes. -ENOENT when there is none. */
int bd_box_destroy(struct bd_boxes *all, const char *id, struct bd_ticket t);

/* The living box of that id; NULL with -ENOENT or (being made or ended) -EBUSY in *err. */
struct bd_box *bd_box_find(struct bd_boxes *all, const char *id, struct kg_err *err);
/* The listening socket of the link. After a restart of boxd the old one is its gateway's alone: then this binds a
 * new one in its place. The descriptor stays boxd's. */
int bd_box_link(struct bd_box *box, struct kg_err *err);
/* Sets what the request names. -EBUSY: more memory is in use than it may have; then the old limit stands. */
int bd_box_limits(struct bd_box *box, const struct bd_request *request, struct kg_err *err);
int bd_box_stats(struct bd_box *box, struct bd_stats *out, struct kg_err *err);

/* What the outside may know of a box. */
struct bd_box_info {
    const char *id;
    const char *image;
    const char *owner;
    int pid;
    uint32_t uid;
    uint64_t age_ms;
};
struct bd_box_info bd_box_info(const struct bd_box *box);
/*
 * Boxes in order of id, from behind `after` ("" from the start), those that are being made (pid 0) too: a gateway that has just
 * come up must learn of what its killed predecessor asked for a moment ago. Not those that are being ended. Up to max; *more
 * tells of further ones.
 */
size_t bd_boxes_list(struct bd_boxes *all, const char *after, struct bd_box **out, size_t max,
                     bool *more);
size_t bd_boxes_count(const struct bd_boxes *all); /* in any state */
bool bd_boxes_outside(const struct bd_boxes *all); /* whether session networks lead out */

#endif

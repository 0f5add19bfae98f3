#ifndef KG_POOL_ENGINE_H
#define KG_POOL_ENGINE_H
/*
 * What makes boxes and ends them. An engine knows nothing of kernels, programs or stock; it only creates, destroys,
 * lists, limits and measures. Box ids are chosen by the caller, so that every operation can be repeated.
 *
 * Every operation completes exactly once, later, on the loop's thread, also while the engine is down (then
 * with -ENOTCONN) and while it is closed (-ECANCELED).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "pool/pool.h"
#include "pool/turn.h"

enum { PL_BOX_ID_LEN = 32, PL_BOX_ID_SIZE = 33 };

struct pl_box_spec {
    const char *id; /* PL_BOX_ID_LEN hex digits */
    const char *image;
    struct pl_limits limits;
    const char *net; /* the session network to be in; NULL: one of its own */
};

struct pl_made {
    int listen_fd; /* the link's listening socket, now the callee's */
    uid_t uid;     /* who may dial it */
    pid_t pid;
};

struct pl_listed {
    char id[65];
    char owner[64];
    bool owner_here; /* that gateway is connected to the engine now */
    uint64_t age_ms;
};

/* err is NULL on success; all pointers are borrowed for the call. */
typedef void pl_engine_made(void *user, const struct pl_made *made, const struct kg_err *err);
typedef void pl_engine_done(void *user, const struct kg_err *err);
typedef void pl_engine_listed(void *user, const struct pl_listed *boxes, size_t count,
                              const struct kg_err *err);

struct pl_engine_events {
    /* A box's PID 1 ended unasked. oom: the box ran out of memory before. */
    void (*exit)(void *user, const char *box, int status, bool oom);
    void (*up)(void *user);
    void (*down)(void *user, const char *why);
};

enum { PL_ENGINE_LIMITS = 1 }; /* limits are enforced and can be changed */

struct pl_engine {
    const struct pl_engine_ops *ops;
    const struct pl_engine_events *events; /* set by the owner before start */
    void *user;
    struct pl_turn *turn;
    bool outside; /* session networks lead to the outside: that is the engine's operator's to say */
};

/* Session networks (pl_net in pool.h). An engine that has none has no such table. Ids are as those of boxes. */
struct pl_net_ops {
    /* That it is there already is fine. box (or NULL): a living one in no network, whose namespace is to be the network's. */
    void (*create)(struct pl_engine *e, const char *net, const char *box, pl_engine_done *done,
                   void *user);
    void (*destroy)(struct pl_engine *e, const char *net, pl_engine_done *done, void *user);
    void (*list)(struct pl_engine *e, pl_engine_listed *done, void *user);
    /* names: an array of strings, borrowed. */
    void (*names)(struct pl_engine *e, const char *net, json_t *names, pl_engine_done *done,
                  void *user);
    void (*ports)(struct pl_engine *e, const char *net, pl_ports_done *done, void *user);
    void (*socket)(struct pl_engine *e, const char *net, pl_socket_done *done, void *user);
};

struct pl_engine_ops {
    const char *name;
    unsigned caps;
    /* Begins; `up` follows, later, when boxes can be made. The fields of pl_engine are set. */
    void (*start)(struct pl_engine *e);
    void (*create)(struct pl_engine *e, const struct pl_box_spec *spec, pl_engine_made *done,
                   void *user);
    /* A living box that somebody else created; as create. -ENOENT, -ENOTSUP. */
    void (*attach)(struct pl_engine *e, const char *box, pl_engine_made *done, void *user);
    /* Done when nothing of the box is left; a box that does not exist is fine. */
    void (*destroy)(struct pl_engine *e, const char *box, pl_engine_done *done, void *user);
    void (*list)(struct pl_engine *e, pl_engine_listed *done, void *user);
    /* 0 leaves a limit as it is; tmp_mb can't be changed. -EBUSY: the others are set, but more memory is in use. */
    void (*limits)(struct pl_engine *e, const char *box, const struct pl_limits *limits,
                   pl_engine_done *done, void *user);
    void (*stats)(struct pl_engine *e, const char *box, pl_stats_done *done, void *user);
    const struct pl_net_ops *nets; /* NULL: it has no session networks */
    /* Frees e; operations under way complete with -ECANCELED before closed comes. */
    void (*close)(struct pl_engine *e, void (*closed)(void *user), void *user);
};

/* Boxes through boxd (docs/PROTOCOL.md, "boxd"). Strings are copied. */
struct pl_engine *pl_engine_oci_new(uv_loop_t *loop, const char *boxd, const char *owner);
/* Agents as plain child processes: no isolation. Strings are copied. */
int pl_engine_process_new(struct pl_engine **out, uv_loop_t *loop, const char *run_dir,
                          const char *agent, const char *owner, struct kg_err *err);

#endif

#ifndef KG_CORE_WORKSPACE_H
#define KG_CORE_WORKSPACE_H
/*
 * A session of the product's own (Jupyter's sessions are core/session.h): somebody's programs and kernels under one name,
 * with a network that they share if they ask for it, and boxes kept for the next program. It is made by its name's first
 * use, and ends when it is left, when the connection that it is bound to stays away, or when it has been idle for long.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uthash.h>

#include "base/clock.h"
#include "kernelgw/core/core.h"
#include "kernelgw/core/files.h"

struct kg_shelved;
struct kg_changes;
struct kg_json;

/* Told of every change; it ends (last call, ended true) with the workspace. */
struct kg_workspace_watch {
    struct kg_workspace_watch *prev, *next;
    void (*changed)(void *user, bool ended);
    void *user;
    uint64_t seen; /* the number of the change that its user has been told last */
};

struct kg_workspace {
    char *key; /* owner, a line's end, name */
    char *owner, *name;
    struct kg_core *core;
    bool passing; /* it goes with its last program or kernel: nobody gave it a name */
    bool ending;
    struct pl_net *net;     /* NULL: nothing of it has asked for one of late */
    uint64_t net_used_ms;   /* when something was last in it */
    unsigned runs, kernels; /* that have not ended */
    unsigned networked;     /* of both */
    unsigned attached;      /* connections that it is bound to */
    uint64_t
        lost_ms; /* when the last of them was lost (ahead of now, where there is no grace but after the server's own end);
                             * 0: it has, or had, none */
    uint64_t used_ms;
    uint64_t cpu_ms, output_bytes; /* of its runs and kernels */
    int64_t created_us;
    struct kg_shelved *shelf;           /* utlist: boxes kept for the next program */
    struct kg_workspace_watch *watches; /* utlist */
    struct kg_changes *changes;         /* what they have seen, or are about to; NULL: nothing */
    struct kg_files files;
    struct kg_keep_job *keep_job; /* core/keep_workspace.c: that waits for its turn; NULL: none */
    uint64_t kept_mark;           /* of what is written of it; 0: nothing yet */
    uint64_t kept_files;          /* the revision of the files that are */
    json_t *ports;                /* what was listed last, or NULL */
    bool listing;
    unsigned refs;      /* the table, and answers that are due */
    const void *census; /* core/workspace_usage.c's, while it gathers boxes */
    size_t census_index;
    UT_hash_handle hh;
};

/* True for a name that a workspace may have: 1 to 100 bytes, no control characters, no slash. */
bool kg_workspace_name_ok(const char *name);
struct kg_workspace *kg_workspace_find(struct kg_core *core, const char *owner, const char *name);
/* The one of that name, made if need be. With *err: -EAGAIN when there are too many, -EDQUOT when the owner has. */
struct kg_workspace *kg_workspace_get(struct kg_core *core, const char *owner, const char *name,
                                      bool passing, struct kg_err *err);
/* Leaves it: programs, boxes, network and (kernels) kernels end at once; it is gone afterwards unless kernels stay. */
void kg_workspace_end(struct kg_workspace *w, bool kernels, const char *why);
/*
 * A connection that it is bound to has come or gone. Once the last has been gone for --session-grace-s, its programs
 * end; kernels don't, since nobody who makes them by Jupyter's own ways stays connected. w may be gone after detach.
 */
void kg_workspace_attach(struct kg_workspace *w);
void kg_workspace_detach(struct kg_workspace *w);

void kg_workspace_watch(struct kg_workspace *w, struct kg_workspace_watch *watch);
void kg_workspace_unwatch(struct kg_workspace *w, struct kg_workspace_watch *watch);
/* What has changed since this was last asked for the watch, as core/changes.h has it. */
void kg_workspace_changes(const struct kg_workspace *w, struct kg_workspace_watch *watch,
                          struct kg_json *j);
/* What the next kg_workspace_changed is about: literals, and an id that is copied. Of nobody's interest while nobody watches. */
void kg_workspace_note(struct kg_workspace *w, const char *what, const char *how, const char *id);
void kg_workspace_model(const struct kg_workspace *w, struct kg_json *j);
/* The same with what its boxes use (core/workspace_usage.h); NULL: without. */
void kg_workspace_model_used(const struct kg_workspace *w, const uint64_t *memory_bytes,
                             struct kg_json *j);
/* Asks who listens in its network; answers once, later: *list is [{"port","run_id"|"kernel_id","console"}], borrowed. */
typedef void kg_workspace_ports_done(void *user, const json_t *list, const struct kg_err *err);
void kg_workspace_ports(struct kg_workspace *w, kg_workspace_ports_done *done, void *user);

/* --- within core --- */
/* The network, made when first asked for, and again once nothing has used it for KG_NET_IDLE_MS (or --session-idle-s). */
struct pl_net *kg_workspace_net(struct kg_workspace *w);
/* It was bound to a connection of an earlier server's, which has its grace from now on, ten seconds at least. */
void kg_workspace_was_bound(struct kg_workspace *w);
/* As one that an earlier server had. */
struct pl_net *kg_workspace_take_net(struct kg_workspace *w, const char *id);
/* What it may have: -EDQUOT with *err when it has used it up. */
int kg_workspace_may_run(const struct kg_workspace *w, struct kg_err *err);
/* Bytes of output that it may still write; UINT64_MAX: any number. */
uint64_t kg_workspace_output_left(const struct kg_workspace *w);
int kg_workspace_may_start(const struct kg_workspace *w, struct kg_err *err);
/* One that has begun, or ended. w may be gone after ended. */
void kg_workspace_run_begun(struct kg_workspace *w, const struct kg_run *r);
void kg_workspace_run_ended(struct kg_workspace *w, const struct kg_run *r);
void kg_workspace_kernel_begun(struct kg_workspace *w, const struct kg_kernel *k);
void kg_workspace_kernel_ended(struct kg_workspace *w, const struct kg_kernel *k);
void kg_workspace_changed(struct kg_workspace *w);
/*
 * Tells the network's boxes the names of what runs in it: the entry's file name, that without its ending, and aliases; other
 * than but's, if not NULL. True: done comes, once, later.
 */
void kg_workspace_tell_names(struct kg_workspace *w, void (*done)(void *user), void *user);
void kg_workspaces_tick(struct kg_core *core, uint64_t now_ms);
/* All of them, with the server; keep: networks are for the next one. */
void kg_workspaces_close(struct kg_core *core, bool keep);
void kg_workspace_unref(struct kg_workspace *w);

#endif

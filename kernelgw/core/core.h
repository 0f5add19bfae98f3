#ifndef KG_CORE_CORE_H
#define KG_CORE_CORE_H
/*
 * The server without its outside: kernels, runs, Jupyter sessions, and the pool that they take boxes from. One
 * kg_core for a process; everything on the loop's thread. No HTTP: kernelgw/api brings requests here.
 */
#include <stdint.h>
#include <uthash.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "kernelgw/core/runtimes.h"
#include "kernelgw/core/spill.h"
#include "pool/pool.h"

struct kg_kernel;
struct kg_run;
struct kg_session;
struct kg_terminal;
struct kg_workspace;
struct kg_flow;
struct kg_share;
struct kg_account;
struct kg_keep_job;

struct kg_core_config {
    uv_loop_t *loop;
    const char *engine, *run_dir, *agent, *boxd;
    const char *state_dir; /* for what has no room in memory; NULL: it is lost */
    uint32_t spill_mb, spill_total_mb;
    const char *default_kernel;
    struct kg_runtimes_config runtimes;
    uint32_t max_boxes, max_starting, stock_extra_mb, max_kernels, max_runs;
    /* Of a workspace: 0 for no limit where a limit it is. */
    uint32_t session_grace_s, session_idle_s, session_runs, session_kernels, session_cpu_s;
    uint32_t session_output_mb, max_sessions;
    uint32_t session_files, session_files_mb, files_total_mb;
    uint32_t queue_max, queue_session, queue_s;
    const struct kg_users *users; /* outlives the core; NULL: none have names */
    uint32_t quota_period_s;
    uint32_t cull_idle_s; /* 0: kernels are not culled */
    bool cull_connected, cull_busy;
    bool terminals;
    uint32_t max_terminals, cull_terminal_s; /* 0: terminals are not culled */
    uint32_t run_wall_s, run_wall_max_s, run_output_mb;
    uint32_t memory_max_mb, cpu_max_milli, pids_max; /* what a request may ask for */
};

struct kg_counters {
    uint64_t kernels_started, kernels_died, runs_started, requests, gaps, gap_messages;
};

struct kg_core {
    struct kg_core_config config;
    uv_loop_t *loop;
    struct pl_pool *pool;
    struct kg_runtimes runtimes;
    struct kg_kernel *kernels;       /* uthash by id */
    struct kg_run *runs;             /* uthash by id, oldest first */
    struct kg_session *sessions;     /* uthash by id */
    struct kg_terminal *terminals;   /* uthash by name */
    struct kg_workspace *workspaces; /* uthash by key */
    struct kg_account *accounts;     /* uthash by owner */
    struct {
        struct kg_flow *flows;
        struct kg_share *lines[2]; /* core/queue.h */
        unsigned in_a_row;         /* of the first line's, while others wait */
        bool counted;              /* positions are those of this moment */
        unsigned waiting, live;    /* runs */
        unsigned claims;           /* that the pool has not answered */
        uint64_t number;
        uint64_t pause_ms; /* there are no boxes: nothing begins before then */
        bool pumping;
    } queue;
    struct kg_counters counters;
    struct kg_spills spills;
    struct kg_keep_job *keep_jobs,
        *keeping;           /* core/keep_workspace.c: that wait; that a thread has */
    bool keep_loading;      /* what is read is not written meanwhile */
    uint64_t accounts_mark; /* of what is written of them */
    uint64_t metered_ms;    /* when boxes were last asked what they use */
    uint64_t files_bytes;   /* of all workspaces (core/files.h) */
    uv_timer_t *tick;       /* once a second: what has a time to live */
    uv_timer_t *holds;      /* while a reader holds a box back */
    int64_t started_us, last_activity_us;
    char owner[KG_UUID_SIZE]; /* of this server's boxes */
    bool draining;            /* connections are closed since the server ends */
    bool closing, leaving;
    void (*closed)(void *user);
    void *closed_user;
};

int kg_core_open(struct kg_core **out, const struct kg_core_config *config, struct kg_err *err);
/* Ends every kernel and run, or leaves the kernels to the next server; done comes when no box is left that is not left so, and
 * frees core. */
void kg_core_close(struct kg_core *core, bool leave, void (*done)(void *user), void *user);

/* The server is about to close its connections: none of them is given up by its client. */
void kg_core_drain(struct kg_core *core);
size_t kg_core_connections(const struct kg_core *core); /* of clients to kernels */
/* The pool's figures and the counters, as one JSON object. */
void kg_core_report(const struct kg_core *core, struct kg_buf *out);
/* Looks every 50 ms, from now on and while there is need, whether a held box may go on. */
void kg_core_watch_holds(struct kg_core *core);

#endif

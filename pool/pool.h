#ifndef KG_POOL_POOL_H
#define KG_POOL_POOL_H
/*
 * Boxes: sandboxes with an agent inside, made by an engine, kept warm in stock, handed out once and
 * destroyed after. The pool knows how to start a kernel in a box (so that stock kernels have already
 * answered), but not what its messages mean: they pass through as records (base/record.h).
 *
 * Everything runs on the loop's thread. No callback comes before the call that caused it has returned.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/record.h"

struct pl_pool;
struct pl_box;
struct pl_net;

struct pl_limits {
    uint32_t memory_mb;
    uint32_t cpu_milli; /* 500 = half a core */
    uint32_t pids;
    uint32_t tmp_mb; /* all tmpfs of the box together */
    uint32_t
        cpu_weight; /* its share beside other boxes, 100 is usual; 0: as it is. The pool's own affair */
};

/* What a runtime's kernels and programs need: filled from its manifest by core. All strings borrowed
 * for the life of the pool. */
struct pl_runtime {
    const char *name;  /* "python3" */
    const char *image; /* oci: image name; process: ignored */
    struct pl_limits kernel_limits;
    struct pl_limits program_limits;
    /* The agent's kernel.start request without id and op (argv, env, cwd, transport, interrupt_mode, ready_ms,
     * warm_code, language), or NULL when this runtime has no kernel. Borrowed. */
    json_t *kernel_start;
    /* The agent's service.start request without id and op (argv, env, ready_ms), or NULL. Borrowed. A box of a kind
     * that wants the service is ready when the service is, and its kernel starts after that. */
    json_t *service;
    bool service_for_kernels, service_for_programs;
    uint32_t stock_kernels; /* kept warm */
    uint32_t stock_boxes;
};

enum pl_kind { PL_KERNEL, PL_PROGRAM };

struct pl_claim {
    const char *runtime; /* name */
    enum pl_kind kind;
    /* NULL: the runtime's. Others make a kernel start cold, since it may have measured itself by them at its start;
     * a program's box comes from stock and is given them, unless tmp_mb differs. */
    const struct pl_limits *limits;
    /* For PL_KERNEL. env: object of strings, borrowed. cwd may be NULL. cold: never from stock. */
    json_t *env;
    const char *cwd;
    bool cold;
    struct pl_net *net; /* to be in; NULL: in none */
};

/* What a box tells its owner. All run on the loop, with the box still valid. */
struct pl_box_events {
    /* MSG and EVENT records, in order of rec->seq. body is valid during the call; keep it by a slice. */
    void (*record)(void *user, const struct kg_rec *rec, struct kg_slice body);
    /* The box is no more (PID 1 ended, engine lost it, link protocol broken): why is a sentence. The last
     * callback: the box pointer is invalid after it. Not called after pl_box_destroy. */
    void (*gone)(void *user, const char *why, bool oom);
};

struct pl_pool_config {
    uv_loop_t *loop;
    const char *engine;  /* "oci" or "process" */
    const char *run_dir; /* sockets */
    const char *agent;   /* path of the agent's binary (process engine) */
    const char *boxd;    /* path of boxd's socket (oci engine) */
    const char *owner;   /* uuid of this gateway */
    const struct pl_runtime *runtimes;
    size_t runtime_count;
    uint32_t max_boxes;      /* claimed and stock together */
    uint32_t max_starting;   /* at once; 0: one a core */
    uint32_t stock_extra_mb; /* memory for stock above the runtimes' own, while demand wants it */
};

int pl_pool_open(struct pl_pool **out, const struct pl_pool_config *config, struct kg_err *err);
/*
 * Destroys every box, claimed ones too (without `gone`; their pointers are invalid at once), and cancels every claim;
 * done comes when none is left, or after 10 s with an engine that does not answer: the next gateway's
 * sweep destroys what remains. p is freed before done is called.
 */
void pl_pool_close(struct pl_pool *p, void (*done)(void *user), void *user);
/* As close, but claimed boxes live on, for another gateway to take over. */
void pl_pool_leave(struct pl_pool *p, void (*done)(void *user), void *user);

/*
 * Asks for a box. done comes exactly once, later: with a box (its kernel has answered, for PL_KERNEL; *info
 * is the kernel's kernel_info content, borrowed for the call) or with box NULL and err (-EBUSY: all boxes are in use; -EAGAIN: the
 * engine is down; -ENOENT: no such runtime; -ETIMEDOUT; -EIO: err says why no kernel or box came to be). The id may be used to cancel until then; a cancelled claim's
 * done comes with -ECANCELED. 0 is never an id.
 */
typedef void pl_claim_done(void *user, struct pl_box *box, const json_t *info,
                           const struct kg_err *err);
uint64_t pl_claim(struct pl_pool *p, const struct pl_claim *claim, pl_claim_done *done, void *user);
void pl_claim_cancel(struct pl_pool *p, uint64_t claim);

/*
 * Takes over a box of an earlier gateway's, by its id: with whatever runs in it, and what it said since as far as its agent has
 * kept it, from the oldest on. claim says what it was claimed as. done as for pl_claim, without info; -ENOENT when the
 * engine has no such box. Boxes that nobody takes over before the engine is up are destroyed as strays.
 */
uint64_t pl_adopt(struct pl_pool *p, const char *box, const struct pl_claim *claim,
                  pl_claim_done *done, void *user);

/*
 * A session network: boxes in it reach each other at localhost, and nobody else. It is made at the engine when a box first
 * wants it: a box from stock brings its own, further ones are made in it. Its end waits for its last box.
 */
bool pl_pool_has_nets(const struct pl_pool *p);
/* Whether they lead to the outside; false until the engine has said so. */
bool pl_pool_outside(const struct pl_pool *p);
/* id: of one that an earlier gateway had, or NULL. */
struct pl_net *pl_net_new(struct pl_pool *p, const char *id);
const char *pl_net_id(const struct pl_net *n); /* 32 hex digits */
/* Gives it up; n is invalid afterwards for the caller. Claims and boxes that have it go on. keep: the engine keeps it, for the
 * next gateway. NULL is fine. */
void pl_net_free(struct pl_net *n, bool keep);
/* What its boxes find at 127.0.0.1 from now on, those that come later too; takes names (an array of strings). done (may
 * be NULL) comes once, later: also when there is nobody to be told, and when it could not be done (then the log says so). */
void pl_net_set_names(struct pl_net *n, json_t *names, void (*done)(void *user), void *user);
/* Who listens in it. box is borrowed, and "" when it can't be told. Answers once. */
struct pl_port {
    uint16_t port;
    bool v4, v6; /* reached at 127.0.0.1, at ::1 */
    const char *box;
};
typedef void pl_ports_done(void *user, const struct pl_port *ports, size_t n,
                           const struct kg_err *err);
void pl_net_ports(struct pl_net *n, pl_ports_done *done, void *user);
/* A TCP socket in it, not connected, now the callee's (IPv6 where the machine has it, else IPv4); or -1 with err. */
typedef void pl_socket_done(void *user, int fd, const struct kg_err *err);
void pl_net_socket(struct pl_net *n, pl_socket_done *done, void *user);

const char *pl_box_id(const struct pl_box *b);
uint64_t pl_box_last_seq(const struct pl_box *b); /* of what it has said so far */
/* Who hears what the box says from now on; events stay the caller's. NULL: nobody, records are dropped. Call it
 * in the claim's done, so that no record is missed. */
void pl_box_set_events(struct pl_box *b, const struct pl_box_events *events, void *user);
/* Sends a MSG: frame is copied. -ENOBUFS when more than 64 MiB wait to be sent: the sender is told to wait. */
int pl_box_send(struct pl_box *b, uint8_t channel, const void *frame, size_t n, struct kg_err *err);

/* Sends a request; takes req (NULL: no fields; id and op are set here) and answers once, later, with the REPLY's object
 * (borrowed; ok may be false), or with err when the box is gone first, its link was lost (-ECONNRESET), or
 * too much waits to be sent (-ENOBUFS). data/n (at most 64 MiB) follow as DATA when data is not NULL (copied). */
typedef void pl_reply(void *user, const json_t *reply, const struct kg_err *err);
void pl_box_request(struct pl_box *b, const char *op, json_t *req, const void *data, size_t n,
                    pl_reply *done, void *user);

/*
 * What a claimed box may use from now on: memory, and its own CPU or, while the machine has it to give, up to two cores.
 * True: the engine has been asked, and done comes once, later, also when it could not be done (the log says so, and
 * the box goes on with what it has; memory in use is never taken away). False: it is so already, or this engine has no
 * limits; done does not come.
 */
struct pl_use {
    uint32_t memory_mb;
    bool lend;
};
bool pl_box_use(struct pl_box *b, const struct pl_use *use, void (*done)(void *user), void *user);

/* Stops (true) or goes on (false) reading the link: only while the gateway itself is overloaded. */
void pl_box_hold(struct pl_box *b, bool hold);
/* CPU and memory in force, asked from the engine; answers once. oom_kills counts since the box began. */
struct pl_stats {
    uint64_t memory_bytes, memory_peak_bytes, oom_kills, pids, cpu_ms;
};
typedef void pl_stats_done(void *user, const struct pl_stats *stats, const struct kg_err *err);
void pl_box_stats(struct pl_box *b, pl_stats_done *done, void *user);
/* Starts the box's kernel again in the same box: kernel.stop, then kernel.start. done as for pl_claim's info. */
void pl_box_restart_kernel(struct pl_box *b, json_t *env, const char *cwd, pl_reply *done,
                           void *user);
/* Gives the box back to be destroyed. No callback of its events comes after; replies still due come with
 * -ECANCELED, before this returns never. b is invalid afterwards. */
void pl_box_destroy(struct pl_box *b);

/* For /api/status, /metrics and tests: appended as one JSON object. */
struct kg_buf;
void pl_pool_report(const struct pl_pool *p, struct kg_buf *out);

#endif

#ifndef KG_CORE_KERNEL_H
#define KG_CORE_KERNEL_H
/*
 * A kernel as its clients know it: an id that outlives restarts, boxes and connections. It owns one box (and so one
 * set of sockets, whatever the number of clients), the journal of what the kernel said, and the requests that
 * still wait for a reply. Requests that come while the kernel starts wait in order.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uthash.h>

#include "base/clock.h"
#include "kernelgw/core/carry.h"
#include "kernelgw/core/core.h"
#include "kernelgw/core/journal.h"

enum kg_kernel_state {
    KG_K_STARTING,
    KG_K_IDLE,
    KG_K_BUSY,
    KG_K_RESTARTING,
    KG_K_DEAD,
    KG_K_STATES
};

/* The outcome of a start or restart, once, never before the call has returned; k is valid when err is NULL. */
typedef void kg_kernel_done(void *user, struct kg_kernel *k, const struct kg_err *err);

struct kg_client;
struct kg_request;

struct kg_waiter {
    struct kg_waiter *next;
    kg_kernel_done *done;
    void *user;
};

struct kg_early {
    struct kg_early *next;
    uint8_t channel;
    size_t len;
    uint8_t frame[];
};

struct kg_kernel {
    char id[KG_UUID_SIZE];
    struct kg_core *core;
    const struct kg_runtime *runtime;
    enum kg_kernel_state state;
    unsigned refs; /* one for the table, one for each answer still due from the pool */
    bool deleted;
    struct pl_box *box;
    bool ready;     /* the box's kernel takes requests */
    bool main_busy; /* with a request of the main shell */
    bool said_busy; /* by the server itself, of no request: what ends it must be, too */
    uint64_t claim;
    json_t *env;
    char *cwd;
    struct pl_limits limits;
    char *owner;                    /* who started it, or NULL */
    struct kg_workspace *workspace; /* NULL: of none */
    bool networked;                 /* in its network */
    json_t *aliases;                /* array of its names there, or NULL */
    json_t *info;                   /* content of its kernel_info_reply; NULL: not known */
    struct kg_carry carry;          /* of files between its box and its workspace */
    unsigned fill_due;              /* answers, until its box has the workspace's files */
    bool gather_again;              /* a cell has ended since the gathering began */
    struct kg_journal journal;
    uint64_t number_base;  /* of the box's messages: see on_record */
    struct kg_slice input; /* the input_request that waits for its answer */
    uint64_t input_seq;
    struct kg_client *clients;   /* utlist */
    struct kg_request *requests; /* uthash by msg_id */
    unsigned idles_due;          /* of them, those whose reply has come and whose idle has not */
    uint64_t heard_ms;           /* when iopub, or a cell's reply, was last heard */
    struct kg_early *early, *early_last;
    size_t early_bytes, early_count;
    struct kg_waiter *waiters;
    struct kg_buf last_parent;    /* header of the last execute_request */
    char session[KG_UUID_SIZE];   /* of the messages that the server itself writes */
    char reason[KG_ERR_TEXT_MAX]; /* why it is dead, or died last */
    int64_t died_us;              /* when; 0: it has not */
    bool held;
    struct {
        const struct pl_box *box; /* whose figures these are; compared only */
        uint64_t seen_ms;
        uint64_t looked_ms, idle_ms; /* when it was last looked at; when a cell last ended */
        size_t said;                 /* bytes of output since that look */
        unsigned strikes;            /* interrupts in a row for a quota */
    } meter;
    unsigned deaths; /* in a row */
    uint64_t up_ms;  /* when it last became ready */
    uint64_t oom_kills;
    int64_t last_activity_us;
    bool promised;     /* somebody was told its id before it had a box */
    bool adopted;      /* from an earlier server: it may answer what was asked of that one */
    char kept_box[40]; /* as its file says (core/keep.h) */
    uint64_t kept_mark;
    UT_hash_handle hh;
};

struct kg_kernel_start {
    const char *name;      /* kernelspec; NULL: the default */
    const char *kernel_id; /* a UUID chosen by the client, or NULL */
    json_t *env;           /* object of strings, or NULL; borrowed */
    const json_t *limits;  /* {"memory_mb","cpu_milli","pids"} or NULL; borrowed */
    const char *cwd;       /* inside the box, or NULL */
    const char *owner;     /* its, and of the workspace; NULL: nobody in particular */
    const json_t *own;     /* {"session","network","aliases"} (core/join.h) or NULL; borrowed */
};

/*
 * Makes a kernel, in the table at once and in state starting. Returns 0; -ENOENT (no such kernelspec), -EEXIST (id
 * taken), -EINVAL, -EAGAIN (too many) with *err. done (may be NULL) tells how the start went.
 */
int kg_kernel_start(struct kg_core *core, const struct kg_kernel_start *start,
                    struct kg_kernel **out, kg_kernel_done *done, void *user, struct kg_err *err);
/* A kernel of an earlier server, as core/keep.h kept it; strings borrowed. */
struct kg_kernel_kept {
    const char *id, *runtime, *cwd;
    const char *box; /* NULL: it had none yet */
    const char *owner, *session,
        *net; /* the latter of its workspace; session NULL: none; net NULL: not in it */
    json_t *aliases;
    uint64_t number_base;
    json_t *env;
    json_t *info; /* NULL: not known */
    struct pl_limits limits;
};
/* It is in the table at once, in state starting, until its box is taken over; when that can't be it is deleted. One that had none
 * is started anew. -EINVAL,
 * -EEXIST, -ENOENT (no such runtime any more) with *err. */
int kg_kernel_adopt(struct kg_core *core, const struct kg_kernel_kept *kept, struct kg_kernel **out,
                    struct kg_err *err);
/* Its id has been told while it starts: from now on the next server starts it, too. */
void kg_kernel_promise(struct kg_kernel *k);
struct kg_kernel *kg_kernel_find(struct kg_core *core, const char *id);
const char *kg_kernel_state_name(const struct kg_kernel *k);
size_t kg_kernel_connections(const struct kg_kernel *k);

/* Starts the kernel afresh with the same id; connections stay. */
void kg_kernel_restart(struct kg_kernel *k, kg_kernel_done *done, void *user);
/* 0, or -ESRCH with *err when there is nothing to interrupt. */
int kg_kernel_interrupt(struct kg_kernel *k, struct kg_err *err);
/* Closes its connections and destroys its box; k is invalid afterwards. */
void kg_kernel_delete(struct kg_kernel *k);
/* The same for a reason that its clients are told. */
void kg_kernel_end(struct kg_kernel *k, const char *why);
/* Gives up the kernel without ending it: its box is for the next server. k is invalid afterwards. */
void kg_kernel_leave(struct kg_kernel *k);
/* Takes a waiter's callback back: it no longer comes. */
void kg_kernel_forget_waiter(struct kg_kernel *k, void *user);

/* Writes the model of GET /api/kernels/{id}. */
struct kg_json;
void kg_kernel_model(const struct kg_kernel *k, struct kg_json *j);
/* The same with what it uses; usage NULL: nobody knows. */
void kg_kernel_model_used(const struct kg_kernel *k, const struct pl_stats *usage,
                          struct kg_json *j);
/* Asks what the kernel's box uses; done comes once, later: usage NULL when it can't be told, k NULL when the kernel is gone. */
typedef void kg_kernel_measured(void *user, const struct kg_kernel *k,
                                const struct pl_stats *usage);
void kg_kernel_measure(struct kg_kernel *k, kg_kernel_measured *done, void *user);

/* --- within core: kernel.c, kernel_event.c, kernel_files.c and client.c share these --- */
void kg_kernel_unref(struct kg_kernel *k);
/* The agent said something of itself; the kernel has died unasked. */
void kg_kernel_event(struct kg_kernel *k, const struct kg_slice *body);
void kg_kernel_died(struct kg_kernel *k, const char *why);
/* It takes requests; it is the end of the road. */
void kg_kernel_up(struct kg_kernel *k, const char *how);
void kg_kernel_dead(struct kg_kernel *k, const struct kg_err *err);
void kg_kernel_give_box_back(struct kg_kernel *k);
/* Puts the workspace's files into the kernel's box; kg_kernel_up follows, or its end. False: there is nothing to do. */
bool kg_kernel_fill(struct kg_kernel *k);
void kg_kernel_files_adopt(struct kg_kernel *k);
/* Fetches what its cells have changed. */
void kg_kernel_gather(struct kg_kernel *k);
/* True: its last files are still being fetched, and its box is destroyed after that. */
bool kg_kernel_files_last(struct kg_kernel *k);
void kg_kernel_wake(struct kg_kernel *k); /* every live client's reader has something */
/* Appends a message of the server's own; takes frame's reference. */
void kg_kernel_say(struct kg_kernel *k, struct kg_slice frame, uint8_t channel, uint8_t kind,
                   uint32_t target);
void kg_kernel_touch(struct kg_kernel *k);
/* Answers every waiting request with an error (ename, evalue), or with status aborted when ename is NULL. */
void kg_requests_fail(struct kg_kernel *k, const char *ename, const char *evalue);
/* Who waits for the reply to this message from the kernel: reader id, 0 when nobody is known. `done` forgets the
 * request. */
uint32_t kg_requests_asker(struct kg_kernel *k, const struct kg_slice *frame, bool done);
/* What a status tells of: a request that a kernel answers beside a running cell says nothing of that (as in jupyter_server 2,
 * untracked_message_types), and one in a subshell runs beside the main shell's. */
enum kg_told { KG_TOLD_MAIN, KG_TOLD_SUBSHELL, KG_TOLD_ASIDE };
enum kg_told kg_requests_told(const struct kg_slice *frame);
/* The kernel said idle: the cell that it belongs to is over. */
void kg_requests_idle(struct kg_kernel *k, const struct kg_slice *frame);
/*
 * Within core, once a second. A stock kernel publishes by a socket that drops what its queue (1,000 messages) has no room
 * for, and says nothing; the idle may be among it, and front-ends would wait for ever. When iopub has been silent for
 * KG_IDLE_LOST_MS behind a cell's reply, the loss is told and the idle is said in the kernel's place.
 */
void kg_requests_check_idles(struct kg_kernel *k, uint64_t now_ms);
void kg_kernel_idle(struct kg_kernel *k); /* it was busy and is known to be no more */
/* A message about a request that an earlier server passed on: it is known here from now on. */
void kg_requests_recall(struct kg_kernel *k, const struct kg_slice *frame);
/* A cell asks for a line; it has got one, or is over. */
void kg_input_asked(struct kg_kernel *k, const struct kg_slice *frame, uint64_t seq);
void kg_input_answered(struct kg_kernel *k);
/* Once a second: what the live clients have read since, have they got it? */
void kg_clients_probe(struct kg_kernel *k);
void kg_clients_close(struct kg_kernel *k, int code, const char *reason);
void kg_clients_expire(struct kg_kernel *k, uint64_t now_ms);
/* Holds the box back or lets it go on, by how far the live readers are behind. */
void kg_kernel_check_hold(struct kg_kernel *k);

#endif

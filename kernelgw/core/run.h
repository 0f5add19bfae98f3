#ifndef KG_CORE_RUN_H
#define KG_CORE_RUN_H
/*
 * One run of a program of several files: a box of its own, its output in a journal that can be read from the
 * start by any number of readers, stdin, signals, and how it ended. On the link a run is an execute_request whose
 * msg_id is the run's id.
 */
#include "kernelgw/core/carry.h"
#include "kernelgw/core/journal.h"
#include "kernelgw/core/keep_wait.h"
#include "kernelgw/core/run_spec.h"

enum kg_run_state { KG_R_QUEUED, KG_R_STARTING, KG_R_RUNNING, KG_R_EXITED, KG_R_LOST, KG_R_STATES };

struct kg_run_watch {
    struct kg_run_watch *prev, *next;
    void (*wake)(void *user); /* output, or the end */
    void *user;
};

struct kg_run_input {
    struct kg_run_input *next;
    bool eof;
    size_t len;
    uint8_t data[];
};

struct kg_run {
    char id[KG_UUID_SIZE];
    struct kg_core *core;
    struct kg_run_spec spec; /* its files are let go once they are in the box */
    enum kg_run_state state;
    unsigned refs;
    bool deleted, stopping;
    struct kg_workspace *workspace; /* NULL: of none, or ended */
    struct kg_flow *flow;           /* core/queue.h; NULL: ended */
    struct kg_run *queue_prev, *queue_next;
    struct kg_run_meter {
        bool begun;
        uint64_t seen_ms, counted_ms; /* processor time of its box; of that, what was counted */
    } meter;
    char over[KG_ERR_TEXT_MAX]; /* it is ended since a quota is used up: which */
    /* Whose quota its limit of output is what is left of: nobody's, its user's, its session's. */
    enum { KG_OUT_OWN, KG_OUT_USER, KG_OUT_SESSION } output_of;
    bool waits;            /* in the queue */
    uint8_t line;          /* KG_WATCHED or KG_UNWATCHED */
    unsigned position;     /* while core->queue.counted */
    uint64_t queue_number; /* rises in order of arrival */
    uint64_t queued_ms;
    struct pl_limits limits; /* that its box was asked for with */
    uint64_t box_seq;        /* what its box had said before it was this run's */
    struct pl_box *box;
    uint64_t claim;
    size_t steps_due; /* of what must be done before the program starts */
    size_t phase;     /* index: the one that runs, or is about to */
    struct kg_run_input *input;
    size_t input_bytes;
    bool input_ended;
    bool resized; /* before it ran */
    struct kg_journal journal;
    struct kg_run_watch *watches; /* utlist */
    struct kg_carry carry;        /* of files between its box and its workspace */
    json_t *exit_due; /* it has ended so, and its files are on their way to the workspace */
    struct kg_keep_wait keep_wait; /* then, until they are written down */
    json_t *exit;                  /* the agent's exit content, its reason put right */
    char why[KG_ERR_TEXT_MAX];     /* when lost */
    int64_t created_us, started_us, ended_us;
    uint64_t deadline_ms; /* when the box is taken away though its agent has not ended the run */
    uint64_t ended_ms;
    UT_hash_handle hh;
};

/* Takes *spec over (it is empty afterwards). Returns 0, or -EAGAIN with *err when too many runs are under way. */
int kg_run_start(struct kg_core *core, struct kg_run_spec *spec, struct kg_run **out,
                 struct kg_err *err);
/* One that runs in a box of an earlier server's (core/keep.h). */
struct kg_run_kept {
    const char *id, *box;
    const char *net;  /* of its workspace; NULL: it has none */
    uint64_t box_seq; /* what the box said up to here was an earlier run's */
    int64_t created_us, started_us;
    bool input_ended;
};
/* It is in the table at once, as running; lost when its box can't be taken over. Takes *spec over. */
void kg_run_adopt(struct kg_core *core, const struct kg_run_kept *kept, struct kg_run_spec *spec);
/* Gives the run up without ending it, when it runs; its box is for the next server. */
void kg_run_leave(struct kg_run *r);
struct kg_run *kg_run_find(struct kg_core *core, const char *id);
const char *kg_run_state_name(const struct kg_run *r);
bool kg_run_ended(const struct kg_run *r);

/* What became of input that the box was asked to take: err NULL, or -ENOSPC, -ESRCH, -EIO. */
typedef void kg_run_stdin_done(void *user, const struct kg_err *err);
/*
 * Input for the program; eof: its end. Returns 0 when it is kept until the program runs (done does not come), 1 when
 * the box has been asked to take it (done comes once, later; it may be NULL), or, with *err: -ENOSPC when over 1 MiB
 * waits to be read by the program; -ESRCH when it has ended; -EPIPE after EOF.
 * At a terminal the end is a key like others, and more may follow.
 */
int kg_run_stdin(struct kg_run *r, const void *data, size_t n, bool eof, kg_run_stdin_done *done,
                 void *user, struct kg_err *err);
/* "INT", "TERM" or "KILL"; a run that has not begun ends at once. 0, -EINVAL, or -ESRCH when it has ended. */
int kg_run_signal(struct kg_run *r, const char *name, struct kg_err *err);
/* Ends and forgets it: who watches it is woken, and it is freed when the last one is gone. */
void kg_run_delete(struct kg_run *r);
/* Ends it at once, as stopped, and its box with it; its output stays. */
void kg_run_stop_now(struct kg_run *r);

/* w is the caller's. While it watches, r stays valid even when it is deleted; readers of r's journal are to be
 * detached before the last unwatch. */
void kg_run_watch(struct kg_run *r, struct kg_run_watch *w);
void kg_run_unwatch(struct kg_run *r, struct kg_run_watch *w);

/* A piece of output: which stream, and its text (appended to text). False for entries that are none, whose frames are the
 * messages that the box sent. */
bool kg_run_output(const struct kg_entry *e, bool *is_stderr, struct kg_buf *text);

/* The model of GET /api/runs/{id}. */
struct kg_json;
void kg_run_model(const struct kg_run *r, struct kg_json *j);

/* What it waits for, or does: "queue" (its turn), "box", "files", "start", then its phase; NULL when it has ended. */
const char *kg_run_step(const struct kg_run *r);

/* What runs now: "compile", "run"; and the memory that it may use. */
const char *kg_run_phase_name(const struct kg_run *r);
uint32_t kg_run_memory_mb(const struct kg_run *r);

/* --- within core: run.c, run_begin.c and run_phase.c share these --- */
/* Gives the box what the phase may use. True: done comes, with r, and r is kept until then; false: it has it already. */
bool kg_run_prepare_phase(struct kg_run *r, void (*done)(void *user));
void kg_run_event(struct kg_run *r, const struct kg_slice *body); /* the agent said something */
/* A message of the box's, other than the reply, goes into the journal. */
void kg_run_keep_output(struct kg_run *r, const struct kg_rec *rec, const struct kg_slice *body);
void kg_run_unref(struct kg_run *r);
void kg_run_wake(struct kg_run *r);
void kg_run_lost(struct kg_run *r, const char *why);
/* It has its box (run_begin.c). */
void kg_run_placed(struct kg_run *r, struct pl_box *box);
extern const struct pl_box_events kg_run_box_events;
/* It has begun, or been taken over: what was asked of it before is done. */
void kg_run_catch_up(struct kg_run *r);
/* What a run may take in all, its compilers with it; 0: a terminal, as long as it likes. */
uint64_t kg_run_most_ms(const struct kg_run_spec *s);
void kg_run_send_input(struct kg_run *r, const void *data, size_t n, bool eof,
                       kg_run_stdin_done *done, void *user);
void kg_run_drop_files(struct kg_run *r);
void kg_run_drop_input(struct kg_run *r);
/* The program has ended: its files go to the workspace, then it has ended for all to see (run_files.c). Takes content. */
void kg_run_finish(struct kg_run *r, json_t *content);
void kg_run_finished(struct kg_run *r, json_t *content);
/* Its workspace's files are put into its box. Done comes for each of the requests made, whose number is returned. */
size_t kg_run_carry(struct kg_run *r, pl_reply *done);
void kg_run_carry_adopted(struct kg_run *r);
/* True when a request was not done, with its sentence in why. */
bool kg_run_refused(const json_t *reply, const struct kg_err *err, char *why, size_t n);

/* Within core: once a second. */
void kg_runs_tick(struct kg_core *core, uint64_t now_ms);

#endif

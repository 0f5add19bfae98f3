#ifndef KK_KIT_INSIDE_H
#define KK_KIT_INSIDE_H
/* One kernel's state, for the files kit*.c alone: kit.c has the ops, _launch the process and its way to ready, _configure the
 * settings of a warm one, _messages what clients send, _execute cells, _ask the other requests, _said what the evaluator says,
 * _end how it goes. */
#include "runtimes/agent/history.h"
#include "runtimes/agent/messages.h"
#include "runtimes/kernelkit/content.h"
#include "runtimes/kernelkit/evaluator.h"
#include "runtimes/kernelkit/kit.h"
#include "runtimes/kernelkit/past.h"
#include "runtimes/kernelkit/queue.h"
#include "runtimes/kernelkit/said.h"

enum kk_kit_state {
    KIT_NONE,
    KIT_STARTING, /* an evaluator is on its way; it has not said that it is ready */
    KIT_WARMING,  /* it runs the warm-up code */
    KIT_READY,
    KIT_ENDING, /* asked to end; killed when it doesn't */
    KIT_DYING,  /* its process has ended, or must: everything of it is being killed */
    KIT_STATES
};

/* What the evaluator works on. */
enum kk_job {
    KK_JOB_NONE,
    KK_JOB_WARM,
    KK_JOB_CONFIGURE,
    KK_JOB_EXECUTE,
    KK_JOB_ASK, /* complete, inspect, is_complete */
};

/* What kernel.start asked for, and what kernel.configure changed. */
struct kk_kit_spec {
    char **argv;
    json_t *env;
    char *cwd;
    char *warm_code;
    uint64_t ready_ms;
};

/* An execute_request being worked on. */
struct kk_cell_state {
    bool silent, store, allow_stdin, stop_on_error;
    bool help; /* it asked what a name is: the evaluator was asked to inspect it */
    int64_t count;
    bool asks_input;
};

struct kk_kit {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    struct kk_link *link;
    struct kk_children *children;
    struct kk_service *service;
    uv_timer_t timer;     /* of the state: ready limit, grace */
    uv_timer_t turn;      /* what is done from the loop rather than from inside the reaper */
    uv_timer_t interrupt; /* one that waits for the request to have begun */
    uv_timer_t configure_limit;
    int closing;

    enum kk_kit_state state;
    struct kk_kit_spec spec;
    struct kk_evaluator *evaluator;
    bool held;
    bool helps; /* `name?` is no code of its language */
    bool quiet; /* it has not been ready yet: what it writes is noise, and its end a failed start */
    bool fruitful; /* it has done something for the user */
    int status;    /* of its end, as waitpid gave it */
    bool ended;    /* status is known */
    uint64_t began_ms, oom_before;
    struct kg_buf noise;           /* the end of what it wrote before it was ready */
    char failure[KG_ERR_TEXT_MAX]; /* why it is killed; "": it ended by itself */
    struct kk_service_wait service_wait;
    bool waits_for_service, service_failed;

    struct kg_buf
        info; /* content of kernel_info_reply; empty before the first evaluator was ready */
    struct kk_messages cell_out; /* answers the last cell */
    struct kk_messages out;      /* answers everything else */
    struct kk_history seen;
    struct kk_past past;
    struct kk_queue queue;
    int64_t next_count;

    enum kk_job job;
    uint64_t job_id, interrupt_id;
    uint64_t unread_ms; /* when one that has not read its request gets a signal; 0: it was sent */
    uint64_t job_began_ms;
    struct kk_request *request; /* of JOB_EXECUTE and JOB_ASK */
    struct kk_cell_state cell;

    uint64_t start_id, stop_id, configure_id; /* requests to be answered */
    bool start_due, stop_due, configure_due;
    json_t *configure; /* env and cwd, while it is due */
    bool shut_down;    /* by a client: what ends then has ended well */
};

/* kit.c: the one way to another state; ends the old one's timer. */
void kk_kit_enter(struct kk_kit *k, enum kk_kit_state to, const char *why);
const char *kk_kit_state_name(const struct kk_kit *k);
/* Gives the evaluator what waits, if it can take something. */
void kk_kit_next(struct kk_kit *k);
/* Sends {"op":op,"id":...,...}: begin, add members, send. What is answered to it is job's; an evaluator that can't be asked any more
 * is killed, which answers it. Negative: it is too large. */
struct kg_json *kk_kit_op_begin(struct kk_kit *k, struct kg_buf *line, struct kg_json *j,
                                const char *op);
int kk_kit_op_send(struct kk_kit *k, struct kg_buf *line, struct kg_json *j, enum kk_job job,
                   struct kg_err *err);

/* kit_launch.c */
int kk_kit_spec_read(struct kk_kit_spec *s, const struct kk_options *o, const json_t *req,
                     struct kg_err *err);
void kk_kit_spec_release(struct kk_kit_spec *s);
/* Starts an evaluator; its ready comes later. */
int kk_kit_launch(struct kk_kit *k, struct kg_err *err);
void kk_kit_take_ready(struct kk_kit *k, const struct kk_said *said);
void kk_kit_be_ready(struct kk_kit *k);

/* kit_configure.c */
void kk_kit_send_configure(struct kk_kit *k);
void kk_kit_configured(struct kk_kit *k, const struct kg_err *failure); /* NULL: done */

/* kit_execute.c */
void kk_kit_execute(struct kk_kit *k, struct kk_request *r);
void kk_kit_executed(struct kk_kit *k, const struct kk_said *said);
/* The cell at hand ends with an error that the kernel itself tells. */
void kk_kit_cell_failed(struct kk_kit *k, const char *ename, const char *evalue);
void kk_kit_abort_queued(struct kk_kit *k);

/* kit_ask.c */
void kk_kit_ask(struct kk_kit *k, struct kk_request *r);
void kk_kit_answered(struct kk_kit *k, const struct kk_said *said);
void kk_kit_ask_failed(struct kk_kit *k, const char *ename, const char *evalue);
/* Is code, raw text, a cell that asks for help (help.h)? Then name is what for. */
bool kk_kit_asks_help(const struct kk_kit *k, struct kg_span code, struct kg_buf *name,
                      int *detail);
/* As kk_kit_op_send. name: UTF-8, to be inspected at its end. */
int kk_kit_send_inspect(struct kk_kit *k, struct kg_span name, int detail, enum kk_job job,
                        struct kg_err *err);
/* Answers r, which needs no evaluator. r stays the caller's. */
void kk_kit_info(struct kk_kit *k, const struct kk_request *r);
void kk_kit_history(struct kk_kit *k, const struct kk_request *r);
void kk_kit_comm_info(struct kk_kit *k, const struct kk_request *r);
void kk_kit_comm_open(struct kk_kit *k, const struct kk_request *r);

/* kit_messages.c */
/* Does r, and frees it, now or when the evaluator has answered. */
void kk_kit_dispatch(struct kk_kit *k, struct kk_request *r);
/* busy or idle in answer to r. */
void kk_kit_status(struct kk_kit *k, const struct kk_request *r, bool busy);
/* The reply to r with status error: `execute_request` is answered by `execute_reply`. */
void kk_kit_refuse(struct kk_kit *k, const struct kk_request *r, const char *ename,
                   const char *evalue);
/* "x_reply" for "x_request", in out. */
void kk_kit_reply_type(char *out, size_t size, const struct kk_request *r);

/* kit_said.c: of the evaluator. */
void kk_kit_line(void *user, struct kg_span line);
void kk_kit_text(void *user, enum kk_stream stream, const uint8_t *text, size_t n);
void kk_kit_broken(void *user, const char *why);
void kk_kit_closed(void *user);
void kk_kit_take_input(struct kk_kit *k, struct kg_span content);

/* kit_end.c. why NULL: it has ended by itself, or as asked. */
void kk_kit_kill(struct kk_kit *k, const char *why);
void kk_kit_end(struct kk_kit *k, uint64_t grace_ms);
void kk_kit_main_ended(void *user, int status);
void kk_kit_cleanup(struct kk_kit *k);

#endif

#ifndef KK_KERNEL_INSIDE_H
#define KK_KERNEL_INSIDE_H
/* One kernel's state, for the files kernel*.c alone: kernel.c has the requests, _launch the process, _ready the way to its
 * first answer, _relay the messages, _configure the settings of a warm one, _end how it goes. */
#include "jupyter/connection.h"
#include "runtimes/agent/history.h"
#include "runtimes/agent/kernel.h"
#include "runtimes/agent/messages.h"
#include "runtimes/agent/own.h"
#include "runtimes/agent/tap.h"
#include "runtimes/agent/wires.h"

enum kk_kernel_state {
    K_NONE,
    K_STARTING, /* the process runs; its sockets are not all there, or it has not answered */
    K_WARMING,  /* it has answered and runs the warm-up code */
    K_ALIVE,
    K_STOPPING, /* asked to end; killed when it doesn't */
    K_KILLING,  /* its first process has ended, or must: everything of it is being killed */
    K_QUIET,    /* no process is left; its last messages are on their way to us */
    K_STATES
};

/* What kernel.start asked for. */
struct kk_spec {
    char **argv;
    char **envp;
    char *cwd;
    char *warm_code;
    enum jy_transport transport;
    bool by_message; /* interrupt_mode */
    bool python;
    uint64_t ready_ms;
};

struct kk_kernel {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    struct kk_link *link;
    struct kk_children *children;
    uv_timer_t timer; /* of the state: ready limit, stop's grace, quiet */
    uv_timer_t nudge;
    uv_timer_t hold;
    uint64_t hold_began_ms, hold_sent; /* when, and what the link had sent then */
    uv_timer_t configure_limit;
    int closing;

    enum kk_kernel_state state;
    struct kk_spec spec;
    int attempt;
    pid_t pid;
    int status; /* as waitpid gave it */
    bool ended; /* status is known */
    uint64_t began_ms;
    struct kk_wires *wires;
    struct kk_tap *tap;
    struct kk_own own;
    struct kk_history history;
    struct kk_messages messages; /* for what it writes to its stdout and stderr */
    struct kg_buf waiting;       /* from the gateway, as records, until it is ready */
    struct kg_buf info;          /* content of its kernel_info_reply */
    struct kg_buf noise;         /* the end of what it wrote and nobody was shown */
    uint64_t noise_ms;           /* when it wrote last */
    bool repeats_itself;         /* writes what it publishes to its stdout, too */
    bool hears_iopub;            /* so our subscription has reached it */
    bool said_starting;
    uint64_t info_asked; /* numbers of own requests; 0: none under way */
    uint64_t warm_asked;
    uint64_t configure_asked;

    uint64_t start_id, stop_id, configure_id; /* requests to be answered */
    bool start_due, stop_due, configure_due;
    bool lost_a_port;
    int quiet_left;
    char failure[KG_ERR_TEXT_MAX]; /* why it is killed; "": it ended by itself */
};

/* The one way to another state; ends the old one's timer. */
void kk_kernel_enter(struct kk_kernel *k, enum kk_kernel_state to, const char *why);
const char *kk_kernel_state_name(const struct kk_kernel *k);

/* kernel_launch.c */
int kk_spec_read(struct kk_spec *s, const struct kk_options *o, const json_t *req,
                 struct kg_err *err);
void kk_spec_release(struct kk_spec *s);
/* Starts the process; what answers start_id comes later. */
int kk_kernel_launch(struct kk_kernel *k, struct kg_err *err);

/* kernel_ready.c */
void kk_kernel_connected(void *user);
void kk_kernel_check_ready(struct kk_kernel *k); /* something it waits for may have come */
void kk_kernel_be_ready(struct kk_kernel *k);
void kk_kernel_limit_start(struct kk_kernel *k);

/* kernel_relay.c */
void kk_kernel_relay_waiting(struct kk_kernel *k);
void kk_kernel_received(void *user, const struct jy_wire *wire);
void kk_kernel_bad_signature(void *user, uint8_t channel, uint64_t count);
void kk_kernel_stdio(void *user, enum kk_stream stream, const uint8_t *text, size_t n);
void kk_kernel_last_words(struct kk_kernel *k); /* of one that has ended by itself */

/* kernel_configure.c */
void kk_kernel_take_configured(struct kk_kernel *k, struct kg_span content);
void kk_kernel_configured(struct kk_kernel *k, struct kg_err *failure); /* NULL: done */

/* kernel_end.c. why NULL: it has ended by itself, or as asked. */
void kk_kernel_kill(struct kk_kernel *k, const char *why);
void kk_kernel_main_ended(void *user, int status);
void kk_kernel_cleanup(struct kk_kernel *k);

#endif

#ifndef KG_POOL_INSIDE_H
#define KG_POOL_INSIDE_H
/*
 * What the pool's own files share: the pool, its boxes and its claims. Nothing outside pool/ (and its tests)
 * includes this. boot.c makes boxes ready, lend.c changes what they may use, box.c takes them through their states and ends them, demand.c how many to keep, warm.c which boxes to make and who gets
 * them, sweep.c compares with what the engine really has, pool.c opens and closes.
 */
#include <jansson.h>
#include <sys/queue.h>

#include "pool/engine.h"
#include "pool/link.h"
#include "pool/pool.h"
#include "pool/turn.h"

enum pl_box_state {
    PL_NEW,
    PL_CREATING, /* the engine was asked */
    PL_BOOTING,  /* it runs; its agent has not said HELLO */
    PL_WARMING,  /* its kernel is starting */
    PL_IDLE,     /* ready, nobody's */
    PL_CLAIMED,  /* somebody's, or being readied for a claim */
    PL_DRAINING, /* the engine is asked to destroy it, until it has */
    PL_GONE,
    PL_STATES,
};

/* Times in ms; tests make them short. */
struct pl_tuning {
    uint32_t hello_ms;     /* from a connection to its HELLO */
    uint32_t boot_ms;      /* from the box's creation to HELLO */
    uint32_t create_ms;    /* the engine's answer to create */
    uint32_t redial_ms;    /* how long a lost connection may stay lost */
    uint32_t ready_ms;     /* kernel.start, when the runtime does not say */
    uint32_t configure_ms; /* kernel.configure */
    uint32_t claim_ms;     /* a claim's whole wait */
    uint32_t down_ms;      /* a claim's wait for an engine that is down */
    uint32_t refill_ms;    /* after a box was handed out, while the stock still has others */
    uint32_t sweep_ms;     /* between sweeps */
    uint32_t orphan_ms;    /* an unknown box is left alone until this old */
    uint32_t backoff_ms;   /* after a failed start, doubled up to backoff_max_ms */
    uint32_t backoff_max_ms;
    uint32_t close_ms;      /* pl_pool_close gives up on an engine that doesn't answer, */
    uint32_t close_down_ms; /* and on one that is not there */
};
extern const struct pl_tuning pl_tuning_default;

/* A request to the agent that waits for its REPLY. */
struct pl_pending {
    TAILQ_ENTRY(pl_pending) entry;
    uint64_t id;
    pl_reply *done;
    void *user;
};
TAILQ_HEAD(pl_pendings, pl_pending);

/* One kind of box of one runtime: what is kept of it and who waits for it. */
struct pl_stock {
    struct pl_pool *pool;
    const struct pl_runtime *runtime;
    enum pl_kind kind;
    uint32_t minimum;    /* as the runtime says */
    uint32_t target;     /* demand.c */
    uint64_t arrivals;   /* claims since the last look */
    double recent, rate; /* of them, a millisecond: over some seconds; and what is reckoned with */
    uint64_t ready_ms_usual, box_bytes; /* 0: not known yet */
    uint32_t idle;                      /* boxes in PL_IDLE */
    uint32_t starting;  /* boxes on their way to stock, for no claim in particular */
    uint32_t dedicated; /* boxes on their way to one claim */
    uint32_t claimed;
    uint32_t waiting;  /* claims that any box of it would serve */
    uint32_t covered;  /* boxes that are starting and will serve none of them */
    uint32_t riders;   /* of them, those that a starting box will serve */
    bool no_configure; /* the agent said that this kernel can't be configured warm */
    uint32_t failures_in_row;
    uint64_t refill_at_ms; /* kg_clock_ms */
    uint64_t failed_at_ms;
    uint64_t retry_at_ms; /* 0: at once */
    char last_error[KG_ERR_TEXT_MAX];
    uint64_t hits, misses, cold, failures, lost;
    uint64_t ready_count, ready_ms_sum, ready_ms_max, ready_ms_last;
    uint64_t wait_us_sum, wait_us_max;
};

enum pl_claim_state { PL_WAITING, PL_STARTING, PL_READYING, PL_ENDED };

struct pl_claimed {
    TAILQ_ENTRY(pl_claimed) entry;
    uint64_t id;
    enum pl_claim_state state;
    struct pl_pool *pool;
    struct pl_stock *stock; /* NULL: ended at once */
    bool cold;              /* wants a box of its own */
    bool counted;           /* as a hit, miss or cold start */
    bool has_limits;
    struct pl_limits limits;
    struct pl_net *net; /* NULL: none */
    json_t *env;
    char *cwd;
    struct pl_box *box; /* PL_STARTING: made for it; PL_READYING: being configured */
    uint32_t attempts;
    uint64_t asked_us;
    pl_claim_done *done;
    void *user;
    struct pl_task end; /* PL_ENDED: calls done */
    struct kg_err err;
};
TAILQ_HEAD(pl_claims, pl_claimed);

struct pl_box {
    TAILQ_ENTRY(pl_box) entry;      /* all boxes */
    TAILQ_ENTRY(pl_box) idle_entry; /* stock, oldest first */
    struct pl_box *hash_next;
    char id[PL_BOX_ID_SIZE];
    struct pl_pool *pool;
    struct pl_stock *stock;
    enum pl_box_state state;
    bool dedicated;  /* started for a claim */
    bool adopted;    /* made by an earlier gateway */
    bool left;       /* not to be destroyed: another gateway takes it over */
    bool asked;      /* the engine has not answered to create yet */
    bool made;       /* the engine has made it */
    bool destroying; /* a destroy is under way at the engine */
    bool closing_handle;
    uint32_t
        ops; /* engine operations and own requests under way: it is not freed before they end */
    uint64_t seen_mark; /* the last list that had it */
    uint64_t made_mark; /* pool->list_mark when it was made: lists begun before don't have it */
    struct pl_claimed *claim;
    struct pl_net *net;        /* that it is in; NULL: none */
    struct pl_limits limits;   /* its own */
    struct pl_limits in_force; /* memory and CPU, once it is claimed */
    bool humble;   /* it has less of the processor than others: nobody waits for it yet */
    bool wanted;   /* somebody does */
    bool lent;     /* it may use more CPU than its own; counted in the pool */
    bool serving;  /* its service has said that it is ready */
    pid_t pid;     /* of its PID 1, as the engine says; 0 before */
    json_t *start; /* the kernel.start request, until sent */
    json_t *info;  /* kernel_info content, until claimed */
    struct pl_link *link;
    struct pl_pendings pending;
    uint64_t next_request;
    const struct pl_box_events *events;
    void *user;
    uv_timer_t timer; /* the state's deadline */
    uint64_t begun_ms;
    uint32_t destroy_tries;
};
TAILQ_HEAD(pl_boxes, pl_box);

enum { PL_BUCKETS = 256 };

enum pl_net_state { PL_NET_NONE, PL_NET_MAKING, PL_NET_MADE };

struct pl_net {
    LIST_ENTRY(pl_net) entry;
    char id[PL_BOX_ID_SIZE];
    struct pl_pool *pool;
    enum pl_net_state state; /* at the engine */
    bool kept;               /* for another gateway */
    unsigned refs;           /* its owner, claims, boxes, operations under way */
    uint32_t boxes;          /* in it, or being made in it */
    json_t *names;
};
LIST_HEAD(pl_nets, pl_net);

struct pl_pool {
    uv_loop_t *loop;
    struct pl_turn turn;
    struct pl_engine *engine;
    bool engine_up;
    bool swept_once; /* what an earlier gateway left has been seen to */
    uint64_t down_since_ms;
    char down_why[KG_ERR_TEXT_MAX];
    char *owner;
    uint64_t epoch;
    struct pl_tuning tuning;
    uint32_t max_boxes;
    uint32_t max_starting;
    uint32_t host_cpu_milli;
    struct pl_stock *stocks; /* two a runtime: kernels, then bare boxes */
    size_t stock_count;
    struct pl_boxes boxes;
    struct pl_boxes idle;
    struct pl_box *buckets[PL_BUCKETS];
    uint32_t box_count; /* all not yet gone */
    uint32_t starting;
    uint32_t draining;
    uint32_t lent; /* boxes that have been lent CPU */
    struct pl_nets nets;
    uint32_t nets_ending; /* that the engine is asked to forget */
    struct pl_task net_ended;
    bool nets_swept; /* those of an earlier gateway have been seen to */
    struct pl_claims claims;
    uint64_t next_claim;
    struct pl_task pump;
    uv_timer_t retry; /* pumps again when a backoff or a deadline ends */
    uv_timer_t sweep;
    uint64_t stock_extra_bytes; /* for stock above the minimum */
    uint64_t looked_ms;         /* demand.c */
    bool quiet;
    bool listing;
    uint64_t list_mark;
    uint64_t sweeps, swept, lost;
    bool closing;
    bool leaving; /* claimed boxes live on */
    bool engine_closing;
    bool engine_closed;
    bool finishing;
    int open_handles;
    uv_timer_t close_limit;
    void (*closed)(void *user);
    void *closed_user;
};

/* pool.c. Opens a pool on an engine that was made already (tests bring their own); the engine is the pool's. */
int pl_pool_open_on(struct pl_pool **out, const struct pl_pool_config *config,
                    struct pl_engine *engine, const struct pl_tuning *tuning, struct kg_err *err);
/* A box is gone or the engine closed: goes on with closing when that was the last. */
void pl_pool_step_close(struct pl_pool *p);
struct pl_box *pl_pool_find(const struct pl_pool *p, const char *id);
void pl_pool_add(struct pl_pool *p, struct pl_box *b);
void pl_pool_remove(struct pl_pool *p, struct pl_box *b);

/* adopt.c. The engine is up: boxes to be taken over need wait no longer. */
void pl_adopt_waiting(struct pl_pool *p);
void pl_adopted(struct pl_box *b); /* its agent has said hello */

/* boot.c. Starts a box for stock (claim NULL) or for one claim. wanted: somebody waits for it. */
struct pl_box *pl_box_start(struct pl_stock *stock, struct pl_claimed *claim, bool wanted);
/* Somebody waits for a box that is starting: it is as good as any other from now on. */
void pl_box_wanted(struct pl_box *b);
/* What starts a kernel or a service is lent CPU for that time. */
bool pl_box_boosted(const struct pl_box *b);
/* Gives it what its limits say again; done may come with an error. */
void pl_box_end_boost(struct pl_box *b, pl_engine_done *done, void *user);
/* The runtime's kernel.start request with the claim's environment and directory; claim may be NULL. */
json_t *pl_box_start_request(const struct pl_runtime *runtime, const struct pl_claimed *claim);
/* Turns the agent's answer (or failed) into an error: 0 when it says ok. */
int pl_reply_error(const json_t *reply, const struct kg_err *failed, struct kg_err *out);

/* box.c */
const char *pl_box_state_name(enum pl_box_state state);
/* The only place that changes a box's state. */
void pl_box_enter(struct pl_box *b, enum pl_box_state to, const char *why);
/* Ends a box that nobody owns, or whose owner gives it back; quietly. */
void pl_box_drain(struct pl_box *b, const char *why);
/* Ends a box that died or broke: tells whoever waits for it or owns it. */
void pl_box_fail(struct pl_box *b, const struct kg_err *err, bool oom);
void pl_box_destroy_at_engine(struct pl_box *b); /* once it is PL_DRAINING */
/* Tries again to destroy what could not be destroyed while the engine was down. */
void pl_box_retry_destroy(struct pl_box *b);
void pl_box_set_timer(struct pl_box *b, uint32_t ms, uv_timer_cb fired);

/* A box is not freed between begun and ended. */
void pl_box_op_begun(struct pl_box *b);
void pl_box_op_ended(struct pl_box *b);
/* request.c. The reply of a request has come; unknown ids are dropped. */
void pl_request_reply(struct pl_box *b, struct kg_slice body);
/* Every waiting request ends with err, now (in the loop's own time) or at the end of the turn. */
void pl_request_fail_all(struct pl_box *b, const struct kg_err *err);
void pl_request_fail_all_soon(struct pl_box *b, const struct kg_err *err);

void pl_box_made(void *user, const struct pl_made *made, const struct kg_err *failed);
void pl_box_create_timer(uv_timer_t *timer);

/* claim.c. A claim that has a box of its own coming, or (PL_ENDED) can't be. */
struct pl_claimed *pl_claim_new(struct pl_pool *p, const struct pl_claim *claim,
                                pl_claim_done *done, void *user);
/* Ends a claim at the end of the turn; its box, if any, has been seen to. */
void pl_claim_end(struct pl_claimed *c, const struct kg_err *err);
/* As pl_claim_end, and the box that was on its way to it is destroyed. */
void pl_claim_give_up(struct pl_claimed *c, const struct kg_err *err);
/* Calls done with the box. */
void pl_claim_deliver(struct pl_claimed *c, struct pl_box *b);
void pl_claim_cancel_all(struct pl_pool *p);

/* warm.c */
void pl_warm_pump(struct pl_pool *p); /* decides again, at the end of the turn */
void pl_warm_run(struct pl_task *task);
void pl_warm_ready(struct pl_box *b); /* b has become PL_IDLE */
/* b failed on its way to readiness, or (claim given) while being readied. */
void pl_warm_failed(struct pl_box *b, const struct kg_err *err);

/* demand.c: stock was asked for; a box of it has become ready after ms; targets are set anew. */
void pl_demand_arrived(struct pl_stock *s);
void pl_demand_ready(struct pl_box *b, uint64_t ms);
void pl_demand_update(struct pl_pool *p, uint64_t now, uint64_t *next);

/* net.c */
enum pl_net_way {
    PL_NET_TAKE,  /* any box does, and brings the namespace: pl_net_bring */
    PL_NET_JOIN,  /* a box made in it does */
    PL_NET_WAIT,  /* it is being made */
    PL_NET_BEGIN, /* it must be made first: pl_net_make */
};
/* How a claim gets into its network. own: it wants a box of its own in any case. */
enum pl_net_way pl_net_way(const struct pl_net *n, bool own);
void pl_net_make(struct pl_net *n);
/* The namespace of b, which is claimed by b->claim, becomes the network's; pl_warm_brought or pl_warm_not_brought follows. */
void pl_net_bring(struct pl_net *n, struct pl_box *b);
void pl_net_ref(struct pl_net *n);
void pl_net_unref(struct pl_net *n);
void pl_net_enter(struct pl_net *n, struct pl_box *b); /* counts b in */
void pl_net_leave(struct pl_box *b);                   /* calm when it is in none */
struct pl_net *pl_net_find(const struct pl_pool *p, const char *id);
void pl_nets_open(struct pl_pool *p);
void pl_nets_sweep(struct pl_pool *p); /* ends those at the engine that nobody knows */
/* warm.c: what follows pl_net_bring. */
void pl_warm_brought(struct pl_box *b);
void pl_warm_not_brought(struct pl_box *b, const char *why);

/* lend.c */
uint32_t pl_lent_cpu(const struct pl_box *b); /* how much a loan is */
void pl_lend(struct pl_box *b);               /* counts it as lent, whatever else is */
void pl_lend_end(struct pl_box *b);           /* calm when it is not */

/* sweep.c */
void pl_sweep_start(struct pl_pool *p);
void pl_sweep_now(struct pl_pool *p);

#endif

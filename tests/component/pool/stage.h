#ifndef STAGE_H
#define STAGE_H
/*
 * A pool with real agents for tests: its directories, a boxd of its own where boxes are wanted, and claims
 * that are waited for. Every check ends the program with a sentence when it fails.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "pool/inside.h"

struct stage {
    uv_loop_t loop;
    bool oci;
    char dir[64];
    char socket[96];
    pid_t boxd;
    struct pl_runtime runtime;
    struct pl_tuning tuning;
    struct pl_pool *pool;
    char owner[40];
};

/* A claim and what its box said. */
struct got {
    bool done;
    struct pl_box *box;
    char info[64];
    struct kg_err err;
    double ms;
    uint64_t asked_us;
    int records, gone;
    bool oom, exited;   /* kernel_exit was told */
    struct kg_buf text; /* bodies of all MSG, one after the other */
};

#define check(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            stage_fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__);                           \
    } while (0)

void stage_fail(const char *file, int line, const char *what, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

/* SKIPs (exit 77) with a reason where the engine can't run. */
void stage_open(struct stage *s, const char *engine);
void stage_close(struct stage *s);
void stage_open_pool(struct stage *s, uint32_t max_boxes, uint32_t kernels, uint32_t boxes);
void stage_close_pool(struct stage *s);
void stage_start_boxd(struct stage *s);
void stage_kill_boxd(struct stage *s);

/* Runs the loop until condition or 60 s have gone by. */
#define stage_until(s, condition)                                                                  \
    do {                                                                                           \
        uint64_t limit_ = uv_hrtime() + 60000000000ull;                                            \
        while (!(condition)) {                                                                     \
            stage_turn(s);                                                                         \
            check(uv_hrtime() < limit_, "waited in vain for " #condition);                         \
        }                                                                                          \
    } while (0)
void stage_turn(struct stage *s);

void stage_claim(struct stage *s, struct got *g, enum pl_kind kind);
void stage_claim_as(struct stage *s, struct got *g, const struct pl_claim *claim);
/* Waits for the claim's end and its box. */
void stage_expect_box(struct stage *s, struct got *g);
void stage_give_back(struct got *g);
/* Asks the agent and waits; checks for ok. The caller frees the reply. */
json_t *stage_request(struct stage *s, struct pl_box *b, const char *op, json_t *req,
                      const char *data);
struct pl_stats stage_stats(struct stage *s, struct pl_box *b);
/* Runs a shell command in g's box and waits for its execute_reply; what it said is in g->text. */
void stage_run(struct stage *s, struct got *g, const char *command);
/* Processes of this host that carry a box's mark, or run in a box of this stage's boxd. */
size_t stage_leftovers(const struct stage *s);

#endif

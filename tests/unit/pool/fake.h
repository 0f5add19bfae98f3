#ifndef FAKE_H
#define FAKE_H
/*
 * An engine that lives in the test itself, as its agents do. Operations wait until fake_step answers them, so that a test
 * decides what happens between a question and its answer. An agent behaves as fake.mood says at the time its box is made.
 */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"
#include "pool/proctree.h"
#include "tests/unit/pool/fake_agent.h"

#define OWNER "11111111-2222-4333-8444-555555555555"

enum fake_kind {
    F_CREATE,
    F_ATTACH,
    F_DESTROY,
    F_LIST,
    F_LIMITS,
    F_STATS,
    F_NET,
    F_NET_END,
    F_NET_NAMES,
    F_NET_LIST
};

struct fake_op {
    enum fake_kind kind;
    char id[65];
    char net[65]; /* F_CREATE: to be in; F_NET: that id's box goes into it, "" for none */
    struct pl_limits limits;
    void (*done)(void);
    void *user;
};

enum { FAKE_MAX = 512, FAKE_NETS = 16 };

struct fake_net {
    char id[65];
    char brought_by[65];
    char owner[64];
    json_t *names;
};

struct fake {
    struct pl_engine base;
    uv_loop_t loop;
    char dir[64];
    struct fake_op ops[FAKE_MAX * 4];
    size_t op_count;
    struct fake_agent agents[FAKE_MAX];
    enum mood mood;
    bool hold_create, hold_list, hold_destroy, hold_net;
    struct fake_net nets[FAKE_NETS];
    int net_creates;
    bool net_refused; /* the next network can't be made */
    bool is_down;
    int creates, destroys, lists, limit_calls;
    uint32_t memory_used_mb; /* limits below it are refused */
    uint32_t create_cpu;     /* of the last create */
    uint32_t create_weight;  /* the same */
    unsigned caps;
    bool closed;
    struct pl_pool *pool;
    struct pl_tuning tuning;
    struct pl_runtime runtimes[2];
    struct pl_pool_config config;
    bool pool_closed;
};

static inline struct fake_agent *fake_find(struct fake *f, const char *id)
{
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->agents[i].used && strcmp(f->agents[i].id, id) == 0)
            return &f->agents[i];
    return NULL;
}

static inline size_t fake_boxes(struct fake *f)
{
    size_t n = 0;
    for (size_t i = 0; i < FAKE_MAX; i++)
        n += f->agents[i].used;
    return n;
}

static inline struct fake_net *fake_net(struct fake *f, const char *id)
{
    for (size_t i = 0; i < FAKE_NETS; i++)
        if (strcmp(f->nets[i].id, id) == 0)
            return &f->nets[i];
    return NULL;
}

static inline struct fake_agent *fake_new_agent(struct fake *f, const char *id)
{
    for (size_t i = 0; i < FAKE_MAX; i++) {
        struct fake_agent *a = &f->agents[i];
        if (a->used)
            continue;
        *a = (struct fake_agent){.used = true, .fd = -1, .mood = f->mood};
        snprintf(a->id, sizeof a->id, "%s", id);
        snprintf(a->owner, sizeof a->owner, "%s", OWNER);
        snprintf(a->path, sizeof a->path, "%s/%zu", f->dir, i);
        return a;
    }
    fail_msg("too many boxes");
    return NULL;
}

/* Gives the gateway the agent's listening socket, on which it dials. */
static inline void fake_listen(struct fake_agent *a, struct fake_op *op)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, a->path, sizeof a->path);
    unlink(a->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    struct pl_made result = {fd, a->mood == WRONG_UID ? geteuid() + 1 : geteuid(), 1};
    if (a->mood != ABSENT)
        fake_dial(a);
    ((pl_engine_made *)op->done)(op->user, &result, NULL);
}

static inline void fake_create(struct fake *f, struct fake_op *op)
{
    pl_engine_made *made = (pl_engine_made *)op->done;
    struct kg_err err = {0};
    f->creates++;
    f->create_cpu = op->limits.cpu_milli;
    f->create_weight = op->limits.cpu_weight;
    if (f->mood == NO_BOX || fake_find(f, op->id)) {
        kg_err_set(&err, -ENOSPC, "no place for a box");
        made(op->user, NULL, &err);
        return;
    }
    struct fake_agent *a = fake_new_agent(f, op->id);
    a->limits = op->limits;
    snprintf(a->net, sizeof a->net, "%s", op->net);
    fake_listen(a, op);
}

static inline void fake_list(struct fake *f, struct fake_op *op)
{
    struct pl_listed all[FAKE_MAX];
    size_t n = 0;
    f->lists++;
    for (size_t i = 0; i < FAKE_MAX; i++) {
        if (!f->agents[i].used)
            continue;
        snprintf(all[n].id, sizeof all[n].id, "%s", f->agents[i].id);
        snprintf(all[n].owner, sizeof all[n].owner, "%s", f->agents[i].owner);
        all[n++].age_ms = f->agents[i].age_ms;
    }
    ((pl_engine_listed *)op->done)(op->user, all, n, NULL);
}

static inline void fake_fail(struct fake_op *op, int code)
{
    struct kg_err err = {0};
    kg_err_set(&err, code, "the fake engine is down");
    switch (op->kind) {
    case F_CREATE:
    case F_ATTACH: ((pl_engine_made *)op->done)(op->user, NULL, &err); break;
    case F_LIST:
    case F_NET_LIST: ((pl_engine_listed *)op->done)(op->user, NULL, 0, &err); break;
    case F_STATS: ((pl_stats_done *)op->done)(op->user, NULL, &err); break;
    default: ((pl_engine_done *)op->done)(op->user, &err); break;
    }
}

static inline void fake_do_net(struct fake *f, struct fake_op *op)
{
    struct fake_net *net = fake_net(f, op->net);
    struct fake_agent *a = fake_find(f, op->id);
    struct kg_err err = {0};
    if (op->kind == F_NET_END && net) {
        json_decref(net->names);
        memset(net, 0, sizeof *net);
    } else if (op->kind == F_NET) {
        f->net_creates++;
        net = net ? net : fake_net(f, "");
        assert_non_null(net);
        if (f->net_refused || (op->id[0] && !a)) {
            kg_err_set(&err, -ENOENT, "no such box");
        } else {
            snprintf(net->id, sizeof net->id, "%s", op->net);
            snprintf(net->brought_by, sizeof net->brought_by, "%s", op->id);
            snprintf(net->owner, sizeof net->owner, OWNER);
            if (a)
                snprintf(a->net, sizeof a->net, "%s", op->net);
        }
        f->net_refused = false;
    }
    ((pl_engine_done *)op->done)(op->user, err.code ? &err : NULL);
}

static inline void fake_list_nets(struct fake *f, struct fake_op *op)
{
    struct pl_listed all[FAKE_NETS] = {0};
    size_t n = 0;
    for (size_t i = 0; i < FAKE_NETS; i++) {
        if (!f->nets[i].id[0])
            continue;
        snprintf(all[n].id, sizeof all[n].id, "%s", f->nets[i].id);
        snprintf(all[n++].owner, sizeof all[n].owner, "%s", f->nets[i].owner);
    }
    ((pl_engine_listed *)op->done)(op->user, all, n, NULL);
}

static inline void fake_do(struct fake *f, struct fake_op *op)
{
    struct fake_agent *a = fake_find(f, op->id);
    struct kg_err err = {0};
    struct pl_stats stats = {.memory_bytes = 1000, .oom_kills = 3};
    switch (op->kind) {
    case F_CREATE: fake_create(f, op); break;
    case F_ATTACH:
        if (a) {
            fake_listen(a, op);
        } else {
            kg_err_set(&err, -ENOENT, "no such box");
            ((pl_engine_made *)op->done)(op->user, NULL, &err);
        }
        break;
    case F_LIST: fake_list(f, op); break;
    case F_DESTROY:
        f->destroys++;
        if (a)
            fake_end(a);
        ((pl_engine_done *)op->done)(op->user, NULL);
        break;
    case F_LIMITS:
        f->limit_calls++;
        if (a && op->limits.cpu_milli)
            a->limits.cpu_milli = op->limits.cpu_milli;
        if (a && op->limits.cpu_weight)
            a->limits.cpu_weight = op->limits.cpu_weight;
        if (a && op->limits.pids)
            a->limits.pids = op->limits.pids;
        if (op->limits.memory_mb && op->limits.memory_mb < f->memory_used_mb)
            kg_err_set(&err, -EBUSY, "more is in use");
        else if (a && op->limits.memory_mb)
            a->limits.memory_mb = op->limits.memory_mb;
        ((pl_engine_done *)op->done)(op->user, err.code ? &err : NULL);
        break;
    case F_NET:
    case F_NET_END:
    case F_NET_NAMES: fake_do_net(f, op); break;
    case F_NET_LIST: fake_list_nets(f, op); break;
    case F_STATS:
        if (!a)
            kg_err_set(&err, -ENOENT, "no such box");
        ((pl_stats_done *)op->done)(op->user, a ? &stats : NULL, a ? NULL : &err);
        break;
    }
}

static inline void fake_answer_ops(struct fake *f)
{
    size_t n = f->op_count;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct fake_op op = f->ops[i];
        bool held = (op.kind == F_CREATE && f->hold_create) ||
                    (op.kind == F_LIST && f->hold_list) ||
                    (op.kind == F_DESTROY && f->hold_destroy) || (op.kind == F_NET && f->hold_net);
        if (f->is_down)
            fake_fail(&op, -ENOTCONN);
        else if (held)
            f->ops[kept++] = op;
        else
            fake_do(f, &op);
    }
    memmove(&f->ops[kept], &f->ops[n], (f->op_count - n) * sizeof f->ops[0]);
    f->op_count = kept + f->op_count - n;
}

/* One round of everything: the engine's answers, the agents, the loop. */
static inline void fake_step(struct fake *f)
{
    fake_answer_ops(f);
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->agents[i].used)
            fake_read(&f->agents[i]);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static inline void fake_steps(struct fake *f, int n)
{
    while (n-- > 0)
        fake_step(f);
}

#define until(f, condition)                                                                        \
    do {                                                                                           \
        uint64_t limit_ = kg_clock_ms() + 20000;                                                   \
        while (!(condition)) {                                                                     \
            fake_step(f);                                                                          \
            if (kg_clock_ms() > limit_)                                                            \
                fail_msg("waited in vain for %s", #condition);                                     \
        }                                                                                          \
    } while (0)

static inline void fake_ask(struct pl_engine *e, enum fake_kind kind, const char *id,
                            void (*done)(void), void *user, const struct pl_limits *limits)
{
    struct fake *f = kg_container_of(e, struct fake, base);
    assert_true(f->op_count < KG_COUNT(f->ops));
    struct fake_op *op = &f->ops[f->op_count++];
    *op = (struct fake_op){.kind = kind, .done = done, .user = user};
    snprintf(op->id, sizeof op->id, "%s", id);
    if (limits)
        op->limits = *limits;
}

static inline void fake_op_create(struct pl_engine *e, const struct pl_box_spec *spec,
                                  pl_engine_made *done, void *user)
{
    struct fake *f = kg_container_of(e, struct fake, base);
    fake_ask(e, F_CREATE, spec->id, (void (*)(void))done, user, &spec->limits);
    snprintf(f->ops[f->op_count - 1].net, sizeof f->ops->net, "%s", spec->net ? spec->net : "");
}

static inline void fake_ask_net(struct pl_engine *e, enum fake_kind kind, const char *net,
                                const char *box, pl_engine_done *done, void *user)
{
    struct fake *f = kg_container_of(e, struct fake, base);
    fake_ask(e, kind, box ? box : "", (void (*)(void))done, user, NULL);
    snprintf(f->ops[f->op_count - 1].net, sizeof f->ops->net, "%s", net);
}

static inline void fake_net_create(struct pl_engine *e, const char *net, const char *box,
                                   pl_engine_done *done, void *user)
{
    fake_ask_net(e, F_NET, net, box, done, user);
}

static inline void fake_net_destroy(struct pl_engine *e, const char *net, pl_engine_done *done,
                                    void *user)
{
    fake_ask_net(e, F_NET_END, net, NULL, done, user);
}

static inline void fake_net_list(struct pl_engine *e, pl_engine_listed *done, void *user)
{
    fake_ask(e, F_NET_LIST, "", (void (*)(void))done, user, NULL);
}

static inline void fake_net_names(struct pl_engine *e, const char *net, json_t *names,
                                  pl_engine_done *done, void *user)
{
    struct fake_net *n = fake_net(kg_container_of(e, struct fake, base), net);
    assert_non_null(n);
    json_decref(n->names);
    n->names = json_deep_copy(names);
    fake_ask_net(e, F_NET_NAMES, net, NULL, done, user);
}

static inline void fake_op_attach(struct pl_engine *e, const char *box, pl_engine_made *done,
                                  void *user)
{
    fake_ask(e, F_ATTACH, box, (void (*)(void))done, user, NULL);
}

static inline void fake_op_destroy(struct pl_engine *e, const char *box, pl_engine_done *done,
                                   void *user)
{
    fake_ask(e, F_DESTROY, box, (void (*)(void))done, user, NULL);
}

static inline void fake_op_list(struct pl_engine *e, pl_engine_listed *done, void *user)
{
    fake_ask(e, F_LIST, "", (void (*)(void))done, user, NULL);
}

static inline void fake_op_limits(struct pl_engine *e, const char *box,
                                  const struct pl_limits *limits, pl_engine_done *done, void *user)
{
    fake_ask(e, F_LIMITS, box, (void (*)(void))done, user, limits);
}

static inline void fake_op_stats(struct pl_engine *e, const char *box, pl_stats_done *done,
                                 void *user)
{
    fake_ask(e, F_STATS, box, (void (*)(void))done, user, NULL);
}

static inline void fake_op_start(struct pl_engine *e)
{
    (void)e;
}

static inline void fake_op_close(struct pl_engine *e, void (*closed)(void *), void *user)
{
    struct fake *f = kg_container_of(e, struct fake, base);
    while (f->op_count) {
        struct fake_op op = f->ops[0];
        memmove(&f->ops[0], &f->ops[1], --f->op_count * sizeof f->ops[0]);
        fake_fail(&op, -ECANCELED);
    }
    f->closed = true;
    closed(user);
}

static const struct pl_net_ops fake_net_ops = {
    .create = fake_net_create,
    .destroy = fake_net_destroy,
    .list = fake_net_list,
    .names = fake_net_names,
};

static struct pl_engine_ops fake_ops = {
    .name = "fake",
    .start = fake_op_start,
    .create = fake_op_create,
    .attach = fake_op_attach,
    .destroy = fake_op_destroy,
    .list = fake_op_list,
    .limits = fake_op_limits,
    .stats = fake_op_stats,
    .close = fake_op_close,
};

static inline void fake_up(struct fake *f)
{
    f->is_down = false;
    f->base.events->up(f->base.user);
}

static inline void fake_down(struct fake *f)
{
    f->is_down = true;
    f->base.events->down(f->base.user, "the fake is broken");
}

static inline int fake_setup(void **state)
{
    struct fake *f = kg_calloc(1, sizeof *f);
    uv_loop_init(&f->loop);
    snprintf(f->dir, sizeof f->dir, "/tmp/kgpool-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fake_ops.caps = 0;
    fake_ops.nets = &fake_net_ops;
    f->base.ops = &fake_ops;
    f->tuning = pl_tuning_default;
    f->tuning.backoff_ms = 10;
    f->tuning.refill_ms = 0;
    f->runtimes[0] = (struct pl_runtime){
        .name = "python3",
        .image = "python",
        .kernel_limits = {512, 500, 64, 64},
        .program_limits = {256, 500, 64, 64},
        .kernel_start =
            json_pack("{s:[s],s:{s:s},s:i}", "argv", "kernel", "env", "A", "1", "ready_ms", 1000),
    };
    f->runtimes[1] = (struct pl_runtime){.name = "cpp", .image = "cpp"};
    f->config = (struct pl_pool_config){
        .loop = &f->loop,
        .owner = OWNER,
        .runtimes = f->runtimes,
        .runtime_count = 2,
        .max_boxes = 8,
        .max_starting = 2,
    };
    kg_log_set_level(KG_ERROR);
    *state = f;
    return 0;
}

/* With what the test has set in f->runtimes, f->config and f->tuning. */
static inline void fake_open(struct fake *f)
{
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    fake_up(f);
}

static inline void fake_on_closed(void *user)
{
    ((struct fake *)user)->pool_closed = true;
}

static inline void fake_close(struct fake *f)
{
    f->hold_create = f->hold_destroy = f->hold_list = false;
    pl_pool_close(f->pool, fake_on_closed, f);
    assert_false(f->pool_closed);
    until(f, f->pool_closed);
    f->pool = NULL;
}

static inline int fake_teardown(void **state)
{
    struct fake *f = *state;
    if (f->pool)
        fake_close(f);
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (f->agents[i].used)
            fake_end(&f->agents[i]);
    for (size_t i = 0; i < FAKE_NETS; i++)
        json_decref(f->nets[i].names);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    json_decref(f->runtimes[0].kernel_start);
    json_decref(f->runtimes[0].service);
    pl_tree_remove(f->dir);
    free(f);
    kg_log_set_level(KG_INFO);
    return 0;
}

/* A claim and what became of it. */
struct got {
    struct fake *f;
    uint64_t id;
    int calls;
    struct pl_box *box;
    char info[64]; /* implementation */
    struct kg_err err;
    int order;
    struct kg_buf bodies;
    int records, gone;
    bool oom;
    char why[KG_ERR_TEXT_MAX];
};

static int got_order;

static inline void got_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct got *g = user;
    (void)rec;
    g->records++;
    kg_buf_add(&g->bodies, body.data, body.len);
}

static inline void got_gone(void *user, const char *why, bool oom)
{
    struct got *g = user;
    g->gone++;
    g->oom = oom;
    g->box = NULL;
    snprintf(g->why, sizeof g->why, "%s", why);
}

static const struct pl_box_events got_events = {.record = got_record, .gone = got_gone};

static inline void got_done(void *user, struct pl_box *box, const json_t *info,
                            const struct kg_err *err)
{
    struct got *g = user;
    const char *name = json_string_value(json_object_get(info, "implementation"));
    g->calls++;
    g->order = ++got_order;
    g->box = box;
    snprintf(g->info, sizeof g->info, "%s", name ? name : "");
    if (err)
        g->err = *err;
    if (box)
        pl_box_set_events(box, &got_events, g);
}

static inline void claim_it(struct got *g, struct fake *f, const struct pl_claim *claim)
{
    *g = (struct got){.f = f};
    g->id = pl_claim(f->pool, claim, got_done, g);
    assert_int_not_equal(g->id, 0);
    assert_int_equal(g->calls, 0); /* never before the call has returned */
}

static inline void claim_kind(struct got *g, struct fake *f, enum pl_kind kind)
{
    struct pl_claim claim = {.runtime = "python3", .kind = kind};
    claim_it(g, f, &claim);
}

static inline struct pl_stock *fake_stock(struct fake *f, enum pl_kind kind)
{
    return &f->pool->stocks[kind == PL_PROGRAM ? 1 : 0];
}

#define pool_test(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

#endif

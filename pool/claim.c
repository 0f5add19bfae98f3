#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

/* Variables that a process reads when it starts, so that setting them in a warm kernel would do nothing. */
static bool needs_cold_start(const json_t *env)
{
    static const char *const begins[] = {"PYTHON", "LD_", "JAVA_", "JDK_JAVA_"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)env, name, value) {
        for (size_t i = 0; i < KG_COUNT(begins); i++)
            if (strncmp(name, begins[i], strlen(begins[i])) == 0)
                return true;
        if (strcmp(name, "NODE_OPTIONS") == 0)
            return true;
    }
    return false;
}

static void claim_free(struct pl_claimed *c)
{
    if (c->net)
        pl_net_unref(c->net);
    json_decref(c->env);
    free(c->cwd);
    free(c);
}

static void on_end(struct pl_task *task)
{
    struct pl_claimed *c = kg_container_of(task, struct pl_claimed, end);
    struct pl_pool *p = c->pool;
    TAILQ_REMOVE(&p->claims, c, entry);
    c->done(c->user, NULL, NULL, &c->err);
    claim_free(c);
    pl_pool_step_close(p);
}

void pl_claim_end(struct pl_claimed *c, const struct kg_err *err)
{
    if (c->state == PL_ENDED)
        return;
    c->state = PL_ENDED;
    c->box = NULL;
    c->err = *err;
    pl_turn_soon(&c->pool->turn, &c->end);
}

void pl_claim_deliver(struct pl_claimed *c, struct pl_box *b)
{
    struct pl_pool *p = c->pool;
    struct pl_stock *s = c->stock;
    TAILQ_REMOVE(&p->claims, c, entry);
    b->claim = NULL;
    uint64_t us = kg_clock_us() - c->asked_us;
    s->wait_us_sum += us;
    if (us > s->wait_us_max)
        s->wait_us_max = us;
    kg_log(KG_DEBUG, "pool", "claim served", "box=%.12s runtime=%s us=%llu", b->id,
           s->runtime->name, (unsigned long long)us);
    json_t *info = kg_steal(&b->info);
    c->done(c->user, b, info, NULL);
    json_decref(info);
    claim_free(c);
    pl_pool_step_close(p);
}

static struct pl_stock *stock_of(struct pl_pool *p, const char *runtime, enum pl_kind kind)
{
    for (size_t i = 0; i < p->stock_count; i++)
        if (p->stocks[i].kind == kind && strcmp(p->stocks[i].runtime->name, runtime) == 0)
            return &p->stocks[i];
    return NULL;
}

static int check(struct pl_claimed *c, const struct pl_claim *claim, struct kg_err *err)
{
    struct pl_pool *p = c->pool;
    if (p->closing)
        return kg_err_set(err, -ECANCELED, "the pool is closing");
    struct pl_stock *s = stock_of(p, claim->runtime, claim->kind);
    if (!s)
        return kg_err_set(err, -ENOENT, "there is no runtime %s", claim->runtime);
    if (claim->kind == PL_KERNEL && !s->runtime->kernel_start)
        return kg_err_set(err, -ENOENT, "runtime %s has no kernel", claim->runtime);
    if (claim->net && !pl_pool_has_nets(p))
        return kg_err_set(err, -ENOTSUP, "the engine %s has no session networks",
                          p->engine->ops->name);
    c->stock = s;
    return 0;
}

static void copy_wishes(struct pl_claimed *c, const struct pl_claim *claim)
{
    c->net = claim->net;
    if (c->net)
        pl_net_ref(c->net);
    const struct pl_runtime *r = c->stock->runtime;
    const struct pl_limits *own = &r->program_limits;
    if (claim->kind == PL_KERNEL) {
        own = &r->kernel_limits;
        if (json_object_size(claim->env) > 0)
            c->env = json_deep_copy(claim->env);
        c->cwd = claim->cwd ? kg_strdup(claim->cwd) : NULL;
    }
    bool limits = c->pool->engine->ops->caps & PL_ENGINE_LIMITS;
    if (limits && claim->limits && memcmp(claim->limits, own, sizeof *own) != 0) {
        c->has_limits = true;
        c->limits = *claim->limits;
    }
    bool configure = c->env || c->cwd;
    /* A program has measured nothing yet; only the sizes of its file systems can't be moved. */
    bool movable = claim->kind == PL_PROGRAM && c->limits.tmp_mb == own->tmp_mb;
    c->cold = claim->cold || (c->has_limits && !movable) || needs_cold_start(c->env) ||
              (configure && c->stock->no_configure);
}

struct pl_claimed *pl_claim_new(struct pl_pool *p, const struct pl_claim *claim,
                                pl_claim_done *done, void *user)
{
    struct pl_claimed *c = kg_calloc(1, sizeof *c);
    struct kg_err err = {0};
    c->id = ++p->next_claim;
    c->pool = p;
    c->done = done;
    c->user = user;
    c->end.run = on_end;
    c->asked_us = kg_clock_us();
    TAILQ_INSERT_TAIL(&p->claims, c, entry);
    if (check(c, claim, &err) < 0)
        pl_claim_end(c, &err);
    else
        copy_wishes(c, claim);
    return c;
}

uint64_t pl_claim(struct pl_pool *p, const struct pl_claim *claim, pl_claim_done *done, void *user)
{
    struct pl_claimed *c = pl_claim_new(p, claim, done, user);
    if (c->state != PL_ENDED)
        pl_warm_pump(p);
    return c->id;
}

static void cancel(struct pl_claimed *c)
{
    struct kg_err err = {0};
    kg_err_set(&err, -ECANCELED, "the claim was cancelled");
    pl_claim_give_up(c, &err);
}

void pl_claim_give_up(struct pl_claimed *c, const struct kg_err *err)
{
    struct pl_box *b = c->box;
    if (c->state == PL_ENDED)
        return;
    pl_claim_end(c, err);
    if (b) {
        b->claim = NULL;
        pl_box_drain(b, "its claim ended");
    }
    pl_warm_pump(c->pool);
}

void pl_claim_cancel(struct pl_pool *p, uint64_t claim)
{
    struct pl_claimed *c;
    TAILQ_FOREACH(c, &p->claims, entry)
    if (c->id == claim) {
        cancel(c);
        return;
    }
}

void pl_claim_cancel_all(struct pl_pool *p)
{
    struct pl_claimed *c;
    TAILQ_FOREACH(c, &p->claims, entry)
    cancel(c);
}

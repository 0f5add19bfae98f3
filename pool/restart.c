#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

/* Restarting a kernel in its box: boost, stop, start, end of boost. */
struct restart {
    struct pl_box *box;
    json_t *start;
    json_t *info;
    struct kg_err err; /* code 0: none */
    pl_reply *done;
    void *user;
};

enum { RESTART_GRACE_MS = 1000 };

static void restart_end(struct restart *r)
{
    if (r->err.code)
        r->done(r->user, NULL, &r->err);
    else
        r->done(r->user, r->info, NULL);
    pl_box_op_ended(r->box);
    json_decref(r->start);
    json_decref(r->info);
    free(r);
}

static void on_restart_limited(void *user, const struct kg_err *err)
{
    struct restart *r = user;
    if (r->box->state != PL_CLAIMED)
        kg_err_set(&r->err, -ECANCELED, "box %.12s is destroyed", r->box->id);
    else if (err)
        kg_log(KG_WARN, "pool", "box keeps its starting speed", "box=%.12s why=\"%s\"", r->box->id,
               err->text);
    restart_end(r);
}

static void end_boost(struct restart *r)
{
    struct pl_box *b = r->box;
    if (pl_box_boosted(b) && b->state == PL_CLAIMED)
        pl_box_end_boost(b, on_restart_limited, r);
    else
        restart_end(r);
}

static void on_restart_started(void *user, const json_t *reply, const struct kg_err *failed)
{
    struct restart *r = user;
    if (pl_reply_error(reply, failed, &r->err) < 0)
        kg_err_wrap(&r->err, "start kernel");
    else
        r->info = json_incref(json_object_get(reply, "kernel_info"));
    end_boost(r);
}

static void on_boosted(void *user, const struct kg_err *err)
{
    (void)err; /* then it starts at its own speed */
    pl_box_op_ended(user);
}

static void on_restart_stopped(void *user, const json_t *reply, const struct kg_err *failed)
{
    struct restart *r = user;
    struct pl_box *b = r->box;
    if (pl_reply_error(reply, failed, &r->err) < 0) {
        kg_err_wrap(&r->err, "stop kernel");
        end_boost(r);
        return;
    }
    kg_log(KG_DEBUG, "pool", "kernel stopped to start again", "box=%.12s", b->id);
    pl_box_request(b, "kernel.start", kg_steal(&r->start), NULL, 0, on_restart_started, r);
}

void pl_box_restart_kernel(struct pl_box *b, json_t *env, const char *cwd, pl_reply *done,
                           void *user)
{
    struct restart *r = kg_calloc(1, sizeof *r);
    r->box = b;
    r->done = done;
    r->user = user;
    struct pl_claimed wish = {.env = env};
    kg_autofree char *copy = cwd ? kg_strdup(cwd) : NULL;
    wish.cwd = copy;
    r->start = pl_box_start_request(b->stock->runtime, &wish);
    pl_box_op_begun(b);
    if (pl_box_boosted(b)) { /* what is stopped at full speed is also started so */
        struct pl_limits lent = {.cpu_milli = pl_lent_cpu(b)};
        pl_lend(b);
        pl_box_op_begun(b);
        b->pool->engine->ops->limits(b->pool->engine, b->id, &lent, on_boosted, b);
    }
    json_t *stop = json_pack("{s:i}", "grace_ms", RESTART_GRACE_MS);
    pl_box_request(b, "kernel.stop", stop, NULL, 0, on_restart_stopped, r);
}

/* Session networks: made when first wanted, shared by boxes, forgotten by the engine when nobody has them any more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

bool pl_pool_has_nets(const struct pl_pool *p)
{
    return p->engine->ops->nets != NULL;
}

bool pl_pool_outside(const struct pl_pool *p)
{
    return p->engine->outside;
}

static const struct pl_net_ops *ops_of(const struct pl_net *n)
{
    return n->pool->engine->ops->nets;
}

struct pl_net *pl_net_find(const struct pl_pool *p, const char *id)
{
    struct pl_net *n;
    LIST_FOREACH(n, &p->nets, entry)
    if (strcmp(n->id, id) == 0)
        return n;
    return NULL;
}

struct pl_net *pl_net_new(struct pl_pool *p, const char *id)
{
    struct pl_net *n = kg_calloc(1, sizeof *n);
    if (id)
        snprintf(n->id, sizeof n->id, "%s", id);
    else
        kg_random_hex(n->id, PL_BOX_ID_LEN / 2);
    n->pool = p;
    n->refs = 1;
    n->state = id ? PL_NET_MADE : PL_NET_NONE;
    LIST_INSERT_HEAD(&p->nets, n, entry);
    return n;
}

const char *pl_net_id(const struct pl_net *n)
{
    return n->id;
}

void pl_net_ref(struct pl_net *n)
{
    n->refs++;
}

static void on_destroyed(void *user, const struct kg_err *err)
{
    struct pl_pool *p = user;
    if (err && !p->closing) /* the sweep finds it again */
        kg_log(KG_INFO, "pool", "network not destroyed yet", "why=\"%s\"", err->text);
    p->nets_ending--;
    pl_turn_soon(&p->turn, &p->net_ended); /* an engine is not closed from within its own answer */
}

static void on_net_ended(struct pl_task *task)
{
    pl_pool_step_close(kg_container_of(task, struct pl_pool, net_ended));
}

void pl_nets_open(struct pl_pool *p)
{
    LIST_INIT(&p->nets);
    p->net_ended.run = on_net_ended;
}

void pl_net_unref(struct pl_net *n)
{
    struct pl_pool *p = n->pool;
    if (--n->refs > 0)
        return;
    LIST_REMOVE(n, entry);
    if (n->state == PL_NET_MADE && !n->kept && !p->engine_closing) {
        p->nets_ending++;
        ops_of(n)->destroy(p->engine, n->id, on_destroyed, p);
    }
    json_decref(n->names);
    free(n);
}

void pl_net_free(struct pl_net *n, bool keep)
{
    if (!n)
        return;
    n->kept = keep;
    pl_net_unref(n);
}

void pl_net_enter(struct pl_net *n, struct pl_box *b)
{
    b->net = n;
    n->boxes++;
    pl_net_ref(n);
}

void pl_net_leave(struct pl_box *b)
{
    struct pl_net *n = b->net;
    if (!n)
        return;
    b->net = NULL;
    n->boxes--;
    pl_net_unref(n);
}

enum pl_net_way pl_net_way(const struct pl_net *n, bool own)
{
    if (n->state == PL_NET_MAKING)
        return PL_NET_WAIT;
    if (own)
        return n->state == PL_NET_MADE ? PL_NET_JOIN : PL_NET_BEGIN;
    /* One that nobody is in is as good as none: a box from stock is there sooner than one that is made. */
    return n->state == PL_NET_MADE && n->boxes > 0 ? PL_NET_JOIN : PL_NET_TAKE;
}

static void on_named(void *user, const struct kg_err *err)
{
    struct pl_net *n = user;
    if (err)
        kg_log(KG_WARN, "pool", "names not told", "net=%.12s why=\"%s\"", n->id, err->text);
    pl_net_unref(n);
}

static void become_made(struct pl_net *n)
{
    n->state = PL_NET_MADE;
    if (json_array_size(n->names) > 0) {
        pl_net_ref(n);
        ops_of(n)->names(n->pool->engine, n->id, n->names, on_named, n);
    }
}

static void on_made(void *user, const struct kg_err *err)
{
    struct pl_net *n = user;
    struct pl_pool *p = n->pool;
    struct kg_err why = {0};
    if (!err) {
        become_made(n);
    } else {
        struct pl_claimed *c, *next;
        n->state = PL_NET_NONE;
        why = *err;
        kg_err_wrap(&why, "make the session's network");
        if (err->code != -ENOTCONN) /* else they wait for the engine */
            for (c = TAILQ_FIRST(&p->claims); c; c = next) {
                next = TAILQ_NEXT(c, entry);
                if (c->net == n && c->state == PL_WAITING)
                    pl_claim_end(c, &why);
            }
    }
    pl_net_unref(n);
    pl_warm_pump(p);
}

void pl_net_make(struct pl_net *n)
{
    n->state = PL_NET_MAKING;
    pl_net_ref(n);
    ops_of(n)->create(n->pool->engine, n->id, NULL, on_made, n);
}

struct bringing {
    struct pl_net *net;
    struct pl_box *box;
};

static void on_brought(void *user, const struct kg_err *err)
{
    struct bringing *g = user;
    struct pl_net *n = g->net;
    struct pl_box *b = g->box;
    struct pl_pool *p = n->pool;
    if (err)
        n->state = PL_NET_NONE;
    else
        become_made(n);
    if (b->state == PL_CLAIMED && b->claim && !err)
        pl_warm_brought(b);
    else if (b->state == PL_CLAIMED && b->claim)
        pl_warm_not_brought(b, err->text);
    free(g);
    pl_box_op_ended(b);
    pl_net_unref(n);
    pl_warm_pump(p);
}

void pl_net_bring(struct pl_net *n, struct pl_box *b)
{
    struct bringing *g = kg_malloc(sizeof *g);
    *g = (struct bringing){n, b};
    n->state = PL_NET_MAKING;
    pl_net_ref(n);
    pl_net_enter(n, b);
    pl_box_op_begun(b);
    ops_of(n)->create(n->pool->engine, n->id, b->id, on_brought, g);
}

struct naming {
    struct pl_task task;
    struct pl_net *net;
    void (*done)(void *user);
    void *user;
};

static void on_renamed(void *user, const struct kg_err *err)
{
    struct naming *g = user;
    pl_net_ref(g->net); /* on_named gives it back */
    on_named(g->net, err);
    if (g->done)
        g->done(g->user);
    pl_net_unref(g->net);
    free(g);
}

static void nobody_to_tell(struct pl_task *task)
{
    on_renamed(kg_container_of(task, struct naming, task), NULL);
}

void pl_net_set_names(struct pl_net *n, json_t *names, void (*done)(void *user), void *user)
{
    struct naming *g = kg_calloc(1, sizeof *g);
    *g = (struct naming){.net = n, .done = done, .user = user};
    json_decref(n->names);
    n->names = names;
    pl_net_ref(n);
    if (n->state == PL_NET_MADE) {
        ops_of(n)->names(n->pool->engine, n->id, names, on_renamed, g);
    } else { /* told when it is made */
        g->task.run = nobody_to_tell;
        pl_turn_soon(&n->pool->turn, &g->task);
    }
}

void pl_net_ports(struct pl_net *n, pl_ports_done *done, void *user)
{
    ops_of(n)->ports(n->pool->engine, n->id, done, user);
}

void pl_net_socket(struct pl_net *n, pl_socket_done *done, void *user)
{
    ops_of(n)->socket(n->pool->engine, n->id, done, user);
}

static void on_stray_destroyed(void *user, const struct kg_err *err)
{
    (void)user;
    if (err)
        kg_log(KG_INFO, "pool", "stray network not destroyed", "why=\"%s\"", err->text);
}

static void on_list(void *user, const struct pl_listed *nets, size_t count,
                    const struct kg_err *err)
{
    struct pl_pool *p = user;
    for (size_t i = 0; !err && !p->closing && i < count; i++) {
        bool ours = strcmp(nets[i].owner, p->owner) == 0;
        bool old = ours ? !p->nets_swept || nets[i].age_ms >= p->tuning.orphan_ms
                        : !p->nets_swept && !nets[i].owner_here;
        if (old && !pl_net_find(p, nets[i].id)) {
            kg_log(KG_INFO, "pool", "stray network", "net=%.12s", nets[i].id);
            p->engine->ops->nets->destroy(p->engine, nets[i].id, on_stray_destroyed, p);
        }
    }
    p->nets_swept = p->nets_swept || !err;
}

void pl_nets_sweep(struct pl_pool *p)
{
    if (p->engine->ops->nets)
        p->engine->ops->nets->list(p->engine, on_list, p);
}

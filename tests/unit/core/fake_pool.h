#ifndef TESTS_FAKE_POOL_H
#define TESTS_FAKE_POOL_H
/*
 * Stands in for pool/ in the core's unit tests: claims, requests and sends are noted, and the test decides when and
 * how they are answered. Include it in one file of a test program.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pool/pool.h"

struct fake_request {
    struct fake_request *next;
    char op[40];
    json_t *req;
    pl_reply *reply;
    void *user;
};

struct pl_box {
    const struct pl_box_events *events;
    void *user;
    struct kg_buf sent; /* every frame, one behind the other */
    size_t sends;
    uint64_t seq; /* of what it said last */
    bool held, destroyed;
    char op[40]; /* of the oldest request that is not answered, else of the last one */
    json_t *req;
    pl_reply *reply;
    void *reply_user;
    struct fake_request *later; /* utlist */
    pl_stats_done *stats;
    void *stats_user;
    struct pl_use use; /* the last pl_box_use, and who waits for it */
    unsigned uses;
    void (*used)(void *user);
    void *used_user;
};

struct pl_net {
    json_t *names;
    char id[33];
    bool freed, kept;
};

static struct {
    pl_claim_done *done;
    void *user;
    uint64_t id;
    unsigned claims, cancels;
    char adopted[40];        /* the box last asked for by pl_adopt */
    struct pl_limits limits; /* of the last claim */
    bool use_needed;         /* pl_box_use asks the engine */
    struct pl_box boxes[16];
    size_t box_count;
    struct pl_net *claimed_net; /* of the last claim */
    struct pl_net nets[8];
    size_t net_count;
    pl_ports_done *ports; /* who waits for the ports */
    void *ports_user;
} fake;

int pl_pool_open(struct pl_pool **out, const struct pl_pool_config *config, struct kg_err *err)
{
    (void)config;
    (void)err;
    *out = NULL;
    return 0;
}

void pl_pool_close(struct pl_pool *p, void (*done)(void *user), void *user)
{
    (void)p;
    done(user);
}

void pl_pool_report(const struct pl_pool *p, struct kg_buf *out)
{
    (void)p;
    kg_buf_add_str(out, "{}");
}

uint64_t pl_claim(struct pl_pool *p, const struct pl_claim *claim, pl_claim_done *done, void *user)
{
    (void)p;
    if (claim->limits)
        fake.limits = *claim->limits;
    fake.claimed_net = claim->net;
    fake.claims++;
    fake.done = done;
    fake.user = user;
    return ++fake.id;
}

void pl_pool_leave(struct pl_pool *p, void (*done)(void *user), void *user)
{
    pl_pool_close(p, done, user);
}

uint64_t pl_adopt(struct pl_pool *p, const char *box, const struct pl_claim *claim,
                  pl_claim_done *done, void *user)
{
    snprintf(fake.adopted, sizeof fake.adopted, "%s", box);
    return pl_claim(p, claim, done, user);
}

const char *pl_box_id(const struct pl_box *b)
{
    (void)b;
    return "0123456789abcdef0123456789abcdef";
}

uint64_t pl_box_last_seq(const struct pl_box *b)
{
    return b->seq;
}

bool pl_pool_outside(const struct pl_pool *p)
{
    (void)p;
    return false;
}

bool pl_pool_has_nets(const struct pl_pool *p)
{
    (void)p;
    return true;
}

struct pl_net *pl_net_new(struct pl_pool *p, const char *id)
{
    struct pl_net *n = &fake.nets[fake.net_count++];
    (void)p;
    snprintf(n->id, sizeof n->id, "%s", id ? id : "00000000000000000000000000000001");
    return n;
}

const char *pl_net_id(const struct pl_net *n)
{
    return n->id;
}

void pl_net_free(struct pl_net *n, bool keep)
{
    if (!n)
        return;
    n->freed = true;
    n->kept = keep;
}

void pl_net_set_names(struct pl_net *n, json_t *names, void (*done)(void *user), void *user)
{
    json_decref(n->names);
    n->names = names;
    if (done)
        done(user);
}

void pl_net_ports(struct pl_net *n, pl_ports_done *done, void *user)
{
    (void)n;
    fake.ports = done;
    fake.ports_user = user;
}

void pl_net_socket(struct pl_net *n, pl_socket_done *done, void *user)
{
    struct kg_err err;
    (void)n;
    done(user, -1, (kg_err_set(&err, -ECONNREFUSED, "the fake has no sockets"), &err));
}

void pl_claim_cancel(struct pl_pool *p, uint64_t claim)
{
    (void)p;
    (void)claim;
    fake.cancels++;
}

void pl_box_set_events(struct pl_box *b, const struct pl_box_events *events, void *user)
{
    b->events = events;
    b->user = user;
}

int pl_box_send(struct pl_box *b, uint8_t channel, const void *frame, size_t n, struct kg_err *err)
{
    (void)channel;
    (void)err;
    kg_buf_add(&b->sent, frame, n);
    b->sends++;
    return 0;
}

static void come_up(struct pl_box *b, const char *op, json_t *req, pl_reply *done, void *user)
{
    snprintf(b->op, sizeof b->op, "%s", op);
    json_decref(b->req);
    b->req = req;
    b->reply = done;
    b->reply_user = user;
}

static void note(struct pl_box *b, const char *op, json_t *req, pl_reply *done, void *user)
{
    if (!b->reply) {
        come_up(b, op, req, done, user);
        return;
    }
    struct fake_request *f = kg_calloc(1, sizeof *f);
    *f = (struct fake_request){.req = req, .reply = done, .user = user};
    snprintf(f->op, sizeof f->op, "%s", op);
    LL_APPEND(b->later, f);
}

/* The oldest request's; the next one takes its place. */
static pl_reply *take_reply(struct pl_box *b, void **user)
{
    pl_reply *reply = b->reply;
    struct fake_request *f = b->later;
    *user = b->reply_user;
    b->reply = NULL;
    if (!f)
        return reply;
    LL_DELETE(b->later, f);
    come_up(b, f->op, f->req, f->reply, f->user);
    free(f);
    return reply;
}

static void cancel_request(struct pl_box *b)
{
    struct kg_err err;
    void *user;
    pl_reply *reply;
    while ((reply = take_reply(b, &user)))
        reply(user, NULL, (kg_err_set(&err, -ECANCELED, "the box is gone"), &err));
}

void pl_box_request(struct pl_box *b, const char *op, json_t *req, const void *data, size_t n,
                    pl_reply *done, void *user)
{
    (void)data;
    (void)n;
    note(b, op, req, done, user);
}

void pl_box_restart_kernel(struct pl_box *b, json_t *env, const char *cwd, pl_reply *done,
                           void *user)
{
    (void)env;
    (void)cwd;
    note(b, "restart", NULL, done, user);
}

bool pl_box_use(struct pl_box *b, const struct pl_use *use, void (*done)(void *user), void *user)
{
    b->use = *use;
    b->uses++;
    b->used = fake.use_needed ? done : NULL;
    b->used_user = user;
    return fake.use_needed;
}

void pl_box_hold(struct pl_box *b, bool hold)
{
    b->held = hold;
}

void pl_box_stats(struct pl_box *b, pl_stats_done *done, void *user)
{
    b->stats = done;
    b->stats_user = user;
}

void pl_box_destroy(struct pl_box *b)
{
    b->destroyed = true;
}

/* Answers the claim with a new box. */
static struct pl_box *fake_give_box(void)
{
    struct pl_box *b = &fake.boxes[fake.box_count++];
    pl_claim_done *done = fake.done;
    fake.done = NULL;
    done(fake.user, b, NULL, NULL);
    return b;
}

static void fake_refuse_claim(int code, const char *why)
{
    struct kg_err err;
    pl_claim_done *done = fake.done;
    fake.done = NULL;
    done(fake.user, NULL, NULL, (kg_err_set(&err, code, "%s", why), &err));
}

static void fake_reply(struct pl_box *b, const char *json)
{
    void *user;
    json_t *doc = json_loads(json, 0, NULL);
    pl_reply *reply = take_reply(b, &user);
    reply(user, doc, NULL);
    json_decref(doc);
}

static inline void answer_stats(struct pl_box *b, const struct pl_stats *stats)
{
    pl_stats_done *done = b->stats;
    b->stats = NULL;
    done(b->stats_user, stats, NULL);
}

static inline void fake_stats(struct pl_box *b, uint64_t oom_kills)
{
    answer_stats(b, &(struct pl_stats){.oom_kills = oom_kills});
}

static inline void fake_stats_cpu(struct pl_box *b, uint64_t cpu_ms)
{
    answer_stats(b, &(struct pl_stats){.cpu_ms = cpu_ms});
}

static void fake_say(struct pl_box *b, uint8_t type, uint8_t channel, uint8_t kind,
                     const void *data, size_t n)
{
    struct kg_rec rec = {.type = type, .channel = channel, .kind = kind, .seq = ++b->seq};
    struct kg_blob *blob = kg_blob_copy(data, n);
    b->events->record(b->user, &rec, (struct kg_slice){blob, blob->data, blob->len});
    kg_blob_unref(blob);
}

/* Answers what is still due, as the pool does when boxes go: who asked holds a reference until then. */
static inline void fake_cancel_all(void)
{
    struct kg_err err;
    if (fake.done)
        fake_refuse_claim(-ECANCELED, "cancelled");
    for (size_t i = 0; i < fake.box_count; i++) {
        struct pl_box *b = &fake.boxes[i];
        cancel_request(b);
        if (b->stats)
            b->stats(b->stats_user, NULL, (kg_err_set(&err, -ECANCELED, "the box is gone"), &err));
        if (b->used)
            b->used(b->used_user);
        b->stats = NULL;
        b->used = NULL;
    }
}

static void fake_reset(void)
{
    for (size_t i = 0; i < fake.box_count; i++) {
        kg_buf_release(&fake.boxes[i].sent);
        json_decref(fake.boxes[i].req);
    }
    for (size_t i = 0; i < fake.net_count; i++)
        json_decref(fake.nets[i].names);
    memset(&fake, 0, sizeof fake);
}

#endif

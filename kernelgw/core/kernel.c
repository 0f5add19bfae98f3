#include "kernelgw/core/kernel.h"
#include "kernelgw/core/account.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/env.h"
#include "kernelgw/core/join.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/meter.h"
#include "kernelgw/core/say.h"
#include "kernelgw/core/session.h"
#include "kernelgw/core/spill.h"
#include "kernelgw/core/wish.h"
#include "kernelgw/core/workspace.h"

enum { NUMBER_STEP = 256 };

#define S(state) (1u << (state))

static const char *const state_names[KG_K_STATES] = {"starting", "idle", "busy", "restarting",
                                                     "dead"};

/* What may follow what. */
static const uint8_t may_follow[KG_K_STATES] = {
    [KG_K_STARTING] = S(KG_K_IDLE) | S(KG_K_DEAD),
    [KG_K_IDLE] = S(KG_K_BUSY) | S(KG_K_RESTARTING) | S(KG_K_DEAD),
    [KG_K_BUSY] = S(KG_K_IDLE) | S(KG_K_RESTARTING) | S(KG_K_DEAD),
    [KG_K_RESTARTING] = S(KG_K_IDLE) | S(KG_K_DEAD),
    [KG_K_DEAD] = S(KG_K_RESTARTING),
};

static const struct pl_box_events box_events;
static void start_box(struct kg_kernel *k);

static void enter(struct kg_kernel *k, enum kg_kernel_state to, const char *why)
{
    if (k->state == to || !(may_follow[k->state] & S(to)))
        return;
    /* busy and idle follow each other with every cell */
    bool routine = (S(k->state) | S(to)) == (S(KG_K_IDLE) | S(KG_K_BUSY));
    if (!routine)
        kg_log(KG_INFO, "kernel", "state", "id=%s from=%s to=%s why=%s", k->id,
               state_names[k->state], state_names[to], why);
    k->state = to;
    k->main_busy = k->main_busy && to == KG_K_BUSY;
    if (k->workspace && !k->deleted) {
        kg_workspace_note(k->workspace, "kernel", state_names[to], k->id);
        kg_workspace_changed(k->workspace);
    }
}

const char *kg_kernel_state_name(const struct kg_kernel *k)
{
    return state_names[k->state];
}

void kg_kernel_touch(struct kg_kernel *k)
{
    k->last_activity_us = kg_clock_wall_us();
    k->core->last_activity_us = k->last_activity_us;
}

void kg_kernel_wake(struct kg_kernel *k)
{
    struct kg_client *c, *following;
    DL_FOREACH_SAFE(k->clients, c, following)
        if (c->events)
            c->events->wake(c->user);
}

void kg_kernel_say(struct kg_kernel *k, struct kg_slice frame, uint8_t channel, uint8_t kind,
                   uint32_t target)
{
    kg_journal_append(&k->journal, 0, frame, channel, kind, target);
    kg_slice_release(&frame);
    kg_kernel_wake(k);
}

void kg_kernel_unref(struct kg_kernel *k)
{
    if (--k->refs > 0)
        return;
    kg_spill_free(k->journal.spill);
    kg_journal_release(&k->journal);
    kg_slice_release(&k->input);
    kg_buf_release(&k->last_parent);
    json_decref(k->env);
    json_decref(k->aliases);
    json_decref(k->info);
    free(k->owner);
    free(k->cwd);
    free(k);
}

static void tell_waiters(struct kg_kernel *k, const struct kg_err *err)
{
    while (k->waiters) {
        struct kg_waiter *w = k->waiters;
        LL_DELETE(k->waiters, w);
        w->done(w->user, err ? NULL : k, err);
        free(w);
    }
}

static void add_waiter(struct kg_kernel *k, kg_kernel_done *done, void *user)
{
    if (!done)
        return;
    struct kg_waiter *w = kg_calloc(1, sizeof *w);
    w->done = done;
    w->user = user;
    LL_APPEND(k->waiters, w);
}

void kg_kernel_forget_waiter(struct kg_kernel *k, void *user)
{
    struct kg_waiter *w, *following;
    LL_FOREACH_SAFE(k->waiters, w, following)
    if (w->user == user) {
        LL_DELETE(k->waiters, w);
        free(w);
    }
}

static void drop_early(struct kg_kernel *k)
{
    while (k->early) {
        struct kg_early *e = k->early;
        k->early = e->next;
        free(e);
    }
    k->early_last = NULL;
    k->early_bytes = k->early_count = 0;
}

void kg_kernel_up(struct kg_kernel *k, const char *how)
{
    k->ready = true;
    k->up_ms = kg_clock_ms();
    enter(k, KG_K_IDLE, how);
    kg_kernel_touch(k);
    struct kg_err err;
    for (struct kg_early *e = k->early; e; e = e->next)
        if (pl_box_send(k->box, e->channel, e->frame, e->len, &err) < 0)
            kg_log(KG_ERROR, "kernel", "early request lost", "id=%s why=%s", k->id, err.text);
    drop_early(k);
    kg_keep_kernel(k);
    kg_meter_kernel(k);
    tell_waiters(k, NULL);
}

/* The end of the road: clients are told, and only a restart by hand brings the kernel back. */
void kg_kernel_dead(struct kg_kernel *k, const struct kg_err *err)
{
    snprintf(k->reason, sizeof k->reason, "%s", err->text);
    k->died_us = kg_clock_wall_us();
    k->ready = false;
    enter(k, KG_K_DEAD, err->text);
    if (!k->box)
        kg_keep_forget(k);
    drop_early(k);
    kg_requests_fail(k, "KernelDied", err->text);
    kg_kernel_say(k, kg_say_status(k->session, (struct kg_span){0}, "dead"), KG_CH_IOPUB,
                  KG_KIND_STATUS_STARTING, 0);
    tell_waiters(k, err);
}

void kg_kernel_give_box_back(struct kg_kernel *k)
{
    k->ready = false;
    k->held = false;
    if (k->box && !kg_kernel_files_last(k))
        pl_box_destroy(k->box);
    kg_carry_end(&k->carry);
    k->box = NULL;
}

static void refilled(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    (void)reply;
    (void)err;
    if (!k->deleted)
        kg_journal_refilled(&k->journal);
    kg_kernel_unref(k);
}

static void adopted(void *user, struct pl_box *box, const json_t *info, const struct kg_err *err)
{
    (void)info;
    struct kg_kernel *k = user;
    k->claim = 0;
    if (k->deleted) {
        if (box)
            pl_box_destroy(box);
    } else if (!box) {
        kg_log(KG_WARN, "kernel", "not taken over", "id=%s why=\"%s\"", k->id, err->text);
        kg_kernel_delete(k);
    } else {
        k->box = box;
        pl_box_set_events(box, &box_events, k);
        kg_kernel_up(k, "taken over");
        kg_kernel_files_adopt(k);
        /* The reply comes behind all that the agent has kept. */
        k->refs++;
        pl_box_request(box, "ping", json_object(), NULL, 0, refilled, k);
    }
    kg_kernel_unref(k);
}

static void claimed(void *user, struct pl_box *box, const json_t *info, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    k->claim = 0;
    if (k->deleted) {
        if (box)
            pl_box_destroy(box);
    } else if (!box) {
        kg_kernel_dead(k, err);
    } else {
        k->box = box;
        json_decref(k->info);
        k->info = json_incref((json_t *)(uintptr_t)info);
        k->oom_kills = 0;
        k->number_base = (k->journal.last_seq + NUMBER_STEP - 1) / NUMBER_STEP * NUMBER_STEP;
        pl_box_set_events(box, &box_events, k);
        if (!kg_kernel_fill(k))
            kg_kernel_up(k, "box claimed");
    }
    kg_kernel_unref(k);
}

static void leave_workspace(struct kg_kernel *k)
{
    if (k->workspace)
        kg_workspace_kernel_ended(kg_steal(&k->workspace), k);
}

/* One without a name is in a workspace of its own. */
static bool join_workspace(struct kg_kernel *k, const char *owner, const char *session,
                           struct kg_err *err)
{
    struct kg_workspace *w =
        kg_workspace_get(k->core, owner, session ? session : k->id, session == NULL, err);
    if (w && kg_workspace_may_start(w, err) == 0) {
        k->workspace = w;
        kg_workspace_kernel_begun(w, k);
    }
    return k->workspace != NULL;
}

static void start_box(struct kg_kernel *k)
{
    struct pl_claim claim = {
        .runtime = k->runtime->pool.name,
        .kind = PL_KERNEL,
        .limits = &k->limits,
        .env = k->env,
        .cwd = k->cwd,
        .net = k->networked ? kg_workspace_net(k->workspace) : NULL,
    };
    k->refs++;
    k->claim = pl_claim(k->core->pool, &claim, claimed, k);
}

static void restarted(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    if (!k->deleted && k->state == KG_K_RESTARTING && k->box) {
        const char *why = err ? err->text : json_string_value(json_object_get(reply, "error"));
        bool ok = !err && !json_is_false(json_object_get(reply, "ok"));
        if (ok) {
            kg_kernel_up(k, "restarted");
        } else {
            /* a box that can't start its kernel again is replaced */
            kg_log(KG_WARN, "kernel", "restart in place failed", "id=%s why=%s", k->id,
                   why ? why : "unknown");
            kg_kernel_give_box_back(k);
            start_box(k);
        }
    }
    kg_kernel_unref(k);
}

static void restart_now(struct kg_kernel *k, const char *why)
{
    enter(k, KG_K_RESTARTING, why);
    k->ready = false;
    if (k->box) {
        k->refs++;
        pl_box_restart_kernel(k->box, k->env, k->cwd, restarted, k);
    } else if (!k->claim) {
        start_box(k);
    }
}

/* After a death that nobody asked for. */
void kg_kernel_died(struct kg_kernel *k, const char *why)
{
    snprintf(k->reason, sizeof k->reason, "%s", why);
    k->died_us = kg_clock_wall_us();
    kg_log(KG_WARN, "kernel", "died", "id=%s why=%s", k->id, why);
    k->core->counters.kernels_died++;
    k->deaths = kg_clock_ms() - k->up_ms < KG_AUTORESTART_MS ? k->deaths + 1 : 1;
    if (k->deaths > KG_AUTORESTART_MAX) {
        struct kg_err err;
        kg_err_set(&err, -EIO, "%s; it died %u times in a row and is not started again", why,
                   k->deaths);
        kg_kernel_give_box_back(k);
        kg_kernel_dead(k, &err);
        return;
    }
    kg_autofree char *told =
        kg_asprintf("%s; its variables are lost, and it is being started again", why);
    drop_early(k);
    kg_requests_fail(k, "KernelDied", told);
    enter(k, KG_K_RESTARTING, why);
    kg_kernel_say(k, kg_say_status(k->session, (struct kg_span){0}, "restarting"), KG_CH_IOPUB,
                  KG_KIND_STATUS_STARTING, 0);
    restart_now(k, why);
}

void kg_kernel_idle(struct kg_kernel *k)
{
    k->main_busy = false;
    if (k->ready)
        enter(k, KG_K_IDLE, "");
    if (k->said_busy) /* front-ends don't count the idle of every request */
        kg_kernel_say(k, kg_say_status(k->session, (struct kg_span){0}, "idle"), KG_CH_IOPUB,
                      KG_KIND_STATUS_IDLE, 0);
    k->said_busy = false;
    kg_meter_kernel_idle(k);
    kg_kernel_gather(k);
    kg_kernel_touch(k);
}

static void take_busy(struct kg_kernel *k, enum kg_told told)
{
    kg_kernel_touch(k);
    if (told == KG_TOLD_ASIDE || !k->ready)
        return;
    enter(k, KG_K_BUSY, "");
    k->main_busy = k->main_busy || told == KG_TOLD_MAIN;
}

/* False: the idle is not the kernel's. */
static bool take_idle(struct kg_kernel *k, enum kg_told told)
{
    kg_kernel_touch(k);
    if (told == KG_TOLD_ASIDE || (told == KG_TOLD_SUBSHELL && k->main_busy))
        return false;
    kg_kernel_idle(k);
    kg_input_answered(k);
    return true;
}

/* What answers a request of an earlier server's clients: a cell from its busy on, others by their reply. */
static void recall(struct kg_kernel *k, const struct kg_rec *rec, const struct kg_slice *body)
{
    switch (rec->kind) {
    case KG_KIND_STATUS_BUSY:
    case KG_KIND_REPLY:
    case KG_KIND_KERNEL_INFO:
    case KG_KIND_INPUT_REQUEST: kg_requests_recall(k, body); break;
    default: break;
    }
}

/* A message's number is made of the one that its agent gave it, so that another server that takes the box over gives it the
 * same; what the server itself says gets the numbers between. */
static void on_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct kg_kernel *k = user;
    uint64_t number = k->number_base + rec->seq * NUMBER_STEP;
    if (k->adopted && rec->type == KG_REC_MSG)
        recall(k, rec, &body);
    if (rec->type == KG_REC_EVENT) {
        kg_kernel_event(k, &body);
        return;
    }
    uint32_t target = 0;
    bool as_before =
        false; /* the status is of something else, and the kernel is as busy as before */
    if (rec->channel == KG_CH_IOPUB)
        k->heard_ms = kg_clock_ms();
    switch (rec->kind) {
    case KG_KIND_STATUS_BUSY: take_busy(k, kg_requests_told(&body)); break;
    case KG_KIND_STATUS_IDLE:
        kg_requests_idle(k, &body);
        as_before = !take_idle(k, kg_requests_told(&body)) && k->main_busy;
        break;
    case KG_KIND_REPLY:
    case KG_KIND_KERNEL_INFO: target = kg_requests_asker(k, &body, true); break;
    case KG_KIND_INPUT_REQUEST: target = kg_requests_asker(k, &body, false); break;
    default: break;
    }
    if (rec->channel != KG_CH_IOPUB && target == 0)
        return; /* answers something that nobody here asked */
    number = kg_journal_append(&k->journal, number, body, rec->channel, rec->kind, target);
    if (rec->kind == KG_KIND_INPUT_REQUEST)
        kg_input_asked(k, &body, number);
    if (as_before) { /* front-ends show the last status that they hear */
        k->said_busy = true;
        kg_kernel_say(k, kg_say_status(k->session, (struct kg_span){0}, "busy"), KG_CH_IOPUB,
                      KG_KIND_STATUS_BUSY, 0);
    }
    if (k->journal.lane[KG_LANE_OUTPUT].bytes > (uint64_t)KG_JOURNAL_OUTPUT_BYTES / 4 * 3)
        kg_kernel_check_hold(k);
    if (rec->kind == KG_KIND_OUTPUT)
        kg_meter_kernel_said(k, body.len);
    kg_kernel_wake(k);
}

static void on_gone(void *user, const char *why, bool oom)
{
    struct kg_kernel *k = user;
    kg_carry_end(&k->carry);
    k->box = NULL;
    k->ready = false;
    k->held = false;
    char text[KG_ERR_TEXT_MAX];
    if (oom)
        snprintf(text, sizeof text, "the kernel's box ran out of memory (its limit is %u MB)",
                 k->limits.memory_mb);
    else
        snprintf(text, sizeof text, "the kernel's box was lost: %s", why);
    if (k->state == KG_K_RESTARTING)
        start_box(k);
    else if (k->state != KG_K_DEAD)
        kg_kernel_died(k, text);
}

static const struct pl_box_events box_events = {.record = on_record, .gone = on_gone};

static void spill_ready(void *user)
{
    kg_kernel_wake(user);
}

/* What the request asks for, in its own words or in variables, laid over what the runtime has. */
static int read_limits(struct pl_limits *limits, const struct kg_core *core, const json_t *asked,
                       json_t *env, struct kg_err *err)
{
    struct kg_wish wish = {0};
    int rc = kg_wish_parse(&wish, &core->config, asked, false, err);
    if (rc == 0)
        rc = kg_wish_parse_env(&wish, &core->config, env, err);
    if (rc == 0)
        kg_wish_apply(&wish, limits);
    return rc;
}

/* A kernel in the table, in state starting. */
static struct kg_kernel *add(struct kg_core *core, const struct kg_runtime *runtime, const char *id)
{
    struct kg_kernel *k = kg_calloc(1, sizeof *k);
    if (id)
        for (int i = 0; i < KG_UUID_LEN; i++)
            k->id[i] = (char)tolower((unsigned char)id[i]);
    else
        kg_uuid4(k->id);
    k->core = core;
    k->runtime = runtime;
    k->refs = 1;
    kg_uuid4(k->session);
    kg_journal_init(&k->journal, KG_JOURNAL_ALONE_BYTES, KG_JOURNAL_CONTROL_BYTES,
                    KG_JOURNAL_HISTORY_BYTES);
    k->journal.spill = kg_spill_new(&core->spills, k->id, spill_ready, k);
    HASH_ADD_STR(core->kernels, id, k);
    kg_kernel_touch(k);
    return k;
}

int kg_kernel_start(struct kg_core *core, const struct kg_kernel_start *start,
                    struct kg_kernel **out, kg_kernel_done *done, void *user, struct kg_err *err)
{
    static const enum kg_quota_kind quotas[] = {KG_Q_KERNELS, KG_Q_CPU_S, KG_Q_OUTPUT_MB};
    const char *name = start->name && start->name[0] ? start->name : core->config.default_kernel;
    const struct kg_runtime *runtime = kg_runtimes_find(&core->runtimes, name);
    if (!runtime || !runtime->pool.kernel_start)
        return kg_err_set(err, -ENOENT, "No such kernel named %.100s", name);
    int rc = kg_env_check(start->env, err);
    if (rc < 0)
        return rc;
    if (start->kernel_id && !kg_is_uuid(start->kernel_id))
        return kg_err_set(err, -EINVAL, "kernel_id must be a UUID");
    if (start->kernel_id && kg_kernel_find(core, start->kernel_id))
        return kg_err_set(err, -EEXIST, "Kernel already exists: %s", start->kernel_id);
    if (core->closing)
        return kg_err_set(err, -EAGAIN, "the server is shutting down");
    if (HASH_COUNT(core->kernels) >= core->config.max_kernels)
        return kg_err_set(err, -EAGAIN, "all %u kernels that this server allows are running",
                          core->config.max_kernels);
    struct kg_account *account = kg_account_of(core, start->owner);
    for (size_t i = 0; i < KG_COUNT(quotas); i++)
        if ((rc = kg_account_may(account, quotas[i], err)) < 0)
            return rc;
    struct pl_limits limits = runtime->pool.kernel_limits;
    json_t *env = json_is_object(start->env) ? json_deep_copy(start->env) : NULL;
    struct kg_join join = {0};
    rc = read_limits(&limits, core, start->limits, env, err);
    if (rc == 0)
        rc = kg_join_read(&join, core, start->own, env, err);
    if (rc < 0) {
        kg_join_release(&join);
        json_decref(env);
        return rc;
    }
    struct kg_kernel *k = add(core, runtime, start->kernel_id);
    k->limits = limits;
    k->owner = start->owner ? kg_strdup(start->owner) : NULL;
    k->env = env;
    k->networked = join.network;
    k->aliases = json_incref(join.aliases);
    if ((join.session || join.network) && !join_workspace(k, start->owner, join.session, err))
        rc = err->code;
    kg_join_release(&join);
    if (rc < 0) {
        kg_kernel_delete(k);
        return rc;
    }
    k->cwd = start->cwd ? kg_strdup(start->cwd) : NULL;
    core->counters.kernels_started++;
    add_waiter(k, done, user);
    kg_log(KG_INFO, "kernel", "start", "id=%s runtime=%s", k->id, runtime->name);
    start_box(k);
    *out = k;
    return 0;
}

int kg_kernel_adopt(struct kg_core *core, const struct kg_kernel_kept *kept, struct kg_kernel **out,
                    struct kg_err *err)
{
    const struct kg_runtime *runtime = kg_runtimes_find(&core->runtimes, kept->runtime);
    if (!runtime || !runtime->pool.kernel_start)
        return kg_err_set(err, -ENOENT, "there is no runtime %.60s here", kept->runtime);
    if (!kg_is_uuid(kept->id) || kg_kernel_find(core, kept->id))
        return kg_err_set(err, -EINVAL, "the id \"%.60s\" is none, or is there already", kept->id);
    struct kg_kernel *k = add(core, runtime, kept->id);
    k->adopted = k->journal.refilling = true;
    k->limits = kept->limits;
    k->owner = kept->owner ? kg_strdup(kept->owner) : NULL;
    k->env = kept->env ? json_deep_copy(kept->env) : NULL;
    k->cwd = kept->cwd ? kg_strdup(kept->cwd) : NULL;
    k->info = json_is_object(kept->info) ? json_incref(kept->info) : NULL;
    k->number_base = kept->number_base;
    k->networked = kept->net != NULL;
    k->aliases = json_incref(kept->aliases);
    if (kept->session && !join_workspace(k, kept->owner, kept->session, NULL))
        k->networked = false; /* there are too many: it goes on with what its box has */
    struct pl_claim claim = {
        .runtime = runtime->pool.name, .kind = PL_KERNEL, .limits = &k->limits, .env = k->env};
    if (k->networked)
        claim.net = kg_workspace_take_net(k->workspace, kept->net);
    *out = k;
    if (!kept->box) {
        kg_log(KG_WARN, "kernel", "started anew: the server before was still starting it", "id=%s",
               k->id);
        k->adopted = k->journal.refilling = false;
        kg_kernel_promise(k);
        start_box(k);
        return 0;
    }
    k->refs++;
    k->claim = pl_adopt(core->pool, kept->box, &claim, adopted, k);
    return 0;
}

void kg_kernel_promise(struct kg_kernel *k)
{
    k->promised = true;
    kg_keep_kernel(k);
}

struct kg_kernel *kg_kernel_find(struct kg_core *core, const char *id)
{
    char lower[KG_UUID_SIZE];
    if (!kg_is_uuid(id))
        return NULL;
    for (int i = 0; i < KG_UUID_SIZE; i++)
        lower[i] = (char)tolower((unsigned char)id[i]);
    struct kg_kernel *k = NULL;
    HASH_FIND_STR(core->kernels, lower, k);
    return k;
}

size_t kg_kernel_connections(const struct kg_kernel *k)
{
    size_t n = 0;
    const struct kg_client *c;
    DL_FOREACH(k->clients, c)
        n += c->events && !c->internal;
    return n;
}

void kg_kernel_restart(struct kg_kernel *k, kg_kernel_done *done, void *user)
{
    add_waiter(k, done, user);
    if (k->state == KG_K_STARTING || k->state == KG_K_RESTARTING)
        return; /* what is on its way is as fresh as it gets */
    k->deaths = 0;
    drop_early(k);
    kg_requests_fail(k, NULL, NULL);
    restart_now(k, "asked for");
}

static void interrupted(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    if (err || json_is_false(json_object_get(reply, "ok")))
        kg_log(KG_WARN, "kernel", "interrupt failed", "id=%s why=%s", k->id,
               err ? err->text : "refused by the box");
    kg_kernel_unref(k);
}

int kg_kernel_interrupt(struct kg_kernel *k, struct kg_err *err)
{
    if (k->state == KG_K_DEAD)
        return kg_err_set(err, -ESRCH, "kernel %s is dead: %s", k->id, k->reason);
    if (!k->ready)
        return 0; /* nothing runs yet */
    k->refs++;
    pl_box_request(k->box, "kernel.interrupt", json_object(), NULL, 0, interrupted, k);
    return 0;
}

void kg_kernel_leave(struct kg_kernel *k)
{
    if (!k->box &&
        !(k->promised && k->state == KG_K_STARTING)) { /* there is nothing to take over */
        kg_kernel_delete(k);
        return;
    }
    k->kept_mark = 0;
    kg_keep_kernel(k);
    if (k->box)
        pl_box_set_events(k->box, NULL, NULL);
    else if (k->claim)
        pl_claim_cancel(k->core->pool, k->claim);
    kg_carry_end(&k->carry);
    k->box = NULL;
    k->deleted = true;
    HASH_DEL(k->core->kernels, k);
    leave_workspace(k);
    drop_early(k);
    kg_clients_close(k, 1012, "the server restarts");
    kg_requests_fail(k, NULL, NULL); /* nobody hears it any more */
    struct kg_err err;
    kg_err_set(&err, -ECANCELED, "the server restarts");
    tell_waiters(k, &err);
    kg_kernel_unref(k);
}

void kg_kernel_delete(struct kg_kernel *k)
{
    kg_kernel_end(k, "the kernel was deleted");
}

void kg_kernel_end(struct kg_kernel *k, const char *why)
{
    kg_log(KG_INFO, "kernel", "delete", "id=%s why=\"%s\"", k->id, why);
    k->deleted = true;
    kg_keep_forget(k);
    HASH_DEL(k->core->kernels, k);
    kg_sessions_kernel_gone(k->core, k);
    if (k->claim)
        pl_claim_cancel(k->core->pool, k->claim);
    kg_kernel_give_box_back(k);
    leave_workspace(k);
    drop_early(k);
    kg_requests_fail(k, NULL, NULL);
    kg_clients_close(k, 1000, why);
    struct kg_err err;
    kg_err_set(&err, -ECANCELED, "kernel %s was deleted", k->id);
    tell_waiters(k, &err);
    kg_kernel_unref(k);
}

#include "kernelgw/core/workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/changes.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/names.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/shelf.h"

enum { NAME_BYTES_MAX = 100, BACK_MS = 10 * 1000 };

bool kg_workspace_name_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
            return false;
    return n >= 1 && n <= NAME_BYTES_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static char *key_of(const char *owner, const char *name)
{
    return kg_asprintf("%s\n%s", owner ? owner : "", name);
}

struct kg_workspace *kg_workspace_find(struct kg_core *core, const char *owner, const char *name)
{
    kg_autofree char *key = key_of(owner, name);
    struct kg_workspace *w = NULL;
    HASH_FIND_STR(core->workspaces, key, w);
    return w;
}

struct kg_workspace *kg_workspace_get(struct kg_core *core, const char *owner, const char *name,
                                      bool passing, struct kg_err *err)
{
    struct kg_workspace *w = kg_workspace_find(core, owner, name);
    if (w)
        return w;
    if (HASH_COUNT(core->workspaces) >= core->config.max_sessions) {
        kg_err_set(err, -EAGAIN, "there are %u sessions already, as many as may be",
                   core->config.max_sessions);
        return NULL;
    }
    struct kg_account *account = kg_account_of(core, owner);
    if (!passing && kg_account_may(account, KG_Q_SESSIONS, err) < 0)
        return NULL;
    account->sessions += !passing;
    w = kg_calloc(1, sizeof *w);
    w->key = key_of(owner, name);
    w->owner = kg_strdup(owner ? owner : "");
    w->name = kg_strdup(name);
    w->core = core;
    w->passing = passing;
    w->refs = 1;
    w->used_ms = kg_clock_ms();
    w->created_us = kg_clock_wall_us();
    kg_files_init(&w->files, core, account);
    HASH_ADD_KEYPTR(hh, core->workspaces, w->key, strlen(w->key), w);
    kg_keep_workspace(w);
    kg_log(KG_DEBUG, "workspace", "made", "name=\"%s\"", name);
    return w;
}

void kg_workspace_unref(struct kg_workspace *w)
{
    if (--w->refs > 0)
        return;
    json_decref(w->ports);
    kg_files_release(&w->files);
    if (w->changes)
        kg_changes_release(w->changes);
    free(w->changes);
    free(w->key);
    free(w->owner);
    free(w->name);
    free(w);
}

static void tell(struct kg_workspace *w, bool ended)
{
    struct kg_workspace_watch *watch, *next;
    DL_FOREACH_SAFE(w->watches, watch, next)
        watch->changed(watch->user, ended);
}

void kg_workspace_changed(struct kg_workspace *w)
{
    kg_keep_workspace(w);
    tell(w, false);
}

static void remove_it(struct kg_workspace *w, bool keep)
{
    w->ending = true;
    HASH_DEL(w->core->workspaces, w);
    w->files.account->sessions -= !w->passing;
    if (!w->core->closing)
        kg_keep_forget_workspace(w);
    kg_shelf_clear(w);
    pl_net_free(kg_steal(&w->net), keep);
    kg_log(KG_DEBUG, "workspace", "gone", "name=\"%s\"", w->name);
    tell(w, true);
    w->watches = NULL;
    kg_workspace_unref(w);
}

static bool in_use(const struct kg_workspace *w)
{
    return w->runs || w->kernels || w->attached;
}

/* What nobody has named, and nothing is in, is no more. */
static void settle(struct kg_workspace *w)
{
    w->used_ms = kg_clock_ms();
    if (w->passing && !w->ending && !in_use(w))
        remove_it(w, w->core->leaving); /* what leaves is for the next server */
    else
        kg_workspace_changed(w);
}

void kg_workspace_end(struct kg_workspace *w, bool kernels, const char *why)
{
    struct kg_core *core = w->core;
    kg_log(KG_INFO, "workspace", "ended", "name=\"%s\" runs=%u kernels=%u why=\"%s\"", w->name,
           w->runs, w->kernels, why);
    w->refs++;
    w->ending = true; /* no box is kept, and nothing else ends it */
    w->lost_ms = 0;
    struct kg_run *r, *next_run;
    HASH_ITER(hh, core->runs, r, next_run)
        if (r->workspace == w)
            kg_run_stop_now(r);
    struct kg_kernel *k, *next_kernel;
    HASH_ITER(hh, core->kernels, k, next_kernel)
        if (kernels && k->workspace == w)
            kg_kernel_delete(k);
    kg_shelf_clear(w);
    if (w->kernels) { /* which go on, and their network with them */
        w->ending = false;
        kg_workspace_changed(w);
    } else {
        remove_it(w, false);
    }
    kg_workspace_unref(w);
}

void kg_workspace_attach(struct kg_workspace *w)
{
    w->attached++;
    w->lost_ms = 0;
    kg_workspace_note(w, "session", "attached", NULL);
    settle(w);
}

void kg_workspace_detach(struct kg_workspace *w)
{
    if (--w->attached > 0 || w->ending)
        return;
    w->lost_ms = kg_clock_ms();
    kg_workspace_note(w, "session", "lost", NULL);
    if (w->core->draining)
        kg_workspace_was_bound(w);
    else if (w->core->config.session_grace_s == 0)
        kg_workspace_end(w, false, "its connection was closed");
    else
        settle(w);
}

void kg_workspace_was_bound(struct kg_workspace *w)
{
    uint64_t grace_ms = (uint64_t)w->core->config.session_grace_s * 1000;
    w->lost_ms = kg_clock_ms() + (grace_ms < BACK_MS ? BACK_MS - grace_ms : 0);
    settle(w);
}

void kg_workspace_watch(struct kg_workspace *w, struct kg_workspace_watch *watch)
{
    watch->seen = w->changes ? w->changes->last : 0;
    DL_APPEND(w->watches, watch);
}

void kg_workspace_note(struct kg_workspace *w, const char *what, const char *how, const char *id)
{
    if (!w->watches)
        return;
    if (!w->changes)
        w->changes = kg_calloc(1, sizeof *w->changes);
    kg_changes_note(w->changes, what, how, id);
}

void kg_workspace_changes(const struct kg_workspace *w, struct kg_workspace_watch *watch,
                          struct kg_json *j)
{
    static const struct kg_changes none;
    kg_changes_model(w->changes ? w->changes : &none, &watch->seen, j);
}

void kg_workspace_unwatch(struct kg_workspace *w, struct kg_workspace_watch *watch)
{
    DL_DELETE(w->watches, watch);
}

struct pl_net *kg_workspace_net(struct kg_workspace *w)
{
    return kg_workspace_take_net(w, NULL);
}

struct pl_net *kg_workspace_take_net(struct kg_workspace *w, const char *id)
{
    if (!w->net) {
        w->net = pl_net_new(w->core->pool, id);
        w->net_used_ms = kg_clock_ms();
    }
    return w->net;
}

/* A connection keeps its session, and a kernel without a network does; neither keeps a network that nothing is in. */
static void expire_net(struct kg_workspace *w, uint64_t now_ms)
{
    uint64_t idle_ms = (uint64_t)w->core->config.session_idle_s * 1000;
    if (idle_ms > KG_NET_IDLE_MS)
        idle_ms = KG_NET_IDLE_MS;
    if (w->networked || kg_shelf_has_networked(w))
        w->net_used_ms = now_ms;
    if (!w->net || now_ms < w->net_used_ms + idle_ms)
        return;
    kg_log(KG_INFO, "workspace", "idle network gone", "name=\"%s\"", w->name);
    pl_net_free(kg_steal(&w->net), false);
}

int kg_workspace_may_run(const struct kg_workspace *w, struct kg_err *err)
{
    const struct kg_core_config *c = &w->core->config;
    if (c->session_cpu_s && w->cpu_ms >= (uint64_t)c->session_cpu_s * 1000)
        return kg_err_set(
            err, -EDQUOT,
            "session %s has used its %u seconds of processor time; a new one has its own", w->name,
            c->session_cpu_s);
    if (c->session_output_mb && w->output_bytes >= (uint64_t)c->session_output_mb << 20)
        return kg_err_set(err, -EDQUOT, "session %s has written its %u MB of output", w->name,
                          c->session_output_mb);
    return 0;
}

uint64_t kg_workspace_output_left(const struct kg_workspace *w)
{
    uint64_t most = (uint64_t)w->core->config.session_output_mb << 20;
    if (most == 0)
        return UINT64_MAX;
    return w->output_bytes < most ? most - w->output_bytes : 0;
}

int kg_workspace_may_start(const struct kg_workspace *w, struct kg_err *err)
{
    int rc = kg_workspace_may_run(w, err);
    if (rc < 0)
        return rc;
    unsigned most = w->core->config.session_kernels;
    if (most && w->kernels >= most)
        return kg_err_set(err, -EDQUOT, "session %s has %u kernels, as many as it may", w->name,
                          w->kernels);
    return 0;
}

void kg_workspace_run_begun(struct kg_workspace *w, const struct kg_run *r)
{
    w->runs++;
    w->networked += r->spec.network;
    kg_workspace_note(w, "run", "begun", r->id);
    settle(w);
}

void kg_workspace_run_ended(struct kg_workspace *w, const struct kg_run *r)
{
    w->runs--;
    w->networked -= r->spec.network;
    kg_workspace_note(w, "run", "ended", r->id);
    if (r->spec.network && !w->ending && w->networked)
        kg_workspace_tell_names(w, NULL, NULL);
    settle(w);
}

void kg_workspace_kernel_begun(struct kg_workspace *w, const struct kg_kernel *k)
{
    w->kernels++;
    w->networked += k->networked;
    kg_workspace_note(w, "kernel", "begun", k->id);
    settle(w);
}

void kg_workspace_kernel_ended(struct kg_workspace *w, const struct kg_kernel *k)
{
    w->kernels--;
    w->networked -= k->networked;
    kg_workspace_note(w, "kernel", "ended", k->id);
    if (k->networked && !w->ending && w->networked)
        kg_workspace_tell_names(w, NULL, NULL);
    settle(w);
}

void kg_workspace_tell_names(struct kg_workspace *w, void (*done)(void *user), void *user)
{
    json_t *names = json_array();
    for (const struct kg_run *r = w->core->runs; r; r = r->hh.next)
        if (r->workspace == w && r->spec.network && r->box)
            kg_names_add(names, r->spec.entry, r->spec.aliases);
    for (const struct kg_kernel *k = w->core->kernels; k; k = k->hh.next)
        if (k->workspace == w && k->networked)
            kg_names_add(names, NULL, k->aliases);
    pl_net_set_names(kg_workspace_net(w), names, done, user);
}

/* Ports of `those` that are not among `others`. */
static void note_ports(struct kg_workspace *w, const json_t *those, const json_t *others,
                       const char *how)
{
    size_t i, other;
    json_t *one, *at;
    json_array_foreach(those, i, one) {
        json_int_t port = json_integer_value(json_object_get(one, "port"));
        bool there = false;
        json_array_foreach(others, other, at)
            there = there || json_integer_value(json_object_get(at, "port")) == port;
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)port);
        if (!there)
            kg_workspace_note(w, "port", how, number);
    }
}

static void watched_ports(void *user, const json_t *list, const struct kg_err *err)
{
    struct kg_workspace *w = user;
    w->listing = false;
    if (!err && !json_equal(list, w->ports) && !w->ending) {
        note_ports(w, w->ports, list, "closed");
        note_ports(w, list, w->ports, "opened");
        json_decref(w->ports);
        w->ports = json_deep_copy(list);
        kg_workspace_changed(w);
    }
    kg_workspace_unref(w);
}

/* Somebody looks on: what listens is looked up again. */
static void refresh_ports(struct kg_workspace *w)
{
    if (!w->watches || w->listing || (!w->networked && json_array_size(w->ports) == 0))
        return;
    w->listing = true;
    w->refs++;
    kg_workspace_ports(w, watched_ports, w);
}

void kg_workspaces_tick(struct kg_core *core, uint64_t now_ms)
{
    struct kg_workspace *w, *next;
    uint64_t grace_ms = (uint64_t)core->config.session_grace_s * 1000;
    uint64_t idle_ms = (uint64_t)core->config.session_idle_s * 1000;
    HASH_ITER(hh, core->workspaces, w, next) {
        expire_net(w, now_ms);
        kg_shelf_expire(w, now_ms);
        refresh_ports(w);
        if (w->lost_ms && now_ms >= w->lost_ms + grace_ms)
            kg_workspace_end(w, false, "its connection did not come back");
        else if (!in_use(w) && now_ms - w->used_ms >= idle_ms)
            kg_workspace_end(w, false, "it was idle for long");
    }
}

void kg_workspaces_close(struct kg_core *core, bool keep)
{
    struct kg_workspace *w, *next;
    HASH_ITER(hh, core->workspaces, w, next)
        remove_it(w, keep);
}

/* All notebooks' runs of a server: those that wait, run, and have ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"

enum { TICK_MS = 1000 };

static void drop_old(struct kg_nbruns *all)
{
    struct kg_nbrun *r, *next;
    uint64_t now = kg_clock_ms();
    unsigned ended = 0;
    HASH_ITER(hh, all->table, r, next)
        ended += r->state == KG_N_ENDED;
    HASH_ITER(hh, all->table, r, next) {
        if (r->state == KG_N_ENDED && (ended > KG_NB_KEPT || now - r->ended_ms > KG_NB_KEPT_MS)) {
            ended--;
            kg_nbrun_forget(r);
        }
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct kg_nbruns *all = timer->data;
    drop_old(all);
    kg_nbruns_pump(all);
}

struct kg_nbruns *kg_nbruns_new(struct kg_core *core, uint32_t at_once)
{
    struct kg_nbruns *all = kg_calloc(1, sizeof *all);
    all->core = core;
    all->at_once = at_once;
    kg_nb_keep_open(all);
    uv_timer_init(core->loop, &all->tick);
    all->tick.data = all;
    uv_timer_start(&all->tick, on_tick, TICK_MS, TICK_MS);
    return all;
}

static void tick_closed(uv_handle_t *h)
{
    struct kg_nbruns *all = h->data;
    void (*closed)(void *) = all->closed;
    void *user = all->closed_user;
    nb_root_unref(all->kept);
    free(all);
    closed(user);
}

void kg_nbruns_check_closed(struct kg_nbruns *all)
{
    struct kg_nbrun *r, *next;
    if (!all->closing || all->loading || uv_is_closing((uv_handle_t *)&all->tick))
        return;
    for (r = all->table; r; r = r->hh.next)
        if (r->state != KG_N_ENDED)
            return;
    HASH_ITER(hh, all->table, r, next)
        kg_nbrun_forget(r);
    if (all->unfreed == 0)
        uv_close((uv_handle_t *)&all->tick, tick_closed);
}

void kg_nbruns_close(struct kg_nbruns *all, bool leave, void (*done)(void *user), void *user)
{
    all->closing = true;
    all->closed = done;
    all->closed_user = user;
    uv_timer_stop(&all->tick);
    struct kg_nbrun *r, *next;
    HASH_ITER(hh, all->table, r, next)
        leave && all->kept ? kg_nbrun_leave(r) : kg_nbrun_abandon(r);
    kg_nbruns_check_closed(all);
}

/* Owners take turns: a run's turn is one behind that of its owner's last, and none comes before what has begun already. So who
 * comes with one notebook waits for one of each of the others, and not for all that they have. */
static void join_line(struct kg_nbrun *r)
{
    struct kg_nbruns *all = r->all;
    struct kg_nbrun *w;
    r->turn = all->turn;
    for (w = all->table; w; w = w->hh.next)
        if (w->state != KG_N_ENDED && w->turn >= r->turn &&
            strcmp(w->spec.owner, r->spec.owner) == 0)
            r->turn = w->turn + 1;
    DL_FOREACH(all->line, w)
        if (w->turn > r->turn)
            break;
    if (w)
        DL_PREPEND_ELEM(all->line, w, r);
    else
        DL_APPEND(all->line, r);
    all->waiting++;
    for (; w; w = w->next)
        kg_nbrun_changed(w); /* its position */
}

int kg_nbruns_add(struct kg_nbrun *r, struct kg_err *err)
{
    struct kg_nbruns *all = r->all;
    if (all->closing)
        return kg_err_set(err, -EAGAIN, "the server is shutting down");
    if (all->waiting > 0 && all->waiting >= all->core->config.queue_max)
        return kg_err_set(err, -EAGAIN,
                          "%u notebooks wait already, as many as may: try again later",
                          all->waiting);
    join_line(r);
    HASH_ADD_STR(all->table, id, r);
    kg_log(KG_INFO, "notebook", "queued", "id=%s kernel=%s", r->id, r->runtime->name);
    kg_nb_keep_whole(r);
    kg_nbruns_pump(all);
    return 0;
}

void kg_nbruns_put_live(struct kg_nbrun *r)
{
    HASH_ADD_STR(r->all->table, id, r);
    r->all->live++;
}

void kg_nbruns_put_ended(struct kg_nbrun *r)
{
    HASH_ADD_STR(r->all->table, id, r);
}

/* Its turn has come, or it will have none. */
static void leave_line(struct kg_nbrun *r)
{
    struct kg_nbruns *all = r->all;
    DL_DELETE(all->line, r);
    all->waiting--;
    all->live++;
    for (struct kg_nbrun *w = all->line; w; w = w->next)
        kg_nbrun_changed(w); /* its position */
}

void kg_nbruns_pump(struct kg_nbruns *all)
{
    while (all->line && all->live < all->at_once && !all->closing &&
           kg_clock_ms() >= all->pause_ms) {
        struct kg_nbrun *r = all->line;
        leave_line(r);
        all->turn = r->turn;
        kg_nbrun_begin(r);
    }
}

void kg_nbruns_again(struct kg_nbrun *r)
{
    struct kg_nbruns *all = r->all;
    r->state = KG_N_QUEUED;
    all->live--;
    all->waiting++;
    all->pause_ms = kg_clock_ms() + KG_NB_PAUSE_MS;
    DL_PREPEND(all->line, r);
    kg_nbrun_changed(r);
}

void kg_nbruns_left(struct kg_nbrun *r)
{
    struct kg_nbruns *all = r->all;
    if (r->state == KG_N_QUEUED) {
        leave_line(r);
        return;
    }
    all->live--;
    if (!r->nb) {
        all->bytes -= r->bytes;
        r->bytes = 0;
    }
    kg_nbrun_changed(r);
    kg_nbruns_pump(all);
    kg_nbruns_check_closed(all);
}

struct kg_nbrun *kg_nbrun_find(struct kg_nbruns *all, const char *owner, const char *id)
{
    struct kg_nbrun *r = NULL;
    HASH_FIND_STR(all->table, id, r);
    return r && (!owner || strcmp(r->spec.owner, owner) == 0) ? r : NULL;
}

bool kg_nbrun_ended(const struct kg_nbrun *r)
{
    return r->state == KG_N_ENDED;
}

static void freed(uv_handle_t *h)
{
    struct kg_nbrun *r = h->data;
    struct kg_nbruns *all = r->all;
    free(r);
    all->unfreed--;
    kg_nbruns_check_closed(all);
}

void kg_nbrun_free(struct kg_nbrun *r)
{
    r->all->bytes -= r->bytes;
    r->all->unfreed++;
    nb_root_unref(r->store.root);
    free(r->store.path);
    json_decref(r->nb);
    json_decref(r->displays);
    json_decref(r->error);
    json_decref(r->msg_ids);
    kg_nbrun_spec_release(&r->spec);
    uv_close((uv_handle_t *)&r->store.timer, freed);
}

void kg_nbrun_forget(struct kg_nbrun *r)
{
    struct kg_nbrun_watch *w, *next;
    HASH_DEL(r->all->table, r);
    if (!r->all->closing)
        kg_nb_keep_forget(r);
    DL_FOREACH_SAFE(r->watches, w, next)
        w->gone(w->user);
    kg_nbrun_free(r);
}

void kg_nbrun_changed(struct kg_nbrun *r)
{
    struct kg_nbrun_watch *w, *next;
    DL_FOREACH_SAFE(r->watches, w, next)
        w->changed(w->user);
}

void kg_nbrun_watch(struct kg_nbrun *r, struct kg_nbrun_watch *w)
{
    DL_APPEND(r->watches, w);
}

void kg_nbrun_unwatch(struct kg_nbrun *r, struct kg_nbrun_watch *w)
{
    DL_DELETE(r->watches, w);
}

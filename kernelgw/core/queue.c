#include "kernelgw/core/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run_place.h"
#include "kernelgw/core/workspace.h"

static struct kg_flow *flow_of(const struct kg_core *core, const char *key)
{
    struct kg_flow *f = NULL;
    HASH_FIND_STR(core->queue.flows, key, f);
    return f;
}

int kg_queue_may_add(struct kg_core *core, const char *key, const char *owner, struct kg_err *err)
{
    const struct kg_flow *f = flow_of(core, key);
    unsigned waiting = f ? f->turns[KG_WATCHED].count + f->turns[KG_UNWATCHED].count : 0;
    if (core->queue.waiting >= core->config.queue_max)
        return kg_err_set(err, -EAGAIN, "%u runs wait already, as many as may: try again later",
                          core->queue.waiting);
    if (f && waiting >= core->config.queue_session)
        return kg_err_set(err, -EDQUOT, "%u runs of this session wait already, as many as may",
                          waiting);
    return kg_account_may(kg_account_of(core, owner), KG_Q_QUEUED, err);
}

static void join(struct kg_core *core, struct kg_flow *f, struct kg_run *r)
{
    struct kg_turn *t = &f->turns[r->line];
    struct kg_share *s = &f->account->shares[r->line];
    struct kg_run *after = t->waiting; /* who comes again was there before those */
    while (after && after->queue_number < r->queue_number)
        after = after->queue_next;
    if (s->count++ == 0)
        DL_APPEND(core->queue.lines[r->line], s);
    if (t->count++ == 0)
        DL_APPEND(s->turns, t);
    if (after)
        DL_PREPEND_ELEM2(t->waiting, after, r, queue_prev, queue_next);
    else
        DL_APPEND2(t->waiting, r, queue_prev, queue_next);
    r->waits = true;
    f->account->waiting++;
    core->queue.waiting++;
    core->queue.counted = false;
}

static void part(struct kg_core *core, struct kg_run *r)
{
    struct kg_flow *f = r->flow;
    struct kg_turn *t = &f->turns[r->line];
    struct kg_share *s = &f->account->shares[r->line];
    DL_DELETE2(t->waiting, r, queue_prev, queue_next);
    r->waits = false;
    f->account->waiting--;
    core->queue.waiting--;
    if (--t->count == 0)
        DL_DELETE(s->turns, t);
    if (--s->count == 0)
        DL_DELETE(core->queue.lines[r->line], s);
    core->queue.counted = false;
}

static void set_live(struct kg_run *r, bool live)
{
    unsigned one = live ? 1 : -1u;
    r->flow->live += one;
    r->flow->account->live += one;
    r->core->queue.live += one;
}

static struct kg_flow *new_flow(struct kg_run *r, const char *key)
{
    struct kg_flow *f = kg_calloc(1, sizeof *f);
    f->key = kg_strdup(key);
    f->account = kg_account_of(r->core, r->spec.owner);
    f->named = r->workspace != NULL;
    for (size_t i = 0; i < KG_LINES; i++)
        f->turns[i].flow = f;
    HASH_ADD_KEYPTR(hh, r->core->queue.flows, f->key, strlen(f->key), f);
    return f;
}

void kg_queue_add(struct kg_run *r, const char *key)
{
    struct kg_core *core = r->core;
    struct kg_flow *f = flow_of(core, key);
    r->flow = f ? f : new_flow(r, key);
    bool watched = r->spec.tty.on || (r->workspace && r->workspace->attached);
    r->line = watched ? KG_WATCHED : KG_UNWATCHED;
    r->queued_ms = kg_clock_ms();
    r->queue_number = ++core->queue.number;
    join(core, r->flow, r);
}

void kg_queue_remove(struct kg_run *r)
{
    struct kg_core *core = r->core;
    struct kg_flow *f = r->flow;
    if (!f)
        return;
    if (r->waits)
        part(core, r);
    else
        set_live(r, false);
    r->flow = NULL;
    if (f->live == 0 && !f->turns[KG_WATCHED].waiting && !f->turns[KG_UNWATCHED].waiting) {
        HASH_DEL(core->queue.flows, f);
        free(f->key);
        free(f);
    }
}

void kg_queue_again(struct kg_run *r)
{
    struct kg_turn *t = &r->flow->turns[r->line];
    struct kg_share *s = &r->flow->account->shares[r->line];
    struct kg_share **line = &r->core->queue.lines[r->line];
    set_live(r, false);
    join(r->core, r->flow, r);
    /* its turn was not used */
    DL_DELETE(s->turns, t);
    DL_PREPEND(s->turns, t);
    DL_DELETE(*line, s);
    DL_PREPEND(*line, s);
}

/* Who comes next in a line, by what is marked in it; *at: the share whose turn it is. */
static struct kg_run *count_next(struct kg_share *line, struct kg_share **at)
{
    struct kg_share *s = *at;
    for (;; s = s->next ? s->next : line)
        if (s->left)
            break;
    struct kg_turn *t = s->at;
    for (; !t->at; t = t->next ? t->next : s->turns)
        ;
    struct kg_run *r = t->at;
    t->at = r->queue_next;
    s->at = t->next ? t->next : s->turns;
    s->left--;
    *at = s->next ? s->next : line;
    return r;
}

/* Goes through all turns as they would be taken if nothing came in between, and each could be. */
static void count_positions(struct kg_core *core)
{
    unsigned left[KG_LINES] = {0};
    struct kg_share *at[KG_LINES];
    unsigned row = core->queue.in_a_row;
    for (size_t i = 0; i < KG_LINES; i++) {
        struct kg_share *s;
        struct kg_turn *t;
        at[i] = core->queue.lines[i];
        DL_FOREACH(core->queue.lines[i], s) {
            left[i] += s->left = s->count;
            s->at = s->turns;
            DL_FOREACH(s->turns, t)
                t->at = t->waiting;
        }
    }
    for (unsigned n = 1; n <= core->queue.waiting; n++) {
        bool watched = left[KG_WATCHED] && (row < KG_WATCHED_IN_A_ROW || left[KG_UNWATCHED] == 0);
        size_t i = watched ? KG_WATCHED : KG_UNWATCHED;
        count_next(core->queue.lines[i], &at[i])->position = n;
        left[i]--;
        row = watched && left[KG_UNWATCHED] ? row + 1 : 0;
    }
    core->queue.counted = true;
}

unsigned kg_queue_position(const struct kg_run *r)
{
    if (r->waits && !r->core->queue.counted)
        count_positions(r->core);
    return r->waits ? r->position : 0;
}

static bool may_begin(const struct kg_core *core, const struct kg_flow *f)
{
    return !f->named || f->live < core->config.session_runs;
}

/* The next of this user's that may begin; NULL: none. */
static struct kg_run *ready_of(const struct kg_core *core, const struct kg_share *s)
{
    struct kg_turn *t;
    uint32_t most = s->account->quota.most[KG_Q_RUNS];
    if (most && s->account->live >= most)
        return NULL;
    DL_FOREACH(s->turns, t)
        if (may_begin(core, t->flow) && kg_run_place_ready(t->waiting))
            return t->waiting;
    return NULL;
}

static void begin(struct kg_core *core, struct kg_share *s, struct kg_run *r)
{
    struct kg_turn *t = &r->flow->turns[r->line];
    bool others = core->queue.lines[KG_UNWATCHED] != NULL;
    core->queue.in_a_row = r->line == KG_WATCHED && others ? core->queue.in_a_row + 1 : 0;
    part(core, r);
    set_live(r, true);
    if (t->count) { /* to the end of the line */
        DL_DELETE(s->turns, t);
        DL_APPEND(s->turns, t);
    }
    if (s->count) {
        DL_DELETE(core->queue.lines[r->line], s);
        DL_APPEND(core->queue.lines[r->line], s);
    }
    kg_run_place(r);
}

/* One round of turns at most. Returns whether one has begun. */
static bool begin_one(struct kg_core *core)
{
    bool turned = core->queue.in_a_row >= KG_WATCHED_IN_A_ROW;
    for (size_t i = 0; i < KG_LINES; i++) {
        struct kg_share *s;
        DL_FOREACH(core->queue.lines[turned ? KG_LINES - 1 - i : i], s) {
            struct kg_run *r = ready_of(core, s);
            if (r) {
                begin(core, s, r);
                return true;
            }
        }
    }
    return false;
}

void kg_queue_pump(struct kg_core *core)
{
    if (core->queue.pumping || core->closing || kg_clock_ms() < core->queue.pause_ms)
        return;
    core->queue.pumping = true; /* what begins may end at once, and come back here */
    while (core->queue.live < core->config.max_runs && core->queue.claims < KG_CLAIMS_AT_ONCE &&
           begin_one(core))
        ;
    core->queue.pumping = false;
}

void kg_queue_tick(struct kg_core *core, uint64_t now_ms)
{
    core->queue.pumping = true; /* nobody's turn comes while the runs are looked through */
    struct kg_run *r, *next;
    HASH_ITER(hh, core->runs, r, next) {
        if (!r->waits || now_ms - r->queued_ms < (uint64_t)core->config.queue_s * 1000)
            continue;
        kg_autofree char *why =
            kg_asprintf("it had no turn within %u s: try again later", core->config.queue_s);
        kg_run_lost(r, why);
    }
    core->queue.pumping = false;
    core->queue.pause_ms = 0;
    kg_queue_pump(core);
    /* who watches one that waits may have a new position to tell */
    HASH_ITER(hh, core->runs, r, next)
        if (r->waits)
            kg_run_wake(r);
}

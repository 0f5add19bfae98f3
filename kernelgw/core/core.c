#include "kernelgw/core/core.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/cull.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/meter.h"
#include "kernelgw/core/queue.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/session.h"
#include "kernelgw/core/terminal.h"
#include "kernelgw/core/workspace.h"

enum { TICK_MS = 1000, TRIM_S = 5, HOLD_CHECK_MS = 50 };

static void on_tick(uv_timer_t *timer)
{
    struct kg_core *core = timer->data;
    uint64_t now = kg_clock_ms();
    for (struct kg_kernel *k = core->kernels; k; k = k->hh.next) {
        kg_clients_expire(k, now);
        kg_requests_check_idles(k, now);
        kg_clients_probe(k);
        kg_keep_kernel(k);
    }
    kg_runs_tick(core, now);
    kg_queue_tick(core, now);
    kg_workspaces_tick(core, now);
    kg_meter_tick(core, now);
    kg_cull_tick(core, kg_clock_wall_us());
    kg_terminals_tick(core, kg_clock_wall_us());
    if (now / 1000 % TRIM_S == 0) {
        kg_mem_trim();
        kg_keep_accounts(core);
    }
}

static void on_holds(uv_timer_t *timer)
{
    struct kg_core *core = timer->data;
    bool any = false;
    for (struct kg_kernel *k = core->kernels; k; k = k->hh.next) {
        if (k->held)
            kg_kernel_check_hold(k);
        any = any || k->held;
    }
    if (!any)
        uv_timer_stop(timer);
}

void kg_core_watch_holds(struct kg_core *core)
{
    if (!uv_is_active((uv_handle_t *)core->holds))
        uv_timer_start(core->holds, on_holds, HOLD_CHECK_MS, HOLD_CHECK_MS);
}

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static uv_timer_t *new_timer(struct kg_core *core)
{
    uv_timer_t *t = kg_calloc(1, sizeof *t);
    uv_timer_init(core->loop, t);
    t->data = core;
    return t;
}

int kg_core_open(struct kg_core **out, const struct kg_core_config *config, struct kg_err *err)
{
    struct kg_core *core = kg_calloc(1, sizeof *core);
    core->config = *config;
    core->loop = config->loop;
    core->started_us = core->last_activity_us = kg_clock_wall_us();
    core->spills = (struct kg_spills){.loop = config->loop,
                                      .dir = config->state_dir,
                                      .max_bytes = (uint64_t)config->spill_mb << 20,
                                      .total_max_bytes = (uint64_t)config->spill_total_mb << 20};
    int rc = kg_spills_open(&core->spills, err);
    if (rc == 0)
        rc = kg_keep_open(core, err);
    if (rc == 0)
        rc = kg_keep_owner(core, err);
    if (rc == 0)
        rc = kg_runtimes_load(&core->runtimes, &config->runtimes, err);
    if (rc < 0) {
        free(core);
        return rc;
    }
    /* Where only some languages are offered, a request that names none still gets a kernel; and clients look the
     * default up in the list: it must be in there as it is spelled. */
    const struct jy_kernelspecs *specs = &core->runtimes.specs;
    const struct jy_kernelspec *named = jy_kernelspecs_find(specs, config->default_kernel);
    if (specs->count)
        core->config.default_kernel = named ? named->name : specs->items[0].name;
    struct pl_pool_config pool = {.loop = config->loop,
                                  .engine = config->engine,
                                  .run_dir = config->run_dir,
                                  .agent = config->agent,
                                  .boxd = config->boxd,
                                  .owner = core->owner,
                                  .runtimes = core->runtimes.pool,
                                  .runtime_count = core->runtimes.count,
                                  .max_boxes = config->max_boxes,
                                  .max_starting = config->max_starting,
                                  .stock_extra_mb = config->stock_extra_mb};
    rc = pl_pool_open(&core->pool, &pool, err);
    if (rc < 0) {
        kg_runtimes_release(&core->runtimes);
        free(core);
        return rc;
    }
    core->tick = new_timer(core);
    core->holds = new_timer(core);
    uv_timer_start(core->tick, on_tick, TICK_MS, TICK_MS);
    kg_keep_load(core);
    *out = core;
    return 0;
}

static void pool_closed(void *user)
{
    struct kg_core *core = user;
    void (*closed)(void *) = core->closed;
    void *closed_user = core->closed_user;
    kg_accounts_release(core);
    kg_runtimes_release(&core->runtimes);
    uv_close((uv_handle_t *)core->tick, free_handle);
    uv_close((uv_handle_t *)core->holds, free_handle);
    free(core);
    closed(closed_user);
}

void kg_core_close(struct kg_core *core, bool leave, void (*done)(void *user), void *user)
{
    core->closing = true;
    core->leaving = leave;
    core->closed = done;
    core->closed_user = user;
    uv_timer_stop(core->tick);
    uv_timer_stop(core->holds);
    struct kg_session *s, *next_session;
    HASH_ITER(hh, core->sessions, s, next_session)
        kg_session_free(core, s);
    struct kg_kernel *k, *next_kernel;
    HASH_ITER(hh, core->kernels, k, next_kernel)
        leave ? kg_kernel_leave(k) : kg_kernel_delete(k);
    kg_terminals_close(core);
    struct kg_run *r, *next_run;
    HASH_ITER(hh, core->runs, r, next_run)
        leave ? kg_run_leave(r) : kg_run_delete(r);
    kg_keep_flush_workspaces(core);
    kg_keep_accounts(core);
    kg_workspaces_close(core, leave);
    if (leave)
        pl_pool_leave(core->pool, pool_closed, core);
    else
        pl_pool_close(core->pool, pool_closed, core);
}

void kg_core_drain(struct kg_core *core)
{
    core->draining = true;
}

size_t kg_core_connections(const struct kg_core *core)
{
    size_t n = 0;
    for (const struct kg_kernel *k = core->kernels; k; k = k->hh.next)
        n += kg_kernel_connections(k);
    return n;
}

void kg_core_report(const struct kg_core *core, struct kg_buf *out)
{
    kg_autobuf pool = {0};
    pl_pool_report(core->pool, &pool);
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_key(&j, "pool");
    kg_json_raw(&j, pool.data, pool.len);
    kg_json_kint(&j, "kernels", HASH_COUNT(core->kernels));
    kg_json_kint(&j, "runs", HASH_COUNT(core->runs));
    kg_json_kint(&j, "terminals", HASH_COUNT(core->terminals));
    kg_json_kint(&j, "runs_waiting", core->queue.waiting);
    kg_json_kint(&j, "workspaces", HASH_COUNT(core->workspaces));
    kg_json_kint(&j, "connections", (int64_t)kg_core_connections(core));
    kg_json_kint(&j, "kernels_started", (int64_t)core->counters.kernels_started);
    kg_json_kint(&j, "kernels_died", (int64_t)core->counters.kernels_died);
    kg_json_kint(&j, "runs_started", (int64_t)core->counters.runs_started);
    kg_json_kint(&j, "requests", (int64_t)core->counters.requests);
    kg_json_kint(&j, "gaps", (int64_t)core->counters.gaps);
    kg_json_kint(&j, "gap_messages", (int64_t)core->counters.gap_messages);
    kg_json_object_end(&j);
}

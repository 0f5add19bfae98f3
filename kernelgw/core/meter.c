#include "kernelgw/core/meter.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/say.h"
#include "kernelgw/core/workspace.h"

static struct kg_account *of_run(const struct kg_run *r)
{
    return kg_account_of(r->core, r->spec.owner);
}

/* Whether its user, or its session, has used up what they may. */
static bool used_up(struct kg_account *a, const struct kg_workspace *w, struct kg_err *err)
{
    return kg_account_may(a, KG_Q_CPU_S, err) < 0 || kg_account_may(a, KG_Q_OUTPUT_MB, err) < 0 ||
           (w && kg_workspace_may_run(w, err) < 0);
}

/* --- runs --- */

static void run_measured(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct kg_run *r = user;
    struct kg_err why;
    (void)err;
    if (stats && r->state == KG_R_RUNNING && r->box && !r->exit_due) {
        uint64_t before = r->meter.seen_ms;
        r->meter.seen_ms = stats->cpu_ms;
        if (r->meter.begun && stats->cpu_ms > before) {
            r->meter.counted_ms += stats->cpu_ms - before;
            kg_account_used(of_run(r), stats->cpu_ms - before, 0);
            if (r->workspace) {
                r->workspace->cpu_ms += stats->cpu_ms - before;
                kg_keep_workspace(r->workspace);
            }
        }
        r->meter.begun = true;
        if (!r->over[0] && used_up(of_run(r), r->workspace, &why)) {
            snprintf(r->over, sizeof r->over, "%s", why.text);
            kg_run_signal(r, "KILL", NULL);
        }
    }
    kg_run_unref(r);
}

static uint64_t figure(const json_t *exit, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(exit, key));
    return v > 0 ? (uint64_t)v : 0;
}

void kg_meter_run_ended(struct kg_run *r)
{
    uint64_t cpu = figure(r->exit, "cpu_ms");
    uint64_t output = figure(r->exit, "stdout_bytes") + figure(r->exit, "stderr_bytes");
    uint64_t more = cpu > r->meter.counted_ms ? cpu - r->meter.counted_ms : 0;
    kg_account_used(of_run(r), more, output);
    if (r->workspace) {
        r->workspace->cpu_ms += more;
        r->workspace->output_bytes += output;
    }
}

/* --- kernels --- */

static void say(struct kg_kernel *k, const char *how, const char *why)
{
    kg_autofree char *text = kg_asprintf("[kernelgw: %s: %s]\n", how, why);
    const struct kg_span parent = {k->last_parent.data, k->last_parent.len};
    kg_kernel_say(k, kg_say_stream(k->session, parent, NULL, "stderr", text), KG_CH_IOPUB,
                  KG_KIND_OUTPUT, 0);
}

/* works: it runs a cell, or has threads that do without. may_end: its caller can do without it. */
static void check_kernel(struct kg_kernel *k, bool works, bool may_end)
{
    struct kg_err why;
    if (!works || !used_up(kg_account_of(k->core, k->owner), k->workspace, &why)) {
        k->meter.strikes = 0;
        return;
    }
    kg_log(KG_INFO, "kernel", "over its quota", "id=%s why=\"%s\"", k->id, why.text);
    if (k->meter.strikes >= KG_METER_STRIKES && may_end) {
        say(k, "ended", why.text);
        kg_kernel_end(k, why.text);
        return;
    }
    k->meter.strikes++;
    say(k, "interrupted", why.text);
    kg_kernel_interrupt(k, &why);
}

/* What its box has used since it was last asked. */
static void count(struct kg_kernel *k, uint64_t cpu_ms)
{
    kg_account_used(kg_account_of(k->core, k->owner), cpu_ms, 0);
    if (!k->workspace || cpu_ms == 0)
        return;
    k->workspace->cpu_ms += cpu_ms;
    kg_keep_workspace(k->workspace);
}

static void kernel_measured(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    (void)err;
    if (stats && !k->deleted && k->box) {
        bool same = k->meter.box == k->box;
        size_t said = k->meter.said;
        bool had_cell = k->meter.idle_ms >= k->meter.looked_ms;
        uint64_t more =
            same && stats->cpu_ms > k->meter.seen_ms ? stats->cpu_ms - k->meter.seen_ms : 0;
        k->meter.box = k->box;
        k->meter.seen_ms = stats->cpu_ms;
        k->meter.looked_ms = kg_clock_ms();
        k->meter.said = 0;
        count(k, more);
        /* without a cell, its threads are at work */
        bool threads = !had_cell && (more > KG_METER_REST_MS || said >= KG_METER_BYTES);
        if (same)
            check_kernel(k, k->state == KG_K_BUSY || threads, true);
    }
    kg_kernel_unref(k);
}

void kg_meter_kernel_said(struct kg_kernel *k, size_t n)
{
    kg_account_used(kg_account_of(k->core, k->owner), 0, n);
    if (k->workspace)
        k->workspace->output_bytes += n;
    size_t before = k->meter.said;
    k->meter.said += n;
    /* who has been interrupted is judged by the next look */
    if (before / KG_METER_BYTES != k->meter.said / KG_METER_BYTES && k->meter.strikes == 0)
        check_kernel(k, true, false);
}

static bool is_metered(struct kg_core *core, const char *owner)
{
    const struct kg_quota *q = &kg_account_of(core, owner)->quota;
    return q->most[KG_Q_CPU_S] || q->most[KG_Q_OUTPUT_MB];
}

static bool session_is_metered(const struct kg_core *core, const struct kg_workspace *w)
{
    return w && (core->config.session_cpu_s || core->config.session_output_mb);
}

static void measure(struct kg_kernel *k)
{
    k->refs++;
    pl_box_stats(k->box, kernel_measured, k);
}

void kg_meter_kernel(struct kg_kernel *k)
{
    if (k->box && (k->workspace || is_metered(k->core, k->owner)))
        measure(k);
}

void kg_meter_kernel_idle(struct kg_kernel *k)
{
    k->meter.idle_ms = kg_clock_ms();
    bool due = k->meter.idle_ms >= k->meter.looked_ms + KG_METER_CELL_MS;
    if (due && k->box &&
        (session_is_metered(k->core, k->workspace) || is_metered(k->core, k->owner)))
        measure(k);
}

void kg_meter_tick(struct kg_core *core, uint64_t now_ms)
{
    if (now_ms < core->metered_ms + KG_METER_MS)
        return;
    uint64_t before_ms = core->metered_ms;
    core->metered_ms = now_ms;
    for (struct kg_run *r = core->runs; r; r = r->hh.next) {
        if (r->state != KG_R_RUNNING || !r->box ||
            !(session_is_metered(core, r->workspace) || is_metered(core, r->spec.owner)))
            continue;
        r->refs++;
        pl_box_stats(r->box, run_measured, r);
    }
    for (struct kg_kernel *k = core->kernels; k; k = k->hh.next) {
        bool works = k->state == KG_K_BUSY || k->heard_ms >= before_ms;
        if (k->box && k->ready &&
            (is_metered(core, k->owner) || session_is_metered(core, k->workspace) ||
             (k->workspace && works)))
            measure(k);
    }
}

#include "runtimes/agent/kernel_inside.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtimes/agent/reply.h"

enum { NUDGE_MS = 100 };

static void send_start_reply(struct kk_kernel *k)
{
    struct kk_reply r;
    k->start_due = false;
    kk_reply_begin(&r, k->start_id);
    kg_json_key(&r.json, "kernel_info");
    kg_json_raw(&r.json, k->info.data, k->info.len);
    kg_json_kint(&r.json, "pid", k->pid);
    kg_json_kint(&r.json, "ms", (int64_t)(kg_clock_ms() - k->began_ms));
    kk_reply_send(&r, k->link);
}

void kk_kernel_be_ready(struct kk_kernel *k)
{
    uv_timer_stop(&k->timer);
    kk_kernel_enter(k, K_ALIVE, "it has answered");
    kg_log(KG_INFO, "agent", "kernel ready", "pid=%d ms=%llu", (int)k->pid,
           (unsigned long long)(kg_clock_ms() - k->began_ms));
    kg_buf_release(&k->noise);
    send_start_reply(k);
    kk_kernel_relay_waiting(k);
}

static void on_not_ready(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    char why[96];
    snprintf(why, sizeof why, "the kernel did not answer within %llu ms",
             (unsigned long long)k->spec.ready_ms);
    kk_kernel_kill(k, why);
}

void kk_kernel_limit_start(struct kk_kernel *k)
{
    uint64_t gone = kg_clock_ms() - k->began_ms;
    uv_timer_start(&k->timer, on_not_ready, gone < k->spec.ready_ms ? k->spec.ready_ms - gone : 1,
                   0);
}

static void ask_info(struct kk_kernel *k)
{
    struct kg_err err = {0};
    k->info_asked =
        kk_own_send(&k->own, k->wires, KG_CH_SHELL, "kernel_info_request", kg_span_str("{}"), &err);
    if (!k->info_asked)
        kk_kernel_kill(k, err.text);
}

/* It has answered, and what it publishes is heard: two things that come about on their own. */
void kk_kernel_check_ready(struct kk_kernel *k)
{
    struct kg_err err = {0};
    if (k->state != K_STARTING || k->info.len == 0 || !k->hears_iopub)
        return;
    uv_timer_stop(&k->nudge);
    if (!k->spec.warm_code) {
        kk_kernel_be_ready(k);
        return;
    }
    kk_kernel_enter(k, K_WARMING, "it has answered");
    kk_kernel_limit_start(k);
    k->warm_asked = kk_own_execute(&k->own, k->wires, k->spec.warm_code, &err);
    if (!k->warm_asked)
        kk_kernel_kill(k, err.text);
}

/* A kernel without iopub_welcome: each answered kernel_info should come with a status on iopub; until one is heard our
 * subscription has not reached it, and it is asked again. */
static void on_nudge(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    if (k->state == K_STARTING && k->info.len > 0 && !k->hears_iopub)
        ask_info(k);
}

void kk_kernel_connected(void *user)
{
    struct kk_kernel *k = user;
    ask_info(k);
    uv_timer_start(&k->nudge, on_nudge, NUDGE_MS, NUDGE_MS);
}

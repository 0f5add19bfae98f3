#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"

#define S(state) (1u << (state))
static const uint8_t next_states[K_STATES] = {
    [K_NONE] = S(K_STARTING),
    [K_STARTING] = S(K_WARMING) | S(K_ALIVE) | S(K_KILLING),
    [K_WARMING] = S(K_ALIVE) | S(K_KILLING),
    [K_ALIVE] = S(K_STOPPING) | S(K_KILLING),
    [K_STOPPING] = S(K_KILLING),
    [K_KILLING] = S(K_QUIET),
    [K_QUIET] = S(K_NONE),
};
static const char *const state_names[K_STATES] = {"none",     "starting", "warming", "alive",
                                                  "stopping", "killing",  "quiet"};

void kk_kernel_enter(struct kk_kernel *k, enum kk_kernel_state to, const char *why)
{
    if (!(next_states[k->state] & S(to)))
        kg_log(KG_ERROR, "agent", "kernel step that should not be", "from=%s to=%s",
               state_names[k->state], state_names[to]);
    kg_log(KG_DEBUG, "agent", "kernel step", "from=%s to=%s why=\"%s\"", state_names[k->state],
           state_names[to], why);
    uv_timer_stop(&k->timer); /* it belonged to the old state */
    k->state = to;
}

const char *kk_kernel_state_name(const struct kk_kernel *k)
{
    return state_names[k->state];
}

bool kk_kernel_alive(const struct kk_kernel *k)
{
    return k->state != K_NONE;
}

int kk_kernel_start(struct kk_kernel *k, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (k->state != K_NONE)
        return kg_err_set(err, -EBUSY, "a kernel lives here already");
    int rc = kk_spec_read(&k->spec, k->options, req, err);
    k->attempt = 0;
    k->start_id = id;
    if (rc == 0)
        rc = kk_kernel_launch(k, err);
    if (rc < 0) {
        kk_spec_release(&k->spec);
        return rc;
    }
    k->start_due = true;
    kk_messages_set_parent(&k->messages, kg_span_str("{}"));
    kk_children_reset_usage(k->children);
    return 0;
}

int kk_kernel_interrupt(struct kk_kernel *k, struct kg_err *err)
{
    if (k->state == K_NONE || k->state == K_KILLING || k->state == K_QUIET)
        return kg_err_set(err, -ESRCH, "there is no kernel");
    if (k->state != K_ALIVE)
        return 0; /* nothing of the user's runs; a signal could end it */
    if (k->spec.by_message)
        return kk_own_send(&k->own, k->wires, KG_CH_CONTROL, "interrupt_request", kg_span_str("{}"),
                           err)
                   ? 0
                   : err->code;
    kill(-k->pid, SIGINT);
    return 0;
}

static void on_grace_over(uv_timer_t *timer)
{
    kk_kernel_kill(timer->data, NULL);
}

int kk_kernel_stop(struct kk_kernel *k, uint64_t id, uint64_t grace_ms, struct kg_err *err)
{
    if (k->stop_due)
        return kg_err_set(err, -EALREADY, "it is being stopped");
    if (k->state == K_NONE) {
        kk_reply_ok(k->link, id);
        return 0;
    }
    k->stop_due = true;
    k->stop_id = id;
    if (k->state != K_ALIVE || grace_ms == 0) {
        kk_kernel_kill(k, k->start_due ? "the kernel was stopped before it answered" : NULL);
        return 0;
    }
    kk_kernel_enter(k, K_STOPPING, "asked to");
    if (!kk_own_send(&k->own, k->wires, KG_CH_CONTROL, "shutdown_request",
                     kg_span_str("{\"restart\":false}"), err)) {
        kk_kernel_kill(k, NULL);
        return 0;
    }
    uv_timer_start(&k->timer, on_grace_over, grace_ms, 0);
    return 0;
}

static void on_hold_over(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    bool slow = kk_link_sent(k->link) != k->hold_sent;
    if (slow && kg_clock_ms() - k->hold_began_ms < KK_KERNEL_HOLD_SLOW_MS) {
        k->hold_sent = kk_link_sent(k->link);
        return;
    }
    uv_timer_stop(timer);
    if (k->wires)
        kk_wires_hold(k->wires, false); /* from here on the link drops the oldest and says so */
}

void kk_kernel_hold(struct kk_kernel *k, bool hold)
{
    if (k->tap && k->state != K_STARTING)
        kk_tap_hold(k->tap, hold);
    if (!k->wires || k->state == K_KILLING || k->state == K_QUIET)
        return;
    kk_wires_hold(k->wires, hold);
    uv_timer_stop(&k->hold);
    if (!hold)
        return;
    k->hold_began_ms = kg_clock_ms();
    k->hold_sent = kk_link_sent(k->link);
    uv_timer_start(&k->hold, on_hold_over, KK_KERNEL_HOLD_MS, KK_KERNEL_HOLD_MS);
}

struct kk_kernel *kk_kernel_new(uv_loop_t *loop, const struct kk_options *options,
                                const struct sock_fprog *strict, struct kk_link *link,
                                struct kk_children *children)
{
    struct kk_kernel *k = kg_calloc(1, sizeof *k);
    k->loop = loop;
    k->options = options;
    k->strict = strict;
    k->link = link;
    k->children = children;
    kk_messages_init(&k->messages, link, NULL, "kernel");
    uv_timer_t *timers[] = {&k->timer, &k->nudge, &k->hold, &k->configure_limit};
    for (size_t i = 0; i < KG_COUNT(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = k;
    }
    return k;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_kernel *k = h->data;
    if (--k->closing == 0)
        free(k);
}

void kk_kernel_free(struct kk_kernel *k)
{
    if (!k)
        return;
    kk_kernel_cleanup(k);
    kk_spec_release(&k->spec);
    kg_buf_release(&k->waiting);
    kk_messages_release(&k->messages);
    uv_timer_t *timers[] = {&k->timer, &k->nudge, &k->hold, &k->configure_limit};
    k->closing = (int)KG_COUNT(timers);
    for (size_t i = 0; i < KG_COUNT(timers); i++)
        uv_close((uv_handle_t *)timers[i], on_closed);
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"
#include "runtimes/kernelkit/death.h"
#include "runtimes/kernelkit/kit_inside.h"

enum { NOISE_SHOWN = 200 };

void kk_kit_cleanup(struct kk_kit *k)
{
    kk_children_watch(k->children, 0, NULL, NULL);
    uv_timer_stop(&k->timer);
    uv_timer_stop(&k->turn);
    uv_timer_stop(&k->interrupt);
    uv_timer_stop(&k->configure_limit);
    if (k->waits_for_service)
        kk_service_forget(k->service, &k->service_wait);
    k->waits_for_service = k->service_failed = false;
    kk_evaluator_close(k->evaluator);
    k->evaluator = NULL;
    kk_queue_release(&k->queue);
    kk_past_release(&k->past);
    kk_kit_spec_release(&k->spec);
    kg_buf_release(&k->noise);
    kg_buf_release(&k->info);
    free(kg_steal(&k->request));
    json_decref(kg_steal(&k->configure));
    k->job = KK_JOB_NONE;
}

/* Why the evaluator is gone: one sentence, behind it the last words of one that was never ready. */
static void describe(struct kk_kit *k, char *out, size_t size)
{
    if (k->failure[0])
        snprintf(out, size, "%s", k->failure);
    else if (k->ended)
        kk_death_describe(out, size, k->status, k->options->link, k->oom_before);
    else
        snprintf(out, size, "the kernel's evaluator was killed");
    const char *noise = kg_buf_cstr(&k->noise);
    size_t n = k->quiet ? strlen(noise) : 0;
    while (n > 0 && noise[n - 1] == '\n')
        n--;
    size_t from = n > NOISE_SHOWN ? n - NOISE_SHOWN : 0;
    size_t used = strlen(out);
    if (n > 0)
        snprintf(out + used, size - used, ": %.*s", (int)(n - from), noise + from);
}

static void tell_exit(struct kk_kit *k, const char *why)
{
    bool known = k->ended && !k->shut_down;
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "event", "kernel_exit");
    kg_json_key(&j, "exit_code");
    if (k->shut_down || (known && WIFEXITED(k->status)))
        kg_json_int(&j, known ? WEXITSTATUS(k->status) : 0);
    else
        kg_json_null(&j);
    kg_json_key(&j, "signal");
    if (known && WIFSIGNALED(k->status))
        kg_json_int(&j, WTERMSIG(k->status));
    else
        kg_json_null(&j);
    if (why)
        kg_json_kstr(&j, "error", why);
    kg_json_object_end(&j);
    kk_link_add(k->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

static void be_gone(struct kk_kit *k)
{
    struct kg_err gone = {.code = -ESRCH, .text = "the kernel has ended"};
    kk_kit_configured(k, &gone);
    kk_kit_cleanup(k);
    kk_kit_enter(k, KIT_NONE, "gone");
    if (k->stop_due)
        kk_reply_ok(k->link, k->stop_id);
    k->stop_due = false;
}

/* Said to whoever looks at the last cell. */
static void notice(struct kk_kit *k, const char *text)
{
    kk_messages_stream(&k->cell_out, KK_STDERR, (const uint8_t *)text, strlen(text));
}

/* There can be no other evaluator: the kernel ends, and all who wait hear why. */
static void give_up(struct kk_kit *k, const char *why)
{
    char text[KG_ERR_TEXT_MAX + 64];
    struct kk_request *r;
    kg_log(KG_WARN, "kit", "no fresh evaluator", "why=\"%s\"", why);
    snprintf(text, sizeof text, "[the kernel can't go on: %s]\n", why);
    notice(k, text);
    while ((r = kk_queue_take(&k->queue))) {
        kk_kit_status(k, r, true);
        if (r->msg.channel == KG_CH_SHELL)
            kk_kit_refuse(k, r, "KernelDied", why);
        kk_kit_status(k, r, false);
        free(r);
    }
    tell_exit(k, why);
    be_gone(k);
}

static void launch_again(struct kk_kit *k)
{
    struct kg_err err = {0};
    if (kk_kit_launch(k, &err) < 0)
        kk_kit_kill(k, err.text);
}

static void on_service(struct kk_service_wait *w, const struct kg_err *why)
{
    struct kk_kit *k = kg_container_of(w, struct kk_kit, service_wait);
    (void)why; /* without it, the evaluator says so in its own words */
    k->waits_for_service = false;
    if (k->state == KIT_STARTING)
        launch_again(k);
}

static void start_afresh(struct kk_kit *k)
{
    kk_kit_enter(k, KIT_STARTING, "its evaluator died");
    k->quiet = true;
    k->failure[0] = 0;
    k->ended = false;
    kg_buf_clear(&k->noise);
    if (k->waits_for_service)
        kk_service_forget(k->service, &k->service_wait);
    k->waits_for_service = !kk_service_settled(k->service);
    if (!k->waits_for_service) {
        launch_again(k);
        return;
    }
    k->service_wait = (struct kk_service_wait){.done = on_service};
    kk_service_await(k->service, &k->service_wait);
}

/* What it was doing is answered, and whoever looks is told that nothing is left of it. */
static void tell_death(struct kk_kit *k, const char *why)
{
    static const char afresh[] =
        "[the kernel starts afresh: its variables and definitions are gone]\n";
    struct kg_err err = {.code = -EIO};
    snprintf(err.text, sizeof err.text, "%s", why);
    kg_log(KG_INFO, "kit", "evaluator died", "why=\"%s\"", why);
    if (k->job != KK_JOB_EXECUTE) {
        char text[KG_ERR_TEXT_MAX + 8];
        snprintf(text, sizeof text, "[%s]\n", why);
        notice(k, text);
    }
    notice(k, afresh);
    if (k->job == KK_JOB_EXECUTE)
        kk_kit_cell_failed(k, "KernelDied", why);
    else if (k->job == KK_JOB_ASK)
        kk_kit_ask_failed(k, "KernelDied", why);
    else if (k->job == KK_JOB_CONFIGURE)
        kk_kit_configured(k, &err);
    k->job = KK_JOB_NONE;
}

/* No process is left, so its pipes hold all there will ever be. */
static void on_turn(uv_timer_t *timer)
{
    struct kk_kit *k = timer->data;
    char why[KG_ERR_TEXT_MAX];
    bool idle = k->job == KK_JOB_NONE;
    if (k->evaluator)
        kk_evaluator_finish(k->evaluator);
    kk_evaluator_close(k->evaluator);
    k->evaluator = NULL;
    kk_children_watch(k->children, 0, NULL, NULL);
    describe(k, why, sizeof why);
    if (k->start_due) {
        struct kg_err err = {.code = -EIO};
        snprintf(err.text, sizeof err.text, "%s", why);
        k->start_due = false;
        kk_reply_error(k->link, k->start_id, &err);
        be_gone(k);
    } else if (k->stop_due || k->shut_down) {
        if (!k->stop_due)
            tell_exit(k, NULL);
        be_gone(k);
    } else if (k->quiet || (idle && !k->fruitful)) {
        give_up(k, why);
    } else {
        tell_death(k, why);
        start_afresh(k);
    }
}

static void on_gone(void *user)
{
    struct kk_kit *k = user;
    uv_timer_start(&k->turn, on_turn, 0, 0);
}

void kk_kit_kill(struct kk_kit *k, const char *why)
{
    if (k->state == KIT_DYING)
        return;
    if (why)
        snprintf(k->failure, sizeof k->failure, "%s", why);
    kk_kit_enter(k, KIT_DYING, why ? why : "its process has ended");
    kk_children_kill_all(k->children, on_gone, k);
}

void kk_kit_main_ended(void *user, int status)
{
    struct kk_kit *k = user;
    k->status = status;
    k->ended = true;
    kk_kit_kill(k, NULL);
}

static void on_grace_over(uv_timer_t *timer)
{
    kk_kit_kill(timer->data, NULL);
}

/* One that works on something would not hear that it shall end. */
void kk_kit_end(struct kk_kit *k, uint64_t grace_ms)
{
    if (k->state != KIT_READY || k->job != KK_JOB_NONE || grace_ms == 0) {
        kk_kit_kill(k, k->start_due ? "the kernel was stopped before it was ready" : NULL);
        return;
    }
    kk_kit_enter(k, KIT_ENDING, "asked to");
    kk_evaluator_send_end(k->evaluator);
    uv_timer_start(&k->timer, on_grace_over, grace_ms, 0);
}

#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "runtimes/agent/reply.h"

/* How often it is looked whether all has been heard, and how often at most. */
enum { QUIET_MS = 1, QUIET_TRIES = 300 };

void kk_kernel_cleanup(struct kk_kernel *k)
{
    kk_children_watch(k->children, 0, NULL, NULL);
    uv_timer_stop(&k->timer);
    uv_timer_stop(&k->nudge);
    uv_timer_stop(&k->hold);
    kk_tap_close(k->tap);
    k->tap = NULL;
    kk_wires_close(k->wires);
    k->wires = NULL;
    kg_buf_release(&k->info);
    kg_buf_release(&k->noise);
    kk_own_release(&k->own);
    k->pid = 0;
}

static void describe_end(const struct kk_kernel *k, char *out, size_t size)
{
    if (!k->ended)
        snprintf(out, size, "was killed");
    else if (WIFEXITED(k->status))
        snprintf(out, size, "ended with exit status %d", WEXITSTATUS(k->status));
    else
        snprintf(out, size, "was ended by signal %d", WTERMSIG(k->status));
}

/* The start has failed: the sentence says what the kernel wrote last. */
static void fail_start(struct kk_kernel *k)
{
    struct kg_err err = {.code = -EIO};
    char end[64];
    describe_end(k, end, sizeof end);
    if (k->failure[0])
        snprintf(err.text, sizeof err.text, "%s", k->failure);
    else
        snprintf(err.text, sizeof err.text, "the kernel %s before it answered", end);
    const char *noise = kg_buf_cstr(&k->noise);
    size_t n = strlen(noise);
    while (n > 0 && noise[n - 1] == '\n')
        n--;
    size_t from = n > 200 ? n - 200 : 0;
    if (n > 0) {
        size_t used = strlen(err.text);
        snprintf(err.text + used, sizeof err.text - used, ": %.*s", (int)(n - from), noise + from);
    }
    k->start_due = false;
    kk_reply_error(k->link, k->start_id, &err);
}

static void tell_exit(struct kk_kernel *k)
{
    kg_autobuf body = {0};
    kg_buf_add_str(&body, "{\"event\":\"kernel_exit\",\"exit_code\":");
    if (k->ended && WIFEXITED(k->status))
        kg_buf_printf(&body, "%d", WEXITSTATUS(k->status));
    else
        kg_buf_add_str(&body, "null");
    kg_buf_add_str(&body, ",\"signal\":");
    if (k->ended && WIFSIGNALED(k->status))
        kg_buf_printf(&body, "%d", WTERMSIG(k->status));
    else
        kg_buf_add_str(&body, "null");
    kg_buf_add_char(&body, '}');
    kk_link_add(k->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

/* Nothing is left of it, and nothing more will be heard. */
static void finish(struct kk_kernel *k)
{
    kk_tap_finish(k->tap);
    bool again = k->start_due && k->lost_a_port && !k->failure[0] && !k->stop_due &&
                 ++k->attempt < KK_KERNEL_ATTEMPTS;
    struct kg_err failure = {.code = -ESRCH, .text = "the kernel has ended"};
    kk_kernel_configured(k, &failure);
    if (k->start_due && !again)
        fail_start(k);
    else if (!k->start_due && !k->stop_due) {
        kk_kernel_last_words(k);
        tell_exit(k);
    }
    char end[64];
    describe_end(k, end, sizeof end);
    kg_log(KG_INFO, "agent", "kernel gone", "how=\"%s\" why=\"%s\"", end, k->failure);
    kk_kernel_cleanup(k);
    kk_kernel_enter(k, K_NONE, "gone");
    if (k->stop_due)
        kk_reply_ok(k->link, k->stop_id);
    k->stop_due = false;
    if (again && kk_kernel_launch(k, &failure) == 0)
        return;
    if (again) {
        k->start_due = false;
        kk_reply_error(k->link, k->start_id, &failure);
    }
    kk_spec_release(&k->spec);
    kg_buf_release(&k->waiting);
}

static void on_quiet(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    if (!kk_wires_ended(k->wires) && k->quiet_left-- > 0)
        return;
    finish(k);
}

/* What the kernel sent before its end may still be in its sockets. They end when it is read, unless somebody else has
 * them open, too: such a one is not waited for. */
static void on_gone(void *user)
{
    struct kk_kernel *k = user;
    kk_kernel_enter(k, K_QUIET, "no process is left");
    kk_wires_hold(k->wires, false);
    k->quiet_left = QUIET_TRIES;
    uv_timer_start(&k->timer, on_quiet, QUIET_MS, QUIET_MS);
}

/* why NULL: it has ended by itself, or as asked. */
void kk_kernel_kill(struct kk_kernel *k, const char *why)
{
    if (k->state == K_KILLING || k->state == K_QUIET)
        return;
    if (why)
        snprintf(k->failure, sizeof k->failure, "%s", why);
    kk_kernel_enter(k, K_KILLING, why ? why : "its process has ended");
    uv_timer_stop(&k->nudge);
    kk_children_kill_all(k->children, on_gone, k);
}

void kk_kernel_main_ended(void *user, int status)
{
    struct kk_kernel *k = user;
    k->status = status;
    k->ended = true;
    kk_kernel_kill(k, NULL);
}

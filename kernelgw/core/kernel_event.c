/* What a kernel's agent tells of itself: above all that the kernel has died, and of what. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/say.h"

struct death {
    struct kg_kernel *kernel;
    json_int_t exit_code, signal;
    char *error; /* the agent's own sentence, or NULL */
};

static void death_explained(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    (void)err;
    struct death *d = user;
    struct kg_kernel *k = d->kernel;
    if (!k->deleted && k->state != KG_K_RESTARTING && k->state != KG_K_DEAD) {
        char why[KG_ERR_TEXT_MAX];
        /* What was killed may have been a process of a kernel that went on. */
        bool killed = d->signal == SIGKILL || d->exit_code == 128 + SIGKILL;
        bool oom = stats && stats->oom_kills > k->oom_kills;
        if (oom)
            k->oom_kills = stats->oom_kills;
        if (d->error) {
            snprintf(why, sizeof why, "%s", d->error);
        } else if (oom && killed) {
            snprintf(why, sizeof why,
                     "the kernel ran out of memory (its limit is %u MB) and was killed",
                     k->limits.memory_mb);
        } else if (d->signal) {
            snprintf(why, sizeof why, "the kernel was ended by signal %lld (%s)",
                     (long long)d->signal,
                     strsignal((int)d->signal)); /* NOLINT(concurrency-mt-unsafe): one thread */
        } else {
            snprintf(why, sizeof why, "the kernel exited with status %lld",
                     (long long)d->exit_code);
        }
        kg_kernel_died(k, why);
    }
    free(d->error);
    free(d);
    kg_kernel_unref(k);
}

void kg_kernel_event(struct kg_kernel *k, const struct kg_slice *body)
{
    json_t *event = json_loadb((const char *)body->data, body->len, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "event"));
    if (name && strcmp(name, "kernel_exit") == 0) {
        k->ready = false;
        struct death *d = kg_calloc(1, sizeof *d);
        d->kernel = k;
        d->exit_code = json_integer_value(json_object_get(event, "exit_code"));
        d->signal = json_integer_value(json_object_get(event, "signal"));
        const char *error = json_string_value(json_object_get(event, "error"));
        d->error = error ? kg_strdup(error) : NULL;
        k->refs++;
        pl_box_stats(k->box, death_explained, d);
    } else if (name && strcmp(name, "gap") == 0) {
        json_int_t messages = json_integer_value(json_object_get(event, "messages"));
        json_int_t bytes = json_integer_value(json_object_get(event, "bytes"));
        char metadata[120];
        char text[160];
        snprintf(metadata, sizeof metadata,
                 "{\"kgw\":{\"gap\":{\"messages\":%lld,\"bytes\":%lld}}}", (long long)messages,
                 (long long)bytes);
        snprintf(text, sizeof text,
                 "\n[kernelgw: %lld messages (%lld bytes) were lost between box and server]\n",
                 (long long)messages, (long long)bytes);
        struct kg_span parent = {k->last_parent.data, k->last_parent.len};
        kg_kernel_say(k, kg_say_stream(k->session, parent, metadata, "stderr", text), KG_CH_IOPUB,
                      KG_KIND_ERROR, 0);
    } else if (name && strcmp(name, "service_exit") == 0) {
        kg_log(KG_INFO, "kernel", "service ended", "id=%s", k->id); /* the agent sees to it */
    } else {
        kg_log(KG_WARN, "kernel", "event from the box", "id=%s event=%.*s", k->id,
               (int)(body->len < 200 ? body->len : 200), (const char *)body->data);
    }
    json_decref(event);
}

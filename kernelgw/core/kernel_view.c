/* What a kernel looks like from outside. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/cull.h"
#include "kernelgw/core/kernel.h"

static void add_time(struct kg_json *j, const char *key, int64_t us)
{
    char iso[KG_ISO_SIZE];
    kg_clock_iso(iso, us);
    kg_json_kstr(j, key, us ? iso : NULL);
}

/* Jupyter's own fields, and those of ours that change with the kernel's state alone: front-ends ask for them every few seconds, and
 * are told 304 while nothing has happened. */
static void add_fields(const struct kg_kernel *k, struct kg_json *j)
{
    kg_json_kstr(j, "id", k->id);
    kg_json_kstr(j, "name", k->runtime->name);
    add_time(j, "last_activity", k->last_activity_us);
    kg_json_kstr(j, "execution_state", kg_kernel_state_name(k));
    kg_json_kint(j, "connections", (int64_t)kg_kernel_connections(k));
    if (k->state == KG_K_DEAD || k->state == KG_K_RESTARTING)
        kg_json_kstr(j, "reason", k->reason);
    kg_json_kstr(j, "owner", k->owner);
    add_time(j, "expires_at", kg_cull_at_us(k));
    kg_json_key(j, "limits");
    kg_json_object_begin(j);
    kg_json_kint(j, "memory_mb", k->limits.memory_mb);
    kg_json_kint(j, "cpu_milli", k->limits.cpu_milli);
    kg_json_kint(j, "pids", k->limits.pids);
    kg_json_object_end(j);
    kg_json_key(j, "last_death");
    if (k->died_us) {
        kg_json_object_begin(j);
        kg_json_kstr(j, "reason", k->reason);
        add_time(j, "at", k->died_us);
        kg_json_object_end(j);
    } else {
        kg_json_null(j);
    }
}

void kg_kernel_model(const struct kg_kernel *k, struct kg_json *j)
{
    kg_json_object_begin(j);
    add_fields(k, j);
    kg_json_object_end(j);
}

void kg_kernel_model_used(const struct kg_kernel *k, const struct pl_stats *usage,
                          struct kg_json *j)
{
    kg_json_object_begin(j);
    add_fields(k, j);
    if (usage) {
        kg_json_key(j, "cpu");
        kg_json_real(j, (double)usage->cpu_ms / 1000);
        kg_json_kint(j, "rss", (int64_t)usage->memory_bytes);
        kg_json_kint(j, "pids", (int64_t)usage->pids);
        kg_json_kint(j, "oom_kills", (int64_t)usage->oom_kills);
    } else {
        static const char *const unknown[] = {"cpu", "rss", "pids", "oom_kills"};
        for (size_t i = 0; i < KG_COUNT(unknown); i++) {
            kg_json_key(j, unknown[i]);
            kg_json_null(j);
        }
    }
    kg_json_object_end(j);
}

/* The kernel may be deleted before the answer comes: it is found again by its id. */
struct measuring {
    struct kg_core *core;
    char id[KG_UUID_SIZE];
    kg_kernel_measured *done;
    void *user;
};

static void measured(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    struct measuring *m = user;
    m->done(m->user, kg_kernel_find(m->core, m->id), err ? NULL : stats);
    free(m);
}

void kg_kernel_measure(struct kg_kernel *k, kg_kernel_measured *done, void *user)
{
    struct measuring *m = kg_calloc(1, sizeof *m);
    *m = (struct measuring){.core = k->core, .done = done, .user = user};
    snprintf(m->id, sizeof m->id, "%s", k->id);
    pl_box_stats(k->box, measured, m);
}

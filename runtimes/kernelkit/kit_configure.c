#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "runtimes/agent/reply.h"
#include "runtimes/agent/spawn.h"
#include "runtimes/kernelkit/kit_inside.h"

/* What was taken holds for later evaluators, too. */
static void keep(struct kk_kit *k)
{
    const char *cwd = json_string_value(json_object_get(k->configure, "cwd"));
    json_object_update(k->spec.env, json_object_get(k->configure, "env"));
    if (cwd) {
        free(k->spec.cwd);
        k->spec.cwd = kg_strdup(cwd);
    }
}

void kk_kit_configured(struct kk_kit *k, const struct kg_err *failure)
{
    if (!k->configure_due)
        return;
    k->configure_due = false;
    uv_timer_stop(&k->configure_limit);
    if (failure) {
        kk_reply_error(k->link, k->configure_id, failure);
    } else {
        keep(k);
        kk_reply_ok(k->link, k->configure_id);
    }
    json_decref(kg_steal(&k->configure));
}

static void on_limit(uv_timer_t *timer)
{
    struct kg_err err = {.code = -ETIMEDOUT,
                         .text = "the kernel did not take its settings in time"};
    kk_kit_configured(timer->data, &err);
}

void kk_kit_send_configure(struct kk_kit *k)
{
    kg_autobuf line = {0};
    struct kg_json json;
    struct kg_json *j = kk_kit_op_begin(k, &line, &json, "configure");
    struct kg_err err = {0};
    const char *cwd = json_string_value(json_object_get(k->configure, "cwd"));
    kg_autofree char *env = json_dumps(json_object_get(k->configure, "env"), JSON_COMPACT);
    if (env)
        kk_json_kraw(j, "env", kg_span_str(env), "{}");
    if (cwd)
        kg_json_kstr(j, "cwd", cwd);
    if (kk_kit_op_send(k, &line, j, KK_JOB_CONFIGURE, &err) < 0)
        kk_kit_configured(k, &err);
}

int kk_kit_configure(struct kk_kit *k, uint64_t id, const json_t *req, struct kg_err *err)
{
    json_t *env = json_object_get(req, "env");
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    if (k->state != KIT_READY)
        return kg_err_set(err, -ESRCH, "there is no kernel that is ready");
    if (k->configure_due)
        return kg_err_set(err, -EBUSY, "it is being configured");
    kg_autofree char **envp = kk_env_from_json(env, k->options);
    if (!envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    json_t *what = json_object();
    if (json_object_size(env) > 0)
        json_object_set(what, "env", env);
    if (cwd && *cwd) {
        kg_autofree char *path =
            *cwd == '/' ? kg_strdup(cwd) : kg_asprintf("%s/%s", k->options->work, cwd);
        json_object_set_new(what, "cwd", json_string(path));
    }
    if (json_object_size(what) == 0) {
        json_decref(what);
        kk_reply_ok(k->link, id);
        return 0;
    }
    k->configure = what;
    k->configure_due = true;
    k->configure_id = id;
    uv_timer_start(&k->configure_limit, on_limit, KK_KIT_CONFIGURE_MS, 0);
    kk_kit_next(k);
    return 0;
}

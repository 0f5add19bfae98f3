#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/agent/reply.h"

void kk_kernel_configured(struct kk_kernel *k, struct kg_err *failure)
{
    if (!k->configure_due)
        return;
    k->configure_due = false;
    k->configure_asked = 0;
    uv_timer_stop(&k->configure_limit);
    if (failure)
        kk_reply_error(k->link, k->configure_id, failure);
    else
        kk_reply_ok(k->link, k->configure_id);
}

/* The reply to a configure: says whether the code raised. */
void kk_kernel_take_configured(struct kk_kernel *k, struct kg_span content)
{
    json_t *doc = json_loadb((const char *)content.data, content.len, 0, NULL);
    const char *status = json_string_value(json_object_get(doc, "status"));
    const char *ename = json_string_value(json_object_get(doc, "ename"));
    const char *evalue = json_string_value(json_object_get(doc, "evalue"));
    if (status && strcmp(status, "ok") == 0) {
        kk_kernel_configured(k, NULL);
    } else {
        struct kg_err err;
        kg_err_set(&err, -EIO, "configure the kernel: %.60s: %.200s", ename ? ename : "no answer",
                   evalue ? evalue : "");
        kk_kernel_configured(k, &err);
    }
    json_decref(doc);
}

static void on_configure_limit(uv_timer_t *timer)
{
    struct kg_err err = {.code = -ETIMEDOUT,
                         .text = "the kernel did not take its settings in time"};
    kk_kernel_configured(timer->data, &err);
}

/* Python that sets the variables and the directory. JSON strings are Python literals, when no character but the control
 * ones is escaped; and calls that return None leave no name behind, not even `_`. */
static int configure_code(struct kg_buf *code, const json_t *env, const char *cwd,
                          struct kg_err *err)
{
    const char *name;
    json_t *value;
    if (json_object_size(env) > 0) {
        json_object_foreach((json_t *)(uintptr_t)env, name, value) {
            if (!json_is_string(value))
                return kg_err_set(err, -EINVAL, "env must be an object of strings");
        }
        kg_autofree char *text = json_dumps(env, JSON_COMPACT);
        kg_buf_printf(code, "__import__('os').environ.update(%s)\n", text);
    }
    if (cwd) {
        json_t *v = json_string(cwd);
        kg_autofree char *text = json_dumps(v, JSON_ENCODE_ANY);
        kg_buf_printf(code, "__import__('os').chdir(%s)\n", text);
        json_decref(v);
    }
    return 0;
}

int kk_kernel_configure(struct kk_kernel *k, uint64_t id, const json_t *req, struct kg_err *err)
{
    kg_autobuf code = {0};
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    if (k->state != K_ALIVE)
        return kg_err_set(err, -ESRCH, "there is no kernel that is ready");
    if (k->configure_due)
        return kg_err_set(err, -EBUSY, "it is being configured");
    if (!k->spec.python)
        return kg_err_set(err, -ENOTSUP, "kernels of this language can't be configured");
    kg_autofree char *below =
        cwd && *cwd && *cwd != '/' ? kg_asprintf("%s/%s", k->options->work, cwd) : NULL;
    int rc = configure_code(&code, json_object_get(req, "env"),
                            below         ? below
                            : cwd && *cwd ? cwd
                                          : NULL,
                            err);
    if (rc < 0)
        return rc;
    if (code.len == 0) {
        kk_reply_ok(k->link, id);
        return 0;
    }
    k->configure_asked = kk_own_execute(&k->own, k->wires, kg_buf_cstr(&code), err);
    if (!k->configure_asked)
        return err->code;
    k->configure_due = true;
    k->configure_id = id;
    uv_timer_start(&k->configure_limit, on_configure_limit, KK_KERNEL_CONFIGURE_MS, 0);
    return 0;
}

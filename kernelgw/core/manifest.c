#include "kernelgw/core/manifest.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/env.h"
#include "kernelgw/core/limits.h"

enum { SERVICE_READY_MS = 20 * 1000 };

static int check_bool(const json_t *object, const char *where, const char *key, struct kg_err *err)
{
    const json_t *v = json_object_get(object, key);
    return !v || json_is_boolean(v)
               ? 0
               : kg_err_set(err, -EINVAL, "%s%s must be true or false", where, key);
}

static int check_word(const json_t *object, const char *where, const char *key, const char *one,
                      const char *other, struct kg_err *err)
{
    const json_t *v = json_object_get(object, key);
    const char *text = json_string_value(v);
    if (!v || (text && (strcmp(text, one) == 0 || strcmp(text, other) == 0)))
        return 0;
    return kg_err_set(err, -EINVAL, "%s%s must be \"%s\" or \"%s\"", where, key, one, other);
}

static int check_kernel(const json_t *kernel, struct kg_err *err)
{
    static const char *const names[] = {"argv",     "env",       "transport", "interrupt_mode",
                                        "ready_ms", "warm_code", "evaluator", NULL};
    const json_t *warm = json_object_get(kernel, "warm_code");
    uint32_t ready_ms = 0;
    if (!json_is_object(kernel))
        return kg_err_set(err, -EINVAL, "kernel must be an object");
    int rc = kg_check_only(kernel, "kernel.", names, err);
    if (rc == 0 && json_object_get(kernel, "argv"))
        rc = kg_check_argv(json_object_get(kernel, "argv"), "kernel.", err);
    if (rc == 0 && (rc = kg_env_check(json_object_get(kernel, "env"), err)) < 0)
        kg_err_wrap(err, "kernel");
    if (rc == 0)
        rc = kg_check_number(&ready_ms, kernel, "kernel.", "ready_ms", 1, KG_READY_MS_MAX, err);
    if (rc == 0)
        rc = check_bool(kernel, "kernel.", "evaluator", err);
    if (rc == 0)
        rc = check_word(kernel, "kernel.", "transport", "ipc", "tcp", err);
    if (rc == 0)
        rc = check_word(kernel, "kernel.", "interrupt_mode", "signal", "message", err);
    if (rc == 0 && warm && !json_is_null(warm) && !json_is_string(warm))
        rc = kg_err_set(err, -EINVAL, "kernel.warm_code must be a string");
    return rc;
}

/* "for": whom the service is for; left out: whoever there is. */
static int read_service_for(struct kg_runtime *rt, const json_t *list, struct kg_err *err)
{
    struct pl_runtime *pool = &rt->pool;
    size_t i;
    const json_t *v;
    pool->service_for_kernels = pool->service_for_programs = !list;
    if (list && (!json_is_array(list) || json_array_size(list) == 0))
        return kg_err_set(err, -EINVAL, "service.for must be a list of \"kernel\" and \"program\"");
    json_array_foreach(list, i, v) {
        const char *text = json_string_value(v);
        bool kernel = text && strcmp(text, "kernel") == 0;
        bool program = text && strcmp(text, "program") == 0;
        if (!kernel && !program)
            return kg_err_set(err, -EINVAL, "service.for[%zu] must be \"kernel\" or \"program\"",
                              i);
        pool->service_for_kernels |= kernel;
        pool->service_for_programs |= program;
    }
    return 0;
}

static int read_service(struct kg_runtime *rt, const json_t *service, struct kg_err *err)
{
    static const char *const names[] = {"argv", "env", "ready_ms", "for", NULL};
    uint32_t ready_ms = SERVICE_READY_MS;
    json_t *env = json_object_get(service, "env");
    if (!service)
        return 0;
    if (!json_is_object(service))
        return kg_err_set(err, -EINVAL, "service must be an object");
    int rc = kg_check_only(service, "service.", names, err);
    if (rc == 0)
        rc = kg_check_argv(json_object_get(service, "argv"), "service.", err);
    if (rc == 0 && (rc = kg_env_check(env, err)) < 0)
        kg_err_wrap(err, "service");
    if (rc == 0)
        rc = kg_check_number(&ready_ms, service, "service.", "ready_ms", 1, KG_READY_MS_MAX, err);
    if (rc == 0)
        rc = read_service_for(rt, json_object_get(service, "for"), err);
    if (rc < 0)
        return rc;
    rt->pool.service = json_pack("{s:O,s:o,s:I}", "argv", json_object_get(service, "argv"), "env",
                                 json_is_object(env) ? json_incref(env) : json_object(), "ready_ms",
                                 (json_int_t)ready_ms);
    return 0;
}

static int read_limits(struct pl_limits *out, const json_t *limits, const char *which,
                       struct kg_err *err)
{
    static const char *const names[] = {"memory_mb", "cpu_milli", "pids", "tmp_mb", NULL};
    const json_t *own = json_object_get(limits, which);
    char where[32];
    snprintf(where, sizeof where, "limits.%s.", which);
    if (!json_is_object(own))
        return kg_err_set(err, -EINVAL,
                          "limits.%s must be an object of memory_mb, cpu_milli, pids and tmp_mb",
                          which);
    *out = (struct pl_limits){0};
    int rc = kg_check_only(own, where, names, err);
    for (size_t i = 0; names[i] && rc == 0; i++)
        if (!json_object_get(own, names[i]))
            rc = kg_err_set(err, -EINVAL, "%s%s is missing", where, names[i]);
    if (rc == 0)
        rc = kg_check_number(&out->memory_mb, own, where, "memory_mb", KG_MEMORY_MB_MIN,
                             KG_MEMORY_MB_MAX, err);
    if (rc == 0)
        rc = kg_check_number(&out->cpu_milli, own, where, "cpu_milli", KG_CPU_MILLI_MIN,
                             KG_CPU_MILLI_MAX, err);
    if (rc == 0)
        rc = kg_check_number(&out->pids, own, where, "pids", KG_PIDS_MIN, KG_PIDS_MAX, err);
    if (rc == 0) /* it is memory, too */
        rc =
            kg_check_number(&out->tmp_mb, own, where, "tmp_mb", KG_TMP_MB_MIN, out->memory_mb, err);
    return rc;
}

static int read_all_limits(struct kg_runtime *rt, const json_t *limits, bool kernel,
                           struct kg_err *err)
{
    static const char *const names[] = {"kernel", "program", NULL};
    if (!json_is_object(limits))
        return kg_err_set(err, -EINVAL, "limits must be an object");
    int rc = kg_check_only(limits, "limits.", names, err);
    if (rc == 0 && (kernel || json_object_get(limits, "kernel")))
        rc = read_limits(&rt->pool.kernel_limits, limits, "kernel", err);
    if (rc == 0 && (rt->program || json_object_get(limits, "program")))
        rc = read_limits(&rt->pool.program_limits, limits, "program", err);
    if (rc == 0 && rt->program) {
        /* A box is made for the phase that needs the most; each phase is then given its own. */
        rt->program->memory_mb = rt->pool.program_limits.memory_mb;
        rt->pool.program_limits.memory_mb = kg_program_most_memory(rt->program, 0);
    }
    return rc;
}

static int read_stock(struct kg_runtime *rt, const json_t *stock, struct kg_err *err)
{
    static const char *const names[] = {"kernels", "boxes", NULL};
    if (!stock)
        return 0;
    if (!json_is_object(stock))
        return kg_err_set(err, -EINVAL, "stock must be an object of kernels and boxes");
    int rc = kg_check_only(stock, "stock.", names, err);
    if (rc == 0)
        rc = kg_check_number(&rt->pool.stock_kernels, stock, "stock.", "kernels", 0, KG_STOCK_MAX,
                             err);
    if (rc == 0)
        rc = kg_check_number(&rt->pool.stock_boxes, stock, "stock.", "boxes", 0, KG_STOCK_MAX, err);
    return rc;
}

int kg_manifest_read(struct kg_runtime *rt, struct kg_err *err)
{
    static const char *const names[] = {"name",    "language", "image",  "kernelspec", "kernel",
                                        "program", "service",  "limits", "stock",      NULL};
    const json_t *m = rt->manifest;
    const json_t *kernel = json_object_get(m, "kernel");
    const json_t *spec = json_object_get(m, "kernelspec");
    const json_t *program = json_object_get(m, "program");
    int rc = kg_check_only(m, "", names, err);
    if (rc == 0 && !kernel && !program)
        rc = kg_err_set(err, -EINVAL, "there must be a kernel, a program or both");
    if (rc == 0 && kernel && !spec)
        rc = kg_err_set(err, -EINVAL, "kernelspec is missing: the folder with the kernel.json");
    if (rc == 0 && spec && !kg_check_text(m, "", "kernelspec", err))
        rc = -EINVAL;
    if (rc == 0 && kernel)
        rc = check_kernel(kernel, err);
    if (rc == 0 && program)
        rc = kg_program_new(&rt->program, program, err);
    if (rc == 0)
        rc = read_service(rt, json_object_get(m, "service"), err);
    if (rc == 0)
        rc = read_all_limits(rt, json_object_get(m, "limits"), spec != NULL, err);
    if (rc == 0)
        rc = read_stock(rt, json_object_get(m, "stock"), err);
    return rc;
}

/* {"compile":{"memory_mb":512}} of an operator's limits is the phase's own figure. False when there is no such phase. */
static bool override_phase(json_t *manifest, const char *name, json_t *figures)
{
    json_t *phases = json_object_get(json_object_get(manifest, "program"), "phases");
    for (size_t i = 0; i < json_array_size(phases); i++) {
        json_t *phase = json_array_get(phases, i);
        const char *own = json_string_value(json_object_get(phase, "name"));
        if (own && strcmp(own, name) == 0)
            return json_object_update(phase, figures) == 0;
    }
    return false;
}

static int override_limits(json_t *manifest, json_t *limits, struct kg_err *err)
{
    static const char *const phase_names[] = {"memory_mb", NULL};
    const char *key;
    json_t *figures;
    json_object_foreach(limits, key, figures) {
        char where[80];
        snprintf(where, sizeof where, "limits.%.40s.", key);
        if (!json_is_object(figures))
            return kg_err_set(err, -EINVAL, "limits.%.40s must be an object", key);
        json_t *own = json_object_get(json_object_get(manifest, "limits"), key);
        if (own) {
            json_object_update(own, figures); /* read_limits looks at what comes out */
            continue;
        }
        int rc = kg_check_only(figures, where, phase_names, err);
        if (rc < 0)
            return rc;
        if (!override_phase(manifest, key, figures))
            return kg_err_set(err, -EINVAL,
                              "limits.%.40s is neither kernel, program nor the name of a phase",
                              key);
    }
    return 0;
}

int kg_manifest_override(json_t *manifest, const json_t *over, struct kg_err *err)
{
    static const char *const names[] = {"limits", "stock", NULL};
    json_t *limits = json_object_get(over, "limits");
    json_t *stock = json_object_get(over, "stock");
    if (!json_is_object(over))
        return kg_err_set(err, -EINVAL, "must be an object of limits and stock");
    int rc = kg_check_only(over, "", names, err);
    if (rc == 0 && ((limits && !json_is_object(limits)) || (stock && !json_is_object(stock))))
        rc = kg_err_set(err, -EINVAL, "limits and stock must be objects");
    if (rc == 0 && limits)
        rc = override_limits(manifest, limits, err);
    if (rc < 0 || !stock)
        return rc;
    if (!json_is_object(json_object_get(manifest, "stock")))
        json_object_set_new(manifest, "stock", json_object());
    json_object_update(json_object_get(manifest, "stock"), stock);
    return 0;
}

#include "kernelgw/core/runtimes.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/manifest.h"

enum { READY_MS = 60 * 1000 };

static const struct pl_limits host_limits = {0}; /* the process engine enforces none */

static void warn_spec(void *user, const char *dir, const char *why)
{
    (void)user;
    kg_log(KG_WARN, "runtimes", "kernelspec left out", "dir=%s why=%s", dir, why);
}

static struct kg_runtime *add(struct kg_runtimes *r, const char *name, const char *language)
{
    r->items = kg_realloc(r->items, (r->count + 1) * sizeof *r->items);
    struct kg_runtime *rt = &r->items[r->count++];
    *rt = (struct kg_runtime){.name = kg_strdup(name), .language = kg_strdup(language)};
    for (char *p = rt->name; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    return rt;
}

/* The agent's kernel.start request from a kernelspec, what the manifest says more, laid over it. */
static json_t *kernel_start_of(json_t *spec, const char *language, json_t *manifest_kernel)
{
    json_t *start = json_object();
    json_object_set(start, "argv", json_object_get(spec, "argv"));
    json_object_set_new(start, "env", json_copy(json_object_get(spec, "env")));
    json_object_set(start, "interrupt_mode", json_object_get(spec, "interrupt_mode"));
    json_object_set_new(start, "language", json_string(language));
    json_object_set_new(start, "transport", json_string("ipc"));
    json_object_set_new(start, "ready_ms", json_integer(READY_MS));
    json_object_set_new(start, "warm_code", json_null());
    if (manifest_kernel)
        json_object_update(start, manifest_kernel);
    return start;
}

static bool chosen(const char *list, const char *name, const char *language)
{
    if (!list)
        return true;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if ((strlen(name) == n && strncasecmp(p, name, n) == 0) ||
            (strlen(language) == n && strncasecmp(p, language, n) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static int add_kernel(struct kg_runtimes *r, struct kg_runtime *rt, const char *dir,
                      json_t *manifest, struct kg_err *err)
{
    struct jy_spec_path path = {0};
    jy_spec_path_add(&path, dir);
    struct jy_kernelspecs found;
    jy_kernelspecs_scan(&found, &path, warn_spec, NULL);
    jy_spec_path_release(&path);
    const char *sub = json_string_value(json_object_get(manifest, "kernelspec"));
    const struct jy_kernelspec *spec = sub ? jy_kernelspecs_find(&found, sub) : NULL;
    int rc = 0;
    if (!spec) {
        rc = kg_err_set(err, -EINVAL, "no usable kernelspec in %s/%s", dir,
                        sub ? sub : "(no \"kernelspec\")");
    } else {
        /* its URLs go by the runtime's name, not by the folder's */
        json_t *resources = json_object();
        const char *key;
        json_t *value;
        json_object_foreach(spec->resources, key, value) {
            const char *file = strrchr(json_string_value(value), '/');
            kg_autofree char *url = kg_asprintf("/kernelspecs/%s%s", rt->name, file);
            json_object_set_new(resources, key, json_string(url));
        }
        jy_kernelspecs_put(&r->specs, rt->name, spec->dir, spec->spec, resources);
        json_decref(resources);
        rt->pool.kernel_start =
            kernel_start_of(spec->spec, rt->language, json_object_get(manifest, "kernel"));
    }
    jy_kernelspecs_release(&found);
    return rc;
}

/* per-language: what an operator says, by name or language, and what of it no manifest has been found for. */
struct said {
    json_t *all, *unmet;
};

/* What is said of this runtime; NULL when nothing. */
static const json_t *said_of(struct said *said, const char *name, const char *language)
{
    const char *key;
    const json_t *v, *found = NULL;
    json_object_foreach(said->all, key, v)
        if (strcasecmp(key, name) == 0 || strcasecmp(key, language) == 0) {
            found = v;
            json_object_del(said->unmet, key);
        }
    return found;
}

static int add_runtime(struct kg_runtimes *r, const struct kg_runtimes_config *config,
                       struct said *said, const char *dir, json_t *m, struct kg_err *err)
{
    const char *name = json_string_value(json_object_get(m, "name"));
    const char *language = json_string_value(json_object_get(m, "language"));
    const char *image = json_string_value(json_object_get(m, "image"));
    if (!name || !language || !image || !jy_kernelspec_name_ok(name))
        return kg_err_set(err, -EINVAL, "name, language and image must be strings");
    const json_t *over = said_of(said, name, language);
    if (!chosen(config->languages, name, language))
        return 0;
    if (kg_runtimes_find(r, name))
        return kg_err_set(err, -EINVAL, "there is a runtime named %.60s already", name);
    struct kg_runtime *rt = add(r, name, language);
    rt->manifest = json_incref(m);
    rt->pool = (struct pl_runtime){.name = rt->name, .image = image};
    const json_t *stock = json_object_get(over, "stock");
    int rc = 0;
    if (over && (rc = kg_manifest_override(m, over, err)) < 0)
        return kg_err_wrap(err, "per-language: %s", language);
    rc = kg_manifest_read(rt, err);
    if (rc < 0 && over)
        kg_err_wrap(err, "with what per-language says of it");
    /* what is said of one runtime goes before what is said of all */
    if (config->stock_kernels >= 0 && !json_object_get(stock, "kernels"))
        rt->pool.stock_kernels = (uint32_t)config->stock_kernels;
    if (config->stock_boxes >= 0 && !json_object_get(stock, "boxes"))
        rt->pool.stock_boxes = (uint32_t)config->stock_boxes;
    if (!rt->program)
        rt->pool.stock_boxes = 0;
    return rc == 0 && json_object_get(m, "kernelspec") ? add_kernel(r, rt, dir, m, err) : rc;
}

static int add_manifest(struct kg_runtimes *r, const struct kg_runtimes_config *config,
                        struct said *said, const char *dir, struct kg_err *err)
{
    kg_autofree char *file = kg_asprintf("%s/runtime.json", dir);
    json_error_t at;
    json_t *m = json_load_file(file, JSON_REJECT_DUPLICATES, &at);
    if (!m)
        return kg_err_set(err, -EINVAL, "%s: line %d: %s", file, at.line, at.text);
    int rc = add_runtime(r, config, said, dir, m, err);
    json_decref(m);
    return rc < 0 ? kg_err_wrap(err, "%s", file) : 0;
}

/* A misspelt name is told, not passed over. */
static int check_met(const struct said *said, const char *dir, struct kg_err *err)
{
    const char *key;
    const json_t *v;
    json_object_foreach(said->unmet, key, v)
        return kg_err_set(err, -EINVAL, "per-language: there is no language %.60s in %s", key, dir);
    return 0;
}

static int load_manifests(struct kg_runtimes *r, const struct kg_runtimes_config *config,
                          struct kg_err *err)
{
    struct dirent **names = NULL;
    struct said said = {0};
    if (config->per_language)
        said.all = json_loads(config->per_language, JSON_REJECT_DUPLICATES, NULL);
    said.unmet = json_copy(said.all);
    int n = scandir(config->dir, &names, NULL, alphasort);
    int rc = 0;
    if (n < 0 && !config->host_kernelspecs)
        rc = kg_err_errno(err, errno, "runtimes folder %s", config->dir);
    for (int i = 0; i < n; i++) {
        kg_autofree char *dir = kg_asprintf("%s/%s", config->dir, names[i]->d_name);
        kg_autofree char *file = kg_asprintf("%s/runtime.json", dir);
        FILE *there = names[i]->d_name[0] == '.' ? NULL : fopen(file, "re");
        if (there) {
            fclose(there);
            if (rc == 0)
                rc = add_manifest(r, config, &said, dir, err);
        }
        free(names[i]);
    }
    free(names);
    if (rc == 0 && n >= 0)
        rc = check_met(&said, config->dir, err);
    json_decref(said.all);
    json_decref(said.unmet);
    return rc;
}

/* With the process engine the host's own kernels count, and a manifest's image means nothing. */
static void load_host(struct kg_runtimes *r, const struct kg_runtimes_config *config)
{
    for (size_t i = 0; i < r->count; i++) {
        r->items[i].pool.kernel_limits = host_limits;
        r->items[i].pool.program_limits = host_limits;
        json_decref(r->items[i].pool.kernel_start);
        r->items[i].pool.kernel_start = NULL;
        if (r->items[i].pool.service) /* the host may not have it: it is tried when it is needed */
            r->items[i].pool.stock_boxes = 0;
    }
    jy_kernelspecs_release(&r->specs);
    struct jy_spec_path path = {0};
    jy_spec_path_default(&path, NULL, secure_getenv);
    jy_kernelspecs_scan(&r->specs, &path, warn_spec, NULL);
    jy_spec_path_release(&path);
    for (size_t i = 0; i < r->specs.count; i++) {
        const struct jy_kernelspec *k = &r->specs.items[i];
        const char *language = json_string_value(json_object_get(k->spec, "language"));
        struct kg_runtime *rt = NULL;
        for (size_t n = 0; n < r->count; n++)
            if (strcmp(r->items[n].name, k->name) == 0)
                rt = &r->items[n];
        if (!rt) {
            rt = add(r, k->name, language);
            rt->pool.stock_kernels =
                (uint32_t)(config->stock_kernels > 0 ? config->stock_kernels : 0);
        }
        rt->pool.name = rt->name;
        rt->pool.image = "";
        rt->pool.kernel_start = kernel_start_of(k->spec, language, NULL);
    }
}

int kg_runtimes_load(struct kg_runtimes *r, const struct kg_runtimes_config *config,
                     struct kg_err *err)
{
    *r = (struct kg_runtimes){0};
    int rc = load_manifests(r, config, err);
    if (rc == 0 && config->host_kernelspecs)
        load_host(r, config);
    if (rc == 0 && r->count == 0)
        rc = kg_err_set(err, -ENOENT, "no runtime in %s%s", config->dir,
                        config->languages ? " for the languages asked for" : "");
    if (rc < 0) {
        kg_runtimes_release(r);
        return rc;
    }
    r->pool = kg_calloc(r->count, sizeof *r->pool);
    for (size_t i = 0; i < r->count; i++) {
        if (!r->items[i].pool.kernel_start)
            r->items[i].pool.stock_kernels = 0;
        r->pool[i] = r->items[i].pool;
    }
    return 0;
}

void kg_runtimes_release(struct kg_runtimes *r)
{
    for (size_t i = 0; i < r->count; i++) {
        json_decref(r->items[i].pool.kernel_start);
        json_decref(r->items[i].pool.service);
        kg_program_free(r->items[i].program);
        json_decref(r->items[i].manifest);
        free(r->items[i].name);
        free(r->items[i].language);
    }
    free(r->items);
    free(r->pool);
    jy_kernelspecs_release(&r->specs);
    *r = (struct kg_runtimes){0};
}

const struct kg_runtime *kg_runtimes_find(const struct kg_runtimes *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcasecmp(r->items[i].name, name) == 0)
            return &r->items[i];
    return NULL;
}

const struct kg_runtime *kg_runtimes_for_program(const struct kg_runtimes *r, const char *language)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].program && (strcasecmp(r->items[i].language, language) == 0 ||
                                    strcasecmp(r->items[i].name, language) == 0))
            return &r->items[i];
    return NULL;
}

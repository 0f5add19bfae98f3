#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/env.h"
#include "kernelgw/core/wish.h"
#include "kernelgw/headless/nbrun.h"

enum { TIMEOUT_MAX_S = 24 * 3600 };

static const char *const known[] = {
    "path",         "output_path", "notebook", "kernel_name", "parameters",    "timeout_s", "env",
    "allow_errors", "keep_kernel", "in_place", "kernelgw",    "record_timing", NULL};

static const json_t *member(const json_t *body, const char *key)
{
    const json_t *v = json_object_get(body, key);
    return json_is_null(v) ? NULL : v;
}

/* *out: a copy of the string, or NULL when there is none. */
static int read_text(char **out, const json_t *body, const char *key, struct kg_err *err)
{
    const json_t *v = member(body, key);
    const char *text = json_string_value(v);
    if (v && (!text || !text[0] || strlen(text) != json_string_length(v)))
        return kg_err_set(err, -EINVAL, "%s must be a string that is not empty", key);
    *out = text ? kg_strdup(text) : NULL;
    return 0;
}

/* A path as the contents API has it, of a notebook that may be served. */
static int read_path(char **out, const json_t *body, const char *key, struct kg_err *err)
{
    kg_autofree char *raw = NULL;
    int rc = read_text(&raw, body, key, err);
    if (rc < 0 || !raw)
        return rc;
    rc = nb_path_clean(out, raw, err);
    if (rc < 0)
        return kg_err_wrap(err, "%s", key);
    size_t n = strlen(*out);
    if (nb_path_hidden(*out))
        return kg_err_set(err, -EINVAL, "%s: '%.200s' is hidden, and is not served", key, *out);
    if (n <= 6 || strcmp(*out + n - 6, ".ipynb") != 0)
        return kg_err_set(err, -EINVAL, "%s: '%.200s' must end in .ipynb", key, *out);
    return 0;
}

/* without: what it is when it is not there */
static int read_flag(bool *out, const json_t *body, const char *key, bool without,
                     struct kg_err *err)
{
    const json_t *v = member(body, key);
    *out = v ? json_is_true(v) : without;
    return !v || json_is_boolean(v) ? 0 : kg_err_set(err, -EINVAL, "%s must be true or false", key);
}

static int read_object(json_t **out, const json_t *body, const char *key, struct kg_err *err)
{
    const json_t *v = member(body, key);
    if (v && !json_is_object(v))
        return kg_err_set(err, -EINVAL, "%s must be an object", key);
    *out = v ? json_deep_copy(v) : NULL;
    return 0;
}

static int read_timeout(uint64_t *out_ms, const json_t *body, struct kg_err *err)
{
    const json_t *v = member(body, "timeout_s");
    double seconds = json_number_value(v);
    if (v && (!json_is_number(v) || !(seconds > 0) || seconds > TIMEOUT_MAX_S))
        return kg_err_set(err, -EINVAL,
                          "timeout_s must be a number of seconds above 0, %d at most: of each cell",
                          TIMEOUT_MAX_S);
    *out_ms = v ? (uint64_t)(seconds * 1000) + 1 : 0;
    return 0;
}

/* What would else only be found wrong when its turn comes. */
static int check_kernel_wishes(const struct kg_nbrun_spec *s, const struct kg_core *core,
                               struct kg_err *err)
{
    static const char *const names[] = {"limits", "session", "network", "aliases", NULL};
    struct kg_wish wish = {0};
    int rc = kg_check_only(s->own, "kernelgw.", names, err);
    if (rc == 0)
        rc = kg_wish_parse(&wish, &core->config, json_object_get(s->own, "limits"), false, err);
    return rc == 0 ? kg_env_check(s->env, err) : rc;
}

int kg_nbrun_spec_parse(struct kg_nbrun_spec *out, const struct kg_core *core, const json_t *body,
                        struct kg_err *err)
{
    *out = (struct kg_nbrun_spec){0};
    int rc = kg_check_only(body, "", known, err);
    if (rc == 0)
        rc = read_path(&out->path, body, "path", err);
    if (rc == 0)
        rc = read_path(&out->output_path, body, "output_path", err);
    if (rc == 0)
        rc = read_text(&out->kernel_name, body, "kernel_name", err);
    if (rc == 0)
        rc = read_object(&out->notebook, body, "notebook", err);
    if (rc == 0)
        rc = read_object(&out->parameters, body, "parameters", err);
    if (rc == 0)
        rc = read_object(&out->env, body, "env", err);
    if (rc == 0)
        rc = read_object(&out->own, body, "kernelgw", err);
    if (rc == 0)
        rc = read_timeout(&out->timeout_ms, body, err);
    if (rc == 0)
        rc = read_flag(&out->allow_errors, body, "allow_errors", false, err);
    if (rc == 0)
        rc = read_flag(&out->keep_kernel, body, "keep_kernel", false, err);
    if (rc == 0)
        rc = read_flag(&out->in_place, body, "in_place", false, err);
    if (rc == 0)
        rc = read_flag(&out->record_timing, body, "record_timing", true, err);
    if (rc == 0 && out->in_place && (!out->notebook || out->output_path))
        rc = kg_err_set(err, -EINVAL,
                        "in_place is for a notebook that comes along, without output_path");
    if (rc == 0 && !out->path == !out->notebook)
        rc = kg_err_set(err, -EINVAL,
                        "say which notebook: by its path, or the document itself as notebook");
    return rc == 0 ? check_kernel_wishes(out, core, err) : rc;
}

void kg_nbrun_spec_release(struct kg_nbrun_spec *s)
{
    free(s->owner);
    free(s->path);
    free(s->output_path);
    free(s->kernel_name);
    json_decref(s->notebook);
    json_decref(s->parameters);
    json_decref(s->env);
    json_decref(s->own);
    *s = (struct kg_nbrun_spec){0};
}

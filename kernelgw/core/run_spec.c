#include "kernelgw/core/run_spec.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/env.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/names.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/workspace.h"

/* Paths, arguments and variables as the box takes them, with room for its own: asking for more is told at once. */
enum {
    PATH_BYTES_MAX = 1024,
    PATH_PARTS_MAX = 64,
    PART_BYTES_MAX = 255,
    ARGS_MAX = 4000,
    ARGS_BYTES_MAX = 100 * 1024,
};

bool kg_run_path_ok(const char *path, size_t n)
{
    size_t parts = 0;
    if (n == 0 || n > PATH_BYTES_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
            return false;
    for (size_t at = 0; at <= n;) {
        const char *slash = memchr(path + at, '/', n - at);
        size_t part = slash ? (size_t)(slash - path) - at : n - at;
        if (part == 0 || part > PART_BYTES_MAX || ++parts > PATH_PARTS_MAX ||
            (part <= 2 && memcmp(path + at, "..", part) == 0))
            return false;
        at += part + 1;
    }
    return true;
}

static int take_text(char **out, const json_t *body, const char *key, struct kg_err *err)
{
    const json_t *v = json_object_get(body, key);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
        return kg_err_set(err, -EINVAL, "%s must be a string without NUL", key);
    *out = kg_strdup(json_string_value(v));
    return 0;
}

/* The string's bytes, which may hold NULs. */
static char *take_bytes(const json_t *v)
{
    char *copy = kg_malloc(json_string_length(v) + 1);
    memcpy(copy, json_string_value(v), json_string_length(v) + 1);
    return copy;
}

static int take_base64(struct kg_buf *out, const json_t *v)
{
    size_t n = json_string_length(v);
    size_t got = 0;
    uint8_t *room = kg_buf_reserve(out, n / 4 * 3 + 3);
    if (sodium_base642bin(room, n / 4 * 3 + 3, json_string_value(v), n, "\r\n ", &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) < 0)
        return -EINVAL;
    out->len = got;
    return 0;
}

static int take_file(struct kg_run_file *f, const json_t *v, size_t i, struct kg_err *err)
{
    const json_t *path = json_object_get(v, "path");
    const json_t *content = json_object_get(v, "content");
    const json_t *base64 = json_object_get(v, "base64");
    if (!json_is_string(path))
        return kg_err_set(err, -EINVAL, "files[%zu].path must be a string", i);
    if (!kg_run_path_ok(json_string_value(path), json_string_length(path)))
        return kg_err_set(
            err, -EINVAL,
            "files[%zu].path \"%.100s\" must be relative, of at most 64 parts, none of them empty, . or ..",
            i, json_string_value(path));
    f->path = kg_strdup(json_string_value(path));
    if (json_is_string(content) && !base64)
        kg_buf_add(&f->data, json_string_value(content), json_string_length(content));
    else if (!json_is_string(base64) || content)
        return kg_err_set(err, -EINVAL,
                          "files[%zu] (%.100s) needs either content (text) or base64 (string)", i,
                          f->path);
    else if (take_base64(&f->data, base64) < 0)
        return kg_err_set(err, -EINVAL, "files[%zu].base64 (%.100s) is not valid base64", i,
                          f->path);
    return 0;
}

/* By name, '/' before all else: what is below a path follows it at once. */
static int by_path(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    int cx = *x == '/' ? 1 : *x ? (unsigned char)*x + 1 : 0;
    int cy = *y == '/' ? 1 : *y ? (unsigned char)*y + 1 : 0;
    return cx - cy;
}

/* No path may be a file and the folder of another one. */
static int check_paths(const struct kg_run_spec *s, struct kg_err *err)
{
    kg_autofree const char **paths = kg_calloc(s->file_count, sizeof *paths);
    for (size_t i = 0; i < s->file_count; i++)
        paths[i] = s->files[i].path;
    qsort(paths, s->file_count, sizeof *paths, by_path);
    for (size_t i = 1; i < s->file_count; i++) {
        size_t n = strlen(paths[i - 1]);
        if (strncmp(paths[i], paths[i - 1], n) == 0 && paths[i][n] == '/')
            return kg_err_set(
                err, -EINVAL,
                "files has \"%.100s\" and, below it, \"%.100s\": a path can't be both a "
                "file and a folder",
                paths[i - 1], paths[i]);
    }
    return 0;
}

static int take_files(struct kg_run_spec *s, const json_t *files, struct kg_err *err)
{
    bool none = !files || json_is_null(files) || (json_is_array(files) && !json_array_size(files));
    if (none && s->session && !s->own_files)
        return 0; /* the entry is the workspace's */
    if (none || !json_is_array(files))
        return kg_err_set(err, -EINVAL, "files must be a list with at least the entry file");
    if (json_array_size(files) > KG_RUN_FILES_MAX)
        return kg_err_set(err, -EINVAL, "files has %zu entries: at most %d are allowed",
                          json_array_size(files), KG_RUN_FILES_MAX);
    s->files = kg_calloc(json_array_size(files), sizeof *s->files);
    size_t i;
    json_t *v;
    json_array_foreach(files, i, v) {
        s->file_count++;
        int rc = take_file(&s->files[i], v, i, err);
        if (rc < 0)
            return rc;
        s->has_entry = s->has_entry || strcmp(s->files[i].path, s->entry) == 0;
    }
    int rc = check_paths(s, err);
    if (rc < 0)
        return rc;
    return s->has_entry || (s->session && !s->own_files)
               ? 0
               : kg_err_set(err, -EINVAL, "entry \"%.100s\" is not among the files", s->entry);
}

int kg_run_spec_entry(const struct kg_run_spec *s, struct kg_core *core, struct kg_err *err)
{
    if (s->has_entry || s->terminal)
        return 0;
    const struct kg_workspace *w = kg_workspace_find(core, s->owner, s->session);
    if (w && kg_files_find(&w->files, s->entry))
        return 0;
    return kg_err_set(err, -EINVAL, "entry \"%.100s\" is not among the files, nor in session %s",
                      s->entry, s->session);
}

static int take_own_files(struct kg_run_spec *s, const json_t *v, struct kg_err *err)
{
    if (v && !json_is_boolean(v))
        return kg_err_set(err, -EINVAL, "workspace_files must be true or false");
    s->own_files = json_is_false(v);
    return 0;
}

static int take_args(struct kg_run_spec *s, json_t *args, struct kg_err *err)
{
    size_t i, bytes = 0;
    const json_t *v;
    if (!args || json_is_null(args))
        return 0;
    if (!json_is_array(args))
        return kg_err_set(err, -EINVAL, "args must be a list of strings");
    json_array_foreach(args, i, v) {
        if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
            return kg_err_set(err, -EINVAL, "args[%zu] must be a string without NUL", i);
        bytes += json_string_length(v) + 1;
    }
    if (i > ARGS_MAX || bytes > ARGS_BYTES_MAX)
        return kg_err_set(err, -EINVAL, "args must be at most %d, of %d bytes together", ARGS_MAX,
                          ARGS_BYTES_MAX);
    s->args = json_incref(args);
    return 0;
}

static int take_env(struct kg_run_spec *s, json_t *env, struct kg_err *err)
{
    int rc = kg_env_check(env, err);
    if (rc == 0 && json_is_object(env))
        s->env = json_incref(env);
    return rc;
}

static int take_limits(struct kg_run_spec *s, const struct kg_core *core, const json_t *limits,
                       struct kg_err *err)
{
    int rc = kg_wish_parse(&s->wish, &core->config, limits, true, err);
    if (s->wish.wall_s)
        s->wall_s = s->wish.wall_s;
    return rc;
}

static int take_options(struct kg_run_spec *s, const json_t *options, struct kg_err *err)
{
    const struct kg_program *p = s->runtime->program;
    s->options = json_object();
    int rc = kg_program_check_env(p, s->env, err);
    return rc < 0 ? rc : kg_program_take_options(p, options, s->options, err);
}

static int take_input(struct kg_run_spec *s, const json_t *input, struct kg_err *err)
{
    if (!input || json_is_null(input))
        return 0;
    if (!json_is_string(input) || json_string_length(input) > KG_RUN_STDIN_BYTES)
        return kg_err_set(err, -EINVAL, "stdin must be null or a string of at most %d bytes",
                          KG_RUN_STDIN_BYTES);
    s->stdin_text = take_bytes(input);
    s->stdin_len = json_string_length(input);
    return 0;
}

static int take_aliases(struct kg_run_spec *s, json_t *aliases, struct kg_err *err)
{
    int rc = kg_aliases_check(aliases, "aliases", err);
    if (rc == 0 && json_array_size(aliases) > 0 && !s->network)
        rc = kg_err_set(err, -EINVAL, "aliases need \"network\": \"session\"");
    if (rc == 0 && json_array_size(aliases) > 0)
        s->aliases = json_incref(aliases);
    return rc;
}

static int take_language(struct kg_run_spec *s, const struct kg_core *core, const json_t *body,
                         struct kg_err *err)
{
    kg_autofree char *language = NULL;
    int rc = take_text(&language, body, "language", err);
    if (rc < 0)
        return rc;
    if (!language)
        return kg_err_set(err, -EINVAL, "language is missing: \"python\", say");
    s->runtime = kg_runtimes_for_program(&core->runtimes, language);
    return s->runtime
               ? 0
               : kg_err_set(err, -ENOENT, "no runtime runs programs in \"%.60s\" here", language);
}

int kg_run_spec_parse(struct kg_run_spec *s, const struct kg_core *core, const json_t *body,
                      struct kg_err *err)
{
    static const char *const names[] = {
        "session", "language", "entry",           "files",   "args",
        "env",     "stdin",    "network",         "aliases", "limits",
        "options", "tty",      "workspace_files", NULL};
    *s = (struct kg_run_spec){.wall_s = core->config.run_wall_s};
    if (!json_is_object(body))
        return kg_err_set(err, -EINVAL, "the body must be a JSON object");
    int rc = take_language(s, core, body, err);
    if (rc == 0)
        rc = kg_check_only(body, "", names, err);
    if (rc == 0)
        rc = take_text(&s->session, body, "session", err);
    if (rc == 0 && s->session && !kg_workspace_name_ok(s->session))
        rc = kg_err_set(
            err, -EINVAL,
            "session must be a name of 1 to 100 bytes, without slashes and control characters");
    if (rc == 0)
        rc = take_text(&s->entry, body, "entry", err);
    if (rc == 0 && !s->entry)
        rc = kg_err_set(err, -EINVAL, "entry is missing: the path of the file to run");
    if (rc == 0)
        rc = take_own_files(s, json_object_get(body, "workspace_files"), err);
    if (rc == 0)
        rc = take_files(s, json_object_get(body, "files"), err);
    if (rc == 0)
        rc = take_args(s, json_object_get(body, "args"), err);
    if (rc == 0)
        rc = take_env(s, json_object_get(body, "env"), err);
    if (rc == 0)
        rc = take_input(s, json_object_get(body, "stdin"), err);
    if (rc == 0)
        rc = kg_tty_parse(&s->tty, json_object_get(body, "tty"), false, err);
    if (rc == 0)
        rc = kg_network_wish(&s->network, core, json_object_get(body, "network"), "network", err);
    if (rc == 0)
        rc = take_aliases(s, json_object_get(body, "aliases"), err);
    if (rc == 0)
        rc = take_limits(s, core, json_object_get(body, "limits"), err);
    if (rc == 0)
        rc = take_options(s, json_object_get(body, "options"), err);
    return rc;
}

void kg_run_spec_release(struct kg_run_spec *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        free(s->files[i].path);
        kg_buf_release(&s->files[i].data);
    }
    free(s->files);
    free(s->session);
    free(s->owner);
    json_decref(s->aliases);
    free(s->entry);
    free(s->terminal);
    free(s->stdin_text);
    json_decref(s->args);
    json_decref(s->env);
    json_decref(s->options);
    *s = (struct kg_run_spec){0};
}

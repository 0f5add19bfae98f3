/*
 * /api/config/{section}: what a front-end keeps of its settings, for each user; and /api/resolvePath: where a file is that something names.
 * Source: jupyter_server 2.21, services/config, config_manager.py, services/api/handlers.py (PathResolverHandler).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/core/kernel.h"
#include "notebooks/contents.h"
#include "notebooks/file.h"

enum { SECTION_MAX = 64, SECTION_BYTES_MAX = 1 << 20, SECTIONS_MAX = 100, DEPTH_MAX = 64 };

/* Where the user's are: below the state folder. NULL when it has answered. */
static struct nb_root *folder_of(struct kg_api *api, struct kg_http *req, const char *user)
{
    const char *state = kg_api_core(api)->config.state_dir;
    struct nb_root *root = NULL;
    struct kg_err err = {0};
    if (!state) {
        kg_reply_error(api, req, 404, NULL,
                       "this server keeps no settings: its operator may start it with --state-dir");
        return NULL;
    }
    kg_autofree char *all = kg_asprintf("%s/config", state);
    kg_autofree char *mine = kg_asprintf("%s/%s", all, user);
    if ((mkdir(all, 0700) < 0 && errno != EEXIST) || (mkdir(mine, 0700) < 0 && errno != EEXIST))
        kg_err_errno(&err, errno, "make the folder of settings");
    if (err.code || nb_root_open(&root, mine, &err) < 0)
        kg_reply_error(api, req, 500, NULL, "settings can't be kept: %s", err.text);
    return root;
}

/* "notebook" -> "notebook.json"; NULL when it has answered: a section is letters, digits and _. */
static char *file_of(struct kg_api *api, struct kg_http *req, const char *section)
{
    size_t n = strlen(section);
    if (n <= SECTION_MAX &&
        strspn(section, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n)
        return kg_asprintf("%s.json", section);
    kg_reply_error(api, req, 404, NULL, "there is no section of settings \"%.80s\"", section);
    return NULL;
}

/* What is kept of it, {} if nothing is: a new reference, or NULL with *err. */
static json_t *read_section(const struct nb_root *root, const char *name, struct kg_err *err)
{
    struct stat st;
    kg_autobuf bytes = {0};
    kg_autoclose int fd = nb_file_open(root, name, &st, err);
    if (fd == -ENOENT) {
        *err = (struct kg_err){0};
        return json_object();
    }
    if (fd < 0 || nb_file_read(&bytes, fd, SECTION_BYTES_MAX, name, err) < 0)
        return NULL;
    json_t *section = json_loadb((const char *)bytes.data, bytes.len, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(section)) {
        json_decref(section);
        kg_err_set(err, -EINVAL, "what is kept as %s is no JSON object", name);
        return NULL;
    }
    return section;
}

/* Is it one more than a user may have? */
static bool one_too_many(const struct nb_root *root, const char *name)
{
    struct dirent **names = NULL;
    if (faccessat(root->fd, name, F_OK, 0) == 0)
        return false;
    int n = scandirat(root->fd, ".", &names, NULL, NULL);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n - 2 >= SECTIONS_MAX;
}

/* *text: as it is written, for free(). */
static int write_section(struct nb_root *root, const char *name, const json_t *section, char **text,
                         struct kg_err *err)
{
    kg_autobuf bytes = {0};
    if (one_too_many(root, name))
        return kg_err_set(err, -EFBIG, "a user may have %d sections of settings", SECTIONS_MAX);
    *text = json_dumps(section, JSON_COMPACT);
    if (!*text)
        return kg_err_set(err, -EINVAL, "the settings are nested too deeply");
    kg_buf_add_str(&bytes, *text);
    if (bytes.len > SECTION_BYTES_MAX)
        return kg_err_set(err, -EFBIG, "a section may have %d bytes", SECTION_BYTES_MAX);
    return nb_file_write(root, name, &bytes, NB_REPLACE, NULL, err);
}

/* Objects are merged, null takes a member out, and an object that is left empty goes, too. False: too deep. */
/* NOLINTNEXTLINE(misc-no-recursion): not deeper than DEPTH_MAX */
static bool merge(json_t *into, const json_t *from, int depth)
{
    const char *key;
    json_t *v;
    json_t *read = (json_t *)(uintptr_t)from; /* jansson's iterator takes no const */
    if (depth > DEPTH_MAX)
        return false;
    json_object_foreach(read, key, v) {
        if (json_is_null(v)) {
            json_object_del(into, key);
        } else if (json_is_object(v)) {
            if (!json_is_object(json_object_get(into, key)))
                json_object_set_new(into, key, json_object());
            if (!merge(json_object_get(into, key), v, depth + 1))
                return false;
            if (json_object_size(json_object_get(into, key)) == 0)
                json_object_del(into, key);
        } else {
            json_object_set(into, key, v);
        }
    }
    return true;
}

static void reply_failure(struct kg_api *api, struct kg_http *req, const struct kg_err *err)
{
    int status = err->code == -EFBIG ? 413 : err->code == -ENOSPC ? 507 : 0;
    if (status)
        kg_reply_error(api, req, status, NULL, "%s", err->text);
    else
        kg_reply_err(api, req, err);
}

static void reply_text(struct kg_api *api, struct kg_http *req, const char *text)
{
    kg_autobuf body = {0};
    kg_buf_add_str(&body, text);
    kg_reply_json(api, req, 200, &body);
}

/* body: NULL to read alone; else it is merged, or takes the place of what there is. */
static void work(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args,
                 const json_t *body, bool replace)
{
    struct kg_err err = {0};
    kg_autofree char *name = file_of(api, req, args->value[0]);
    struct nb_root *root = name ? folder_of(api, req, args->user.name) : NULL;
    if (!root)
        return;
    kg_autofree char *text = NULL;
    json_t *section = replace ? json_deep_copy(body) : read_section(root, name, &err);
    if (section && body && !replace && !merge(section, body, 0))
        kg_err_set(&err, -EINVAL, "the settings are nested too deeply");
    if (!err.code && body)
        write_section(root, name, section, &text, &err);
    else if (!err.code)
        text = json_dumps(section, JSON_COMPACT);
    if (err.code)
        reply_failure(api, req, &err);
    else if (replace)
        kg_reply_empty(api, req);
    else
        reply_text(api, req, text);
    json_decref(section);
    nb_root_unref(root);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    work(api, req, args, NULL, false);
}

static void put(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    json_t *body = kg_request_json(api, req, false);
    if (body)
        work(api, req, args, body, true);
    json_decref(body);
}

static void patch(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    json_t *body = kg_request_json(api, req, false);
    if (body)
        work(api, req, args, body, false);
    json_decref(body);
}

/* --- /api/resolvePath --- */

/* The path as the contents API has it, if something of the user's stands there, for free(); else NULL. */
static char *resolve(struct kg_api *api, const struct kg_user *user, const char *raw)
{
    const struct nb_root *root = kg_api_contents(api, user);
    kg_autofree char *path = NULL;
    struct kg_err err;
    if (!root || nb_path_clean(&path, raw, &err) < 0 || nb_path_hidden(path))
        return NULL;
    kg_autoclose int fd = nb_open(root, path, O_PATH, NULL);
    return fd >= 0 ? kg_steal(&path) : NULL;
}

static void resolve_path(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *raw = kg_http_arg(req, "path");
    const char *kernel = kg_http_arg(req, "kernel");
    kg_autobuf body = {0};
    struct kg_json j;
    if (!raw) {
        kg_reply_error(api, req, 400, NULL, "Missing argument path");
        return;
    }
    kg_autofree char *path = resolve(api, &args->user, raw);
    const struct kg_kernel *k = kernel ? kg_kernel_find(kg_api_core(api), kernel) : NULL;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_key(&j, "resolved");
    kg_json_array_begin(&j);
    if (path) {
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "scope", "server");
        kg_json_kstr(&j, "path", path);
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    if (kernel && (!k || !kg_user_sees(&args->user, k->owner))) {
        kg_autofree char *why = kg_asprintf("Kernel %.60s could not be found", kernel);
        kg_json_key(&j, "unresolved");
        kg_json_array_begin(&j);
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "scope", "kernel");
        kg_json_kstr(&j, "reason", why);
        kg_json_object_end(&j);
        kg_json_array_end(&j);
    }
    kg_json_object_end(&j);
    kg_reply_json(api, req, 200, &body);
}

const struct kg_route kg_routes_settings[] = {
    {"GET", "/api/config/{section}", get, 0},
    {"PUT", "/api/config/{section}", put, 0},
    {"PATCH", "/api/config/{section}", patch, 0},
    {"GET", "/api/resolvePath", resolve_path, 0},
    {NULL, NULL, NULL, 0},
};

/* /api/workspaces/{name}/files: what a session's programs find in their working directory, and what they left there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/core/workspace.h"
#include "notebooks/mime.h"

/* What a program has made may be a page: its scripts get an origin of their own. */
#define FILE_CSP "sandbox allow-scripts; default-src 'self' data: 'unsafe-inline'"

static void no_file(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_reply_error(api, req, 404, NULL, "session %.100s has no file %.200s", args->value[0],
                   args->value[1]);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    kg_autobuf body = {0};
    struct kg_json j;
    if (!w)
        return;
    kg_json_init(&j, &body);
    kg_files_model(&w->files, &j);
    kg_reply_json(api, req, 200, &body);
}

/* "hash", as an entity tag is written. */
static bool names_it(const char *tags, const struct kg_file *f)
{
    return f && (strcmp(tags, "*") == 0 || strstr(tags, f->hash));
}

static const char *type_of(const char *path)
{
    const char *encoding = NULL;
    const char *slash = strrchr(path, '/');
    const char *mime = nb_mime(slash ? slash + 1 : path, &encoding);
    if (!mime || encoding)
        return "application/octet-stream";
    return strncmp(mime, "text/", 5) == 0 && strcmp(mime, "text/html") != 0
               ? "text/plain; charset=UTF-8"
               : mime;
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    const struct kg_file *f = kg_files_find(&w->files, args->value[1]);
    if (!f) {
        no_file(api, req, args);
        return;
    }
    char tag[KG_HASH_SIZE + 2];
    snprintf(tag, sizeof tag, "\"%s\"", f->hash);
    struct kg_http_header headers[] = {
        {"ETag", tag}, {"Cache-Control", "no-cache"}, {"Content-Security-Policy", FILE_CSP}};
    const char *known = kg_http_header(req, "if-none-match");
    if (known && names_it(known, f))
        kg_reply_bytes(api, req, 304, type_of(f->path), "", 0, headers, KG_COUNT(headers));
    else
        kg_reply_bytes(api, req, 200, type_of(f->path), f->data->data, f->data->len, headers,
                       KG_COUNT(headers));
}

/* False when it has answered: the file is not what the client takes it for. */
static bool as_expected(struct kg_api *api, struct kg_http *req, const struct kg_file *f)
{
    const char *match = kg_http_header(req, "if-match");
    const char *none = kg_http_header(req, "if-none-match");
    if ((!match || names_it(match, f)) && (!none || !names_it(none, f)))
        return true;
    kg_reply_error(api, req, 412, "changed",
                   f ? "the file is another by now: its hash is %s" : "%s",
                   f ? f->hash : "there is no such file");
    return false;
}

static void put(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_err err = {0};
    const char *executable = kg_http_arg(req, "executable");
    struct kg_workspace *w = NULL;
    if (!kg_workspace_name_ok(args->value[0]))
        kg_err_set(&err, -EINVAL,
                   "name must have 1 to 100 bytes, without slashes and control characters");
    else
        w = kg_workspace_get(kg_api_core(api), args->user.name, args->value[0], false, &err);
    if (!w) {
        kg_reply_err(api, req, &err);
        return;
    }
    const char *path = args->value[1];
    const struct kg_file *old = kg_files_find(&w->files, path);
    bool existed = old != NULL;
    if (!as_expected(api, req, old))
        return;
    size_t n = 0;
    const uint8_t *bytes = kg_http_body(req, &n);
    char hash[KG_HASH_SIZE];
    struct kg_blob *data = kg_blob_copy(bytes ? bytes : (const uint8_t *)"", n);
    kg_hash_bytes(hash, data->data, n);
    int rc =
        kg_files_put(&w->files, path, data, hash, executable && strcmp(executable, "1") == 0, &err);
    kg_blob_unref(data);
    if (rc < 0) {
        kg_reply_err(api, req, &err);
        return;
    }
    kg_workspace_note(w, "file", existed ? "changed" : "made", path);
    kg_workspace_changed(w);
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_file_model(kg_files_find(&w->files, path), &j);
    kg_json_object_end(&j);
    kg_reply_json(api, req, existed ? 200 : 201, &body);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    const struct kg_file *f = kg_files_find(&w->files, args->value[1]);
    if (f && !as_expected(api, req, f))
        return;
    if (!kg_files_remove(&w->files, args->value[1])) {
        no_file(api, req, args);
        return;
    }
    kg_workspace_note(w, "file", "deleted", args->value[1]);
    kg_workspace_changed(w);
    kg_reply_empty(api, req);
}

static void clear(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    while (w->files.table)
        kg_files_remove(&w->files, w->files.table->path);
    kg_workspace_note(w, "files", "cleared", NULL);
    kg_workspace_changed(w);
    kg_reply_empty(api, req);
}

const struct kg_route kg_routes_workspace_files[] = {
    {"GET", "/api/workspaces/{name}/files", list, 0},
    {"DELETE", "/api/workspaces/{name}/files", clear, 0},
    {"GET", "/api/workspaces/{name}/files/{path*}", get, 0},
    {"PUT", "/api/workspaces/{name}/files/{path*}", put, 0},
    {"DELETE", "/api/workspaces/{name}/files/{path*}", delete, 0},
    {NULL, NULL, NULL, 0},
};

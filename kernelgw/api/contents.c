/*
 * /api/contents: files, notebooks and checkpoints, as Jupyter Server has them. What a call does is in notebooks/; it
 * is done on a thread of libuv's pool, since disks take their time, and answered on the loop.
 */
#include "notebooks/contents.h"
#include "notebooks/trust.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"

struct job;
typedef int run_call(struct job *job);

struct job {
    uv_work_t work;
    struct kg_api *api;
    struct kg_http *req; /* NULL: the client went away */
    struct nb_root *root;
    run_call *run;
    bool told_nothing; /* success is 204 */
    bool trusts;       /* 201, and no body */
    char *path, *checkpoint;
    char *type, *format;
    bool content, hash;
    struct kg_buf text; /* the request's body */
    json_t *body;       /* the same, read; NULL when there is none */
    int rc;
    struct kg_err err;
    struct nb_reply reply;
    char etag[40];
};

/* --- on a thread of the pool --- */

static int read_body(struct job *job)
{
    json_error_t at;
    if (!job->text.len)
        return 0;
    if (kg_json_weight(job->text.data, job->text.len) > KG_DOCUMENT_WEIGHT_MAX + job->text.len)
        return kg_err_set(&job->err, -EFBIG,
                          "the body holds too many values: they would take over %d MB of memory",
                          KG_DOCUMENT_WEIGHT_MAX >> 20);
    job->body = json_loadb((const char *)job->text.data, job->text.len, JSON_ALLOW_NUL, &at);
    kg_buf_release(&job->text);
    if (job->body && !json_is_object(job->body))
        return kg_err_set(&job->err, -EINVAL, "Invalid JSON in body of request: not an object");
    return job->body
               ? 0
               : kg_err_set(&job->err, -EINVAL, "Invalid JSON in body of request: %s", at.text);
}

static int run_get(struct job *job)
{
    const struct nb_get get = {job->type, job->format, job->content, job->hash};
    int rc = nb_get(&job->reply, job->root, job->path, &get, &job->err);
    unsigned char hash[crypto_generichash_BYTES_MIN];
    if (rc < 0)
        return rc;
    crypto_generichash(hash, sizeof hash, job->reply.body.data, job->reply.body.len, NULL, 0);
    job->etag[0] = '"';
    sodium_bin2hex(job->etag + 1, sizeof job->etag - 2, hash, sizeof hash);
    strcat(job->etag, "\"");
    return 0;
}

static int run_put(struct job *job)
{
    return nb_save(&job->reply, job->root, job->path, job->body, &job->err);
}

static int run_post(struct job *job)
{
    return nb_create(&job->reply, job->root, job->path, job->body, &job->err);
}

static int run_trust(struct job *job)
{
    return nb_trust_file(job->root, job->path, &job->err);
}

static int run_patch(struct job *job)
{
    if (!job->body)
        return kg_err_set(&job->err, -EINVAL, "JSON body missing");
    return nb_rename(&job->reply, job->root, job->path, job->body, &job->err);
}

static int run_delete(struct job *job)
{
    return nb_delete(job->root, job->path, &job->err);
}

static int run_checkpoints(struct job *job)
{
    return nb_checkpoint_list(&job->reply, job->root, job->path, &job->err);
}

static int run_checkpoint(struct job *job)
{
    return nb_checkpoint_create(&job->reply, job->root, job->path, &job->err);
}

static int run_restore(struct job *job)
{
    return nb_checkpoint_restore(job->root, job->path, job->checkpoint, &job->err);
}

static int run_forget(struct job *job)
{
    return nb_checkpoint_delete(job->root, job->path, job->checkpoint, &job->err);
}

static void work(uv_work_t *w)
{
    struct job *job = w->data;
    job->rc = read_body(job);
    if (job->rc == 0)
        job->rc = job->run(job);
}

/* --- on the loop --- */

static void answer_error(struct job *job)
{
    static const struct {
        int code, status;
        const char *reason;
    } known[] = {{-ESTALE, 409, "changed"}, {-ENOSPC, 507, "disk full"}, {-EFBIG, 413, NULL}};
    for (size_t i = 0; i < KG_COUNT(known); i++)
        if (known[i].code == job->rc) {
            kg_reply_error(job->api, job->req, known[i].status, known[i].reason, "%s",
                           job->err.text);
            return;
        }
    if (job->reply.reason)
        kg_reply_error(job->api, job->req, 400, job->reply.reason, "%s", job->err.text);
    else
        kg_reply_err(job->api, job->req, &job->err);
}

/* A path as it stands in a URL: everything but what RFC 3986 leaves alone, and slashes, as %XX. */
static char *url_of(const char *path)
{
    kg_autobuf out = {0};
    kg_buf_add_str(&out, "/api/contents/");
    for (const char *p = path; *p; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/", *p))
            kg_buf_add_char(&out, *p);
        else
            kg_buf_printf(&out, "%%%02X", (unsigned char)*p);
    return (char *)kg_buf_steal(&out, NULL);
}

static void add_last_modified(struct kg_http *req, int64_t modified_us)
{
    char text[64];
    struct tm tm;
    time_t seconds = modified_us / 1000000;
    if (!modified_us || !gmtime_r(&seconds, &tm))
        return;
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    kg_http_add_header(req, "Last-Modified", text);
}

static void answer(struct job *job)
{
    struct kg_http *req = job->req;
    const char *known = kg_http_header(req, "if-none-match");
    if (job->rc < 0) {
        answer_error(job);
        return;
    }
    if (job->trusts) {
        kg_http_respond(req, 201, NULL, NULL, 0, NULL, 0);
        return;
    }
    if (job->told_nothing) {
        kg_reply_empty(job->api, req);
        return;
    }
    if (job->etag[0])
        kg_http_add_header(req, "Etag", job->etag);
    if (job->etag[0] && known && strstr(known, job->etag)) {
        kg_http_respond(req, 304, NULL, NULL, 0, NULL, 0);
        return;
    }
    add_last_modified(req, job->reply.modified_us);
    const char *method = kg_http_method(req);
    bool written = strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    kg_autofree char *url =
        job->reply.created || (written && job->reply.path) ? url_of(job->reply.path) : NULL;
    if (job->reply.created) {
        kg_reply_created(job->api, req, url, &job->reply.body);
        return;
    }
    kg_autofree char *location = url ? kg_asprintf("%s%s", kg_api_base_url(job->api), url) : NULL;
    if (location)
        kg_http_add_header(req, "Location", location);
    kg_reply_json(job->api, req, 200, &job->reply.body);
}

static void done(uv_work_t *w, int status)
{
    struct job *job = w->data;
    (void)status; /* never cancelled */
    if (job->req)
        answer(job);
    nb_root_unref(job->root);
    nb_reply_release(&job->reply);
    kg_buf_release(&job->text);
    json_decref(job->body);
    free(job->path);
    free(job->checkpoint);
    free(job->type);
    free(job->format);
    free(job);
}

static void client_gone(void *user)
{
    struct job *job = user;
    job->req = NULL;
}

/* NULL when it has answered: nothing is served here. */
static struct job *job_new(struct kg_api *api, struct kg_http *req,
                           const struct kg_route_args *args, run_call *run)
{
    size_t n = 0;
    const uint8_t *body = kg_http_body(req, &n);
    if (!kg_api_contents(api, &args->user)) {
        kg_reply_error(api, req, 404, NULL,
                       "this server keeps no files: its operator may start it with --contents-dir");
        return NULL;
    }
    struct job *job = kg_calloc(1, sizeof *job);
    job->work.data = job;
    job->api = api;
    job->req = req;
    job->root = nb_root_ref(kg_api_contents(api, &args->user));
    job->run = run;
    job->path = kg_strdup(args->value[0] ? args->value[0] : "");
    kg_buf_add(&job->text, body, n); /* the request may be gone before the work is done */
    return job;
}

static void start(struct job *job)
{
    kg_http_on_close(job->req, client_gone, job);
    uv_queue_work(kg_api_core(job->api)->config.loop, &job->work, work, done);
}

/* Is the path that of something's checkpoints? Then it is cut off there. *id: of a single one, inside of path, or NULL. */
static bool cut_checkpoints(char *path, const char **id)
{
    static const char word[] = "checkpoints";
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        path[--n] = 0;
    *id = NULL;
    for (int part = 0; part < 2; part++) {
        char *slash = strrchr(path, '/');
        char *last = slash ? slash + 1 : path;
        if (strcmp(last, word) == 0) {
            *(slash ? slash : path) = 0;
            return true;
        }
        if (!slash || part == 1)
            break;
        *slash = 0;
        *id = last;
    }
    if (*id)
        path[strlen(path)] = '/'; /* as it was */
    *id = NULL;
    return false;
}

static void refuse_method(struct job *job, const char *allowed)
{
    kg_http_add_header(job->req, "Allow", allowed);
    kg_reply_error(job->api, job->req, 405, NULL, "Method Not Allowed: this path has %s", allowed);
    job->req = NULL;
    done(&job->work, 0);
}

/* Calls of a file's checkpoints go elsewhere than those of the file. all, one: NULL where there is no such call. */
static void file_or_checkpoint(struct job *job, run_call *all, run_call *one)
{
    const char *id = NULL;
    if (!cut_checkpoints(job->path, &id)) {
        start(job);
        return;
    }
    run_call *run = id ? one : all;
    if (!run) {
        refuse_method(job, id ? "POST, DELETE" : "GET, POST");
        return;
    }
    job->checkpoint = id ? kg_strdup(id) : NULL;
    job->told_nothing = id != NULL;
    job->run = run;
    start(job);
}

/* "0" or "1"; false when it has answered. */
static bool read_flag(struct kg_api *api, struct kg_http *req, const char *name, bool *out)
{
    const char *text = kg_http_arg(req, name);
    if (text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        kg_reply_error(api, req, 400, NULL, "%s '%.40s' is invalid: it must be 0 or 1", name, text);
        return false;
    }
    if (text)
        *out = text[0] == '1';
    return true;
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    bool content = true;
    bool hash = false;
    const char *type = kg_http_arg(req, "type");
    const char *format = kg_http_arg(req, "format");
    if (!read_flag(api, req, "content", &content) || !read_flag(api, req, "hash", &hash))
        return;
    struct job *job = job_new(api, req, args, run_get);
    if (!job)
        return;
    job->type = type ? kg_strdup(type) : NULL;
    job->format = format ? kg_strdup(format) : NULL;
    job->content = content;
    job->hash = hash;
    file_or_checkpoint(job, run_checkpoints, NULL);
}

static void put(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct job *job = job_new(api, req, args, run_put);
    if (job)
        file_or_checkpoint(job, NULL, NULL);
}

/* Is the path that of a file's trust? Then it is cut off there. */
static bool cut_trust(char *path)
{
    static const char end[] = "/trust";
    size_t n = strlen(path);
    bool is = n > sizeof end - 1 && strcmp(path + n - (sizeof end - 1), end) == 0;
    if (is)
        path[n - (sizeof end - 1)] = 0;
    return is;
}

static void start_trust(struct job *job)
{
    job->run = run_trust;
    job->trusts = true;
    start(job);
}

static void post(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct job *job = job_new(api, req, args, run_post);
    if (job && cut_trust(job->path))
        start_trust(job);
    else if (job)
        file_or_checkpoint(job, run_checkpoint, run_restore);
}

static void patch(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct job *job = job_new(api, req, args, run_patch);
    if (job)
        file_or_checkpoint(job, NULL, NULL);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct job *job = job_new(api, req, args, run_delete);
    if (!job)
        return;
    job->told_nothing = true;
    file_or_checkpoint(job, NULL, run_forget);
}

const struct kg_route kg_routes_contents[] = {
    {"GET", "/api/contents", get, 0},
    {"GET", "/api/contents/{path*}", get, 0},
    {"PUT", "/api/contents", put, 0},
    {"PUT", "/api/contents/{path*}", put, 0},
    {"POST", "/api/contents", post, 0},
    {"POST", "/api/contents/{path*}", post, 0},
    {"PATCH", "/api/contents", patch, 0},
    {"PATCH", "/api/contents/{path*}", patch, 0},
    {"DELETE", "/api/contents", delete, 0},
    {"DELETE", "/api/contents/{path*}", delete, 0},
    {NULL, NULL, NULL, 0},
};

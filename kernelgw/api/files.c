/* /files/{path}: a file's bytes, for browsers to show and to save. Read on libuv's pool, a piece at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "notebooks/contents.h"
#include "notebooks/mime.h"

/* A page among the files is of an origin of its own: its scripts can't call this server with the reader's cookie. */
#define FILES_CSP                                                                                  \
    "frame-ancestors 'self'; report-uri /api/security/csp-report; sandbox allow-scripts"

enum { PIECE_BYTES = 256 << 10 };

struct file {
    uv_work_t work;
    struct kg_api *api;
    struct kg_http *req; /* NULL: the client went away */
    struct nb_root *root;
    char *path;
    bool download;
    bool head; /* only the head is asked for */
    int fd;
    struct kg_err err;
    bool streaming, reading;
    ssize_t n; /* what the last read gave */
    char piece[PIECE_BYTES];
};

static void file_free(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    nb_root_unref(f->root);
    free(f->path);
    free(f);
}

/* On the pool: opens at first, and reads the next piece. */
static void work(uv_work_t *w)
{
    struct file *f = w->data;
    struct stat st;
    kg_autofree char *path = NULL;
    if (f->fd < 0) {
        if (nb_path_clean(&path, f->path, &f->err) < 0)
            return;
        if (nb_path_hidden(path)) {
            nb_fail(&f->err, ENOENT, "", path);
            return;
        }
        f->fd = nb_file_open(f->root, path, &st, &f->err);
        if (f->fd < 0)
            return;
    }
    do
        f->n = read(f->fd, f->piece, sizeof f->piece);
    while (f->n < 0 && errno == EINTR);
    if (f->n < 0)
        nb_fail(&f->err, errno, "read", f->path);
}

static void done(uv_work_t *w, int status);

static void read_more(struct file *f)
{
    f->reading = true;
    uv_queue_work(kg_api_core(f->api)->config.loop, &f->work, work, done);
}

static void more(void *user, struct kg_http *req)
{
    struct file *f = user;
    if (f->reading)
        return;
    if (f->n > 0)
        kg_http_stream_write(req, f->piece, (size_t)f->n);
    if (f->n > 0 && !f->head) {
        f->n = 0;
        read_more(f);
    } else {
        /* an error in the middle ends it too: its head said 200 long ago */
        kg_http_stream_end(req);
        file_free(f);
    }
}

static void closed(void *user)
{
    struct file *f = user;
    f->req = NULL;
    if (!f->reading)
        file_free(f);
}

static bool is_notebook(const char *name)
{
    size_t n = strlen(name);
    return n > 6 && strcasecmp(name + n - 6, ".ipynb") == 0;
}

static const char *type_of(const struct file *f)
{
    const char *encoding = NULL;
    const char *name = nb_path_name(f->path);
    const char *mime = nb_mime(name, &encoding);
    if (is_notebook(name))
        return "application/x-ipynb+json";
    if (encoding)
        return strcmp(encoding, "gzip") == 0 ? "application/gzip" : "application/octet-stream";
    if (mime)
        return strcmp(mime, "text/plain") == 0 ? "text/plain; charset=UTF-8" : mime;
    return "application/octet-stream";
}

/* RFC 6266: the name in UTF-8, all but letters, digits and a few signs as %XX. */
static char *attachment(const char *name)
{
    kg_autobuf out = {0};
    kg_buf_add_str(&out, "attachment; filename*=utf-8''");
    for (const char *p = name; *p; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", *p))
            kg_buf_add_char(&out, *p);
        else
            kg_buf_printf(&out, "%%%02X", (unsigned char)*p);
    return (char *)kg_buf_steal(&out, NULL);
}

static void begin(struct file *f)
{
    static const struct kg_http_stream_events events = {more, closed};
    const char *name = nb_path_name(f->path);
    kg_autofree char *disposition = f->download || is_notebook(name) ? attachment(name) : NULL;
    kg_http_add_header(f->req, "Content-Security-Policy", FILES_CSP);
    kg_http_add_header(f->req, "Cache-Control", "no-cache");
    if (disposition)
        kg_http_add_header(f->req, "Content-Disposition", disposition);
    if (f->n < PIECE_BYTES) { /* that was all: its length can be told */
        kg_http_respond(f->req, 200, type_of(f), f->piece, (size_t)f->n, NULL, 0);
        file_free(f);
        return;
    }
    f->streaming = true;
    kg_http_stream(f->req, 200, type_of(f), &events, f);
}

static void done(uv_work_t *w, int status)
{
    struct file *f = w->data;
    (void)status; /* never cancelled */
    f->reading = false;
    if (!f->req) {
        file_free(f);
    } else if (f->streaming) {
        kg_http_stream_want(f->req);
    } else if (f->err.code) {
        if (f->err.code == -EINVAL) /* no file: a folder, a device. Jupyter Server's status */
            f->err.code = -EACCES;
        kg_reply_err(f->api, f->req, &f->err);
        file_free(f);
    } else {
        begin(f);
    }
}

static void client_gone(void *user)
{
    struct file *f = user;
    f->req = NULL;
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *download = kg_http_arg(req, "download");
    if (!kg_api_contents(api)) {
        kg_reply_error(api, req, 404, NULL,
                       "this server keeps no files: its operator may start it with --contents-dir");
        return;
    }
    struct file *f = kg_calloc(1, sizeof *f);
    f->work.data = f;
    f->api = api;
    f->req = req;
    f->root = nb_root_ref(kg_api_contents(api));
    f->path = kg_strdup(args->value[0]);
    f->download = download && download[0];
    f->head = strcmp(kg_http_method(req), "HEAD") == 0;
    f->fd = -1;
    kg_http_on_close(req, client_gone, f);
    read_more(f);
}

const struct kg_route kg_routes_files[] = {
    {"GET", "/files/{path*}", get, 0},
    {NULL, NULL, NULL, 0},
};

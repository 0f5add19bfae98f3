/*
 * /files/{path}: a file's bytes, for browsers to show and to save, or a range of them. Read on libuv's pool, a piece at a
 * time. The head tells how many bytes follow, so that nobody takes a part for the whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
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
    char *range; /* as the client asks for it, or NULL */
    bool download;
    bool head; /* only the head is asked for */
    int fd;
    struct kg_err err;
    bool streaming, reading;
    int status;          /* 200, 206 or 416 */
    uint64_t size, from; /* of the file, when it was opened; where the answer begins */
    uint64_t left;       /* bytes of the answer that were not read yet */
    ssize_t n;           /* what the last read gave */
    char piece[PIECE_BYTES];
};

static void file_free(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    nb_root_unref(f->root);
    free(f->path);
    free(f->range);
    free(f);
}

/*
 * "bytes=FROM-TO", "bytes=FROM-" or "bytes=-LAST" (RFC 9110, 14.1.2) of a file of `size` bytes. Returns 206 and
 * the range; 416 when the file has nothing there; 200, the whole, for what is not understood, and for several ranges.
 */
static int parse_range(const char *text, uint64_t size, uint64_t *from, uint64_t *n)
{
    *from = 0;
    *n = size;
    if (!text || strncmp(text, "bytes=", 6) != 0 ||
        strspn(text + 6, "0123456789-") != strlen(text + 6))
        return 200;
    char *end;
    bool last = text[6] == '-';
    errno = 0;
    uint64_t first = strtoull(text + 6 + last, &end, 10);
    if (errno || end == text + 6 + last || (last ? *end != 0 : *end != '-'))
        return 200;
    if (last) {
        *from = first < size ? size - first : 0;
        *n = size - *from;
        return *n ? 206 : 416;
    }
    const char *second = end + 1;
    uint64_t to = *second ? strtoull(second, &end, 10) : UINT64_MAX;
    if (errno || (*second && (end == second || *end || *second == '-')) || to < first)
        return 200;
    if (first >= size)
        return 416;
    *from = first;
    *n = (to < size ? to + 1 : size) - first;
    return 206;
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
        f->size = (uint64_t)st.st_size;
        f->status = parse_range(f->range, f->size, &f->from, &f->left);
        if (f->status == 416)
            return;
        if (lseek(f->fd, (off_t)f->from, SEEK_SET) < 0) {
            nb_fail(&f->err, errno, "read", f->path);
            return;
        }
    }
    size_t want = f->left < sizeof f->piece ? (size_t)f->left : sizeof f->piece;
    do
        f->n = read(f->fd, f->piece, want);
    while (f->n < 0 && errno == EINTR);
    if (f->n < 0)
        nb_fail(&f->err, errno, "read", f->path);
    else
        f->left -= (uint64_t)f->n;
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
        /* The head said 200 and a length: an error in the middle, or a file that was cut meanwhile, breaks it off. */
        if (f->err.code)
            kg_log(KG_WARN, "files", "download broken off", "why=\"%s\"", f->err.text);
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

static void add_range(struct file *f)
{
    kg_http_add_header(f->req, "Accept-Ranges", "bytes");
    if (f->status == 200)
        return;
    char range[80];
    if (f->status == 206)
        snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)f->from,
                 (unsigned long long)(f->from + (uint64_t)f->n + f->left - 1),
                 (unsigned long long)f->size);
    else
        snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)f->size);
    kg_http_add_header(f->req, "Content-Range", range);
}

static void begin(struct file *f)
{
    static const struct kg_http_stream_events events = {more, closed};
    const char *name = nb_path_name(f->path);
    kg_autofree char *disposition = f->download || is_notebook(name) ? attachment(name) : NULL;
    add_range(f);
    if (f->status == 416) {
        kg_reply_error(f->api, f->req, 416, NULL, "Range Not Satisfiable: the file has %llu bytes",
                       (unsigned long long)f->size);
        file_free(f);
        return;
    }
    kg_http_add_header(f->req, "Content-Security-Policy", FILES_CSP);
    kg_http_add_header(f->req, "Cache-Control", "no-cache");
    if (disposition)
        kg_http_add_header(f->req, "Content-Disposition", disposition);
    if (!f->left) { /* that was all */
        kg_http_respond(f->req, f->status, type_of(f), f->piece, (size_t)f->n, NULL, 0);
        file_free(f);
        return;
    }
    f->streaming = true;
    kg_http_stream_sized(f->req, f->status, type_of(f), (uint64_t)f->n + f->left, &events, f);
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
    if (!kg_api_contents(api, &args->user)) {
        kg_reply_error(api, req, 404, NULL,
                       "this server keeps no files: its operator may start it with --contents-dir");
        return;
    }
    struct file *f = kg_calloc(1, sizeof *f);
    f->work.data = f;
    f->api = api;
    f->req = req;
    f->root = nb_root_ref(kg_api_contents(api, &args->user));
    f->path = kg_strdup(args->value[0]);
    f->download = download && download[0];
    const char *range = kg_http_header(req, "range");
    if (range &&
        !kg_http_header(req, "if-range")) /* no version of a file is told that one could ask for */
        f->range = kg_strdup(range);
    f->head = strcmp(kg_http_method(req), "HEAD") == 0;
    f->fd = -1;
    kg_http_on_close(req, client_gone, f);
    read_more(f);
}

const struct kg_route kg_routes_files[] = {
    {"GET", "/files/{path*}", get, 0},
    {NULL, NULL, NULL, 0},
};

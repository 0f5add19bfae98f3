#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "notebooks/document.h"
#include "notebooks/file.h"
#include "notebooks/mime.h"
#include "notebooks/model.h"
#include "notebooks/trust.h"

/* What a model holds beside name, path and times; NULL: null. */
struct more {
    enum nb_type type;
    const char *format, *mimetype, *hash, *message;
    struct kg_span content; /* JSON; empty: null */
};

static const char *const type_names[] = {
    [NB_FILE] = "file", [NB_NOTEBOOK] = "notebook", [NB_DIRECTORY] = "directory"};

void nb_reply_release(struct nb_reply *r)
{
    kg_buf_release(&r->body);
    free(r->path);
    *r = (struct nb_reply){0};
}

int64_t nb_modified_us(const struct stat *st)
{
    return st->st_mtim.tv_sec * 1000000LL + st->st_mtim.tv_nsec / 1000;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

enum nb_type nb_type_of(const char *path, const struct stat *st)
{
    return S_ISDIR(st->st_mode) ? NB_DIRECTORY : ends_with(path, ".ipynb") ? NB_NOTEBOOK : NB_FILE;
}

static void write_model(struct kg_json *j, const char *path, int fd, const struct stat *st,
                        const struct more *more)
{
    char modified[KG_ISO_SIZE];
    char created[KG_ISO_SIZE];
    kg_clock_iso(modified, nb_modified_us(st));
    /* as Jupyter Server has it: Linux tells no time of birth to stat() */
    kg_clock_iso(created, st->st_ctim.tv_sec * 1000000LL + st->st_ctim.tv_nsec / 1000);
    kg_json_object_begin(j);
    kg_json_kstr(j, "name", nb_path_name(path));
    kg_json_kstr(j, "path", path);
    kg_json_kstr(j, "last_modified", modified);
    kg_json_kstr(j, "created", created);
    kg_json_key(j, "content");
    if (more->content.len)
        kg_json_raw(j, (const char *)more->content.data, more->content.len);
    else
        kg_json_null(j);
    kg_json_kstr(j, "format", more->format);
    kg_json_kstr(j, "mimetype", more->mimetype);
    kg_json_key(j, "size");
    if (more->type == NB_DIRECTORY)
        kg_json_null(j);
    else
        kg_json_int(j, st->st_size);
    kg_json_kbool(j, "writable", faccessat(fd, "", W_OK, AT_EACCESS | AT_EMPTY_PATH) == 0);
    kg_json_kstr(j, "hash", more->hash);
    kg_json_kstr(j, "hash_algorithm", more->hash ? "sha256" : NULL);
    kg_json_kstr(j, "type", type_names[more->type]);
    if (more->message)
        kg_json_kstr(j, "message", more->message);
    kg_json_object_end(j);
}

static void finish(struct nb_reply *out, const char *path, int fd, const struct stat *st,
                   const struct more *more)
{
    struct kg_json j;
    kg_json_init(&j, &out->body);
    write_model(&j, path, fd, st, more);
    free(out->path);
    out->path = kg_strdup(path);
    out->modified_us = nb_modified_us(st);
}

void nb_model_bare(struct nb_reply *out, const char *path, int fd, const struct stat *st,
                   enum nb_type type, const char *message)
{
    struct more more = {
        .type = type, .message = message, .mimetype = type == NB_FILE ? nb_mime(path, NULL) : NULL};
    finish(out, path, fd, st, &more);
}

/* Names that are nobody's work. */
static bool listed(const char *name)
{
    static const char *const not_listed[] = {".*", "__pycache__", "*.pyc", "*.pyo", "*~"};
    for (size_t i = 0; i < KG_COUNT(not_listed); i++)
        if (fnmatch(not_listed[i], name, 0) == 0)
            return false;
    return kg_utf8_whole((const uint8_t *)name, strlen(name)) == strlen(name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int wanted(const struct dirent *e)
{
    return listed(e->d_name);
}

/* The models of what the folder holds, as a JSON list. */
static int list(struct kg_buf *out, const struct nb_root *r, const char *path, struct kg_err *err)
{
    struct dirent **names = NULL;
    struct kg_json j;
    kg_autoclose int dir = nb_open(r, path, O_RDONLY | O_DIRECTORY, err);
    int n = dir < 0 ? -1 : scandirat(dir, ".", &names, wanted, by_name);
    if (dir < 0)
        return dir;
    if (n < 0)
        return nb_fail(err, errno, "list", path);
    kg_json_init(&j, out);
    kg_json_array_begin(&j);
    for (int i = 0; i < n; i++) {
        struct stat st;
        kg_autofree char *full = kg_asprintf("%s%s%s", path, path[0] ? "/" : "", names[i]->d_name);
        /* from the root on, so that a link is followed as far as it stays beneath */
        int fd = nb_open(r, full, O_PATH, NULL);
        if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
            enum nb_type type = nb_type_of(full, &st);
            struct more more = {.type = type,
                                .mimetype = type == NB_FILE ? nb_mime(full, NULL) : NULL};
            write_model(&j, full, fd, &st, &more);
        }
        if (fd >= 0)
            close(fd);
        free(names[i]);
    }
    kg_json_array_end(&j);
    free(names);
    return 0;
}

/* Lines of 76 characters, each with its end: what Python's base64.encodebytes makes. */
static void add_base64(struct kg_buf *out, const struct kg_buf *bytes)
{
    enum { LINE_BYTES = 57, LINE_CHARS = 76 };
    kg_buf_add_char(out, '"');
    for (size_t i = 0; i < bytes->len; i += LINE_BYTES) {
        size_t n = bytes->len - i < LINE_BYTES ? bytes->len - i : LINE_BYTES;
        char *to = (char *)kg_buf_reserve(out, LINE_CHARS + 1);
        sodium_bin2base64(to, LINE_CHARS + 1, bytes->data + i, n, sodium_base64_VARIANT_ORIGINAL);
        out->len += strlen(to);
        kg_buf_add_str(out, "\\n");
    }
    kg_buf_add_char(out, '"');
}

static int add_file(struct kg_buf *out, struct nb_reply *reply, const struct kg_buf *bytes,
                    const char *path, const struct nb_get *get, struct more *more,
                    struct kg_err *err)
{
    bool text = !get->format || strcmp(get->format, "text") == 0;
    bool utf8 = true;
    for (size_t i = 0; text && utf8 && i < bytes->len;) {
        size_t n = kg_utf8_char(bytes->data + i, bytes->len - i);
        utf8 = n > 0;
        i += n;
    }
    if (text && !utf8 && get->format) {
        reply->reason = "bad format";
        return kg_err_set(err, -EINVAL, "%.200s is not UTF-8 encoded", path);
    }
    if (text && utf8) {
        struct kg_json j;
        kg_json_init(&j, out);
        kg_json_strn(&j, bytes->data, bytes->len);
        more->format = "text";
    } else {
        add_base64(out, bytes);
        more->format = "base64";
    }
    if (!more->mimetype)
        more->mimetype = more->format[0] == 't' ? "text/plain" : "application/octet-stream";
    return 0;
}

static int add_notebook(struct kg_buf *out, const struct nb_root *r, const struct kg_buf *bytes,
                        const char *path, struct more *more, struct kg_err *why, struct kg_err *err)
{
    json_t *nb = NULL;
    size_t i;
    json_t *cell;
    if (nb_read(&nb, kg_span_of(bytes->data, bytes->len), why) < 0)
        return kg_err_set(err, -EINVAL, "Unreadable Notebook: %.150s: %.200s", path, why->text);
    if (nb_validate(nb, why) < 0) {
        kg_err_wrap(why, "Notebook validation failed");
        more->message = why->text;
    }
    /* where nobody has vouched for its outputs a front-end asks before it runs what they hold */
    json_t *trusted = nb_trusted(r, bytes) ? json_true() : json_false();
    json_array_foreach(json_object_get(nb, "cells"), i, cell) {
        json_t *metadata = json_object_get(cell, "metadata");
        const char *type = json_string_value(json_object_get(cell, "cell_type"));
        if (type && strcmp(type, "code") == 0 && json_is_object(metadata))
            json_object_set_new(metadata, "trusted", trusted);
    }
    kg_autofree char *text = json_dumps(nb, JSON_COMPACT);
    json_decref(nb);
    if (!text)
        return kg_err_set(err, -EINVAL, "Unreadable Notebook: %.150s: it is nested too deeply",
                          path);
    kg_buf_add_str(out, text);
    more->format = "json";
    return 0;
}

int nb_file_open(const struct nb_root *r, const char *path, struct stat *st, struct kg_err *err)
{
    kg_autoclose int fd = nb_open(r, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, st) < 0)
        return nb_fail(err, errno, "read", path);
    if (!S_ISREG(st->st_mode))
        return kg_err_set(err, -EINVAL, "Cannot read non-file %.200s", path);
    return kg_steal_fd(&fd);
}

static int get_file(struct nb_reply *out, const struct nb_root *r, const char *path,
                    const struct nb_get *get, enum nb_type type, struct kg_err *err)
{
    struct stat st;
    struct kg_err why = {0};
    char hash[NB_HASH_SIZE];
    kg_autobuf bytes = {0};
    kg_autobuf content = {0};
    struct more more = {.type = type, .mimetype = type == NB_FILE ? nb_mime(path, NULL) : NULL};
    kg_autoclose int fd = nb_file_open(r, path, &st, err);
    if (fd < 0)
        return fd;
    int rc = nb_file_read(&bytes, fd, NB_JSON_MAX_BYTES, path, err);
    if (rc == 0 && get->content)
        rc = type == NB_NOTEBOOK ? add_notebook(&content, r, &bytes, path, &more, &why, err)
                                 : add_file(&content, out, &bytes, path, get, &more, err);
    if (rc < 0)
        return rc;
    if (get->hash) {
        nb_hash(hash, bytes.data, bytes.len);
        more.hash = hash;
    }
    more.content = kg_span_of(content.data, content.len);
    finish(out, path, fd, &st, &more);
    return 0;
}

static int get_folder(struct nb_reply *out, const struct nb_root *r, const char *path,
                      const struct nb_get *get, int fd, const struct stat *st, struct kg_err *err)
{
    kg_autobuf content = {0};
    struct more more = {.type = NB_DIRECTORY, .format = get->content ? "json" : NULL};
    int rc = get->content ? list(&content, r, path, err) : 0;
    if (rc < 0)
        return rc;
    more.content = kg_span_of(content.data, content.len);
    finish(out, path, fd, st, &more);
    return 0;
}

int nb_get(struct nb_reply *out, const struct nb_root *r, const char *raw, const struct nb_get *get,
           struct kg_err *err)
{
    struct stat st;
    kg_autofree char *path = NULL;
    if (get->format && strcmp(get->format, "text") != 0 && strcmp(get->format, "base64") != 0)
        return kg_err_set(err, -EINVAL, "Format '%.40s' is invalid", get->format);
    int rc = nb_path_clean(&path, raw, err);
    if (rc < 0)
        return rc;
    if (nb_path_hidden(path))
        return nb_fail(err, ENOENT, "", path);
    kg_autoclose int fd = nb_open(r, path, O_PATH, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return nb_fail(err, errno, "read", path);
    const char *type = get->type;
    if (S_ISDIR(st.st_mode)) {
        if (!type || strcmp(type, "directory") == 0)
            return get_folder(out, r, path, get, fd, &st, err);
        out->reason = "bad type";
        return kg_err_set(err, -EINVAL, "%.200s is a directory, not a %s", path,
                          strcmp(type, "notebook") == 0 ? type : "file");
    }
    if (type && strcmp(type, "directory") == 0) {
        out->reason = "bad type";
        return kg_err_set(err, -EINVAL, "%.200s is not a directory", path);
    }
    enum nb_type is = !type                           ? nb_type_of(path, &st)
                      : strcmp(type, "notebook") == 0 ? NB_NOTEBOOK
                                                      : NB_FILE;
    if (get->content || get->hash)
        return get_file(out, r, path, get, is, err);
    nb_model_bare(out, path, fd, &st, is, NULL);
    return 0;
}

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "notebooks/copy.h"
#include "notebooks/document.h"
#include "notebooks/file.h"
#include "notebooks/model.h"
#include "notebooks/trust.h"

enum { NAMES_MAX = 10000 };

static const char *member(const json_t *body, const char *key)
{
    return json_string_value(json_object_get(body, key));
}

/* What is to be written, as bytes. *why: what is wrong with a notebook that is saved all the same. */
static int bytes_of(struct kg_buf *out, const json_t *body, const char *type, struct kg_err *why,
                    struct kg_err *err)
{
    const json_t *content = json_object_get(body, "content");
    const char *format = member(body, "format");
    if (strcmp(type, "notebook") == 0) {
        json_t *nb = json_deep_copy(content);
        int rc = nb_adopt(nb, err);
        if (rc == 0) {
            nb_give_ids(nb);
            if (nb_validate(nb, why) < 0)
                kg_err_wrap(why, "Notebook validation failed");
            nb_write(out, nb);
        }
        json_decref(nb);
        return rc;
    }
    if (!format || (strcmp(format, "text") != 0 && strcmp(format, "base64") != 0))
        return kg_err_set(err, -EINVAL,
                          "Must specify format of file contents as 'text' or 'base64'");
    if (!json_is_string(content))
        return kg_err_set(err, -EINVAL, "the content of a file must be a string");
    size_t n = json_string_length(content);
    if (format[0] == 't') {
        kg_buf_add(out, json_string_value(content), n);
        return 0;
    }
    size_t len = 0;
    uint8_t *to = kg_buf_reserve(out, n / 4 * 3 + 3);
    if (sodium_base642bin(to, n / 4 * 3 + 3, json_string_value(content), n, "\r\n ", &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) < 0)
        return kg_err_set(err, -EINVAL, "Encoding error: the content is not base64");
    out->len = len;
    return 0;
}

static struct nb_expect expectation(const json_t *body)
{
    const json_t *ours = json_object_get(body, "kernelgw");
    return (struct nb_expect){member(ours, "if_hash"), member(ours, "if_last_modified")};
}

/* The reply about what stands at a place now. */
static int tell(struct nb_reply *out, const struct nb_root *r, const char *path, const char *type,
                const char *message, struct kg_err *err)
{
    struct stat st;
    kg_autoclose int fd = nb_open(r, path, O_PATH, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return nb_fail(err, errno, "read", path);
    enum nb_type is = nb_type_of(path, &st);
    if (type && is != NB_DIRECTORY)
        is = strcmp(type, "notebook") == 0 ? NB_NOTEBOOK : is;
    nb_model_bare(out, path, fd, &st, is, message);
    return 0;
}

static int save_folder(struct nb_reply *out, const struct nb_root *r, const char *path,
                       struct kg_err *err)
{
    struct nb_place at;
    struct stat st;
    int rc = nb_place_find(&at, r, path, true, err);
    if (rc == 0 && mkdirat(at.dir, at.name, 0777) < 0) {
        int saved = errno;
        if (saved == EEXIST && fstatat(at.dir, at.name, &st, 0) == 0)
            rc =
                S_ISDIR(st.st_mode) ? 0 : kg_err_set(err, -EINVAL, "Not a directory: %.200s", path);
        else
            rc = nb_fail(err, saved, "make", path);
    }
    nb_place_release(&at);
    return rc < 0 ? rc : tell(out, r, path, NULL, NULL, err);
}

/* One part of an upload: all but the last stand in a file beside, and the model is of that. */
static int save_part(struct nb_reply *out, struct nb_root *r, const char *path, const json_t *body,
                     const struct kg_buf *bytes, struct kg_err *err)
{
    json_int_t chunk = json_integer_value(json_object_get(body, "chunk"));
    struct nb_expect expect = expectation(body);
    struct nb_place at;
    struct nb_writer w = {.fd = -1};
    struct stat st;
    int rc = nb_place_find(&at, r, path, true, err);
    if (rc == 0)
        rc = nb_writer_part(&w, &at, chunk == 1, err);
    if (rc == 0)
        rc = nb_writer_add(&w, bytes->data, bytes->len, err);
    if (rc == 0 && chunk == -1)
        rc = nb_writer_commit(&w, r, NB_REPLACE, &expect, err);
    else if (rc == 0 && fstat(w.fd, &st) == 0)
        nb_model_bare(out, path, w.fd, &st, NB_FILE, NULL);
    w.keep = rc == 0; /* what a part left half written is no beginning of anything */
    nb_writer_abort(&w);
    nb_place_release(&at);
    return rc == 0 && chunk == -1 ? tell(out, r, path, NULL, NULL, err) : rc;
}

/* A notebook always has a checkpoint: what it was when it was saved first. */
static void keep_first(struct nb_root *r, const char *path)
{
    struct nb_reply list = {0};
    struct nb_reply made = {0};
    struct kg_err ignored;
    if (nb_checkpoint_list(&list, r, path, &ignored) == 0 && list.body.len <= 2)
        nb_checkpoint_create(&made, r, path, &ignored);
    nb_reply_release(&list);
    nb_reply_release(&made);
}

static int save_file(struct nb_reply *out, struct nb_root *r, const char *path, const json_t *body,
                     const char *type, enum nb_replace how, struct kg_err *err)
{
    kg_autobuf bytes = {0};
    struct kg_err why = {0};
    struct nb_expect expect = expectation(body);
    const json_t *chunk = json_object_get(body, "chunk");
    bool parts = chunk && !json_is_null(chunk);
    if (parts && (!json_is_integer(chunk) || json_integer_value(chunk) < -1 ||
                  json_integer_value(chunk) == 0))
        return kg_err_set(err, -EINVAL, "chunk must be 1, 2, 3... and -1 for the last");
    if (parts && strcmp(type, "file") != 0)
        return kg_err_set(err, -EINVAL,
                          "File type \"%.40s\" is not supported for large file transfer", type);
    int rc = bytes_of(&bytes, body, type, &why, err);
    if (rc < 0)
        return rc;
    if (parts)
        return save_part(out, r, path, body, &bytes, err);
    rc = nb_file_write(r, path, &bytes, how, &expect, err);
    if (rc == 0 && strcmp(type, "notebook") == 0) {
        if (nb_is_vouched(json_object_get(body, "content")))
            nb_vouch(r, &bytes);
        keep_first(r, path);
    }
    return rc < 0 ? rc : tell(out, r, path, type, why.text[0] ? why.text : NULL, err);
}

/* What is saved without content, or without a word of its type, where nothing stood. */
static int save_new(struct nb_reply *out, struct nb_root *r, const char *path, const char *type,
                    enum nb_replace how, struct kg_err *err)
{
    json_t *body = strcmp(type, "notebook") == 0
                       ? json_pack("{s:o}", "content", nb_new())
                       : json_pack("{s:s,s:s}", "content", "", "format", "text");
    int rc = save_file(out, r, path, body, strcmp(type, "notebook") == 0 ? type : "file", how, err);
    json_decref(body);
    return rc;
}

static bool is_type(const char *type)
{
    return strcmp(type, "file") == 0 || strcmp(type, "notebook") == 0 ||
           strcmp(type, "directory") == 0;
}

int nb_save(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
            struct kg_err *err)
{
    struct stat st;
    kg_autofree char *path = NULL;
    if (json_object_size(body) == 0)
        return nb_create(out, r, raw, NULL, err);
    int rc = nb_path_clean(&path, raw, err);
    if (rc < 0)
        return rc;
    if (json_is_true(json_object_get(body, "copy_from")) || member(body, "copy_from"))
        return kg_err_set(err, -EINVAL, "Cannot copy with PUT, only POST");
    if (nb_path_hidden(path))
        return kg_err_set(err, -EINVAL, "Cannot create file or directory '%.200s'", path);
    kg_autoclose int fd = nb_open(r, path, O_PATH, NULL);
    bool there = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    const char *type = member(body, "type");
    const json_t *content = json_object_get(body, "content");
    out->created = !there;
    if (!type && there)
        return kg_err_set(err, -EINVAL, "No file type provided");
    if (!type)
        type = strlen(path) > 6 && strcmp(path + strlen(path) - 6, ".ipynb") == 0 ? "notebook"
                                                                                  : "file";
    if (!is_type(type))
        type = "file";
    if (strcmp(type, "directory") == 0)
        return save_folder(out, r, path, err);
    if (!content && there)
        return kg_err_set(err, -EINVAL, "No file content provided");
    return content ? save_file(out, r, path, body, type, NB_REPLACE, err)
                   : save_new(out, r, path, type, NB_NEW, err);
}

/* "name" with insert and n before its ending; before the first dot, but before the last one of a notebook's. */
static char *numbered(const char *name, const char *insert, int n)
{
    size_t length = strlen(name);
    bool notebook = length > 6 && strcmp(name + length - 6, ".ipynb") == 0;
    const char *dot = notebook ? name + length - 6 : strchr(name, '.');
    if (!dot)
        dot = name + length;
    return n ? kg_asprintf("%.*s%s%d%s", (int)(dot - name), name, insert, n, dot) : kg_strdup(name);
}

/* A copy of a copy is no "-Copy1-Copy1". */
static char *without_copy(const char *name)
{
    const char *at = strstr(name, "-Copy");
    size_t digits = at ? strspn(at + 5, "0123456789") : 0;
    if (!at || at[5 + digits] != '.')
        return kg_strdup(name);
    return kg_asprintf("%.*s%s", (int)(at - name), name, at + 5 + digits);
}

static char *below(const char *folder, const char *name)
{
    return kg_asprintf("%s%s%s", folder, folder[0] ? "/" : "", name);
}

static int new_folder(struct nb_reply *out, const struct nb_root *r, const char *path,
                      struct kg_err *err)
{
    struct nb_place at;
    int rc = nb_place_find(&at, r, path, false, err);
    if (rc == 0 && mkdirat(at.dir, at.name, 0777) < 0)
        rc = nb_fail(err, errno, "make", path);
    nb_place_release(&at);
    return rc < 0 ? rc : tell(out, r, path, NULL, NULL, err);
}

static int create_untitled(struct nb_reply *out, struct nb_root *r, const char *folder,
                           const json_t *body, struct kg_err *err)
{
    const char *ext = member(body, "ext");
    const char *type = member(body, "type");
    if (!type || !type[0])
        type = ext && strcmp(ext, ".ipynb") == 0 ? "notebook" : "file";
    else if (!is_type(type))
        type = "file";
    if (ext && strchr(ext, '/'))
        return kg_err_set(err, -EINVAL, "ext must not hold a slash");
    bool is_folder = strcmp(type, "directory") == 0;
    kg_autofree char *name = is_folder ? kg_strdup("Untitled Folder")
                             : strcmp(type, "notebook") == 0
                                 ? kg_strdup("Untitled.ipynb")
                                 : kg_asprintf("untitled%s", ext ? ext : "");
    int rc = -EEXIST;
    for (int n = 0; n < NAMES_MAX && rc == -EEXIST; n++) {
        kg_autofree char *candidate = numbered(name, is_folder ? " " : "", n);
        kg_autofree char *path = below(folder, candidate);
        rc = is_folder ? new_folder(out, r, path, err) : save_new(out, r, path, type, NB_NEW, err);
    }
    return rc;
}

/* from: of a file, open; of a folder, its path. */
static int copy_one(struct nb_root *r, int file, const char *folder, const char *to,
                    enum nb_replace how, struct kg_err *err)
{
    return folder ? nb_copy_folder(r, folder, to, err) : nb_copy_file(r, file, to, how, err);
}

static int create_copy(struct nb_reply *out, struct nb_root *r, const char *to, bool to_folder,
                       const char *raw_from, struct kg_err *err)
{
    struct stat st;
    kg_autofree char *from = NULL;
    int rc = nb_path_clean(&from, raw_from, err);
    if (rc < 0)
        return rc;
    if (nb_path_hidden(from) || nb_path_hidden(to))
        return kg_err_set(err, -EINVAL, "Cannot copy file or directory '%.200s'", from);
    kg_autoclose int probe = nb_open(r, from, O_PATH, err);
    if (probe < 0)
        return probe;
    const char *folder = fstat(probe, &st) == 0 && S_ISDIR(st.st_mode) ? from : NULL;
    kg_autoclose int fd = folder ? -1 : nb_file_open(r, from, &st, err);
    if (fd < 0 && !folder)
        return fd;
    if (!to_folder) {
        rc = copy_one(r, fd, folder, to, NB_REPLACE, err);
        return rc < 0 ? rc : tell(out, r, to, NULL, NULL, err);
    }
    kg_autofree char *name = without_copy(nb_path_name(from));
    rc = -EEXIST;
    for (int n = 0; n < NAMES_MAX && rc == -EEXIST; n++) {
        kg_autofree char *candidate = numbered(name, "-Copy", n);
        kg_autofree char *path = below(to, candidate);
        rc = copy_one(r, fd, folder, path, NB_NEW, err);
        if (rc == 0)
            rc = tell(out, r, path, NULL, NULL, err);
    }
    return rc;
}

int nb_create(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
              struct kg_err *err)
{
    struct stat st;
    kg_autofree char *path = NULL;
    int rc = nb_path_clean(&path, raw, err);
    if (rc < 0)
        return rc;
    kg_autoclose int fd = nb_open(r, path, O_PATH, NULL);
    bool there = fd >= 0 && fstat(fd, &st) == 0;
    bool folder = there && S_ISDIR(st.st_mode);
    const char *from = member(body, "copy_from");
    if (there && !folder)
        return kg_err_set(err, -EINVAL, "Cannot POST to files, use PUT instead.");
    out->created = true;
    if (from && from[0])
        return create_copy(out, r, path, folder, from, err);
    if (!folder || nb_path_hidden(path))
        return kg_err_set(err, -ENOENT, "No such directory: %.200s", path);
    return create_untitled(out, r, path, body, err);
}

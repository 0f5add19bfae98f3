/* Runs that an earlier server has left, by what it kept of them (keep.c). At the start, before anybody is served. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"
#include "notebooks/contents.h"
#include "notebooks/document.h"

enum { ENTRY_MAX_BYTES = 4 << 20 };

static int read_kept(struct kg_buf *out, const struct nb_root *kept, const char *id,
                     const char *ending, size_t max, struct kg_err *err)
{
    struct stat st;
    kg_autofree char *name = kg_asprintf("%s.%s", id, ending);
    kg_autoclose int fd = nb_file_open(kept, name, &st, err);
    return fd < 0 ? fd : nb_file_read(out, fd, max, name, err);
}

static char *text_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? kg_strdup(text) : NULL;
}

static json_t *object_of(const json_t *entry, const char *key)
{
    json_t *v = json_object_get(entry, key);
    return json_is_object(v) ? json_incref(v) : NULL;
}

static void copy_text(char *out, size_t size, const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    snprintf(out, size, "%s", text ? text : "");
}

static json_int_t number_of(const json_t *entry, const char *key)
{
    return json_integer_value(json_object_get(entry, key));
}

static void read_entry(struct kg_nbrun *r, const json_t *entry)
{
    r->spec = (struct kg_nbrun_spec){
        .owner = text_of(entry, "owner"),
        .path = text_of(entry, "path"),
        .output_path = text_of(entry, "output_path"),
        .parameters = object_of(entry, "parameters"),
        .env = object_of(entry, "env"),
        .own = object_of(entry, "own"),
        .timeout_ms = (uint64_t)number_of(entry, "timeout_ms"),
        .allow_errors = json_is_true(json_object_get(entry, "allow_errors")),
        .keep_kernel = json_is_true(json_object_get(entry, "keep_kernel")),
        .in_place = json_is_true(json_object_get(entry, "in_place")),
        .record_timing = !json_is_false(json_object_get(entry, "record_timing")),
    };
    r->created_us = number_of(entry, "created_us");
    r->started_us = number_of(entry, "started_us");
    r->covered = (size_t)number_of(entry, "covered");
    r->covered_done = (size_t)number_of(entry, "covered_done");
    r->msg_ids = object_of(entry, "msg_ids");
    r->store.path = text_of(entry, "target");
    r->store.is_new = json_is_true(json_object_get(entry, "is_new"));
    copy_text(r->store.hash, sizeof r->store.hash, entry, "hash");
    copy_text(r->kernel_id, sizeof r->kernel_id, entry, "kernel_id");
    copy_text(r->session_id, sizeof r->session_id, entry, "session_id");
}

/* The server may have been killed between a save and the note of it: what stands there is ours when it is the copy. */
static void recognise(struct kg_nbrun *r, const struct kg_buf *copy)
{
    char hash[NB_HASH_SIZE];
    char there[NB_HASH_SIZE];
    kg_autobuf bytes = {0};
    struct stat st;
    kg_autoclose int fd = nb_file_open(r->store.root, r->store.path, &st, NULL);
    if (fd < 0 || nb_file_read(&bytes, fd, KG_NB_BYTES, r->store.path, NULL) < 0)
        return;
    nb_hash(hash, copy->data, copy->len);
    nb_hash(there, bytes.data, bytes.len);
    if (strcmp(hash, there) != 0)
        return;
    memcpy(r->store.hash, hash, sizeof hash);
    r->store.is_new = false;
}

static int take_over(struct kg_nbruns *all, kg_nbruns_root *root_of, void *user, const char *id,
                     struct kg_err *err)
{
    struct nb_root *root = NULL;
    kg_autobuf text = {0};
    kg_autobuf copy = {0};
    struct kg_nbrun *r = kg_calloc(1, sizeof *r);
    r->all = all;
    snprintf(r->id, sizeof r->id, "%s", id);
    kg_nb_store_init(r);
    int rc = read_kept(&text, all->kept, id, "json", ENTRY_MAX_BYTES, err);
    json_t *entry =
        rc == 0 ? json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, NULL) : NULL;
    const char *kernel = json_string_value(json_object_get(entry, "kernel"));
    read_entry(r, entry);
    if (rc == 0 && (!r->spec.owner || !kernel))
        rc = kg_err_set(err, -EINVAL, "what was kept of it is not whole");
    if (rc == 0 && !(r->runtime = kg_runtimes_find(&all->core->runtimes, kernel)))
        rc = kg_err_set(err, -ENOENT, "there is no kernel %.60s here any more", kernel);
    bool ended = rc == 0 && kg_nb_ended_read(r, entry);
    if (rc == 0)
        rc = read_kept(&copy, all->kept, id, "ipynb", SIZE_MAX, err);
    if (rc == -ENOENT && ended) { /* it is in its file */
        json_decref(entry);
        kg_nbruns_put_ended(r);
        return 0;
    }
    if (rc == 0)
        rc = nb_read(&r->nb, kg_span_of(copy.data, copy.len), err);
    json_decref(entry);
    if (rc == 0 && r->store.path && !ended)
        root = root_of(user, r->spec.owner);
    if (rc == 0 && r->store.path && !root && !ended)
        rc = kg_err_set(err, -ENOENT, "this server keeps no files (--contents-dir)");
    if (rc < 0) {
        kg_nb_keep_forget(r);
        kg_nbrun_free(r);
        return rc;
    }
    r->bytes = copy.len;
    all->bytes += r->bytes;
    if (ended) {
        kg_nbruns_put_ended(r);
        return 0;
    }
    if (r->store.path) {
        r->store.root = nb_root_ref(root);
        recognise(r, &copy);
    }
    if (r->started_us == 0) {
        rc = kg_nbruns_add(r, err);
        if (rc < 0)
            kg_nbrun_free(r);
        return rc;
    }
    kg_nbruns_put_live(r);
    kg_nbrun_resume(r);
    return 0;
}

struct kept_id {
    int64_t created_us;
    char id[KG_UUID_SIZE];
};

static int by_age(const void *a, const void *b)
{
    const struct kept_id *x = a, *y = b;
    return x->created_us < y->created_us ? -1 : x->created_us > y->created_us;
}

/* Those that wait keep their places, and lists are oldest first. */
static int64_t created_us(const struct nb_root *kept, const char *id)
{
    kg_autobuf text = {0};
    if (read_kept(&text, kept, id, "json", ENTRY_MAX_BYTES, NULL) < 0)
        return 0;
    json_t *entry = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, NULL);
    int64_t us = number_of(entry, "created_us");
    json_decref(entry);
    return us;
}

void kg_nbruns_load(struct kg_nbruns *all, kg_nbruns_root *root_of, void *user)
{
    int fd = all->kept ? openat(all->kept->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    kg_autobuf ids = {0};               /* looked up first: what is taken over writes here */
    while (dir && (e = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        struct kept_id one = {0};
        snprintf(one.id, sizeof one.id, "%s", e->d_name);
        if (!kg_is_uuid(one.id) || strcmp(e->d_name + KG_UUID_LEN, ".json") != 0)
            continue;
        one.created_us = created_us(all->kept, one.id);
        kg_buf_add(&ids, &one, sizeof one);
    }
    if (dir)
        closedir(dir);
    if (ids.len)
        qsort(ids.data, ids.len / sizeof(struct kept_id), sizeof(struct kept_id), by_age);
    for (size_t i = 0; i + sizeof(struct kept_id) <= ids.len; i += sizeof(struct kept_id)) {
        struct kg_err err = {0};
        struct kept_id one;
        memcpy(&one, ids.data + i, sizeof one);
        const char *id = one.id;
        if (take_over(all, root_of, user, id, &err) < 0)
            kg_log(KG_WARN, "notebook", "not taken over", "id=%s why=\"%s\"", id, err.text);
    }
}

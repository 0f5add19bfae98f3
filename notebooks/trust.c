#include "notebooks/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "notebooks/contents.h"
#include "notebooks/document.h"
#include "notebooks/file.h"
#include "notebooks/shape.h"

enum { DIGEST = 32 };

struct entry {
    uint8_t digest[DIGEST];
    UT_hash_handle hh;
};

struct nb_trust {
    unsigned refs; /* the loop's thread alone */
    pthread_mutex_t lock;
    struct entry *table; /* oldest first */
    char *path;
};

static void complain(const struct nb_trust *t, const char *what)
{
    kg_log(KG_ERROR, "contents", "which notebooks are trusted can't be kept", "%s path=\"%s\"",
           what, t->path);
}

static bool write_all(int fd, const void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t rc = write(fd, (const char *)data + done, n - done);
        if (rc < 0 && errno != EINTR)
            return false;
        done += rc > 0 ? (size_t)rc : 0;
    }
    return true;
}

/* All of it anew, beside, and put in place. */
static void write_table(const struct nb_trust *t)
{
    kg_autofree char *beside = kg_asprintf("%s.new", t->path);
    kg_autobuf all = {0};
    for (const struct entry *e = t->table; e; e = e->hh.next)
        kg_buf_add(&all, e->digest, DIGEST);
    kg_autoclose int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !write_all(fd, all.data, all.len) || rename(beside, t->path) < 0)
        complain(t, "write");
}

static void append(const struct nb_trust *t, const struct entry *e)
{
    kg_autoclose int fd =
        open(t->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !write_all(fd, e->digest, DIGEST))
        complain(t, "append");
}

static struct entry *find(const struct nb_trust *t, const uint8_t digest[DIGEST])
{
    struct entry *e = NULL;
    HASH_FIND(hh, t->table, digest, DIGEST, e);
    return e;
}

static struct entry *add(struct nb_trust *t, const uint8_t digest[DIGEST])
{
    struct entry *e = kg_calloc(1, sizeof *e);
    memcpy(e->digest, digest, DIGEST);
    HASH_ADD(hh, t->table, digest, DIGEST, e);
    return e;
}

static void drop_oldest(struct nb_trust *t, size_t n)
{
    struct entry *e, *next;
    HASH_ITER(hh, t->table, e, next) {
        if (n-- == 0)
            break;
        HASH_DEL(t->table, e);
        free(e);
    }
}

/* A part of a digest at the end, of a server that was killed, is cut off. */
static void load(struct nb_trust *t)
{
    kg_autobuf all = {0};
    kg_autoclose int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno != ENOENT)
            complain(t, "read");
        return;
    }
    if (nb_file_read(&all, fd, (size_t)2 * NB_TRUST_MAX * DIGEST, t->path, NULL) < 0) {
        complain(t, "read");
        return;
    }
    for (size_t i = 0; i + DIGEST <= all.len; i += DIGEST)
        if (!find(t, all.data + i))
            add(t, all.data + i);
    size_t n = HASH_COUNT(t->table);
    if (n > NB_TRUST_MAX)
        drop_oldest(t, n - NB_TRUST_MAX);
    if (HASH_COUNT(t->table) * DIGEST != all.len)
        write_table(t);
}

struct nb_trust *nb_trust_new(const char *path)
{
    struct nb_trust *t = kg_calloc(1, sizeof *t);
    t->refs = 1;
    pthread_mutex_init(&t->lock, NULL);
    t->path = path ? kg_strdup(path) : NULL;
    if (path)
        load(t);
    return t;
}

struct nb_trust *nb_trust_ref(struct nb_trust *t)
{
    t->refs++;
    return t;
}

void nb_trust_unref(struct nb_trust *t)
{
    if (!t || --t->refs)
        return;
    drop_oldest(t, HASH_COUNT(t->table));
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t);
}

void nb_root_set_trust(struct nb_root *r, struct nb_trust *t, const char *who)
{
    r->trust = nb_trust_ref(t);
    r->who = kg_strdup(who);
}

static void digest_of(uint8_t out[DIGEST], const char *who, const struct kg_buf *bytes)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, DIGEST);
    crypto_generichash_update(&state, (const uint8_t *)who, strlen(who) + 1);
    crypto_generichash_update(&state, bytes->data, bytes->len);
    crypto_generichash_final(&state, out, DIGEST);
}

bool nb_trusted(const struct nb_root *r, const struct kg_buf *bytes)
{
    uint8_t digest[DIGEST];
    if (!r->trust)
        return false;
    digest_of(digest, r->who, bytes);
    pthread_mutex_lock(&r->trust->lock);
    bool found = find(r->trust, digest) != NULL;
    pthread_mutex_unlock(&r->trust->lock);
    return found;
}

void nb_vouch(const struct nb_root *r, const struct kg_buf *bytes)
{
    uint8_t digest[DIGEST];
    struct nb_trust *t = r->trust;
    if (!t)
        return;
    digest_of(digest, r->who, bytes);
    pthread_mutex_lock(&t->lock);
    bool known = find(t, digest) != NULL;
    bool full = !known && HASH_COUNT(t->table) >= NB_TRUST_MAX;
    if (full)
        drop_oldest(t, NB_TRUST_MAX / 4);
    const struct entry *e = known ? NULL : add(t, digest);
    if (t->path && full)
        write_table(t);
    else if (t->path && e)
        append(t, e);
    pthread_mutex_unlock(&t->lock);
}

static bool shows_text_alone(const json_t *cell)
{
    size_t i;
    json_t *output;
    json_array_foreach(json_object_get(cell, "outputs"), i, output) {
        const char *type = json_string_value(json_object_get(output, "output_type"));
        if (!type || strcmp(type, "execute_result") == 0 || strcmp(type, "display_data") == 0)
            return false;
    }
    return true;
}

bool nb_is_vouched(const json_t *nb)
{
    size_t i;
    json_t *cell;
    if (!json_is_array(
            json_object_get(nb, "cells"))) /* of an old format: nothing is known of its outputs */
        return false;
    json_array_foreach(json_object_get(nb, "cells"), i, cell) {
        const json_t *trusted = json_object_get(json_object_get(cell, "metadata"), "trusted");
        if (nb_cell_is(cell, "code") && !json_is_true(trusted) && !shows_text_alone(cell))
            return false;
    }
    return true;
}

int nb_trust_file(const struct nb_root *r, const char *raw, struct kg_err *err)
{
    struct stat st;
    kg_autofree char *path = NULL;
    kg_autobuf bytes = {0};
    json_t *nb = NULL;
    int rc = nb_path_clean(&path, raw, err);
    if (rc < 0)
        return rc;
    if (nb_path_hidden(path))
        return nb_fail(err, ENOENT, "", path);
    kg_autoclose int fd = nb_file_open(r, path, &st, err);
    if (fd < 0)
        return fd;
    rc = nb_file_read(&bytes, fd, NB_JSON_MAX_BYTES, path, err);
    if (rc == 0)
        rc = nb_read(&nb, kg_span_of(bytes.data, bytes.len), err);
    json_decref(nb);
    if (rc == 0)
        nb_vouch(r, &bytes);
    return rc;
}

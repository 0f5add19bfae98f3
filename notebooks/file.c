#include "notebooks/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

enum { PIECE_BYTES = 128 << 10, EXPECTED_MAX_BYTES = 1 << 30 };

int nb_file_read(struct kg_buf *out, int fd, size_t max, const char *path, struct kg_err *err)
{
    for (;;) {
        ssize_t n = read(fd, kg_buf_reserve(out, PIECE_BYTES), PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nb_fail(err, errno, "read", path);
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        if (out->len > max)
            return kg_err_set(err, -EFBIG, "%.200s has more than %zu MB: get it from /files/", path,
                              max >> 20);
    }
}

void nb_hash(char out[NB_HASH_SIZE], const void *data, size_t n)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, data, n);
    sodium_bin2hex(out, NB_HASH_SIZE, hash, sizeof hash);
}

int nb_writer_begin(struct nb_writer *w, const struct nb_place *at, struct kg_err *err)
{
    char random[17];
    struct stat st;
    *w = (struct nb_writer){.at = at, .fd = -1};
    if (fstatat(at->dir, at->name, &st, 0) == 0) {
        if (S_ISDIR(st.st_mode))
            return kg_err_set(err, -EINVAL, "%.200s is a directory, not a file", at->path);
        if (faccessat(at->dir, at->name, W_OK, AT_EACCESS) < 0)
            return nb_fail(err, errno, "write", at->path);
    }
    kg_random_hex(random, 8);
    snprintf(w->temp, sizeof w->temp, ".kgw-%s.tmp", random);
    w->fd = openat(at->dir, w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return w->fd < 0 ? nb_fail(err, errno, "write", at->path) : 0;
}

int nb_writer_part(struct nb_writer *w, const struct nb_place *at, bool first, struct kg_err *err)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    char name[2 * crypto_generichash_BYTES_MIN + 1];
    *w = (struct nb_writer){.at = at, .fd = -1, .keep = true};
    crypto_generichash(hash, sizeof hash, (const unsigned char *)at->name, strlen(at->name), NULL,
                       0);
    sodium_bin2hex(name, sizeof name, hash, sizeof hash);
    snprintf(w->temp, sizeof w->temp, ".kgw-%s.part", name);
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (first ? O_CREAT | O_TRUNC : 0);
    w->fd = openat(at->dir, w->temp, flags, 0666);
    if (w->fd < 0 && errno == ENOENT && !first)
        return kg_err_set(err, -EINVAL,
                          "no upload of %.200s is under way: its first part has the number 1",
                          at->path);
    return w->fd < 0 ? nb_fail(err, errno, "write", at->path) : 0;
}

int nb_writer_add(struct nb_writer *w, const void *data, size_t n, struct kg_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t rc = write(w->fd, (const char *)data + done, n - done);
        if (rc < 0 && errno != EINTR)
            return nb_fail(err, errno, "write", w->at->path);
        done += rc > 0 ? (size_t)rc : 0;
    }
    return 0;
}

int nb_writer_copy(struct nb_writer *w, int fd, struct kg_err *err)
{
    kg_autofree char *piece = kg_malloc(PIECE_BYTES);
    struct stat st;
    ssize_t n;
    while ((n = read(fd, piece, PIECE_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nb_fail(err, errno, "read", w->at->path);
        int rc = nb_writer_add(w, piece, (size_t)n, err);
        if (rc < 0)
            return rc;
    }
    if (fstat(fd, &st) == 0) {
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        futimens(w->fd, times);
    }
    return 0;
}

/* Is what stands there what the client thinks? */
static int check_expected(const struct nb_place *at, const struct nb_expect *expect,
                          struct kg_err *err)
{
    if (!expect || (!expect->hash && !expect->last_modified))
        return 0;
    kg_autobuf bytes = {0};
    struct stat st;
    char iso[KG_ISO_SIZE];
    char hash[NB_HASH_SIZE];
    kg_autoclose int fd = openat(at->dir, at->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return errno == ENOENT ? kg_err_set(err, -ESTALE, "%.200s is not there any more", at->path)
                               : nb_fail(err, errno, "read", at->path);
    kg_clock_iso(iso, st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000);
    bool same = !expect->last_modified || strcmp(iso, expect->last_modified) == 0;
    if (same && expect->hash) {
        int rc = nb_file_read(&bytes, fd, EXPECTED_MAX_BYTES, at->path, err);
        if (rc < 0)
            return rc;
        nb_hash(hash, bytes.data, bytes.len);
        same = strcmp(hash, expect->hash) == 0;
    }
    return same ? 0
                : kg_err_set(err, -ESTALE, "%.200s was changed by somebody else: it is of %s",
                             at->path, iso);
}

/*
 * The clock of files moves in steps of some milliseconds. Two saves within one would have the same time, and who goes
 * by it, as JupyterLab does, would not see the second: a microsecond tells them apart.
 */
static void tell_apart(const struct nb_writer *w)
{
    struct stat old;
    struct stat new;
    if (fstatat(w->at->dir, w->at->name, &old, AT_SYMLINK_NOFOLLOW) < 0 || fstat(w->fd, &new) < 0)
        return;
    int64_t before_us = old.st_mtim.tv_sec * 1000000LL + old.st_mtim.tv_nsec / 1000;
    int64_t now_us = new.st_mtim.tv_sec * 1000000LL + new.st_mtim.tv_nsec / 1000;
    if (now_us > before_us || before_us - now_us > 1000000)
        return;
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (before_us + 1) / 1000000, .tv_nsec = (before_us + 1) % 1000000 * 1000}};
    futimens(w->fd, times);
}

static int put_in_place(struct nb_writer *w, enum nb_replace how, const struct nb_expect *expect,
                        struct kg_err *err)
{
    const struct nb_place *at = w->at;
    int rc = check_expected(at, expect, err);
    if (rc < 0)
        return rc;
    tell_apart(w);
    unsigned flags = how == NB_NEW ? RENAME_NOREPLACE : 0;
    if (renameat2(at->dir, w->temp, at->dir, at->name, flags) == 0)
        return 0;
    return errno == EISDIR ? kg_err_set(err, -EINVAL, "%.200s is a directory, not a file", at->path)
                           : nb_fail(err, errno, "write", at->path);
}

int nb_writer_commit(struct nb_writer *w, struct nb_root *r, enum nb_replace how,
                     const struct nb_expect *expect, struct kg_err *err)
{
    struct stat st;
    int rc = 0;
    w->keep = false;
    if (fstatat(w->at->dir, w->at->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        fchmod(w->fd, st.st_mode & 07777);
    /* what is not on the disk is not put in place: after a crash either the old or the new file is there */
    if (fsync(w->fd) < 0)
        rc = nb_fail(err, errno, "write", w->at->path);
    if (rc == 0) {
        pthread_mutex_lock(&r->lock);
        rc = put_in_place(w, how, expect, err);
        pthread_mutex_unlock(&r->lock);
    }
    if (rc < 0) {
        nb_writer_abort(w);
        return rc;
    }
    fsync(w->at->dir);
    close(kg_steal_fd(&w->fd));
    return 0;
}

void nb_writer_abort(struct nb_writer *w)
{
    if (w->fd < 0)
        return;
    close(kg_steal_fd(&w->fd));
    if (!w->keep)
        unlinkat(w->at->dir, w->temp, 0);
}

int nb_file_write(struct nb_root *r, const char *path, const struct kg_buf *bytes,
                  enum nb_replace how, const struct nb_expect *expect, struct kg_err *err)
{
    struct nb_place at;
    struct nb_writer w = {.fd = -1};
    int rc = nb_place_find(&at, r, path, true, err);
    if (rc == 0)
        rc = nb_writer_begin(&w, &at, err);
    if (rc == 0)
        rc = nb_writer_add(&w, bytes->data, bytes->len, err);
    if (rc == 0)
        rc = nb_writer_commit(&w, r, how, expect, err);
    nb_writer_abort(&w);
    nb_place_release(&at);
    return rc;
}

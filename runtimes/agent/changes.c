#include "runtimes/agent/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#include "base/mem.h"
#include "runtimes/agent/files.h"

enum {
    /* Times in a file system are as coarse as the kernel's tick: what is younger may change again without showing it. */
    YOUNG_NS = 20 * 1000 * 1000,
    OLDER_S = 1,
};

struct seen {
    struct timespec mtime;
    uint64_t size;
    ino_t ino;
    mode_t mode;
    bool young; /* it may have changed after it was looked at, without showing it */
    UT_hash_handle hh;
    char path[];
};

struct kk_changes {
    const struct kk_options *options;
    struct seen *files; /* uthash by path: the mark */
};

struct folder {
    struct folder *next;
    unsigned depth;
    char path[]; /* "" for the work directory itself */
};

/* One look at everything. */
struct walk {
    struct seen *files;
    struct folder *folders, *last;
    struct kg_buf odd; /* paths, each ended by a NUL */
    unsigned odd_count, visited;
    bool more;
    struct timespec now;
    bool mark;
};

static void forget(struct seen **files)
{
    struct seen *s, *next;
    HASH_ITER(hh, *files, s, next) {
        HASH_DEL(*files, s);
        free(s);
    }
}

struct kk_changes *kk_changes_new(const struct kk_options *options)
{
    struct kk_changes *c = kg_calloc(1, sizeof *c);
    c->options = options;
    return c;
}

void kk_changes_free(struct kk_changes *c)
{
    if (!c)
        return;
    forget(&c->files);
    free(c);
}

static void push_folder(struct walk *w, const char *path, unsigned depth)
{
    size_t n = strlen(path) + 1;
    struct folder *f = kg_malloc(sizeof *f + n);
    f->next = NULL;
    f->depth = depth;
    memcpy(f->path, path, n);
    if (w->last)
        w->last->next = f;
    else
        w->folders = f;
    w->last = f;
}

static void pop_folder(struct walk *w)
{
    struct folder *f = w->folders;
    w->folders = f->next;
    if (!w->folders)
        w->last = NULL;
    free(f);
}

static bool plain_utf8(const char *s)
{
    size_t n = strlen(s);
    for (size_t at = 0, step; at < n; at += step)
        if ((step = kg_utf8_char((const uint8_t *)s + at, n - at)) == 0)
            return false;
    return true;
}

static bool nobodys(const char *name)
{
    return name[0] == '.' || strcmp(name, "__pycache__") == 0;
}

static void note_odd(struct walk *w, const char *path)
{
    w->odd_count++;
    if (w->odd_count <= KK_CHANGES_ODD_MAX && plain_utf8(path) && strlen(path) <= KK_FILES_PATH_MAX)
        kg_buf_add(&w->odd, path, strlen(path) + 1);
}

static int64_t age_ns(const struct walk *w, const struct timespec *t)
{
    return (int64_t)(w->now.tv_sec - t->tv_sec) * 1000000000 + (w->now.tv_nsec - t->tv_nsec);
}

static void note_file(struct walk *w, int dir, const char *name, const char *path, struct stat *st)
{
    if (w->mark && age_ns(w, &st->st_mtim) < (int64_t)OLDER_S * 1000000000) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, w->now};
        times[1].tv_sec -= OLDER_S;
        if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) == 0)
            st->st_mtim = times[1];
    }
    size_t n = strlen(path) + 1;
    struct seen *s = kg_calloc(1, sizeof *s + n);
    memcpy(s->path, path, n);
    s->mtime = st->st_mtim;
    s->size = (uint64_t)st->st_size;
    s->ino = st->st_ino;
    s->mode = st->st_mode & 0777;
    s->young = age_ns(w, &st->st_mtim) < YOUNG_NS;
    HASH_ADD_STR(w->files, path, s);
}

static void look_at(struct walk *w, int dir, const struct folder *f, const char *name)
{
    struct stat st;
    kg_autofree char *path =
        f->path[0] ? kg_asprintf("%s/%s", f->path, name) : kg_asprintf("%s", name);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* it is gone */
    bool good = plain_utf8(name) && kk_path_check(path, NULL) == 0;
    if (good && S_ISDIR(st.st_mode) && f->depth + 1 < KK_FILES_DEPTH)
        push_folder(w, path, f->depth + 1);
    else if (good && S_ISREG(st.st_mode))
        note_file(w, dir, name, path, &st);
    else
        note_odd(w, path);
}

static void look_into(struct walk *w, const struct kk_options *options, const struct folder *f)
{
    int fd = kk_files_open_dir(options->work, f->path, NULL);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        w->more =
            true; /* a folder that its owner has closed: what is in it is not known to be gone */
        note_odd(w, f->path);
        return;
    }
    const struct dirent *e;
    while ((e = readdir(d))) { // NOLINT(concurrency-mt-unsafe)
        if (nobodys(e->d_name))
            continue;
        if (w->visited >= KK_CHANGES_VISIT_MAX) {
            w->more = true;
            break;
        }
        w->visited++;
        look_at(w, dirfd(d), f, e->d_name);
    }
    closedir(d);
}

/* Fills *w, which is the caller's to release. */
static int look(struct walk *w, const struct kk_options *options, bool mark, struct kg_err *err)
{
    *w = (struct walk){.mark = mark};
    clock_gettime(CLOCK_REALTIME, &w->now);
    kk_user_begin(options);
    int top = kk_files_open_dir(options->work, "", err);
    if (top >= 0) {
        close(top);
        push_folder(w, "", 0);
    }
    while (w->folders) {
        if (w->visited < KK_CHANGES_VISIT_MAX)
            look_into(w, options, w->folders);
        pop_folder(w);
    }
    kk_user_end(options);
    return top < 0 ? top : 0;
}

static void release(struct walk *w)
{
    forget(&w->files);
    kg_buf_release(&w->odd);
}

int kk_changes_mark(struct kk_changes *c, struct kg_err *err)
{
    struct walk w;
    int rc = look(&w, c->options, true, err);
    if (rc == 0) {
        forget(&c->files);
        c->files = kg_steal(&w.files);
    }
    release(&w);
    return rc;
}

static bool same(const struct seen *before, const struct seen *now)
{
    return before && !before->young && before->size == now->size && before->ino == now->ino &&
           before->mode == now->mode && before->mtime.tv_sec == now->mtime.tv_sec &&
           before->mtime.tv_nsec == now->mtime.tv_nsec;
}

static void write_changed(struct kk_changes *c, struct walk *w, struct kg_json *j)
{
    unsigned told = 0;
    struct seen *now, *next;
    kg_json_key(j, "changed");
    kg_json_array_begin(j);
    HASH_ITER(hh, w->files, now, next) {
        struct seen *before = NULL;
        HASH_FIND_STR(c->files, now->path, before);
        if (same(before, now))
            continue;
        if (told == KK_CHANGES_TELL_MAX) { /* it is told the next time */
            w->more = true;
            HASH_DEL(w->files, now);
            free(now);
            continue;
        }
        told++;
        kg_json_object_begin(j);
        kg_json_kstr(j, "path", now->path);
        kg_json_kint(j, "size", (int64_t)now->size);
        kg_json_kint(j, "mode", now->mode);
        kg_json_object_end(j);
    }
    kg_json_array_end(j);
}

/* What was not looked at this time is taken to be as it was. */
static void keep_unseen(struct kk_changes *c, struct walk *w)
{
    struct seen *s, *next;
    HASH_ITER(hh, c->files, s, next) {
        struct seen *now = NULL;
        HASH_FIND_STR(w->files, s->path, now);
        if (now || HASH_COUNT(w->files) >= 2 * KK_CHANGES_VISIT_MAX)
            continue;
        HASH_DEL(c->files, s);
        HASH_ADD_STR(w->files, path, s);
    }
}

static void write_deleted(const struct kk_changes *c, struct walk *w, struct kg_json *j)
{
    kg_json_key(j, "deleted");
    kg_json_array_begin(j);
    for (const struct seen *s = c->files; s && !w->more; s = s->hh.next) {
        struct seen *now = NULL;
        HASH_FIND_STR(w->files, s->path, now);
        if (!now)
            kg_json_str(j, s->path);
    }
    kg_json_array_end(j);
}

int kk_changes_list(struct kk_changes *c, struct kg_json *j, struct kg_err *err)
{
    struct walk w;
    int rc = look(&w, c->options, false, err);
    if (rc == 0) {
        write_changed(c, &w, j);
        write_deleted(c, &w, j);
        kg_json_key(j, "odd");
        kg_json_array_begin(j);
        for (size_t at = 0; at < w.odd.len; at += strlen((const char *)w.odd.data + at) + 1)
            kg_json_str(j, (const char *)w.odd.data + at);
        kg_json_array_end(j);
        kg_json_kint(j, "odd_count", w.odd_count);
        kg_json_kbool(j, "more", w.more);
        if (w.more)
            keep_unseen(c, &w);
        forget(&c->files);
        c->files = kg_steal(&w.files);
    }
    release(&w);
    return rc;
}

static int read_piece(int fd, uint64_t offset, struct kg_buf *out, struct kk_piece *piece,
                      struct kg_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "stat");
    if (!S_ISREG(st.st_mode))
        return kg_err_set(err, -EINVAL, "it is no regular file");
    piece->size = (uint64_t)st.st_size;
    snprintf(piece->stamp, sizeof piece->stamp, "%llx-%llx-%llx.%lx", (unsigned long long)st.st_ino,
             (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
             (unsigned long)st.st_mtim.tv_nsec);
    uint8_t *room = kg_buf_reserve(out, KK_PIECE_MAX);
    ssize_t n = 0;
    for (size_t got = 0; got < KK_PIECE_MAX; got += (size_t)n) {
        n = pread(fd, room + got, KK_PIECE_MAX - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return kg_err_errno(err, errno, "read");
        else if (n == 0)
            break;
        out->len += (size_t)n;
    }
    return 0;
}

int kk_changes_read(const struct kk_options *options, const char *path, uint64_t offset,
                    struct kg_buf *out, struct kk_piece *piece, struct kg_err *err)
{
    int rc = kk_path_check(path, err);
    if (rc < 0)
        return rc;
    const char *slash = strrchr(path, '/');
    kg_autofree char *folder = kg_asprintf("%.*s", slash ? (int)(slash - path) : 0, path);
    kk_user_begin(options);
    kg_autoclose int dir = kk_files_open_dir(options->work, folder, err);
    /* Not blocking: it could be a pipe that user code has put there. */
    kg_autoclose int fd = dir < 0 ? -1
                                  : openat(dir, slash ? slash + 1 : path,
                                           O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (dir < 0)
        rc = dir;
    else if (fd < 0)
        rc = kg_err_errno(err, errno, "open");
    else
        rc = read_piece(fd, offset, out, piece, err);
    kk_user_end(options);
    return rc < 0 ? kg_err_wrap(err, "get %.100s", path) : 0;
}

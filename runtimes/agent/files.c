#include "runtimes/agent/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"

/* Each takes at least one level off the deepest tree; a path is not longer than that. */
enum { CLEAR_PASSES = 100000 };

struct kk_file {
    const struct kk_options *options;
    int dir; /* the directory it stands in */
    int fd;
    char name[256];
    uint64_t size, written;
    int failed;       /* the first error, or 0 */
    int64_t mtime_ms; /* 0: as it comes */
};

static bool part_ok(const char *s, size_t n)
{
    if (n == 0 || n > 255 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return true;
}

int kk_path_check(const char *path, struct kg_err *err)
{
    int parts = 0;
    if (!path || strlen(path) > KK_FILES_PATH_MAX)
        return kg_err_set(err, -EINVAL, "a path must be a string of at most %d bytes",
                          KK_FILES_PATH_MAX);
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        if (!part_ok(at, n) || ++parts > KK_FILES_DEPTH)
            return kg_err_set(err, -EINVAL,
                              "%.100s is no path below the work directory: parts of 1 to 255 plain "
                              "characters, not . or .., at most %d",
                              path, KK_FILES_DEPTH);
        at += n;
        if (!*at)
            return 0;
    }
}

/* Opens the directory of the first n bytes of path; make: with those that are missing. */
static int open_dir(const char *work, const char *path, size_t n, bool make, struct kg_err *err)
{
    kg_autoclose int dir = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return kg_err_errno(err, errno, "open the work directory");
    for (size_t at = 0; at < n;) {
        char part[256];
        size_t len = strcspn(path + at, "/");
        snprintf(part, sizeof part, "%.*s", (int)len, path + at);
        if (make && mkdirat(dir, part, 0755) < 0 && errno != EEXIST)
            return kg_err_errno(err, errno, "make directory %.100s", part);
        int next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (next < 0)
            return kg_err_errno(err, errno, "open directory %.100s", part);
        close(dir);
        dir = next;
        at += len + 1;
    }
    return kg_steal_fd(&dir);
}

int kk_files_open_dir(const char *work, const char *path, struct kg_err *err)
{
    return open_dir(work, path, strlen(path), false, err);
}

static int open_file(struct kk_file *f, mode_t mode, struct kg_err *err)
{
    /* Not blocking: it could be a pipe that user code has put there. */
    f->fd = openat(f->dir, f->name,
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (f->fd < 0)
        return kg_err_errno(err, errno, "open %.100s", f->name);
    struct stat st;
    if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return kg_err_set(err, -EINVAL, "%.100s is no regular file", f->name);
    if (fchmod(f->fd, mode) < 0) /* an older file, or our umask */
        return kg_err_errno(err, errno, "set the mode of %.100s", f->name);
    return 0;
}

static void file_free(struct kk_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->dir >= 0)
        close(f->dir);
    free(f);
}

int kk_file_open(struct kk_file **out, const struct kk_options *options, const char *path,
                 mode_t mode, uint64_t size, struct kg_err *err)
{
    int rc = kk_path_check(path, err);
    if (rc < 0)
        return rc;
    if (size > KK_FILE_MAX)
        return kg_err_set(err, -EFBIG, "%.100s: %llu bytes are above the limit of %d", path,
                          (unsigned long long)size, KK_FILE_MAX);
    struct kk_file *f = kg_calloc(1, sizeof *f);
    const char *slash = strrchr(path, '/');
    *f = (struct kk_file){.options = options, .dir = -1, .fd = -1, .size = size};
    kk_user_begin(options);
    rc = f->dir = open_dir(options->work, path, slash ? (size_t)(slash - path) : 0, true, err);
    if (rc >= 0) {
        snprintf(f->name, sizeof f->name, "%s", slash ? slash + 1 : path);
        rc = open_file(f, mode & 0777, err);
    }
    kk_user_end(options);
    if (rc < 0) {
        file_free(f);
        return kg_err_wrap(err, "put %.100s", path);
    }
    *out = f;
    return 0;
}

int kk_file_write(struct kk_file *f, const void *data, size_t n, struct kg_err *err)
{
    const char *at = data;
    if (f->failed)
        return kg_err_errno(err, f->failed, "write %.100s", f->name);
    if (f->written + n > f->size) {
        f->failed = EMSGSIZE;
        return kg_err_set(err, -EMSGSIZE, "write %.100s: more bytes than announced", f->name);
    }
    while (n > 0) {
        ssize_t done = write(f->fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            f->failed = errno;
            return kg_err_errno(err, f->failed, "write %.100s", f->name);
        }
        at += done;
        n -= (size_t)done;
        f->written += (uint64_t)done;
    }
    return 0;
}

void kk_file_abandon(struct kk_file *f)
{
    if (!f)
        return;
    kk_user_begin(f->options);
    unlinkat(f->dir, f->name, 0);
    kk_user_end(f->options);
    file_free(f);
}

void kk_file_set_mtime(struct kk_file *f, int64_t mtime_ms)
{
    f->mtime_ms = mtime_ms;
}

int kk_file_finish(struct kk_file *f, struct kg_err *err)
{
    int rc = 0;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {f->mtime_ms / 1000, f->mtime_ms % 1000 * 1000000}};
    if (f->failed)
        rc = kg_err_errno(err, f->failed, "write %.100s", f->name);
    else if (f->written != f->size)
        rc = kg_err_set(err, -EPROTO, "write %.100s: %llu of %llu bytes came", f->name,
                        (unsigned long long)f->written, (unsigned long long)f->size);
    if (rc == 0 && f->mtime_ms > 0) {
        kk_user_begin(f->options);
        futimens(f->fd, times); /* a time that can't be set is no reason to refuse a file */
        kk_user_end(f->options);
    }
    if (rc < 0)
        kk_file_abandon(f);
    else
        file_free(f);
    return rc;
}

/* Opens the directory name in dir for emptying. User code may have taken the owner's rights away from it. */
static int open_to_empty(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fchmod(fd, 0700) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    if (fchmodat(dir, name, 0700, 0) < 0)
        return -errno;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : -errno;
}

/* Moves every directory found below sub up into top, removes all else in it, and then sub itself. So a tree of any depth
 * is removed without recursion and with two descriptors. */
static int empty_into_top(int top, const char *name)
{
    int fd = open_to_empty(top, name);
    if (fd < 0)
        return fd;
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return -ENOMEM;
    }
    int rc = 0;
    struct dirent *e;
    while (rc == 0 && (e = readdir(d))) { // NOLINT(concurrency-mt-unsafe)
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) == 0)
            continue;
        char up[40] = ".kgw-";
        kg_random_hex(up + 5, 16);
        /* A directory that is moved gets a new "..", for which its owner must be allowed to write to it. */
        bool sealed = (errno == EISDIR || errno == EPERM) && fchmodat(fd, e->d_name, 0700, 0) < 0;
        if (sealed ||
            (unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0 && renameat(fd, e->d_name, top, up) < 0))
            rc = -errno;
    }
    closedir(d);
    if (rc == 0 && unlinkat(top, name, AT_REMOVEDIR) < 0)
        rc = -errno;
    return rc;
}

/* One pass over a directory. Returns 1 when something was found, 0 when nothing is left: of owner's, if not NULL. */
static int clear_pass(int top, const uid_t *owner)
{
    int again = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (!d) {
        if (again >= 0)
            close(again);
        return -ENOMEM;
    }
    int rc = 0;
    int found = 0;
    struct dirent *e;
    while (rc == 0 && (e = readdir(d))) { // NOLINT(concurrency-mt-unsafe)
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        struct stat st;
        bool other =
            owner && fstatat(top, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != *owner;
        if (other) /* of the box's service, or a mount point */
            continue;
        found = 1;
        if (unlinkat(top, e->d_name, 0) < 0)
            rc = empty_into_top(top, e->d_name);
    }
    closedir(d);
    return rc < 0 ? rc : found;
}

static int clear_dir(const char *path, const uid_t *owner, struct kg_err *err)
{
    kg_autoclose int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int rc = top < 0 ? -errno : 1;
    for (int pass = 0; rc > 0 && pass < CLEAR_PASSES; pass++)
        rc = clear_pass(top, owner);
    if (rc > 0)
        rc = -EBUSY; /* somebody fills it as fast as we empty it */
    return rc < 0 ? kg_err_errno(err, -rc, "clear the directory %s", path) : 0;
}

/* System V's objects outlive the processes that made them. */
static void clear_ipc(void)
{
    struct shmid_ds shm;
    struct seminfo sems;
    struct semid_ds sem;
    struct msqid_ds msg;
    struct msginfo msgs;
    struct shm_info shms;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&shms);
    for (int i = 0; i <= last; i++)
        shmctl(shmctl(i, SHM_STAT, &shm), IPC_RMID, NULL);
    last = semctl(0, 0, SEM_INFO, &sems);
    for (int i = 0; i <= last; i++)
        semctl(semctl(i, 0, SEM_STAT, &sem), 0, IPC_RMID);
    last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&msgs);
    for (int i = 0; i <= last; i++)
        msgctl(msgctl(i, MSG_STAT, &msg), IPC_RMID, NULL);
}

int kk_files_clear(const struct kk_options *options, bool all, struct kg_err *err)
{
    const char *const others[] = {"/tmp", "/dev/shm", options->kernel_dir};
    kk_user_begin(options);
    int rc = clear_dir(options->work, NULL, err);
    /* Without a box these are not ours to clear. */
    bool boxed = all && options->drop && options->pid1;
    for (size_t i = 0; i < KG_COUNT(others) && rc == 0 && boxed; i++)
        rc = clear_dir(others[i], &options->uid, err);
    if (boxed)
        clear_ipc();
    kk_user_end(options);
    return rc;
}

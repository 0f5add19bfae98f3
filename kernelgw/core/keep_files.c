#include "kernelgw/core/keep_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

#define TEXT_NAME "session.json"

static void complain(const char *dir, const char *what)
{
    kg_log(KG_ERROR, "keep", "a session could not be written down",
           "what=\"%s\" folder=%s error=%d", what, dir, errno);
}

/* Beside, then into its place. Not synced: what is kept is for the next server, not for a machine that loses its power. */
static bool put(int dir, const char *name, const void *data, size_t n)
{
    kg_autofree char *beside = kg_asprintf("%s.new", name);
    kg_autoclose int fd = openat(dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;
    while (fd >= 0 && done < n) {
        ssize_t rc = write(fd, (const char *)data + done, n - done);
        if (rc < 0 && errno != EINTR)
            break;
        done += rc > 0 ? (size_t)rc : 0;
    }
    if (fd >= 0 && done == n && renameat(dir, beside, dir, name) == 0)
        return true;
    int saved = errno;
    unlinkat(dir, beside, 0);
    errno = saved;
    return false;
}

static int by_hash(const void *a, const void *b)
{
    return strcmp(((const struct kg_kept_file *)a)->hash, ((const struct kg_kept_file *)b)->hash);
}

static bool is_wanted(const struct kg_kept_files *f, const char *name)
{
    struct kg_kept_file key = {.data = NULL};
    if (strcmp(name, TEXT_NAME) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    if (strlen(name) >= sizeof key.hash)
        return false;
    snprintf(key.hash, sizeof key.hash, "%s", name);
    return f->count && bsearch(&key, f->items, f->count, sizeof key, by_hash);
}

/* Contents that nothing names any more, and what a server that was killed had begun. */
static void sweep(int dir, const struct kg_kept_files *f)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    if (!d && fd >= 0)
        close(fd);
    while (d && (e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        if (!is_wanted(f, e->d_name))
            unlinkat(dir, e->d_name, 0);
    if (d)
        closedir(d);
}

void kg_kept_write(const char *path, struct kg_kept_files *f)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        complain(path, "folder");
        return;
    }
    kg_autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) {
        complain(path, "folder");
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        const struct kg_kept_file *k = &f->items[i];
        if (faccessat(dir, k->hash, F_OK, 0) == 0)
            continue;
        if (!put(dir, k->hash, k->data->data, k->data->len)) {
            complain(path, "content");
            return; /* the text would name what is not there */
        }
    }
    if (!put(dir, TEXT_NAME, f->text, strlen(f->text))) {
        complain(path, TEXT_NAME);
        return;
    }
    if (f->count)
        qsort(f->items, f->count, sizeof *f->items, by_hash);
    if (f->all)
        sweep(dir, f);
}

void kg_kept_remove(const char *path)
{
    kg_autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const struct kg_kept_files none = {.all = true};
    if (dir < 0)
        return;
    unlinkat(dir, TEXT_NAME, 0); /* first: without it nothing of the rest is anything */
    sweep(dir, &none);
    rmdir(path);
}

/* A whole file of at most max bytes into *out. */
static int slurp(struct kg_buf *out, int dir, const char *name, size_t max, struct kg_err *err)
{
    kg_autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "open %s", name);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
        return kg_err_set(err, -EINVAL, "%s is no file of at most %zu bytes", name, max);
    for (;;) {
        uint8_t part[65536];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno != EINTR)
            return kg_err_errno(err, errno, "read %s", name);
        if (n == 0)
            return 0;
        if (n > 0)
            kg_buf_add(out, part, (size_t)n);
        if (out->len > max)
            return kg_err_set(err, -EINVAL, "%s has grown too large", name);
    }
}

char *kg_kept_text(int dir, size_t max, struct kg_err *err)
{
    kg_autobuf text = {0};
    return slurp(&text, dir, TEXT_NAME, max, err) < 0 ? NULL : kg_strdup(kg_buf_cstr(&text));
}

struct kg_blob *kg_kept_read(int dir, const char *hash, struct kg_err *err)
{
    char found[KG_HASH_SIZE];
    kg_autobuf bytes = {0};
    if (strlen(hash) != KG_HASH_SIZE - 1 || strspn(hash, "0123456789abcdef") != KG_HASH_SIZE - 1) {
        kg_err_set(err, -EINVAL, "\"%.80s\" is no hash", hash);
        return NULL;
    }
    if (slurp(&bytes, dir, hash, (size_t)1 << 30, err) < 0)
        return NULL;
    kg_hash_bytes(found, bytes.data, bytes.len);
    if (strcmp(found, hash) == 0)
        return kg_blob_copy(bytes.data ? bytes.data : (const uint8_t *)"", bytes.len);
    kg_err_set(err, -EINVAL, "the content of %.12s… is another", hash);
    return NULL;
}

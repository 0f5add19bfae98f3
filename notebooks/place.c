#include "notebooks/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "notebooks/trust.h"

enum { LINKS_MAX = 8 };

static int open_beneath(int dir, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd;
    do /* EAGAIN: something was renamed meanwhile, and the kernel can't tell whether it is still beneath */
        fd = (int)syscall(SYS_openat2, dir, path[0] ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return fd;
}

int nb_fail(struct kg_err *err, int saved_errno, const char *what, const char *path)
{
    switch (saved_errno) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV: /* a link that leads out of the folder */
        return kg_err_set(err, -ENOENT, "file or directory '%.200s' does not exist", path);
    case EACCES:
    case EPERM:
    case EROFS: return kg_err_set(err, -EACCES, "Permission denied: %.200s", path);
    case EEXIST:
    case ENOTEMPTY: return kg_err_set(err, -EEXIST, "File already exists: %.200s", path);
    case ENOSPC:
    case EDQUOT:
        return kg_err_set(err, -ENOSPC, "%s %.200s: the disk is full; nothing was changed", what,
                          path);
    case ENAMETOOLONG: return kg_err_set(err, -EINVAL, "the name is too long: %.200s", path);
    default: return kg_err_errno(err, saved_errno, "%s %.200s", what, path);
    }
}

int nb_root_open(struct nb_root **out, const char *path, struct kg_err *err)
{
    kg_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open folder %s", path);
    kg_autoclose int probe = open_beneath(fd, ".", O_PATH);
    if (probe < 0)
        return kg_err_errno(err, errno, "open folder %s: openat2, which keeps paths beneath it",
                            path);
    struct nb_root *r = kg_calloc(1, sizeof *r);
    r->fd = kg_steal_fd(&fd);
    r->refs = 1;
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return 0;
}

struct nb_root *nb_root_ref(struct nb_root *r)
{
    r->refs++;
    return r;
}

void nb_root_unref(struct nb_root *r)
{
    if (!r || --r->refs)
        return;
    nb_trust_unref(r->trust);
    free(r->who);
    pthread_mutex_destroy(&r->lock);
    close(r->fd);
    free(r);
}

static bool part_ok(const char *part, size_t n)
{
    return n > 0 && !(n == 1 && part[0] == '.') && !(n == 2 && part[0] == '.' && part[1] == '.');
}

int nb_path_clean(char **out, const char *path, struct kg_err *err)
{
    path += strspn(path, "/");
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    *out = NULL;
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t c = kg_utf8_char((const uint8_t *)path + i, n - i);
        ok = c > 0;
        i += c;
    }
    for (size_t i = 0; i < n && ok; i++) {
        size_t part = strcspn(path + i, "/");
        if (part > n - i)
            part = n - i;
        ok = part_ok(path + i, part);
        i += part;
    }
    if (!ok)
        return kg_err_set(err, -ENOENT, "'%.200s' is no path below the folder that is served",
                          path);
    *out = kg_strndup(path, n);
    return 0;
}

bool nb_path_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.");
}

const char *nb_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int nb_open(const struct nb_root *r, const char *path, int flags, struct kg_err *err)
{
    int fd = open_beneath(r->fd, path, flags);
    return fd < 0 ? nb_fail(err, errno, "open", path) : fd;
}

/* Where a link leads, from the root on: its text is relative to its folder. */
static char *led_to(const char *path, const char *target)
{
    const char *name = nb_path_name(path);
    return kg_asprintf("%.*s%s", (int)(name - path), path, target);
}

int nb_place_find(struct nb_place *out, const struct nb_root *r, const char *path, bool follow,
                  struct kg_err *err)
{
    kg_autofree char *at = kg_strdup(path);
    *out = (struct nb_place){.dir = -1, .path = path};
    if (!path[0])
        return kg_err_set(err, -EINVAL, "the folder itself can't be changed");
    for (int links = 0; links < LINKS_MAX; links++) {
        const char *name = nb_path_name(at);
        kg_autofree char *parent = kg_strndup(at, (size_t)(name - at));
        kg_autoclose int dir = open_beneath(r->fd, parent, O_RDONLY | O_DIRECTORY);
        char target[PATH_MAX];
        if (dir < 0 && (errno == ENOENT || errno == ENOTDIR))
            return kg_err_set(err, -ENOENT, "No such directory: %.200s", parent);
        if (dir < 0)
            return nb_fail(err, errno, "open the folder of", path);
        ssize_t n = follow ? readlinkat(dir, name, target, sizeof target - 1) : -1;
        if (n < 0) {
            out->dir = kg_steal_fd(&dir);
            out->name = kg_strdup(name);
            return 0;
        }
        target[n] = 0;
        if (!part_ok(nb_path_name(target), strlen(nb_path_name(target))))
            break;
        char *next = led_to(at, target);
        free(at);
        at = next;
        if (target[0] == '/')
            break;
    }
    return nb_fail(err, ELOOP, "follow", path);
}

void nb_place_release(struct nb_place *p)
{
    if (p->dir >= 0)
        close(p->dir);
    free(p->name);
    *p = (struct nb_place){.dir = -1};
}

#include "pool/boxd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, data, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        data += k;
        n -= (size_t)k;
    }
    return 0;
}

int bd_file_replace(const char *path, const void *data, size_t n, mode_t mode, struct kg_err *err)
{
    kg_autofree char *temp = kg_asprintf("%s.new", path);
    kg_autoclose int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return kg_err_errno(err, errno, "make %s", temp);
    int rc = write_all(fd, data, n);
    if (rc == 0 && (fchmod(fd, mode) < 0 || rename(temp, path) < 0))
        rc = -errno;
    if (rc < 0) {
        unlink(temp);
        return kg_err_errno(err, -rc, "write %s", path);
    }
    return 0;
}

int bd_file_read(struct kg_buf *out, const char *path, size_t max, struct kg_err *err)
{
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open %s", path);
    for (size_t have = 0;;) {
        ssize_t k = read(fd, kg_buf_reserve(out, 4096), 4096);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return kg_err_errno(err, errno, "read %s", path);
        if (k == 0)
            return 0;
        have += (size_t)k;
        if (have > max)
            return kg_err_set(err, -EFBIG, "%s is larger than %zu bytes", path, max);
        out->len += (size_t)k;
    }
}

int bd_file_put(const char *path, const char *text, struct kg_err *err)
{
    kg_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open %s", path);
    ssize_t k = write(fd, text, strlen(text));
    if (k < 0)
        return kg_err_errno(err, errno, "write \"%s\" to %s", text, path);
    return 0;
}

int bd_file_copy(const char *from, const char *to, mode_t mode, struct kg_err *err)
{
    kg_autoclose int in = open(from, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (in < 0 || fstat(in, &st) < 0)
        return kg_err_errno(err, errno, "open %s", from);
    if (!S_ISREG(st.st_mode))
        return kg_err_set(err, -EINVAL, "%s is not a regular file", from);
    kg_autobuf bytes = {0};
    for (;;) {
        ssize_t k = read(in, kg_buf_reserve(&bytes, 1 << 16), 1 << 16);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return kg_err_errno(err, errno, "read %s", from);
        if (k == 0)
            break;
        bytes.len += (size_t)k;
    }
    return bd_file_replace(to, bytes.data, bytes.len, mode, err);
}

int bd_file_memory(const char *name, size_t n, struct kg_err *err)
{
    kg_autoclose int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)n) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return kg_err_errno(err, errno, "make a file in memory");
    return kg_steal_fd(&fd);
}

void bd_file_line(int fd, bool last, char *out, size_t room)
{
    struct stat st = {0};
    size_t size = fd < 0 || fstat(fd, &st) < 0 ? 0 : (size_t)st.st_size;
    kg_autofree char *text = kg_malloc(size + 1);
    ssize_t n = size == 0 ? 0 : pread(fd, text, size, 0);
    text[n > 0 ? n : 0] = '\0';
    size_t len = strlen(text); /* what was never written is zero */
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = '\0';
    const char *line = last ? strrchr(text, '\n') : NULL;
    line = line ? line + 1 : text;
    snprintf(out, room, "%.*s", (int)strcspn(line, "\n"), line);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\')
            *p = ' ';
}

int bd_dir_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct kg_err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return kg_err_errno(err, errno, "make directory %s", path);
    kg_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open directory %s", path);
    if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
        return kg_err_errno(err, errno, "set owner and mode of %s", path);
    return 0;
}

static int tree_remove_once(const char *path)
{
    kg_autofree char *root = kg_strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    if (!walk)
        return -errno;
    int rc = 0;
    for (FTSENT *e = fts_read(walk); e; e = fts_read(walk)) {
        int done = 0;
        if (e->fts_info == FTS_DP)
            done = rmdir(e->fts_path);
        else if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
            done = (errno = e->fts_errno, -1);
        else if (e->fts_info != FTS_D)
            done = unlink(e->fts_path);
        if (done < 0 && errno != ENOENT && rc == 0)
            rc = -errno;
    }
    fts_close(walk);
    return rc;
}

int bd_tree_remove(const char *path, struct kg_err *err)
{
    int rc = tree_remove_once(path);
    if (rc == -EBUSY && bd_mounts_detach(path) > 0)
        rc = tree_remove_once(path);
    return rc < 0 ? kg_err_errno(err, -rc, "remove %s", path) : 0;
}

int bd_mountinfo_point(struct kg_buf *out, const char *line, size_t n)
{
    const char *end = line + n;
    for (int field = 0; field < 4; field++) { /* id, parent, device, root */
        line = memchr(line, ' ', (size_t)(end - line));
        if (!line)
            return -EPROTO;
        line++;
    }
    const char *stop = memchr(line, ' ', (size_t)(end - line));
    if (!stop || stop == line)
        return -EPROTO;
    while (line < stop) {
        if (*line == '\\' && stop - line >= 4 && strspn(line + 1, "01234567") >= 3) {
            kg_buf_add_char(out,
                            (char)((line[1] - '0') * 64 + (line[2] - '0') * 8 + line[3] - '0'));
            line += 4;
        } else {
            kg_buf_add_char(out, *line++);
        }
    }
    return 0;
}

int bd_mounts_detach(const char *path)
{
    FILE *list = fopen("/proc/self/mountinfo", "re");
    kg_autofree char *real = realpath(path, NULL);
    kg_autofree char *line = NULL;
    size_t room = 0, n = real ? strlen(real) : 0;
    int found = 0;
    ssize_t len;
    while (list && real && (len = getline(&line, &room, list)) > 0) {
        kg_autobuf point = {0};
        if (bd_mountinfo_point(&point, line, (size_t)len) < 0)
            continue;
        const char *at = kg_buf_cstr(&point);
        if (strncmp(at, real, n) != 0 || (at[n] != '\0' && at[n] != '/'))
            continue;
        if (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
            found++;
    }
    if (list)
        fclose(list);
    return found;
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "notebooks/model.h"

#define CHECKPOINTS ".ipynb_checkpoints"

int nb_rename(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
              struct kg_err *err)
{
    const struct nb_get bare = {0};
    kg_autofree char *from = NULL;
    kg_autofree char *to = NULL;
    const json_t *wanted = json_object_get(body, "path");
    if (wanted && !json_is_string(wanted))
        return kg_err_set(err, -EINVAL, "path must be a string");
    int rc = nb_path_clean(&from, raw, err);
    if (rc == 0)
        rc = nb_path_clean(&to, wanted ? json_string_value(wanted) : raw, err);
    if (rc < 0 || !from || !to)
        return rc;
    if (strcmp(from, to) == 0)
        return nb_get(out, r, to, &bare, err);
    if (nb_path_hidden(from) || nb_path_hidden(to))
        return kg_err_set(err, -EINVAL, "Cannot rename file or directory '%.200s'", from);
    struct nb_place old;
    struct nb_place new = {.dir = -1};
    rc = nb_place_find(&old, r, from, false, err);
    if (rc == 0)
        rc = nb_place_find(&new, r, to, false, err);
    if (rc == 0 && renameat2(old.dir, old.name, new.dir, new.name, RENAME_NOREPLACE) < 0)
        rc = errno == EEXIST ? kg_err_set(err, -EEXIST, "File already exists: %.200s", to)
             : errno == ENOENT
                 ? kg_err_set(err, -ENOENT, "File or directory does not exist: %.200s", from)
             : errno == EINVAL
                 ? kg_err_set(err, -EINVAL, "%.150s can't be moved to %.150s", from, to)
                 : nb_fail(err, errno, "rename", from);
    if (rc == 0) {
        fsync(new.dir);
        nb_checkpoint_moved(r, from, to);
    }
    nb_place_release(&old);
    nb_place_release(&new);
    return rc < 0 ? rc : nb_get(out, r, to, &bare, err);
}

/* Is there nothing in it but old checkpoints? Those are removed then. */
static int clear_folder(const struct nb_place *at, struct kg_err *err)
{
    int fd = openat(at->dir, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool full = false;
    if (!dir)
        return nb_fail(err, errno, "delete", at->path);
    for (const struct dirent *e; (e = readdir(dir));)
        full = full || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                        strcmp(e->d_name, CHECKPOINTS) != 0);
    if (full) {
        closedir(dir);
        return kg_err_set(err, -EINVAL, "Directory %.200s not empty", at->path);
    }
    int old = openat(fd, CHECKPOINTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *olds = old < 0 ? NULL : fdopendir(old);
    if (olds) {
        for (const struct dirent *e; (e = readdir(olds));)
            unlinkat(old, e->d_name, 0);
        closedir(olds);
        unlinkat(fd, CHECKPOINTS, AT_REMOVEDIR);
    }
    closedir(dir);
    return 0;
}

int nb_delete(struct nb_root *r, const char *raw, struct kg_err *err)
{
    struct nb_place at;
    struct stat st;
    kg_autofree char *path = NULL;
    int rc = nb_path_clean(&path, raw, err);
    if (rc < 0)
        return rc;
    if (!path[0])
        return kg_err_set(err, -EINVAL, "Can't delete root");
    if (nb_path_hidden(path))
        return kg_err_set(err, -EINVAL, "Cannot delete file or directory '%.200s'", path);
    rc = nb_place_find(&at, r, path, false, err);
    if (rc == 0 && fstatat(at.dir, at.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        rc = nb_fail(err, errno, "delete", path);
    bool folder = rc == 0 && S_ISDIR(st.st_mode);
    if (folder)
        rc = clear_folder(&at, err);
    if (rc == 0 && unlinkat(at.dir, at.name, folder ? AT_REMOVEDIR : 0) < 0)
        rc = errno == ENOTEMPTY ? kg_err_set(err, -EINVAL, "Directory %.200s not empty", path)
                                : nb_fail(err, errno, "delete", path);
    if (rc == 0)
        nb_checkpoint_forget(r, path);
    nb_place_release(&at);
    return rc;
}

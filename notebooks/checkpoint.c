#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "notebooks/file.h"
#include "notebooks/model.h"

#define ID  "checkpoint"
#define DIR ".ipynb_checkpoints"

/* Where a file's checkpoint is or would be: "a/.ipynb_checkpoints/b-checkpoint.ipynb". */
static char *kept_path(const char *path, const char *id)
{
    const char *name = nb_path_name(path);
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        dot = name + strlen(name);
    return kg_asprintf("%.*s" DIR "/%.*s-%s%s", (int)(name - path), path, (int)(dot - name), name,
                       id, dot);
}

static void write_one(struct kg_json *j, const struct stat *st)
{
    char modified[KG_ISO_SIZE];
    kg_clock_iso(modified, nb_modified_us(st));
    kg_json_object_begin(j);
    kg_json_kstr(j, "id", ID);
    kg_json_kstr(j, "last_modified", modified);
    kg_json_object_end(j);
}

static int clean(char **path, const char *raw, struct kg_err *err)
{
    int rc = nb_path_clean(path, raw, err);
    return rc == 0 && nb_path_hidden(*path) ? nb_fail(err, ENOENT, "", *path) : rc;
}

int nb_checkpoint_list(struct nb_reply *out, struct nb_root *r, const char *raw, struct kg_err *err)
{
    struct stat st;
    struct kg_json j;
    kg_autofree char *path = NULL;
    int rc = clean(&path, raw, err);
    if (rc < 0)
        return rc;
    kg_autofree char *kept = kept_path(path, ID);
    kg_autoclose int fd = nb_open(r, kept, O_PATH, NULL);
    kg_json_init(&j, &out->body);
    kg_json_array_begin(&j);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        write_one(&j, &st);
    kg_json_array_end(&j);
    return 0;
}

/* Copies what is open to path, in one step, with its time. */
static int put(struct nb_root *r, int fd, const char *path, struct stat *st, struct kg_err *err)
{
    struct nb_place at;
    struct nb_writer w = {.fd = -1};
    int rc = nb_place_find(&at, r, path, true, err);
    if (rc == 0)
        rc = nb_writer_begin(&w, &at, err);
    if (rc == 0)
        rc = nb_writer_copy(&w, fd, err);
    if (rc == 0 && fstat(w.fd, st) < 0)
        rc = nb_fail(err, errno, "write", path);
    if (rc == 0)
        rc = nb_writer_commit(&w, r, NB_REPLACE, NULL, err);
    nb_writer_abort(&w);
    nb_place_release(&at);
    return rc;
}

/* The folder for the checkpoints of path's folder. */
static int make_folder(const struct nb_root *r, const char *path, struct kg_err *err)
{
    struct nb_place at;
    int rc = nb_place_find(&at, r, path, false, err);
    if (rc == 0 && mkdirat(at.dir, DIR, 0777) < 0 && errno != EEXIST)
        rc = nb_fail(err, errno, "make the folder for checkpoints of", path);
    nb_place_release(&at);
    return rc;
}

int nb_checkpoint_create(struct nb_reply *out, struct nb_root *r, const char *raw,
                         struct kg_err *err)
{
    struct stat st;
    struct kg_json j;
    kg_autofree char *path = NULL;
    int rc = clean(&path, raw, err);
    if (rc < 0)
        return rc;
    kg_autofree char *kept = kept_path(path, ID);
    kg_autoclose int fd = nb_file_open(r, path, &st, err);
    if (fd < 0)
        return fd;
    rc = make_folder(r, path, err);
    if (rc == 0)
        rc = put(r, fd, kept, &st, err);
    if (rc < 0)
        return rc;
    kg_json_init(&j, &out->body);
    write_one(&j, &st);
    free(out->path);
    out->path = kg_asprintf("%s/checkpoints/" ID, path);
    out->created = true;
    return 0;
}

static int no_such(const char *path, const char *id, struct kg_err *err)
{
    return kg_err_set(err, -ENOENT, "Checkpoint does not exist: %.150s@%.60s", path, id);
}

int nb_checkpoint_restore(struct nb_root *r, const char *raw, const char *id, struct kg_err *err)
{
    struct stat st;
    kg_autofree char *path = NULL;
    int rc = clean(&path, raw, err);
    if (rc < 0)
        return rc;
    kg_autofree char *kept = kept_path(path, id);
    kg_autoclose int fd = nb_file_open(r, kept, &st, err);
    if (fd == -ENOENT)
        return no_such(path, id, err);
    return fd < 0 ? fd : put(r, fd, path, &st, err);
}

int nb_checkpoint_delete(struct nb_root *r, const char *raw, const char *id, struct kg_err *err)
{
    struct nb_place at;
    kg_autofree char *path = NULL;
    int rc = clean(&path, raw, err);
    if (rc < 0)
        return rc;
    kg_autofree char *kept = kept_path(path, id);
    rc = nb_place_find(&at, r, kept, false, err);
    if (rc == 0 && unlinkat(at.dir, at.name, 0) < 0)
        rc = nb_fail(err, errno, "delete the checkpoint of", path);
    if (rc == -ENOENT)
        rc = no_such(path, id, err);
    nb_place_release(&at);
    return rc;
}

void nb_checkpoint_forget(struct nb_root *r, const char *path)
{
    struct kg_err ignored;
    nb_checkpoint_delete(r, path, ID, &ignored);
}

void nb_checkpoint_moved(struct nb_root *r, const char *from, const char *to)
{
    struct nb_place old;
    struct nb_place new = {.dir = -1};
    struct stat st;
    struct kg_err ignored;
    kg_autofree char *kept = kept_path(from, ID);
    kg_autofree char *wanted = kept_path(to, ID);
    if (nb_place_find(&old, r, kept, false, &ignored) == 0 &&
        fstatat(old.dir, old.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        make_folder(r, to, &ignored) == 0 && nb_place_find(&new, r, wanted, false, &ignored) == 0)
        renameat(old.dir, old.name, new.dir, new.name);
    nb_place_release(&old);
    nb_place_release(&new);
}

#include "notebooks/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "notebooks/contents.h"

int nb_copy_file(struct nb_root *r, int from, const char *to, enum nb_replace how,
                 struct kg_err *err)
{
    struct nb_place at;
    struct nb_writer w = {.fd = -1};
    int rc = lseek(from, 0, SEEK_SET) < 0 ? nb_fail(err, errno, "read", to)
                                          : nb_place_find(&at, r, to, true, err);
    if (rc < 0)
        return rc;
    rc = nb_writer_begin(&w, &at, err);
    if (rc == 0)
        rc = nb_writer_copy(&w, from, err);
    if (rc == 0 && futimens(w.fd, NULL) < 0) /* a copy is of now */
        rc = nb_fail(err, errno, "write", to);
    if (rc == 0)
        rc = nb_writer_commit(&w, r, how, NULL, err);
    nb_writer_abort(&w);
    nb_place_release(&at);
    return rc;
}

/* What a folder holds, each folder before what is in it. All is known before anything is made, so that a folder may be copied
 * into itself. */
struct tree {
    struct item {
        char *path; /* below the folder; "": itself */
        bool folder;
    } * items;
    size_t count, room;
    uint64_t bytes;
};

static char *join(const char *head, const char *tail)
{
    return kg_asprintf("%s%s%s", head, head[0] && tail[0] ? "/" : "", tail);
}

static void push(struct tree *t, const char *path, bool folder)
{
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->items = kg_realloc(t->items, t->room * sizeof *t->items);
    }
    t->items[t->count++] = (struct item){kg_strdup(path), folder};
}

static void tree_release(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i].path);
    free(t->items);
}

static int add_entry(struct tree *t, int dir, const char *folder, const char *name,
                     struct kg_err *err)
{
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
        return 0;
    t->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (t->count > NB_COPY_FILES_MAX || t->bytes > (uint64_t)NB_COPY_MB_MAX << 20)
        return kg_err_set(err, -EFBIG, "a folder that is copied may hold %d files and %d MB",
                          NB_COPY_FILES_MAX, NB_COPY_MB_MAX);
    kg_autofree char *path = join(folder, name);
    push(t, path, S_ISDIR(st.st_mode));
    return 0;
}

static int list(struct tree *t, const struct nb_root *r, const char *from, const char *folder,
                struct kg_err *err)
{
    kg_autofree char *full = join(from, folder);
    int fd = nb_open(r, full, O_RDONLY | O_DIRECTORY, err);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    int rc = 0;
    if (fd < 0)
        return fd;
    while (rc == 0 && (e = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        rc = add_entry(t, fd, folder, e->d_name, err);
    closedir(dir);
    return rc;
}

static int make_folder(const struct nb_root *r, const char *path, struct kg_err *err)
{
    struct nb_place at;
    int rc = nb_place_find(&at, r, path, false, err);
    if (rc == 0 && mkdirat(at.dir, at.name, 0777) < 0)
        rc = nb_fail(err, errno, "make", path);
    nb_place_release(&at);
    return rc;
}

static int copy_item(struct nb_root *r, const struct item *item, const char *from, const char *to,
                     struct kg_err *err)
{
    struct stat st;
    kg_autofree char *source = join(from, item->path);
    kg_autofree char *target = join(to, item->path);
    if (item->folder)
        return make_folder(r, target, err);
    kg_autoclose int fd = nb_file_open(r, source, &st, err);
    return fd < 0 ? fd : nb_copy_file(r, fd, target, NB_NEW, err);
}

static void take_away(const struct nb_root *r, const struct item *item, const char *to)
{
    struct nb_place at;
    kg_autofree char *target = join(to, item->path);
    if (nb_place_find(&at, r, target, false, NULL) == 0)
        unlinkat(at.dir, at.name, item->folder ? AT_REMOVEDIR : 0);
    nb_place_release(&at);
}

int nb_copy_folder(struct nb_root *r, const char *from, const char *to, struct kg_err *err)
{
    struct tree t = {0};
    int rc = 0;
    size_t made = 0;
    push(&t, "", true);
    for (size_t i = 0; rc == 0 && i < t.count; i++)
        if (t.items[i].folder) {
            kg_autofree char *folder = kg_strdup(t.items[i].path); /* the list may move */
            rc = list(&t, r, from, folder, err);
        }
    for (; rc == 0 && made < t.count; made += rc == 0)
        rc = copy_item(r, &t.items[made], from, to, err);
    while (rc < 0 && made-- > 0)
        take_away(r, &t.items[made], to);
    tree_release(&t);
    return rc;
}

#ifndef NB_PLACE_H
#define NB_PLACE_H
/*
 * A folder whose files are served, and paths below it. The kernel keeps every path beneath the folder
 * (openat2, RESOLVE_BENEATH): a link that leads out of it is not there. These calls block, and may be made from any
 * thread; a root is counted by its owner's thread alone.
 *
 * Paths are as Jupyter's contents API has them: "a/b.ipynb", without slashes at their ends; "" is the folder itself.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"

struct nb_trust;

struct nb_root {
    int fd;
    struct nb_trust *trust; /* of its notebooks (trust.h); NULL: none is kept */
    char *who;              /* who vouches for them */
    unsigned refs;
    pthread_mutex_t lock; /* between the look at a file and its replacement */
};

/* -ENOENT, -ENOTDIR, -EACCES; -ENOSYS where the kernel has no openat2 (before 5.6). */
int nb_root_open(struct nb_root **out, const char *path, struct kg_err *err);
struct nb_root *nb_root_ref(struct nb_root *r);
void nb_root_unref(struct nb_root *r); /* NULL is fine */

/* A copy without slashes at its ends. -ENOENT for what can be no path: "..", ".", empty parts, no UTF-8. */
int nb_path_clean(char **out, const char *path, struct kg_err *err);
/* Does a part of it begin with a dot? Such are not served. */
bool nb_path_hidden(const char *path);
/* What follows the last slash, inside of path. */
const char *nb_path_name(const char *path);

/* openat2 beneath the root; a descriptor, or a code with *err naming path: -ENOENT also for what leads out. */
int nb_open(const struct nb_root *r, const char *path, int flags, struct kg_err *err);

/* The folder that something is in or is to be in, and its name there. */
struct nb_place {
    int dir;
    char *name;
    const char *path; /* as asked for, for messages; borrowed */
};

/* follow: when path is a link, the place that it leads to (which need not exist). "" has no place: -EINVAL. */
int nb_place_find(struct nb_place *out, const struct nb_root *r, const char *path, bool follow,
                  struct kg_err *err);
void nb_place_release(struct nb_place *p);

/* The code for errno, and a sentence about path. */
int nb_fail(struct kg_err *err, int saved_errno, const char *what, const char *path);

#endif

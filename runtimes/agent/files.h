#ifndef KK_FILES_H
#define KK_FILES_H
/*
 * Files that come over the link into the work directory. Names are relative and plain; every step is taken from an open
 * directory and follows no link, as the user (runtimes/agent/options.h), so neither a name nor what user code has put
 * there leads outside, and what is made belongs to the user.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtimes/agent/options.h"

enum {
    KK_FILE_MAX = 64 * 1024 * 1024, /* bytes of one file */
    KK_FILES_DEPTH = 64,            /* directories below each other */
    KK_FILES_PATH_MAX = 4096,
};

/* Checks a path: 1 to KK_FILES_DEPTH parts of 1 to 255 bytes, none "." or "..", no control characters. 0 or -EINVAL. */
int kk_path_check(const char *path, struct kg_err *err);

/* Opens a directory below work for reading, step by step without following links; path "" is work itself. A descriptor,
 * or a negative code. As whoever the thread is at the moment (kk_user_begin). */
int kk_files_open_dir(const char *work, const char *path, struct kg_err *err);

struct kk_file; /* one being written */

/* Opens path below the work directory, with the directories on its way; an older file of that name is emptied.
 * size: how many bytes will come, at most KK_FILE_MAX. */
int kk_file_open(struct kk_file **out, const struct kk_options *options, const char *path,
                 mode_t mode, uint64_t size, struct kg_err *err);
int kk_file_write(struct kk_file *f, const void *data, size_t n, struct kg_err *err);
/* Gives the file, when it is whole, a time of last change other than now. */
void kk_file_set_mtime(struct kk_file *f, int64_t mtime_ms);
/* Ends it and frees f. -EPROTO when fewer bytes came than were announced; the file is removed then, as after any
 * failure before. */
int kk_file_finish(struct kk_file *f, struct kg_err *err);
void kk_file_abandon(struct kk_file *f); /* removes it and frees f; NULL is fine */

/* Removes everything below the work directory; all: and, in a box, whatever else the user has left behind. */
int kk_files_clear(const struct kk_options *options, bool all, struct kg_err *err);

#endif

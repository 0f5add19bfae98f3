#ifndef BD_FILES_H
#define BD_FILES_H
/* Files and directories of the run directory, which belongs to root alone. Synchronous and small. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Writes a file as a whole: a reader, and a start after a crash, sees the old one or the new one. */
int bd_file_replace(const char *path, const void *data, size_t n, mode_t mode, struct kg_err *err);
/* Appends up to max bytes of a file; -EFBIG when there is more. */
int bd_file_read(struct kg_buf *out, const char *path, size_t max, struct kg_err *err);
/* Writes a short text in one write(2), as files of /proc and cgroups want it. */
int bd_file_put(const char *path, const char *text, struct kg_err *err);
/* Copies a regular file over another by rename. */
int bd_file_copy(const char *from, const char *to, mode_t mode, struct kg_err *err);
/* A descriptor of a file of n zeros in memory that can't change its size. */
int bd_file_memory(const char *name, size_t n, struct kg_err *err);
/* The first or last line of such a file, for a person: "" when there is none, or no file (-1). */
void bd_file_line(int fd, bool last, char *out, size_t room);
/* Makes a directory, which may exist already, and sets its mode and owner. */
int bd_dir_make(const char *path, mode_t mode, uid_t uid, gid_t gid, struct kg_err *err);

/*
 * Removes a tree without following links. 0 also when there is nothing. Mounts inside, which a killed runtime
 * can leave, are detached first when they are in the way.
 */
int bd_tree_remove(const char *path, struct kg_err *err);
/* Detaches every mount at or below path; returns how many there were. */
int bd_mounts_detach(const char *path);

/* The mount point in a line of /proc/self/mountinfo with its octal escapes undone; -EPROTO when it has none. */
int bd_mountinfo_point(struct kg_buf *out, const char *line, size_t n);

#endif

#ifndef KK_CHANGES_H
#define KK_CHANGES_H
/*
 * What programs and kernels make of the files in the work directory: which are new, other, or gone since a mark, and
 * their bytes. Only regular files count; links, pipes and devices are told and never opened. What begins with a dot, and
 * Python's __pycache__, is nobody's work and is left out without a word. Every step is taken from an open directory and follows no
 * link, as the user.
 */
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "runtimes/agent/options.h"

enum {
    KK_CHANGES_VISIT_MAX = 10000, /* entries looked at; what is beyond is not looked at */
    KK_CHANGES_TELL_MAX = 2000,   /* files of each kind in one answer */
    KK_CHANGES_ODD_MAX = 20,      /* of those told that can't be fetched */
    KK_PIECE_MAX = 256 * 1024,
};

struct kk_changes;

struct kk_changes *kk_changes_new(const struct kk_options *options);
void kk_changes_free(struct kk_changes *c);

/*
 * Remembers the files as they are now. Those that were written in the last second are given an older time, so that a
 * change by whatever starts now shows even if it keeps the size.
 */
int kk_changes_mark(struct kk_changes *c, struct kg_err *err);
/*
 * Writes the members of an open object: "changed" [{"path","size","mode"}] and "deleted" [path], in no order; "odd" [path]
 * of what is no regular file, or whose name is no UTF-8 of at most KK_FILES_PATH_MAX bytes and KK_FILES_DEPTH parts; "more" true when there is more than
 * was looked at or told (then nothing is said to be deleted). What it saw is the mark of the next call.
 */
int kk_changes_list(struct kk_changes *c, struct kg_json *j, struct kg_err *err);
/*
 * Appends up to KK_PIECE_MAX bytes of a regular file from offset. *stamp changes with each change of the file, so that
 * pieces of one and the same content can be told.
 */
struct kk_piece {
    uint64_t size; /* of the whole file */
    char stamp[64];
};
int kk_changes_read(const struct kk_options *options, const char *path, uint64_t offset,
                    struct kg_buf *out, struct kk_piece *piece, struct kg_err *err);

#endif

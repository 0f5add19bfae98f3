#ifndef NB_FILE_H
#define NB_FILE_H
/*
 * Files read whole, and written so that nobody ever sees half of one: into a file beside, flushed to the disk, put in
 * place by a rename. All block.
 */
#include <sys/types.h>

#include "notebooks/place.h"

enum { NB_HASH_SIZE = 65 };

/* The file's bytes, up to max (-EFBIG above). fd: a regular file at its beginning. path: for messages. */
int nb_file_read(struct kg_buf *out, int fd, size_t max, const char *path, struct kg_err *err);
/* SHA-256 in hex. */
void nb_hash(char out[NB_HASH_SIZE], const void *data, size_t n);

struct nb_writer {
    const struct nb_place *at;
    int fd;
    char temp[48];
    bool keep; /* a part of an upload: an abort leaves it */
};

/* What the file must still be when it is replaced; either may be NULL. -ESTALE else. */
struct nb_expect {
    const char *hash, *last_modified;
};

enum nb_replace { NB_REPLACE, NB_NEW /* -EEXIST when there is one */ };

/* at must outlive w. */
int nb_writer_begin(struct nb_writer *w, const struct nb_place *at, struct kg_err *err);
/* An upload in parts: first begins it anew, else it goes on with what came before (-EINVAL when nothing did). */
int nb_writer_part(struct nb_writer *w, const struct nb_place *at, bool first, struct kg_err *err);
int nb_writer_add(struct nb_writer *w, const void *data, size_t n, struct kg_err *err);
/* Appends what fd gives until its end, and takes over its times. */
int nb_writer_copy(struct nb_writer *w, int fd, struct kg_err *err);
/* Puts it in place. The writer is done with, whether or not that went well. */
int nb_writer_commit(struct nb_writer *w, struct nb_root *r, enum nb_replace how,
                     const struct nb_expect *expect, struct kg_err *err);
void nb_writer_abort(struct nb_writer *w); /* after commit it does nothing */

/* All of it in one call. path: clean; a link is followed. */
int nb_file_write(struct nb_root *r, const char *path, const struct kg_buf *bytes,
                  enum nb_replace how, const struct nb_expect *expect, struct kg_err *err);

#endif

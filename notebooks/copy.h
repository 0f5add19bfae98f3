#ifndef NB_COPY_H
#define NB_COPY_H
/* Copies of files and folders, byte for byte. Paths are clean. */
#include "notebooks/file.h"
#include "notebooks/place.h"

enum { NB_COPY_FILES_MAX = 10000, NB_COPY_MB_MAX = 500 };

/* from: a regular file. */
int nb_copy_file(struct nb_root *r, int from, const char *to, enum nb_replace how,
                 struct kg_err *err);
/*
 * The folder from, with all regular files and folders in it, as to, which must not be there (-EEXIST). What is neither (links, pipes) is left
 * out. -EFBIG above the bounds. What was made before a failure is taken away again.
 */
int nb_copy_folder(struct nb_root *r, const char *from, const char *to, struct kg_err *err);

#endif

#ifndef NB_MODEL_H
#define NB_MODEL_H
/* The models of the contents API, for the rooms' own files. */
#include "base/json.h"
#include "notebooks/contents.h"

enum nb_type { NB_FILE, NB_NOTEBOOK, NB_DIRECTORY };

/* path: clean. The model of what is open (O_PATH is enough), without content, and out's path and time. */
void nb_model_bare(struct nb_reply *out, const char *path, int fd, const struct stat *st,
                   enum nb_type type, const char *message);
int64_t nb_modified_us(const struct stat *st);
enum nb_type nb_type_of(const char *path, const struct stat *st);

#endif

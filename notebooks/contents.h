#ifndef NB_CONTENTS_H
#define NB_CONTENTS_H
/*
 * Files and notebooks as Jupyter's contents API has them: models in JSON, by name and path, saved, renamed, copied,
 * kept as checkpoints. No HTTP. All of these block, and may be called from any thread.
 *
 * Paths come as clients send them. Errors: -ENOENT, -EINVAL, -EACCES, -EEXIST, -ESTALE (changed by somebody else),
 * -ENOSPC, -EFBIG.
 * Source: jupyter_server 2.21, services/contents.
 */
#include <jansson.h>

#include "notebooks/place.h"

enum { NB_JSON_MAX_BYTES = 256 << 20 }; /* of a file that is sent as JSON */

struct nb_reply {
    struct kg_buf body; /* JSON */
    char *path;         /* of what it is about, clean */
    int64_t modified_us;
    bool created;       /* there was nothing of that name before */
    const char *reason; /* of an error: "bad type", "bad format", or NULL */
};

void nb_reply_release(struct nb_reply *r);

struct nb_get {
    const char *type;   /* "directory", "file", "notebook" or NULL; anything else is "file" */
    const char *format; /* "text", "base64" or NULL; anything else is refused */
    bool content, hash;
};

int nb_get(struct nb_reply *out, const struct nb_root *r, const char *raw, const struct nb_get *get,
           struct kg_err *err);
/*
 * Saves what body ({"type","format","content","chunk"}) holds. Beside Jupyter's members:
 * {"kernelgw":{"if_hash":HEX,"if_last_modified":ISO}}, and nothing is written when the file is another.
 * body NULL or empty: as nb_create.
 */
int nb_save(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
            struct kg_err *err);
/* Something new of a name that is free in the folder path: {"type","ext"} or {"copy_from"}. body may be NULL. */
int nb_create(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
              struct kg_err *err);
/* {"path": the new one}; its checkpoint goes with it. */
int nb_rename(struct nb_reply *out, struct nb_root *r, const char *raw, const json_t *body,
              struct kg_err *err);
/* A file or an empty folder, with its checkpoint. */
int nb_delete(struct nb_root *r, const char *raw, struct kg_err *err);

/* A file has at most one checkpoint, "checkpoint", in .ipynb_checkpoints beside it (checkpoint.c). */
int nb_checkpoint_list(struct nb_reply *out, struct nb_root *r, const char *raw,
                       struct kg_err *err);
int nb_checkpoint_create(struct nb_reply *out, struct nb_root *r, const char *raw,
                         struct kg_err *err);
int nb_checkpoint_restore(struct nb_root *r, const char *raw, const char *id, struct kg_err *err);
int nb_checkpoint_delete(struct nb_root *r, const char *raw, const char *id, struct kg_err *err);
/* For renames and deletions: that there is none is fine. */
void nb_checkpoint_moved(struct nb_root *r, const char *from, const char *to);
void nb_checkpoint_forget(struct nb_root *r, const char *path);

/* Opens a regular file for reading; -EINVAL for anything else. */
int nb_file_open(const struct nb_root *r, const char *path, struct stat *st, struct kg_err *err);

#endif

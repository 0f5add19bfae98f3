#ifndef KG_CORE_SESSION_H
#define KG_CORE_SESSION_H
/*
 * Jupyter's sessions: a document (path, name, type) with its kernel. Not to be taken for the boxes or the network
 * of a user. Kept over a restart of the server (core/keep.h).
 */
#include <uthash.h>

#include "kernelgw/core/kernel.h"

struct kg_session {
    char id[KG_UUID_SIZE];
    char *owner, *path, *name, *type;
    struct kg_kernel *kernel; /* NULL once it is gone */
    UT_hash_handle hh;
};

/* Takes copies. kernel is borrowed; the session outlives it (then answers 410). */
struct kg_session *kg_session_new(struct kg_core *core, const char *owner, const char *path,
                                  const char *name, const char *type, struct kg_kernel *kernel);
/* One that an earlier server had. */
struct kg_session *kg_session_restore(struct kg_core *core, const char *owner, const char *id,
                                      const char *path, const char *name, const char *type,
                                      struct kg_kernel *kernel);
struct kg_session *kg_session_find(struct kg_core *core, const char *id);
/* The owner's of that path: others have documents of the same. */
struct kg_session *kg_session_by_path(struct kg_core *core, const char *owner, const char *path);
/* Only what is not NULL is changed. */
void kg_session_update(struct kg_core *core, struct kg_session *s, const char *path,
                       const char *name, const char *type, struct kg_kernel *kernel);
/* Forgets the session; its kernel is the caller's business. */
void kg_session_free(struct kg_core *core, struct kg_session *s);
/* Within core: a kernel goes. */
void kg_sessions_kernel_gone(struct kg_core *core, const struct kg_kernel *k);

/* The model of GET /api/sessions/{id}. */
struct kg_json;
void kg_session_model(const struct kg_session *s, struct kg_json *j);

#endif

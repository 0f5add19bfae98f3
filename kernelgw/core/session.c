#include "kernelgw/core/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/keep.h"

struct kg_session *kg_session_restore(struct kg_core *core, const char *owner, const char *id,
                                      const char *path, const char *name, const char *type,
                                      struct kg_kernel *kernel)
{
    struct kg_session *s = kg_calloc(1, sizeof *s);
    snprintf(s->id, sizeof s->id, "%s", id);
    s->owner = kg_strdup(owner ? owner : "");
    s->path = kg_strdup(path);
    s->name = kg_strdup(name);
    s->type = kg_strdup(type);
    s->kernel = kernel;
    HASH_ADD_STR(core->sessions, id, s);
    return s;
}

struct kg_session *kg_session_new(struct kg_core *core, const char *owner, const char *path,
                                  const char *name, const char *type, struct kg_kernel *kernel)
{
    char id[KG_UUID_SIZE];
    kg_uuid4(id);
    struct kg_session *s = kg_session_restore(core, owner, id, path, name, type, kernel);
    kg_keep_sessions(core);
    return s;
}

struct kg_session *kg_session_find(struct kg_core *core, const char *id)
{
    struct kg_session *s = NULL;
    HASH_FIND_STR(core->sessions, id, s);
    return s;
}

struct kg_session *kg_session_by_path(struct kg_core *core, const char *owner, const char *path)
{
    struct kg_session *s, *following;
    HASH_ITER(hh, core->sessions, s, following)
        if (s->kernel && strcmp(s->path, path) == 0 && strcmp(s->owner, owner ? owner : "") == 0)
            return s;
    return NULL;
}

static void replace(char **field, const char *value)
{
    if (!value)
        return;
    char *copy = kg_strdup(value);
    free(*field);
    *field = copy;
}

void kg_session_update(struct kg_core *core, struct kg_session *s, const char *path,
                       const char *name, const char *type, struct kg_kernel *kernel)
{
    replace(&s->path, path);
    replace(&s->name, name);
    replace(&s->type, type);
    if (kernel)
        s->kernel = kernel;
    kg_keep_sessions(core);
}

void kg_session_free(struct kg_core *core, struct kg_session *s)
{
    HASH_DEL(core->sessions, s);
    free(s->owner);
    free(s->path);
    free(s->name);
    free(s->type);
    free(s);
    kg_keep_sessions(core);
}

void kg_sessions_kernel_gone(struct kg_core *core, const struct kg_kernel *k)
{
    struct kg_session *s, *following;
    bool any = false;
    HASH_ITER(hh, core->sessions, s, following) {
        if (s->kernel != k)
            continue;
        s->kernel = NULL;
        any = true;
    }
    if (any)
        kg_keep_sessions(core);
}

void kg_session_model(const struct kg_session *s, struct kg_json *j)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "id", s->id);
    kg_json_kstr(j, "path", s->path);
    kg_json_kstr(j, "name", s->name);
    kg_json_kstr(j, "type", s->type);
    kg_json_key(j, "kernel");
    if (s->kernel)
        kg_kernel_model(s->kernel, j);
    else
        kg_json_null(j);
    if (strcmp(s->type, "notebook") == 0) {
        /* the older field, which some clients still read */
        kg_json_key(j, "notebook");
        kg_json_object_begin(j);
        kg_json_kstr(j, "path", s->path);
        kg_json_kstr(j, "name", s->name);
        kg_json_object_end(j);
    }
    kg_json_object_end(j);
}

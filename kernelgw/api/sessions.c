/* /api/sessions: documents and their kernels, as Jupyter Server has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/start.h"
#include "kernelgw/core/session.h"

static void reply_model(struct kg_api *api, struct kg_http *req, const struct kg_session *s,
                        bool created)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_session_model(s, &j);
    if (!created) {
        kg_reply_polled(api, req, &body);
        return;
    }
    kg_autofree char *location = kg_asprintf("/api/sessions/%s", s->id);
    kg_reply_created(api, req, location, &body);
}

static struct kg_session *find(struct kg_api *api, struct kg_http *req,
                               const struct kg_route_args *args)
{
    struct kg_session *s = kg_session_find(kg_api_core(api), args->value[0]);
    if (s && !kg_user_sees(&args->user, s->owner))
        s = NULL;
    if (!s)
        kg_reply_error(api, req, 404, NULL, "Session not found: session_id='%.100s'",
                       args->value[0]);
    return s;
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (struct kg_session *s = kg_api_core(api)->sessions; s; s = s->hh.next)
        if (s->kernel && kg_user_sees(&args->user, s->owner))
            kg_session_model(s, &j);
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

/* What a POST or PATCH names; NULL where it says nothing. The older form has notebook.path. */
struct wanted {
    const char *path, *name, *type, *kernel_name, *kernel_id;
};

static struct wanted read_wanted(const json_t *body)
{
    const json_t *kernel = json_object_get(body, "kernel");
    const json_t *notebook = json_object_get(body, "notebook");
    struct wanted w = {.path = json_string_value(json_object_get(body, "path")),
                       .name = json_string_value(json_object_get(body, "name")),
                       .type = json_string_value(json_object_get(body, "type")),
                       .kernel_name = json_string_value(json_object_get(kernel, "name")),
                       .kernel_id = json_string_value(json_object_get(kernel, "id"))};
    if (!w.path && notebook) {
        w.path = json_string_value(json_object_get(notebook, "path"));
        w.name = json_string_value(json_object_get(notebook, "name"));
        w.type = w.type ? w.type : "notebook";
    }
    return w;
}

/* What to say of a field that is of the wrong type, or NULL: a wish that is not understood is not passed over. */
static const char *wrong_type(const json_t *body)
{
    static const struct {
        const char *inside, *key, *said; /* inside NULL: of the body itself */
        bool object;
    } fields[] = {
        {NULL, "path", "path must be a string", false},
        {NULL, "name", "name must be a string", false},
        {NULL, "type", "type must be a string", false},
        {NULL, "kernel", "kernel must be an object", true},
        {NULL, "notebook", "notebook must be an object", true},
        {"kernel", "name", "kernel.name must be a string", false},
        {"kernel", "id", "kernel.id must be a string", false},
        {"notebook", "path", "notebook.path must be a string", false},
        {"notebook", "name", "notebook.name must be a string", false},
    };
    for (size_t i = 0; i < KG_COUNT(fields); i++) {
        const json_t *in = fields[i].inside ? json_object_get(body, fields[i].inside) : body;
        const json_t *v = json_object_get(in, fields[i].key);
        if (v && !json_is_null(v) && !(fields[i].object ? json_is_object(v) : json_is_string(v)))
            return fields[i].said;
    }
    return NULL;
}

/* The request's body with no field of a wrong type, or NULL when it has answered. */
static json_t *read_body(struct kg_api *api, struct kg_http *req)
{
    json_t *body = kg_request_json(api, req, false);
    const char *wrong = body ? wrong_type(body) : NULL;
    if (!wrong)
        return body;
    kg_reply_error(api, req, 400, NULL, "%s", wrong);
    json_decref(body);
    return NULL;
}

/* What a session is to be once its kernel has started; one allocation. */
struct pending {
    char *path, *name, *type, *owner; /* in text */
    char session_id[KG_UUID_SIZE];    /* of the one to change; "" for a new one */
    char text[];
};

static struct pending *pending_new(const struct wanted *w, const struct kg_user *user,
                                   const char *session_id)
{
    const char *const from[] = {w->path ? w->path : "", w->name ? w->name : "",
                                w->type ? w->type : "", user->name};
    size_t n = KG_COUNT(from);
    for (size_t i = 0; i < KG_COUNT(from); i++)
        n += strlen(from[i]);
    struct pending *p = kg_calloc(1, sizeof *p + n);
    char *at = p->text;
    char **const to[] = {&p->path, &p->name, &p->type, &p->owner};
    for (size_t i = 0; i < KG_COUNT(from); i++) {
        *to[i] = at;
        at = stpcpy(at, from[i]) + 1;
    }
    snprintf(p->session_id, sizeof p->session_id, "%s", session_id);
    return p;
}

/* The kernel that is asked for by its id, if it is there for the asker. */
static struct kg_kernel *find_kernel(struct kg_core *core, const struct wanted *w,
                                     const struct kg_user *user)
{
    struct kg_kernel *k = w->kernel_id ? kg_kernel_find(core, w->kernel_id) : NULL;
    return k && kg_user_sees(user, k->owner) ? k : NULL;
}

static void created(struct kg_api *api, struct kg_http *req, struct kg_kernel *k, void *user)
{
    const struct pending *p = user;
    reply_model(api, req, kg_session_new(kg_api_core(api), p->owner, p->path, p->name, p->type, k),
                true);
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_core *core = kg_api_core(api);
    json_t *body = read_body(api, req);
    if (!body)
        return;
    struct wanted w = read_wanted(body);
    struct kg_session *there = w.path ? kg_session_by_path(core, args->user.name, w.path) : NULL;
    struct kg_kernel *k = find_kernel(core, &w, &args->user);
    if (!w.path) {
        kg_reply_error(api, req, 400, NULL, "Missing field in JSON data: path");
    } else if (!w.type) {
        kg_reply_error(api, req, 400, NULL, "Missing field in JSON data: type");
    } else if (there) {
        reply_model(api, req, there, true);
    } else if (w.kernel_id && !k) {
        kg_reply_error(api, req, 400, NULL, "No such kernel: %.100s", w.kernel_id);
    } else if (k) {
        reply_model(api, req,
                    kg_session_new(core, args->user.name, w.path, w.name ? w.name : "", w.type, k),
                    true);
    } else {
        const json_t *kernel = json_object_get(body, "kernel");
        const char *name = w.kernel_name ? w.kernel_name : core->config.default_kernel;
        if (!kg_runtimes_find(&core->runtimes, name)) {
            /* as Jupyter Server: its clients know this status and its short_message */
            kg_autobuf text = {0};
            struct kg_json j;
            kg_json_init(&j, &text);
            kg_json_object_begin(&j);
            kg_json_kstr(
                &j, "message",
                "The kernel is not available. Please pick another suitable kernel instead, or install it.");
            kg_json_kstr(&j, "short_message", name);
            kg_json_object_end(&j);
            kg_reply_json(api, req, 501, &text);
        } else {
            kg_start_kernel(api, req, args->user.name, kernel, created,
                            pending_new(&w, &args->user, ""));
        }
    }
    json_decref(body);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_session *s = find(api, req, args);
    if (!s)
        return;
    if (!s->kernel) {
        kg_session_free(kg_api_core(api), s);
        kg_reply_error(api, req, 404, NULL, "Session not found: session_id='%.100s'",
                       args->value[0]);
        return;
    }
    reply_model(api, req, s, false);
}

static void changed(struct kg_api *api, struct kg_http *req, struct kg_kernel *k, void *user)
{
    const struct pending *p = user;
    struct kg_session *s = kg_session_find(kg_api_core(api), p->session_id);
    if (!s) {
        kg_reply_error(api, req, 404, NULL, "Session not found: session_id='%s'", p->session_id);
        return;
    }
    struct kg_kernel *before = s->kernel;
    kg_session_update(kg_api_core(api), s, NULL, NULL, NULL, k);
    if (before && before != k)
        kg_kernel_delete(before);
    reply_model(api, req, s, false);
}

static void patch(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_session *s = find(api, req, args);
    if (!s)
        return;
    json_t *body = read_body(api, req);
    if (!body)
        return;
    struct kg_core *core = kg_api_core(api);
    struct wanted w = read_wanted(body);
    struct kg_kernel *k = find_kernel(core, &w, &args->user);
    if (w.kernel_id && !k) {
        kg_reply_error(api, req, 400, NULL, "No such kernel: %.100s", w.kernel_id);
    } else {
        kg_session_update(kg_api_core(api), s, w.path, w.name, w.type, k);
        if (w.kernel_name && !k)
            kg_start_kernel(api, req, args->user.name, json_object_get(body, "kernel"), changed,
                            pending_new(&w, &args->user, s->id));
        else
            reply_model(api, req, s, false);
    }
    json_decref(body);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_session *s = find(api, req, args);
    if (!s)
        return;
    struct kg_kernel *k = s->kernel;
    kg_session_free(kg_api_core(api), s);
    if (!k) {
        kg_reply_error(api, req, 410, NULL, "Kernel deleted before session");
        return;
    }
    kg_kernel_delete(k);
    kg_reply_empty(api, req);
}

const struct kg_route kg_routes_sessions[] = {
    {"GET", "/api/sessions", list, 0},           {"POST", "/api/sessions", create, 0},
    {"GET", "/api/sessions/{id}", get, 0},       {"PATCH", "/api/sessions/{id}", patch, 0},
    {"DELETE", "/api/sessions/{id}", delete, 0}, {NULL, NULL, NULL, 0},
};

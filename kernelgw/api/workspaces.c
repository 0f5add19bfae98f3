/* /api/workspaces: sessions of programs, kernels and a network. Each is there for its owner, and for operators. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/workspace.h"
#include "kernelgw/core/workspace_usage.h"

static struct kg_workspace *find(struct kg_api *api, struct kg_http *req,
                                 const struct kg_route_args *args, const char *owner)
{
    struct kg_workspace *w = kg_workspace_find(kg_api_core(api), owner, args->value[0]);
    if (w && !kg_user_sees(&args->user, w->owner))
        w = NULL;
    if (!w)
        kg_reply_error(api, req, 404, NULL, "Workspace does not exist: %.100s", args->value[0]);
    return w;
}

struct kg_workspace *kg_request_own_workspace(struct kg_api *api, struct kg_http *req,
                                              const struct kg_route_args *args)
{
    return find(api, req, args, args->user.name);
}

struct kg_workspace *kg_request_workspace(struct kg_api *api, struct kg_http *req,
                                          const struct kg_route_args *args)
{
    const char *owner = kg_http_arg(req, "owner");
    return find(api, req, args, owner ? owner : args->user.name);
}

static void reply_model(struct kg_api *api, struct kg_http *req, int status,
                        const struct kg_workspace *w)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_workspace_model(w, &j);
    kg_reply_json(api, req, status, &body);
}

/* --- with what their boxes use: ?usage=1 --- */

struct measuring {
    struct kg_api *api;
    struct kg_http *req; /* NULL when the client is gone */
    struct kg_user user;
    char *owner; /* NULL: whose does not matter */
};

static bool is_asked_for(const void *user, const struct kg_workspace *w)
{
    const struct measuring *m = user;
    return kg_user_sees(&m->user, w->owner) && (!m->owner || strcmp(m->owner, w->owner) == 0);
}

static void measurer_gone(void *user)
{
    struct measuring *m = user;
    m->req = NULL;
}

static void measured(void *user, const struct kg_usage *list, size_t n)
{
    struct measuring *m = user;
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (size_t i = 0; i < n; i++)
        if (!list[i].workspace->ending)
            kg_workspace_model_used(list[i].workspace, &list[i].memory_bytes, &j);
    kg_json_array_end(&j);
    if (m->req)
        kg_reply_json(m->api, m->req, 200, &body);
    free(m->owner);
    free(m);
}

/* An operator's has everybody's; ?owner= says whose. */
static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *owner = kg_http_arg(req, "owner");
    const char *usage = kg_http_arg(req, "usage");
    if (usage && strcmp(usage, "1") == 0) {
        struct measuring *m = kg_calloc(1, sizeof *m);
        *m = (struct measuring){
            .api = api, .req = req, .user = args->user, .owner = owner ? kg_strdup(owner) : NULL};
        kg_http_on_close(req, measurer_gone, m);
        kg_workspaces_measure(kg_api_core(api), is_asked_for, measured, m);
        return;
    }
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (struct kg_workspace *w = kg_api_core(api)->workspaces; w; w = w->hh.next)
        if (kg_user_sees(&args->user, w->owner) && (!owner || strcmp(owner, w->owner) == 0))
            kg_workspace_model(w, &j);
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    static const char *const names[] = {"name", NULL};
    struct kg_core *core = kg_api_core(api);
    json_t *body = kg_request_json(api, req, true);
    if (!body)
        return;
    char made_up[KG_UUID_SIZE];
    kg_uuid4(made_up);
    struct kg_err err = {0};
    const json_t *given = json_object_get(body, "name");
    const char *name = given && !json_is_null(given) ? json_string_value(given) : made_up;
    struct kg_workspace *w = NULL;
    int rc = kg_check_only(body, "", names, &err);
    if (rc == 0 && (!name || !kg_workspace_name_ok(name)))
        kg_err_set(&err, -EINVAL,
                   "name must have 1 to 100 bytes, without slashes and control characters");
    else if (rc == 0 && kg_workspace_find(core, args->user.name, name))
        kg_err_set(&err, -EEXIST, "there is a workspace %s already", name);
    else if (rc == 0)
        w = kg_workspace_get(core, args->user.name, name, false, &err);
    if (w)
        reply_model(api, req, 201, w);
    else
        kg_reply_err(api, req, &err);
    json_decref(body);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (w)
        reply_model(api, req, 200, w);
}

static void leave(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    kg_workspace_end(w, true, "left");
    kg_reply_empty(api, req);
}

/* --- who listens --- */

struct ports_wait {
    struct kg_api *api;
    struct kg_http *req; /* NULL when the client is gone */
};

static void asker_gone(void *user)
{
    struct ports_wait *wait = user;
    wait->req = NULL;
}

static void ports_told(void *user, const json_t *list, const struct kg_err *err)
{
    struct ports_wait *wait = user;
    if (wait->req && err) {
        kg_reply_err(wait->api, wait->req, err);
    } else if (wait->req) {
        kg_autofree char *text = json_dumps(list, JSON_COMPACT);
        kg_autobuf body = {0};
        kg_buf_add_str(&body, text);
        kg_reply_json(wait->api, wait->req, 200, &body);
    }
    free(wait);
}

static void ports(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    if (!w->net) {
        kg_autobuf body = {0};
        kg_buf_add_str(&body, "[]");
        kg_reply_polled(api, req, &body);
        return;
    }
    struct ports_wait *wait = kg_malloc(sizeof *wait);
    *wait = (struct ports_wait){api, req};
    kg_http_on_close(req, asker_gone, wait);
    kg_workspace_ports(w, ports_told, wait);
}

/* --- events --- */

struct events {
    struct kg_http *req;
    struct kg_workspace *workspace; /* NULL: it has ended */
    struct kg_workspace_watch watch;
    bool attached, dirty;
    bool first; /* nothing has been told yet */
};

static void let_go(struct events *e)
{
    struct kg_workspace *w = kg_steal(&e->workspace);
    if (!w)
        return;
    kg_workspace_unwatch(w, &e->watch);
    if (e->attached)
        kg_workspace_detach(w);
}

static void reader_gone(void *user)
{
    struct events *e = user;
    let_go(e);
    free(e);
}

/* The whole state each time: a slow reader misses steps, but never what came of them. */
static void more(void *user, struct kg_http *req)
{
    struct events *e = user;
    kg_autobuf out = {0};
    if (!e->workspace) {
        kg_buf_add_str(&out, "event: ended\ndata: {}\n\n");
        kg_http_stream_write(req, out.data, out.len);
        kg_http_stream_end(req);
        free(e);
        return;
    }
    if (!e->dirty)
        return;
    e->dirty = false;
    struct kg_json j;
    if (!e->first) {
        kg_buf_add_str(&out, "event: changes\ndata: ");
        kg_json_init(&j, &out);
        kg_workspace_changes(e->workspace, &e->watch, &j);
        kg_buf_add_str(&out, "\n\n");
    }
    e->first = false;
    kg_buf_add_str(&out, "event: workspace\ndata: ");
    kg_json_init(&j, &out);
    kg_workspace_model(e->workspace, &j);
    kg_buf_add_str(&out, "\n\n");
    kg_http_stream_write(req, out.data, out.len);
}

static void changed(void *user, bool ended)
{
    struct events *e = user;
    if (ended)
        e->workspace = NULL;
    e->dirty = true;
    kg_http_stream_want(e->req);
}

static const struct kg_http_stream_events stream = {.more = more, .closed = reader_gone};

static void watch(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *attach = kg_http_arg(req, "attach");
    struct kg_err err = {0};
    bool bind = attach && strcmp(attach, "1") == 0;
    /* who binds a session to a connection may do it before the session's first use */
    if (bind && !kg_http_arg(req, "owner") && kg_workspace_name_ok(args->value[0]) &&
        !kg_workspace_get(kg_api_core(api), args->user.name, args->value[0], false, &err)) {
        kg_reply_err(api, req, &err);
        return;
    }
    struct kg_workspace *w = kg_request_workspace(api, req, args);
    if (!w)
        return;
    struct events *e = kg_calloc(1, sizeof *e);
    *e = (struct events){.req = req,
                         .workspace = w,
                         .watch = {.changed = changed, .user = e},
                         .attached = bind,
                         .dirty = true,
                         .first = true};
    kg_http_stream(req, 200, "text/event-stream", &stream, e);
    kg_workspace_watch(w, &e->watch);
    if (bind)
        kg_workspace_attach(w);
    kg_http_stream_want(req);
}

const struct kg_route kg_routes_workspaces[] = {
    {"GET", "/api/workspaces", list, 0},
    {"POST", "/api/workspaces", create, 0},
    {"GET", "/api/workspaces/{name}", get, 0},
    {"DELETE", "/api/workspaces/{name}", leave, 0},
    {"GET", "/api/workspaces/{name}/events", watch, 0},
    {"GET", "/api/workspaces/{name}/ports", ports, 0},
    {NULL, NULL, NULL, 0},
};

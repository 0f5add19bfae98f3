/* /api/terminals, as jupyter_server_terminals has it. Off unless the operator wants them: then there is no such path. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/terminal_socket.h"
#include "kernelgw/core/checks.h"

static bool enabled(struct kg_api *api, struct kg_http *req)
{
    if (kg_api_core(api)->config.terminals)
        return true;
    kg_reply_error(api, req, 404, NULL, "Not Found: terminals are not enabled here (--terminals)");
    return false;
}

static struct kg_terminal *find(struct kg_api *api, struct kg_http *req,
                                const struct kg_route_args *args)
{
    if (!enabled(api, req))
        return NULL;
    struct kg_terminal *t = kg_terminal_find(kg_api_core(api), args->value[0]);
    if (t && !kg_user_sees(&args->user, t->run->spec.owner))
        t = NULL;
    if (!t)
        kg_reply_error(api, req, 404, NULL, "Terminal not found: %.100s", args->value[0]);
    return t;
}

static void reply_model(struct kg_api *api, struct kg_http *req, const struct kg_terminal *t)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_terminal_model(t, &j);
    kg_reply_json(api, req, 200, &body);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    if (!enabled(api, req))
        return;
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (const struct kg_terminal *t = kg_api_core(api)->terminals; t; t = t->hh.next)
        if (kg_user_sees(&args->user, t->run->spec.owner))
            kg_terminal_model(t, &j);
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

/* A string, or NULL when there is none. */
static int text_of(const char **out, const json_t *object, const char *key, struct kg_err *err)
{
    const json_t *v = json_object_get(object, key);
    *out = json_string_value(v);
    if (!v || json_is_null(v) || (*out && strlen(*out) == json_string_length(v)))
        return 0;
    return kg_err_set(err, -EINVAL, "%s must be a string", key);
}

/* Jupyter's own cwd is a folder below the server's, which a box does not see: passed over, as there when it is not found. */
static int read_wish(struct kg_terminal_wish *wish, const json_t *body, struct kg_err *err)
{
    static const char *const names[] = {"language", "session", "network", "limits", NULL};
    const json_t *own = json_object_get(body, "kernelgw");
    if (own && !json_is_null(own) && !json_is_object(own))
        return kg_err_set(err, -EINVAL, "kernelgw must be an object");
    int rc = kg_check_only(own, "kernelgw.", names, err);
    if (rc == 0)
        rc = text_of(&wish->name, body, "name", err);
    if (rc == 0)
        rc = text_of(&wish->language, own, "language", err);
    if (rc == 0)
        rc = text_of(&wish->session, own, "session", err);
    wish->network = json_object_get(own, "network");
    wish->limits = json_object_get(own, "limits");
    return rc;
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    if (!enabled(api, req))
        return;
    json_t *body = kg_request_json(api, req, true);
    if (!body)
        return;
    struct kg_err err;
    struct kg_terminal *t = NULL;
    struct kg_terminal_wish wish = {.owner = args->user.name};
    int rc = read_wish(&wish, body, &err);
    if (rc == 0)
        rc = kg_terminal_open(kg_api_core(api), &wish, &t, &err);
    if (rc == -ENOENT)
        kg_reply_error(api, req, 400, NULL, "%s", err.text);
    else if (rc < 0)
        kg_reply_err(api, req, &err);
    else
        reply_model(api, req, t);
    json_decref(body);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_terminal *t = find(api, req, args);
    if (t)
        reply_model(api, req, t);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_terminal *t = find(api, req, args);
    if (!t)
        return;
    kg_terminal_end(t);
    kg_reply_empty(api, req);
}

static void open_socket(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_terminal *t = find(api, req, args);
    if (!t)
        return;
    if (kg_http_is_upgrade(req))
        kg_terminal_socket_open(api, req, t);
    else
        kg_reply_error(api, req, 400, NULL, "Can \"Upgrade\" only to \"WebSocket\".");
}

const struct kg_route kg_routes_terminals[] = {
    {"GET", "/api/terminals", list, 0},
    {"POST", "/api/terminals", create, 0},
    {"GET", "/api/terminals/{name}", get, 0},
    {"DELETE", "/api/terminals/{name}", delete, 0},
    {"GET", "/terminals/websocket/{name}", open_socket, 0},
    {NULL, NULL, NULL, 0},
};

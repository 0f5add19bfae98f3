/* What the server says of itself and of the asker: /api, /api/status, /api/me, /api/health. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "kernelgw/api/api.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/kernel.h"

static void version(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "version", KERNELGW_VERSION);
    kg_json_object_end(&j);
    kg_reply_polled(api, req, &body);
}

static void status(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_core *core = kg_api_core(api);
    size_t kernels = 0, connections = 0;
    for (const struct kg_kernel *k = core->kernels; k; k = k->hh.next)
        if (kg_user_sees(&args->user, k->owner)) {
            kernels++;
            connections += kg_kernel_connections(k);
        }
    char started[KG_ISO_SIZE];
    char last[KG_ISO_SIZE];
    kg_clock_iso(started, core->started_us);
    kg_clock_iso(last, core->last_activity_us);
    kg_autobuf body = {0};
    kg_autobuf report = {0};
    struct kg_json j;
    if (args->user.is_operator)
        kg_core_report(core, &report);
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kint(&j, "connections", (int64_t)connections);
    kg_json_kint(&j, "kernels", (int64_t)kernels);
    kg_json_kstr(&j, "last_activity", last);
    kg_json_kstr(&j, "started", started);
    if (report.len) {
        kg_json_key(&j, "kernelgw");
        kg_json_raw(&j, report.data, report.len);
    }
    kg_json_object_end(&j);
    kg_reply_polled(api, req, &body);
}

/* Jupyter asks which of {"resource": ["action"]} the user may do: here, all. */
static bool write_permissions(struct kg_json *j, const char *asked)
{
    json_t *doc = asked && asked[0] ? json_loads(asked, 0, NULL) : json_object();
    const char *resource;
    json_t *actions;
    size_t i;
    json_t *action;
    bool ok = json_is_object(doc);
    if (ok)
        json_object_foreach(doc, resource, actions) {
            ok = ok && json_is_array(actions);
            json_array_foreach(actions, i, action)
                ok = ok && json_is_string(action);
        }
    if (ok) {
        json_object_set_new(doc, "updatable_fields", json_array()); /* of the identity: none */
        char *text = json_dumps(doc, JSON_COMPACT);
        kg_json_raw(j, text, strlen(text));
        free(text);
    }
    json_decref(doc);
    return ok;
}

static void me(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_key(&j, "identity");
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "username", args->user.name);
    kg_json_kstr(&j, "name", args->user.name);
    kg_json_kstr(&j, "display_name", args->user.name);
    kg_json_kstr(&j, "initials", NULL);
    kg_json_kstr(&j, "avatar_url", NULL);
    kg_json_kstr(&j, "color", NULL);
    kg_json_object_end(&j);
    kg_json_key(&j, "kernelgw");
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "role", args->user.is_operator ? "operator" : "user");
    kg_account_model(kg_account_of(kg_api_core(api), args->user.name), &j);
    kg_json_object_end(&j);
    kg_json_key(&j, "permissions");
    if (!write_permissions(&j, kg_http_arg(req, "permissions"))) {
        kg_reply_error(api, req, 400, NULL,
                       "permissions must be a JSON object of lists of strings");
        return;
    }
    kg_json_object_end(&j);
    kg_reply_polled(api, req, &body);
}

/* What each user may have, and has: an operator's view. Others see themselves. */
static void users(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_core *core = kg_api_core(api);
    kg_autobuf body = {0};
    struct kg_json j;
    for (const struct kg_user_row *row = core->config.users ? core->config.users->by_name : NULL;
         row; row = row->by_name.next)
        kg_account_of(core, row->name); /* who has not come yet is in the list, too */
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (struct kg_account *a = core->accounts; a; a = a->hh.next) {
        if (!a->owner[0] || !kg_user_sees(&args->user, a->owner))
            continue;
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "name", a->owner);
        kg_account_model(a, &j);
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

static void health(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    kg_autobuf body = {0};
    bool closing = kg_api_core(api)->closing;
    kg_buf_add_str(&body, closing ? "{\"status\":\"stopping\"}" : "{\"status\":\"ok\"}");
    kg_reply_json(api, req, closing ? 503 : 200, &body);
}

const struct kg_route kg_routes_me[] = {
    {"GET", "/api", version, KG_ROUTE_PUBLIC}, {"GET", "/api/health", health, KG_ROUTE_PUBLIC},
    {"GET", "/api/status", status, 0},         {"GET", "/api/me", me, 0},
    {"GET", "/api/users", users, 0},           {NULL, NULL, NULL, 0},
};

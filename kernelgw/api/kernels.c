/* /api/kernels: list, start, look at, interrupt, restart, delete. */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/channels.h"
#include "kernelgw/api/execute.h"
#include "kernelgw/api/start.h"
#include "kernelgw/core/kernel.h"

struct kg_kernel *kg_request_kernel(struct kg_api *api, struct kg_http *req,
                                    const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_kernel_find(kg_api_core(api), args->value[0]);
    if (k && !kg_user_sees(&args->user, k->owner))
        k = NULL;
    if (!k)
        kg_reply_error(api, req, 404, NULL, "Kernel does not exist: %.100s", args->value[0]);
    return k;
}

static void reply_model(struct kg_api *api, struct kg_http *req, const struct kg_kernel *k,
                        bool created)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_kernel_model(k, &j);
    if (!created) {
        kg_reply_polled(api, req, &body);
        return;
    }
    kg_autofree char *location = kg_asprintf("/api/kernels/%s", k->id);
    kg_reply_created(api, req, location, &body);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (struct kg_kernel *k = kg_api_core(api)->kernels; k; k = k->hh.next)
        if (kg_user_sees(&args->user, k->owner))
            kg_kernel_model(k, &j);
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

static void started(struct kg_api *api, struct kg_http *req, struct kg_kernel *k, void *user)
{
    (void)user;
    reply_model(api, req, k, true);
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    json_t *body = kg_request_json(api, req, true);
    if (!body)
        return;
    kg_start_kernel(api, req, args->user.name, body, started, NULL);
    json_decref(body);
}

/* A look at one kernel, which waits for what it uses. */
struct look {
    struct kg_api *api;
    struct kg_http *req; /* NULL: the client is gone */
};

static void looker_gone(void *user)
{
    struct look *l = user;
    l->req = NULL;
}

static void reply_used(struct kg_api *api, struct kg_http *req, const struct kg_kernel *k,
                       const struct pl_stats *usage)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_kernel_model_used(k, usage, &j);
    kg_reply_polled(api, req, &body);
}

static void measured(void *user, const struct kg_kernel *k, const struct pl_stats *usage)
{
    struct look *l = user;
    if (l->req && k)
        reply_used(l->api, l->req, k, usage);
    else if (l->req)
        kg_reply_error(l->api, l->req, 404, NULL, "Kernel does not exist any more");
    free(l);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    if (!k)
        return;
    if (!k->box) {
        reply_used(api, req, k, NULL);
        return;
    }
    struct look *l = kg_malloc(sizeof *l);
    *l = (struct look){.api = api, .req = req};
    kg_http_on_close(req, looker_gone, l);
    kg_kernel_measure(k, measured, l);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    if (!k)
        return;
    kg_kernel_delete(k);
    kg_reply_empty(api, req);
}

static void interrupt(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    struct kg_err err;
    if (!k)
        return;
    if (kg_kernel_interrupt(k, &err) < 0)
        kg_reply_err(api, req, &err);
    else
        kg_reply_empty(api, req);
}

static void execute(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    if (k)
        kg_execute(api, req, k);
}

static void restarted(struct kg_api *api, struct kg_http *req, struct kg_kernel *k, void *user)
{
    (void)user;
    reply_model(api, req, k, false);
}

static void restart(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    if (k)
        kg_restart_kernel(api, req, k, restarted, NULL);
}

const struct kg_route kg_routes_kernels[] = {
    {"GET", "/api/kernels", list, 0},
    {"POST", "/api/kernels", create, 0},
    {"GET", "/api/kernels/{id}", get, 0},
    {"DELETE", "/api/kernels/{id}", delete, 0},
    {"POST", "/api/kernels/{id}/interrupt", interrupt, 0},
    {"POST", "/api/kernels/{id}/restart", restart, 0},
    {"POST", "/api/kernels/{id}/execute", execute, 0},
    {"GET", "/api/kernels/{id}/channels", kg_channels_open, 0},
    {NULL, NULL, NULL, 0},
};

/* /api/runs: programs of several files, without any Jupyter client. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/run_stream.h"
#include "kernelgw/core/run_tty.h"

static struct kg_run *find(struct kg_api *api, struct kg_http *req,
                           const struct kg_route_args *args)
{
    struct kg_run *r = kg_run_find(kg_api_core(api), args->value[0]);
    if (r && !kg_user_sees(&args->user, r->spec.owner))
        r = NULL;
    if (!r)
        kg_reply_error(api, req, 404, NULL, "Run does not exist: %.100s", args->value[0]);
    return r;
}

static void reply_model(struct kg_api *api, struct kg_http *req, int status, const struct kg_run *r)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_run_model(r, &j);
    kg_reply_json(api, req, status, &body);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *session = kg_http_arg(req, "session");
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_array_begin(&j);
    for (struct kg_run *r = kg_api_core(api)->runs; r; r = r->hh.next)
        if (!r->spec.terminal && kg_user_sees(&args->user, r->spec.owner) &&
            (!session || strcmp(r->spec.session, session) == 0))
            kg_run_model(r, &j);
    kg_json_array_end(&j);
    kg_reply_polled(api, req, &body);
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    json_t *body = kg_request_json(api, req, false);
    if (!body)
        return;
    struct kg_run_spec spec;
    struct kg_run *r = NULL;
    struct kg_err err;
    int rc = kg_run_spec_parse(&spec, kg_api_core(api), body, &err);
    if (rc == 0) {
        spec.owner = kg_strdup(args->user.name);
        rc = kg_run_start(kg_api_core(api), &spec, &r, &err);
    }
    if (rc == -ENOENT)
        kg_reply_error(api, req, 400, NULL, "%s", err.text);
    else if (rc < 0)
        kg_reply_err(api, req, &err);
    else
        reply_model(api, req, 202, r);
    kg_run_spec_release(&spec);
    json_decref(body);
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_run *r = find(api, req, args);
    if (r)
        reply_model(api, req, 200, r);
}

static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_run *r = find(api, req, args);
    if (!r)
        return;
    kg_run_delete(r);
    kg_reply_empty(api, req);
}

/* ?from=SEQ and ?stream=stdout|stderr, or where an EventSource that comes back left off. False when it has answered. */
static bool read_choice(struct kg_api *api, struct kg_http *req, struct kg_run_choice *choice)
{
    const char *from = kg_http_arg(req, "from");
    const char *stream = kg_http_arg(req, "stream");
    *choice = (struct kg_run_choice){.out = true, .err = true};
    if (from) {
        char *rest;
        errno = 0;
        choice->from = strtoull(from, &rest, 10);
        if (errno || *rest || rest == from || from[0] == '-') {
            kg_reply_error(api, req, 400, NULL, "from must be a whole number");
            return false;
        }
    }
    const char *last = from ? NULL : kg_http_header(req, "last-event-id");
    if (last)
        choice->from = strtoull(last, NULL, 10) + 1;
    if (stream && strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0) {
        kg_reply_error(api, req, 400, NULL, "stream must be stdout or stderr");
        return false;
    }
    if (stream) {
        choice->out = strcmp(stream, "stdout") == 0;
        choice->err = !choice->out;
    }
    return true;
}

static void output(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_run *r = find(api, req, args);
    struct kg_run_choice choice;
    if (!r || !read_choice(api, req, &choice))
        return;
    const char *accept = kg_http_header(req, "accept");
    if (accept && strstr(accept, "text/event-stream"))
        kg_run_stream(api, req, r, &choice, KG_RUN_EVENTS);
    else if (accept && strstr(accept, "application/x-ndjson"))
        kg_run_stream(api, req, r, &choice, KG_RUN_NDJSON);
    else
        kg_run_text(api, req, r, &choice);
}

static void reply_input_error(struct kg_api *api, struct kg_http *req, const struct kg_err *err)
{
    if (err->code == -EPIPE)
        kg_reply_error(api, req, 409, NULL, "%s", err->text);
    else if (err->code == -ENOSPC)
        kg_reply_error(api, req, 429, NULL, "%s", err->text);
    else
        kg_reply_err(api, req, err);
}

/* A request that waits for the box to take its bytes. */
struct giving {
    struct kg_api *api;
    struct kg_http *req; /* NULL when the client is gone */
};

static void giver_gone(void *user)
{
    struct giving *g = user;
    g->req = NULL;
}

static void given(void *user, const struct kg_err *err)
{
    struct giving *g = user;
    if (g->req && err)
        reply_input_error(g->api, g->req, err);
    else if (g->req)
        kg_reply_empty(g->api, g->req);
    free(g);
}

static void input(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_run *r = find(api, req, args);
    if (!r)
        return;
    size_t n = 0;
    const uint8_t *data = kg_http_body(req, &n);
    const char *eof = kg_http_arg(req, "eof");
    struct kg_err err;
    struct giving *g = kg_malloc(sizeof *g);
    *g = (struct giving){.api = api, .req = req};
    int rc = kg_run_stdin(r, data, n, eof && strcmp(eof, "1") == 0, given, g, &err);
    if (rc > 0) {
        kg_http_on_close(req, giver_gone, g);
        return;
    }
    free(g);
    if (rc < 0)
        reply_input_error(api, req, &err);
    else
        kg_reply_empty(api, req);
}

static void send_signal(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_run *r = find(api, req, args);
    if (!r)
        return;
    json_t *body = kg_request_json(api, req, false);
    if (!body)
        return;
    const char *name = json_string_value(json_object_get(body, "signal"));
    struct kg_err err;
    int rc = name ? kg_run_signal(r, name, &err)
                  : kg_err_set(&err, -EINVAL, "signal is missing: \"INT\", \"TERM\" or \"KILL\"");
    if (rc < 0)
        kg_reply_err(api, req, &err);
    else
        kg_reply_empty(api, req);
    json_decref(body);
}

static void resize(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_run *r = find(api, req, args);
    if (!r)
        return;
    json_t *body = kg_request_json(api, req, false);
    if (!body)
        return;
    struct kg_err err;
    struct kg_tty size = r->spec.tty;
    int rc = kg_tty_parse(&size, body, true, &err);
    if (rc == 0)
        rc = kg_run_resize(r, &size, &err);
    if (rc < 0)
        kg_reply_err(api, req, &err);
    else
        kg_reply_empty(api, req);
    json_decref(body);
}

const struct kg_route kg_routes_runs[] = {
    {"GET", "/api/runs", list, 0},
    {"POST", "/api/runs", create, 0},
    {"GET", "/api/runs/{id}", get, 0},
    {"DELETE", "/api/runs/{id}", delete, 0},
    {"GET", "/api/runs/{id}/output", output, 0},
    {"POST", "/api/runs/{id}/stdin", input, 0},
    {"POST", "/api/runs/{id}/signal", send_signal, 0},
    {"POST", "/api/runs/{id}/resize", resize, 0},
    {NULL, NULL, NULL, 0},
};

/* /api/notebooks/run: notebooks that the server runs itself. docs/PROTOCOL.md, "Notebooks without a browser". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/headless/nbrun.h"

/* Whose runs are there for the asker; NULL: everybody's. */
static const char *whose(const struct kg_route_args *args)
{
    return args->user.is_operator ? NULL : args->user.name;
}

static struct kg_nbrun *find(struct kg_api *api, struct kg_http *req,
                             const struct kg_route_args *args)
{
    struct kg_nbrun *r = kg_nbrun_find(kg_api_nbruns(api), whose(args), args->value[0]);
    if (!r)
        kg_reply_error(api, req, 404, NULL, "Notebook run does not exist: %.100s", args->value[0]);
    return r;
}

static void reply_model(struct kg_api *api, struct kg_http *req, int status,
                        const struct kg_nbrun *r)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_nbrun_model(r, &j);
    kg_reply_json(api, req, status, &body);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_autobuf body = {0};
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_nbruns_list(kg_api_nbruns(api), whose(args), &j);
    kg_reply_json(api, req, 200, &body);
}

/* --- POST --- */

struct asking {
    struct kg_api *api;
    struct kg_http *req; /* NULL when the client is gone: its run goes on all the same */
};

static void asker_gone(void *user)
{
    struct asking *a = user;
    a->req = NULL;
}

static void started(void *user, struct kg_nbrun *r, const struct kg_err *err)
{
    struct asking *a = user;
    if (a->req && err && err->code == -EFBIG)
        kg_reply_error(a->api, a->req, 413, NULL, "%s", err->text);
    else if (a->req && err)
        kg_reply_err(a->api, a->req, err);
    else if (a->req)
        reply_model(a->api, a->req, 202, r);
    free(a);
}

static void create(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    json_t *body = kg_request_document(api, req);
    if (!body)
        return;
    struct kg_nbrun_spec spec;
    struct kg_err err;
    int rc = kg_nbrun_spec_parse(&spec, kg_api_core(api), body, &err);
    bool filed = rc == 0 && (spec.path || spec.output_path);
    json_decref(body);
    if (filed && !kg_api_contents(api, &args->user))
        rc = kg_err_set(
            &err, -ENOENT,
            "this server keeps no files: its operator may start it with --contents-dir; a notebook "
            "may come with the request, as notebook");
    if (rc < 0) {
        kg_reply_err(api, req, &err);
    } else {
        struct asking *a = kg_malloc(sizeof *a);
        *a = (struct asking){.api = api, .req = req};
        spec.owner = kg_strdup(args->user.name);
        kg_http_on_close(req, asker_gone, a);
        kg_nbrun_start(kg_api_nbruns(api), &spec, filed ? kg_api_contents(api, &args->user) : NULL,
                       started, a);
    }
    kg_nbrun_spec_release(&spec);
}

/* --- GET: the model, once or at each change --- */

struct stream {
    struct kg_http *req;
    struct kg_nbrun *run; /* NULL: forgotten */
    struct kg_nbrun_watch watch;
    bool events; /* server-sent, else lines */
    bool news;
};

static void more(void *user, struct kg_http *req)
{
    struct stream *s = user;
    if (s->run && s->news) {
        kg_autobuf out = {0};
        struct kg_json j;
        kg_buf_add_str(&out, s->events ? "event: run\ndata: " : "{\"run\":");
        kg_json_init(&j, &out);
        kg_nbrun_model(s->run, &j);
        kg_buf_add_str(&out, s->events ? "\n\n" : "}\n");
        kg_http_stream_write(req, out.data, out.len);
        s->news = false;
    }
    if (s->run && !kg_nbrun_ended(s->run))
        return;
    if (s->run)
        kg_nbrun_unwatch(s->run, &s->watch);
    kg_http_stream_end(req);
    free(s);
}

static void changed(void *user)
{
    struct stream *s = user;
    s->news = true;
    kg_http_stream_want(s->req);
}

static void forgotten(void *user)
{
    struct stream *s = user;
    s->run = NULL;
    kg_http_stream_want(s->req);
}

static void reader_gone(void *user)
{
    struct stream *s = user;
    if (s->run)
        kg_nbrun_unwatch(s->run, &s->watch);
    free(s);
}

static const struct kg_http_stream_events stream_events = {.more = more, .closed = reader_gone};

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_nbrun *r = find(api, req, args);
    const char *accept = kg_http_header(req, "accept");
    if (!r)
        return;
    bool events = accept && strstr(accept, "text/event-stream");
    if (!events && !(accept && strstr(accept, "application/x-ndjson"))) {
        reply_model(api, req, 200, r);
        return;
    }
    struct stream *s = kg_calloc(1, sizeof *s);
    *s = (struct stream){.req = req,
                         .run = r,
                         .watch = {.changed = changed, .gone = forgotten, .user = s},
                         .events = events,
                         .news = true};
    kg_nbrun_watch(r, &s->watch);
    kg_http_stream(req, 200, events ? "text/event-stream" : "application/x-ndjson", &stream_events,
                   s);
}

static void document(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct kg_nbrun *r = find(api, req, args);
    kg_autobuf out = {0};
    if (r && kg_nbrun_document(r, &out))
        kg_reply_bytes(api, req, 200, "application/x-ipynb+json", out.data, out.len, NULL, 0);
    else if (r)
        kg_reply_error(api, req, 410, NULL,
                       "the notebook is in its file only: get it by its output_path");
}

/* What runs is stopped, and can still be read; what has ended is forgotten. */
static void delete (struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_nbrun *r = find(api, req, args);
    if (!r)
        return;
    if (kg_nbrun_ended(r))
        kg_nbrun_forget(r);
    else
        kg_nbrun_stop(r);
    kg_reply_empty(api, req);
}

const struct kg_route kg_routes_notebooks[] = {
    {"GET", "/api/notebooks/run", list, 0},
    {"POST", "/api/notebooks/run", create, 0},
    {"GET", "/api/notebooks/run/{id}", get, 0},
    {"DELETE", "/api/notebooks/run/{id}", delete, 0},
    {"GET", "/api/notebooks/run/{id}/notebook", document, 0},
    {NULL, NULL, NULL, 0},
};

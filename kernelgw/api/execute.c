/* POST /api/kernels/{id}/execute: a cell for who has no WebSocket. docs/PROTOCOL.md, "One cell". */
#include "kernelgw/api/execute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kernelgw/core/cell.h"

enum { OUTPUT_BYTES = 64 << 20, TIMEOUT_MAX_S = 24 * 3600 };
enum format { WHOLE, NDJSON, EVENTS };
static const char *const types[] = {"application/json", "application/x-ndjson",
                                    "text/event-stream"};

struct execution {
    struct kg_http *req;
    struct kg_cell *cell; /* NULL once it has ended */
    enum format format;
    struct kg_buf out; /* of a stream, not written yet */
};

static void add_line(struct execution *x, const char *type, json_t *event)
{
    kg_autofree char *text = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (x->format == EVENTS)
        kg_buf_printf(&x->out, "event: %s\ndata: %s\n\n", type, text ? text : "null");
    else
        kg_buf_printf(&x->out, "%s\n", text ? text : "null");
    json_decref(event);
    kg_http_stream_want(x->req);
}

static void on_output(void *user, const json_t *output)
{
    struct execution *x = user;
    json_t *event = json_deep_copy(output);
    add_line(x, json_string_value(json_object_get(event, "output_type")), event);
}

/* How it ended, and with_outputs what it gave. */
static json_t *end_of(const struct kg_cell_end *end, bool with_outputs)
{
    static const char *const members[] = {"execution_count", "ename", "evalue", "traceback"};
    const char *status = json_string_value(json_object_get(end->reply, "status"));
    json_t *out = json_pack("{s:s,s:I}", "status",
                            end->timed_out ? "timeout"
                            : status       ? status
                                           : "lost",
                            "wall_ms", (json_int_t)end->wall_ms);
    for (size_t i = 0; i < KG_COUNT(members); i++) {
        json_t *value = json_object_get(end->reply, members[i]);
        if (value)
            json_object_set(out, members[i], value);
    }
    if (end->why)
        json_object_set_new(out, "message", json_string(end->why));
    if (with_outputs)
        json_object_set(out, "outputs", (json_t *)(uintptr_t)end->outputs);
    return out;
}

static void free_execution(struct execution *x)
{
    kg_buf_release(&x->out);
    free(x);
}

static void on_ended(void *user, const struct kg_cell_end *end)
{
    struct execution *x = user;
    x->cell = NULL;
    json_t *event = end_of(end, x->format == WHOLE);
    if (x->format != WHOLE)
        json_object_set_new(event, "output_type", json_string("reply"));
    add_line(x, "reply", event);
}

/* Who asked has gone: what nobody will hear of is stopped. */
static void on_gone(void *user)
{
    struct execution *x = user;
    if (x->cell)
        kg_cell_cancel(x->cell);
    free_execution(x);
}

static void more(void *user, struct kg_http *req)
{
    struct execution *x = user;
    if (x->out.len)
        kg_http_stream_write(req, x->out.data, x->out.len);
    kg_buf_clear(&x->out);
    if (x->cell)
        return;
    kg_http_stream_end(req);
    free_execution(x);
}

static const struct kg_http_stream_events stream_events = {.more = more, .closed = on_gone};
static const struct kg_cell_events whole_events = {.ended = on_ended};
static const struct kg_cell_events line_events = {.output = on_output, .ended = on_ended};

static int read_flag(bool *out, const json_t *body, const char *name, bool otherwise,
                     struct kg_err *err)
{
    const json_t *v = json_object_get(body, name);
    *out = v && !json_is_null(v) ? json_is_true(v) : otherwise;
    return !v || json_is_null(v) || json_is_boolean(v)
               ? 0
               : kg_err_set(err, -EINVAL, "%s must be true or false", name);
}

static int read_body(struct kg_cell_config *c, const json_t *body, struct kg_err *err)
{
    const json_t *code = json_object_get(body, "code");
    const json_t *timeout = json_object_get(body, "timeout_s");
    *c = (struct kg_cell_config){.code = json_string_value(code), .max_bytes = OUTPUT_BYTES};
    if (!c->code || strlen(c->code) != json_string_length(code))
        return kg_err_set(err, -EINVAL, "code must be a string without NUL");
    if (timeout && !json_is_null(timeout)) {
        double seconds = json_number_value(timeout);
        if (!json_is_number(timeout) || !(seconds > 0) || seconds > TIMEOUT_MAX_S)
            return kg_err_set(err, -EINVAL,
                              "timeout_s must be a number of seconds above 0, %d at most",
                              TIMEOUT_MAX_S);
        c->timeout_ms = (uint64_t)(seconds * 1000) + 1;
    }
    int rc = read_flag(&c->silent, body, "silent", false, err);
    if (rc == 0)
        rc = read_flag(&c->store_history, body, "store_history", true, err);
    if (rc == 0)
        rc = read_flag(&c->stop_on_error, body, "stop_on_error", true, err);
    return rc;
}

static enum format format_of(const struct kg_http *req)
{
    const char *accept = kg_http_header(req, "accept");
    if (accept && strstr(accept, "text/event-stream"))
        return EVENTS;
    return accept && strstr(accept, "application/x-ndjson") ? NDJSON : WHOLE;
}

void kg_execute(struct kg_api *api, struct kg_http *req, struct kg_kernel *k)
{
    json_t *body = kg_request_json(api, req, false);
    if (!body)
        return;
    struct kg_cell_config config;
    struct kg_err err = {0};
    struct execution *x = kg_calloc(1, sizeof *x);
    x->req = req;
    x->format = format_of(req);
    if (read_body(&config, body, &err) == 0)
        x->cell =
            kg_cell_start(k, &config, x->format == WHOLE ? &whole_events : &line_events, x, &err);
    json_decref(body);
    if (!x->cell) {
        kg_reply_err(api, req, &err);
        free_execution(x);
    } else {
        /* a stream in either case: it hears of a client that has gone, also of one that just hung up */
        kg_http_stream(req, 200, types[x->format], &stream_events, x);
    }
}

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/net/impl.h"

const char *http_status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
    }
}

const char *kg_http_method(const struct kg_http *req)
{
    return req->head.method;
}

const char *kg_http_path(const struct kg_http *req)
{
    return req->head.path;
}

const char *kg_http_arg(const struct kg_http *req, const char *name)
{
    struct kg_http *c = (struct kg_http *)(uintptr_t)req; /* decoded when first asked for */
    if (!c->head.query)
        return NULL;
    if (!c->query) {
        c->query = kg_strdup(c->head.query);
        c->arg_count = kg_query_parse(c->args, KG_QUERY_ARGS_MAX, c->query);
    }
    for (size_t i = 0; i < c->arg_count; i++)
        if (strcmp(c->args[i].name, name) == 0)
            return c->args[i].value;
    return NULL;
}

const char *kg_http_header(const struct kg_http *req, const char *name)
{
    return kg_head_get(&req->head, name);
}

bool kg_http_field(const struct kg_http *req, size_t i, struct kg_http_header *out)
{
    if (i >= req->head.field_count)
        return false;
    *out = (struct kg_http_header){req->head.fields[i].name, req->head.fields[i].value};
    return true;
}

const char *kg_http_query(const struct kg_http *req)
{
    return req->head.query;
}

const uint8_t *kg_http_body(const struct kg_http *req, size_t *n)
{
    static const uint8_t nothing[1];
    *n = req->body.len;
    return req->body.len ? req->body.data : nothing;
}

const char *kg_http_peer(const struct kg_http *req)
{
    return req->peer;
}

bool kg_http_is_upgrade(const struct kg_http *req)
{
    return req->head.websocket;
}

void kg_http_on_close(struct kg_http *req, void (*closed)(void *user), void *user)
{
    assert(req->state == CONN_HANDLER);
    req->closed = closed;
    req->closed_user = user;
}

void kg_http_add_header(struct kg_http *req, const char *name, const char *value)
{
    assert(!strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));
    kg_buf_printf(&req->headers, "%s: %s\r\n", name, value);
}

static void add_headers(struct kg_http *req, const struct kg_http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kg_http_add_header(req, headers[i].name, headers[i].value);
}

static bool bodyless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

static void answer(struct kg_http *c, int status, const char *content_type, const void *body,
                   size_t n)
{
    if (bodyless(status)) {
        conn_head(c, status, content_type, -1);
    } else {
        conn_head(c, status, content_type, (int64_t)n);
        if (!c->no_body)
            kg_buf_add(&c->out, body, n);
    }
    conn_answered(c);
}

void kg_http_respond(struct kg_http *req, int status, const char *content_type, const void *body,
                     size_t n, const struct kg_http_header *headers, size_t header_count)
{
    assert(req->state == CONN_HANDLER);
    add_headers(req, headers, header_count);
    answer(req, status, content_type, body, n);
}

void http_refuse(struct kg_http *c, int status)
{
    char text[128];
    int n = snprintf(text, sizeof text, "{\"message\": \"%s\", \"reason\": null}",
                     http_status_text(status));
    c->close_after = true; /* where the next request would begin is not known, or not wanted */
    answer(c, status, "application/json", text, (size_t)n);
}

/* length < 0: none is known */
static void stream(struct kg_http *req, int status, const char *content_type, int64_t length,
                   const struct kg_http_stream_events *events, void *user)
{
    assert(req->state == CONN_HANDLER && !bodyless(status));
    req->stream = *events;
    req->stream_user = user;
    req->closed = NULL;
    req->out_left = length;
    req->out_chunks = length < 0 && !req->head.http10;
    if (length < 0 && req->head.http10)
        req->close_after = true;
    conn_head(req, status, content_type, length);
    req->state = CONN_STREAM;
    req->more = true;
    req->since = uv_now(req->net->config.loop);
    turn_add(req->net, &req->turn);
}

void kg_http_stream(struct kg_http *req, int status, const char *content_type,
                    const struct kg_http_stream_events *events, void *user)
{
    stream(req, status, content_type, -1, events, user);
}

void kg_http_stream_sized(struct kg_http *req, int status, const char *content_type,
                          uint64_t length, const struct kg_http_stream_events *events, void *user)
{
    stream(req, status, content_type, (int64_t)length, events, user);
}

void kg_http_stream_write(struct kg_http *req, const void *data, size_t n)
{
    assert(req->state == CONN_STREAM);
    req->more = true;
    turn_add(req->net, &req->turn);
    if (!n || req->no_body)
        return;
    assert(req->out_left < 0 || n <= (uint64_t)req->out_left);
    if (req->out_left > 0)
        req->out_left -= (int64_t)n;
    if (req->out.len == req->out_sent)
        req->since = uv_now(req->net->config.loop);
    if (req->out_chunks)
        kg_buf_printf(&req->out, "%zx\r\n", n);
    kg_buf_add(&req->out, data, n);
    if (req->out_chunks)
        kg_buf_add_str(&req->out, "\r\n");
}

void kg_http_stream_want(struct kg_http *req)
{
    assert(req->state == CONN_STREAM);
    req->more = true;
    turn_add(req->net, &req->turn);
}

void kg_http_stream_end(struct kg_http *req)
{
    assert(req->state == CONN_STREAM);
    if (req->out_left > 0 && !req->no_body) {
        kg_http_stream_abort(req);
        return;
    }
    if (req->out_chunks && !req->no_body)
        kg_buf_add_str(&req->out, "0\r\n\r\n");
    conn_answered(req);
}

void kg_http_stream_abort(struct kg_http *req)
{
    assert(req->state == CONN_STREAM);
    /* An orderly end is what an answer of HTTP/1.0 ends with, too: a reset is no end to anybody. */
    struct linger now = {.l_onoff = 1};
    setsockopt(req->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    req->broken = true;
    req->state = CONN_FLUSH; /* nobody hears of it any more */
    turn_add(req->net, &req->turn);
}

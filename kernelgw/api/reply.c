#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"

/* As Jupyter Server's own answers have it: nothing of them is ever a page. */
#define API_CSP "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'"

static const struct kg_http_header api_headers[] = {{"Content-Security-Policy", API_CSP},
                                                    {"Cache-Control", "no-cache"}};

void kg_reply_json(struct kg_api *api, struct kg_http *req, int status, const struct kg_buf *body)
{
    (void)api;
    kg_http_respond(req, status, "application/json", body->data, body->len, api_headers,
                    KG_COUNT(api_headers));
}

void kg_reply_created(struct kg_api *api, struct kg_http *req, const char *location,
                      const struct kg_buf *body)
{
    kg_autofree char *full = kg_asprintf("%s%s", kg_api_base_url(api), location);
    kg_http_add_header(req, "Location", full);
    kg_reply_json(api, req, 201, body);
}

void kg_reply_empty(struct kg_api *api, struct kg_http *req)
{
    (void)api;
    kg_http_respond(req, 204, NULL, NULL, 0, api_headers, KG_COUNT(api_headers));
}

void kg_reply_error(struct kg_api *api, struct kg_http *req, int status, const char *reason,
                    const char *fmt, ...)
{
    kg_autobuf body = {0};
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct kg_json j;
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "message", text);
    kg_json_kstr(&j, "reason", reason);
    kg_json_object_end(&j);
    if (status == 503 || status == 429)
        kg_http_add_header(req, "Retry-After", "1");
    kg_reply_json(api, req, status, &body);
}

void kg_reply_err(struct kg_api *api, struct kg_http *req, const struct kg_err *err)
{
    static const struct {
        int code, status;
    } statuses[] = {{-ENOENT, 404},    {-EINVAL, 400}, {-EEXIST, 409},    {-EAGAIN, 503},
                    {-EACCES, 403},    {-ESRCH, 410},  {-ECANCELED, 410}, {-ENOSPC, 413},
                    {-ETIMEDOUT, 504}, {-EDQUOT, 429}, {-EBUSY, 503}};
    int status = 500;
    for (size_t i = 0; i < KG_COUNT(statuses); i++)
        if (statuses[i].code == err->code)
            status = statuses[i].status;
    kg_reply_error(api, req, status, NULL, "%s", err->text);
}

void kg_reply_bytes(struct kg_api *api, struct kg_http *req, int status, const char *content_type,
                    const void *data, size_t n, const struct kg_http_header *headers,
                    size_t header_count)
{
    (void)api;
    kg_http_respond(req, status, content_type, data, n, headers, header_count);
}

json_t *kg_request_json(struct kg_api *api, struct kg_http *req, bool empty_ok)
{
    size_t n = 0;
    const uint8_t *data = kg_http_body(req, &n);
    if (n == 0 && empty_ok)
        return json_object();
    json_error_t at;
    json_t *doc = n ? json_loadb((const char *)data, n, 0, &at) : NULL;
    if (json_is_object(doc))
        return doc;
    if (doc || n == 0)
        kg_reply_error(api, req, 400, doc ? "not an object" : "empty",
                       "Invalid JSON in body of request");
    else
        kg_reply_error(api, req, 400, at.text, "Invalid JSON in body of request");
    json_decref(doc);
    return NULL;
}

bool kg_request_offers(const struct kg_http *req, const char *subprotocol)
{
    size_t length = strlen(subprotocol);
    for (const char *p = kg_http_header(req, "sec-websocket-protocol"); p && *p;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, " \t,");
        if (n == length && memcmp(p, subprotocol, n) == 0)
            return true;
        p += n;
    }
    return false;
}

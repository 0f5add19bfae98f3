#include <ctype.h>
#include <errno.h>
#include <sodium.h>
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

void kg_reply_polled(struct kg_api *api, struct kg_http *req, const struct kg_buf *body)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    char etag[2 * sizeof hash + 3] = "\"";
    const char *known = kg_http_header(req, "if-none-match");
    const char *method = kg_http_method(req);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        kg_reply_json(api, req, 200, body);
        return;
    }
    crypto_generichash(hash, sizeof hash, body->data, body->len, NULL, 0);
    sodium_bin2hex(etag + 1, sizeof etag - 2, hash, sizeof hash);
    strcat(etag, "\"");
    kg_http_add_header(req, "Etag", etag);
    if (known && strstr(known, etag))
        kg_http_respond(req, 304, NULL, NULL, 0, api_headers, KG_COUNT(api_headers));
    else
        kg_reply_json(api, req, 200, body);
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

/* weight_max: of all that is not the text of strings. */
static json_t *read_body(struct kg_api *api, struct kg_http *req, size_t weight_max)
{
    size_t n = 0;
    const uint8_t *data = kg_http_body(req, &n);
    if (kg_json_weight(data, n) > weight_max + n) {
        kg_reply_error(api, req, 413, "too many values",
                       "the body holds too many values: they would take over %zu MB of memory",
                       weight_max >> 20);
        return NULL;
    }
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

json_t *kg_request_json(struct kg_api *api, struct kg_http *req, bool empty_ok)
{
    size_t n = 0;
    kg_http_body(req, &n);
    return n == 0 && empty_ok ? json_object() : read_body(api, req, KG_REQUEST_WEIGHT_MAX);
}

json_t *kg_request_document(struct kg_api *api, struct kg_http *req)
{
    return read_body(api, req, KG_DOCUMENT_WEIGHT_MAX);
}

void kg_url_escape(struct kg_buf *out, const char *text, const char *safe)
{
    for (const char *p = text; *p; p++)
        if (isalnum((unsigned char)*p) || strchr("-._~", *p) || strchr(safe, *p))
            kg_buf_add_char(out, *p);
        else
            kg_buf_printf(out, "%%%02X", (unsigned char)*p);
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* Is this argument read as one named token, whichever of its letters are written as %XX? */
static bool is_token(const char *arg, size_t n)
{
    const char *end = arg + n;
    const char *name = "token";
    for (; arg < end && *arg != '=' && *name; name++) {
        bool escaped = end - arg > 2 && arg[0] == '%' && hex(arg[1]) >= 0 && hex(arg[2]) >= 0;
        int c = escaped ? hex(arg[1]) * 16 + hex(arg[2]) : *arg;
        if (c != *name)
            return false;
        arg += escaped ? 3 : 1;
    }
    return !*name && (arg == end || *arg == '=');
}

void kg_url_query(struct kg_buf *out, const struct kg_http *req)
{
    char sign = '?';
    for (const char *p = kg_http_query(req); p && *p;) {
        size_t part = strcspn(p, "&");
        if (part && !is_token(p, part)) {
            kg_buf_add_char(out, sign);
            kg_buf_add(out, p, part);
            sign = '&';
        }
        p += part + (p[part] == '&');
    }
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

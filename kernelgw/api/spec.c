/* /api/spec.yaml: which paths and methods there are, from the route tables themselves, so that it is never wrong. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"

static bool seen_before(const struct kg_route *const *tables, const struct kg_route *row)
{
    for (; *tables; tables++)
        for (const struct kg_route *r = *tables; r->method; r++) {
            if (r == row)
                return false;
            if (strcmp(r->pattern, row->pattern) == 0)
                return true;
        }
    return false;
}

/* "{path*}" is "{path}" there. */
static void add_path(struct kg_buf *out, const char *pattern)
{
    kg_buf_add_str(out, "  ");
    for (const char *p = pattern; *p; p++)
        if (*p != '*')
            kg_buf_add_char(out, *p);
    kg_buf_add_str(out, ":\n");
}

static void add_parameters(struct kg_buf *out, const char *pattern)
{
    if (strchr(pattern, '{'))
        kg_buf_add_str(out, "    parameters:\n");
    for (const char *p = pattern; (p = strchr(p, '{')); p++)
        kg_buf_printf(out, "      - {name: %.*s, in: path, required: true, type: string}\n",
                      (int)strcspn(p + 1, "*}"), p + 1);
}

static void add_methods(struct kg_buf *out, const struct kg_route *const *tables,
                        const char *pattern)
{
    for (; *tables; tables++)
        for (const struct kg_route *r = *tables; r->method; r++) {
            if (strcmp(r->pattern, pattern) != 0)
                continue;
            kg_buf_add_str(out, "    ");
            for (const char *p = r->method; *p; p++)
                kg_buf_add_char(out, (char)tolower((unsigned char)*p));
            kg_buf_printf(out, ": {%sresponses: {default: {description: see docs/PROTOCOL.md}}}\n",
                          r->flags & KG_ROUTE_PUBLIC ? "security: [], " : "");
        }
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    kg_autobuf out = {0};
    const struct kg_route *const *tables = kg_api_routes();
    kg_buf_printf(&out,
                  "swagger: '2.0'\n"
                  "info: {title: kernelgw, version: %s}\n"
                  "basePath: '%s/'\n"
                  "securityDefinitions:\n"
                  "  token: {type: apiKey, name: Authorization, in: header}\n"
                  "security: [{token: []}]\n"
                  "paths:\n",
                  KERNELGW_VERSION, kg_api_base_url(api));
    for (size_t i = 0; tables[i]; i++)
        for (const struct kg_route *r = tables[i]; r->method; r++)
            if (!seen_before(tables, r)) {
                add_path(&out, r->pattern);
                add_parameters(&out, r->pattern);
                add_methods(&out, tables, r->pattern);
            }
    static const struct kg_http_header headers[] = {{"Cache-Control", "no-cache"}};
    kg_reply_bytes(api, req, 200, "text/x-yaml", out.data, out.len, headers, KG_COUNT(headers));
}

const struct kg_route kg_routes_spec[] = {
    {"GET", "/api/spec.yaml", get, 0},
    {NULL, NULL, NULL, 0},
};

/*
 * The client at / and its files (--client). They hold no secret, so they need no credential; what they call
 * does. Their names under assets/ change with their content, so that a browser may keep those for ever.
 */
#include <string.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/assets.h"

/* Scripts come from this server alone and none stands in the page. Styles may: the editor and the panels
 * write theirs at run time. */
#define PAGE_CSP                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " \
    "img-src 'self' data: blob:; font-src 'self' data:; frame-src 'self'; worker-src 'self'; "      \
    "manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

/* What users' HTML is shown in: an origin of its own, which reaches nothing, neither this server nor any other. */
#define SANDBOX_CSP                                                                                \
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "        \
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "      \
    "connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

static void reply_asset(struct kg_api *api, struct kg_http *req, const struct kg_asset *a,
                        const char *csp)
{
    static const char *const names[] = {NULL, "gzip", "br"};
    enum kg_coding coding = kg_asset_coding(a, kg_http_header(req, "accept-encoding"));
    const struct kg_http_header headers[] = {
        {"ETag", a->etag[coding]},
        {"Cache-Control", csp ? "no-cache" : "public, max-age=31536000, immutable"},
    };
    if (csp) {
        kg_http_add_header(req, "Content-Security-Policy", csp);
        kg_http_add_header(req, "Cross-Origin-Opener-Policy", "same-origin");
        kg_http_add_header(req, "Referrer-Policy",
                           "no-referrer"); /* the address may hold the token */
    }
    if (a->there[KG_CODING_GZIP] || a->there[KG_CODING_BROTLI])
        kg_http_add_header(req, "Vary", "Accept-Encoding");
    if (names[coding])
        kg_http_add_header(req, "Content-Encoding", names[coding]);
    const char *known = kg_http_header(req, "if-none-match");
    bool same = known && strstr(known, a->etag[coding]);
    kg_reply_bytes(api, req, same ? 304 : 200, a->type, a->data[coding].data,
                   same ? 0 : a->data[coding].len, headers, KG_COUNT(headers));
}

static void reply_named(struct kg_api *api, struct kg_http *req, const char *name, const char *csp)
{
    const struct kg_assets *assets = kg_api_assets(api);
    const struct kg_asset *a = assets ? kg_assets_find(assets, name) : NULL;
    if (a)
        reply_asset(api, req, a, csp);
    else if (!assets)
        kg_reply_error(api, req, 404, NULL,
                       "this server was started without its client's files (--client DIR); "
                       "the interface for programs is below /api");
    else
        kg_reply_error(api, req, 404, NULL, "Not Found: %.100s", name);
}

static void page(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    const char *path = kg_http_path(req);
    size_t n = strlen(path);
    if (path[n - 1] == '/') {
        reply_named(api, req, "index.html", PAGE_CSP);
        return;
    }
    /* The page's links are relative: they need the slash. */
    kg_autofree char *to = kg_asprintf("./%s/", strrchr(path, '/') + 1);
    kg_http_add_header(req, "Location", to);
    kg_http_respond(req, 302, NULL, NULL, 0, NULL, 0);
}

static void sandbox(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    reply_named(api, req, "sandbox.html", SANDBOX_CSP);
}

static void icon(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    reply_named(api, req, "icon.svg", PAGE_CSP);
}

static void asset(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    kg_autofree char *name = kg_asprintf("assets/%s", args->value[0]);
    reply_named(api, req, name, NULL);
}

const struct kg_route kg_routes_page[] = {
    {"GET", "/", page, KG_ROUTE_PUBLIC},
    {"GET", "/sandbox.html", sandbox, KG_ROUTE_PUBLIC},
    {"GET", "/icon.svg", icon, KG_ROUTE_PUBLIC},
    {"GET", "/assets/{name}", asset, KG_ROUTE_PUBLIC},
    {NULL, NULL, NULL, 0},
};

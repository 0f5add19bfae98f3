/*
 * The page at / and its assets, which are part of the program. They hold no secret, so they need no
 * credential; what they call does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"

/* The bytes of a file of client/page between two symbols. */
#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global kg_asset_" #name "\nkg_asset_" #name ":\n"                                    \
            ".incbin \"" KG_CLIENT_DIR "/" file "\"\n"                                             \
            ".global kg_asset_" #name "_end\nkg_asset_" #name "_end:\n"                            \
            ".byte 0\n.popsection\n");                                                             \
    extern const char kg_asset_##name[];                                                           \
    extern const char kg_asset_##name##_end[]

EMBED(index, "index.html");
EMBED(style, "page.css");
EMBED(script, "page.js");
EMBED(icon, "icon.svg");

struct asset {
    const char *name, *content_type;
    const char *start, *end;
};

static const struct asset assets[] = {
    {"index.html", "text/html; charset=utf-8", kg_asset_index, kg_asset_index_end},
    {"page.css", "text/css; charset=utf-8", kg_asset_style, kg_asset_style_end},
    {"page.js", "text/javascript; charset=utf-8", kg_asset_script, kg_asset_script_end},
    {"icon.svg", "image/svg+xml", kg_asset_icon, kg_asset_icon_end},
};

/* FNV-1a: it has only to change when the bytes do. */
static void make_etag(char out[24], const struct asset *a)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *p = a->start; p < a->end; p++)
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3;
    snprintf(out, 24, "\"%016" PRIx64 "\"", hash);
}

static void reply_asset(struct kg_api *api, struct kg_http *req, const struct asset *a)
{
    char etag[24];
    make_etag(etag, a);
    const struct kg_http_header headers[] = {
        {"ETag", etag},
        {"Cache-Control", "no-cache"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        /* the address may hold the token */
        {"Referrer-Policy", "no-referrer"},
    };
    const char *known = kg_http_header(req, "if-none-match");
    bool same = known && strstr(known, etag);
    kg_reply_bytes(api, req, same ? 304 : 200, a->content_type, a->start,
                   same ? 0 : (size_t)(a->end - a->start), headers, KG_COUNT(headers));
}

static void page(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    const char *path = kg_http_path(req);
    size_t n = strlen(path);
    if (path[n - 1] == '/') {
        reply_asset(api, req, &assets[0]);
        return;
    }
    /* The page's links are relative: they need the slash. */
    kg_autofree char *to = kg_asprintf("./%s/", strrchr(path, '/') + 1);
    kg_http_add_header(req, "Location", to);
    kg_http_respond(req, 302, NULL, NULL, 0, NULL, 0);
}

static void asset(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    for (size_t i = 0; i < KG_COUNT(assets); i++)
        if (strcmp(assets[i].name, args->value[0]) == 0) {
            reply_asset(api, req, &assets[i]);
            return;
        }
    kg_reply_error(api, req, 404, NULL, "Not Found: static/%.100s", args->value[0]);
}

const struct kg_route kg_routes_page[] = {
    {"GET", "/", page, KG_ROUTE_PUBLIC},
    {"GET", "/static/{name}", asset, KG_ROUTE_PUBLIC},
    {NULL, NULL, NULL, 0},
};

#include "kernelgw/api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/api/assets.h"
#include "kernelgw/api/auth.h"
#include "kernelgw/api/router.h"

struct kg_api {
    struct kg_core *core;
    struct kg_auth auth;
    struct kg_assets *assets; /* NULL: no client */
    char *base_url;
    struct nb_root *contents;
    bool tls;
};

static const struct kg_route *const tables[] = {kg_routes_me,
                                                kg_routes_kernelspecs,
                                                kg_routes_kernels,
                                                kg_routes_sessions,
                                                kg_routes_contents,
                                                kg_routes_files,
                                                kg_routes_workspaces,
                                                kg_routes_ports,
                                                kg_routes_runs,
                                                kg_routes_mux,
                                                kg_routes_page,
                                                kg_routes_spec,
                                                NULL};

const struct kg_route *const *kg_api_routes(void)
{
    return tables;
}

int kg_api_new(struct kg_api **out, const struct kg_api_config *config, struct kg_err *err)
{
    size_t n = strlen(config->base_url);
    if (config->base_url[0] != '/' || strpbrk(config->base_url, "?# %"))
        return kg_err_set(err, -EINVAL,
                          "base-url \"%.100s\" must be a plain path that begins with /",
                          config->base_url);
    while (n > 0 && config->base_url[n - 1] == '/')
        n--;
    struct kg_assets *assets = NULL;
    int rc = config->client && config->client[0] ? kg_assets_load(&assets, config->client, err) : 0;
    if (rc < 0)
        return rc;
    struct nb_root *contents = NULL;
    if (config->contents_dir && nb_root_open(&contents, config->contents_dir, err) < 0) {
        kg_assets_free(assets);
        return kg_err_wrap(err, "contents-dir");
    }
    struct kg_api *api = kg_calloc(1, sizeof *api);
    api->assets = assets;
    api->contents = contents;
    api->core = config->core;
    api->base_url = kg_strndup(config->base_url, n);
    api->tls = config->tls;
    kg_auth_init(&api->auth, config->token, config->allow_origin);
    *out = api;
    return 0;
}

void kg_api_free(struct kg_api *api)
{
    if (!api)
        return;
    kg_auth_release(&api->auth);
    kg_assets_free(api->assets);
    nb_root_unref(api->contents);
    free(api->base_url);
    free(api);
}

struct kg_core *kg_api_core(const struct kg_api *api)
{
    return api->core;
}

const struct kg_assets *kg_api_assets(const struct kg_api *api)
{
    return api->assets;
}

struct nb_root *kg_api_contents(const struct kg_api *api)
{
    return api->contents;
}

const char *kg_api_base_url(const struct kg_api *api)
{
    return api->base_url;
}

const char *kg_api_cookie(const struct kg_api *api)
{
    return api->auth.cookie_name;
}

/* Headers of every answer; those that let a page of another site read it only when it may. */
static void add_headers(const struct kg_api *api, struct kg_http *req, bool token_shown)
{
    const char *origin = kg_http_header(req, "origin");
    kg_http_add_header(req, "X-Content-Type-Options", "nosniff");
    if (!origin || strpbrk(origin, "\r\n"))
        return;
    if (!token_shown && !kg_auth_origin_ok(&api->auth, origin, kg_http_header(req, "host")))
        return;
    kg_http_add_header(req, "Access-Control-Allow-Origin", origin);
    kg_http_add_header(req, "Vary", "Origin");
}

static void answer_options(const struct kg_api *api, struct kg_http *req)
{
    /* a page asks before it sends its token: that alone lets nobody in */
    add_headers(api, req, true);
    kg_http_add_header(req, "Access-Control-Allow-Headers",
                       "accept, content-type, authorization, x-xsrftoken");
    kg_http_add_header(req, "Access-Control-Allow-Methods",
                       "GET, PUT, POST, PATCH, DELETE, OPTIONS");
    kg_http_respond(req, 204, NULL, NULL, 0, NULL, 0);
}

static void refuse(struct kg_api *api, struct kg_http *req, enum kg_auth_verdict verdict)
{
    static const char *const why[] = {
        [KG_AUTH_MISSING] =
            "Forbidden: no credential: send the header \"Authorization: token T\", or open the URL that "
            "the server printed",
        [KG_AUTH_WRONG] = "Forbidden: the token is not this server's",
        [KG_AUTH_FOREIGN] =
            "Forbidden: a page of another origin, or under a host name that this server does not know, may not do this without a token",
    };
    kg_reply_error(api, req, 403, NULL, "%s", why[verdict]);
}

/* A browser that came with ?token= need not show it again. */
static void give_cookie(const struct kg_api *api, struct kg_http *req)
{
    const char *accept = kg_http_header(req, "accept");
    if (!api->auth.token || !kg_http_arg(req, "token") || !accept || !strstr(accept, "text/html"))
        return;
    kg_autofree char *cookie =
        kg_asprintf("%s=%s; Path=%s/; HttpOnly; SameSite=Strict%s", api->auth.cookie_name,
                    api->auth.cookie_value, api->base_url, api->tls ? "; Secure" : "");
    kg_http_add_header(req, "Set-Cookie", cookie);
}

static void dispatch(struct kg_api *api, struct kg_http *req, const char *path,
                     enum kg_auth_verdict verdict)
{
    struct kg_found found;
    enum kg_match match = kg_route_find(&found, tables, kg_http_method(req), path);
    bool public = match == KG_MATCH && (found.route->flags & KG_ROUTE_PUBLIC);
    if (verdict != KG_AUTH_OK && !(public && verdict != KG_AUTH_FOREIGN)) {
        refuse(api, req, verdict);
    } else if (match == KG_MATCH_NONE) {
        kg_reply_error(api, req, 404, NULL, "Not Found: %.200s", path);
    } else if (match == KG_MATCH_BAD) {
        /* a file's path that climbs leads to no file, as Jupyter Server has it */
        bool file = kg_path_below(path, "/api/contents") != NULL;
        kg_reply_error(api, req, file ? 404 : 403, NULL,
                       "the path holds something that no name may hold: %.200s", path);
    } else if (match == KG_MATCH_METHOD) {
        kg_http_add_header(req, "Allow", found.allow);
        kg_reply_error(api, req, 405, NULL, "Method Not Allowed: %s; this path has %s",
                       kg_http_method(req), found.allow);
    } else {
        struct kg_route_args args = {
            .user = {.name = api->auth.token && verdict == KG_AUTH_OK ? "user" : "anonymous",
                     .authenticated = verdict == KG_AUTH_OK}};
        for (size_t i = 0; i < KG_ROUTE_ARGS; i++)
            args.value[i] = found.value[i];
        if (verdict == KG_AUTH_OK)
            give_cookie(api, req);
        found.route->handler(api, req, &args);
    }
    kg_found_release(&found);
}

struct asked {
    const char
        *path; /* below the base URL and the path's token; NULL when it is not below the base URL */
    enum kg_auth_verdict verdict;
    bool token_shown;
};

static struct asked check(const struct kg_api *api, const struct kg_http *req)
{
    const char *method = kg_http_method(req);
    struct asked a = {.path = kg_path_below(kg_http_path(req), api->base_url)};
    struct kg_auth_request r = {.authorization = kg_http_header(req, "authorization"),
                                .query_token = kg_http_arg(req, "token"),
                                .cookie = kg_http_header(req, "cookie"),
                                .origin = kg_http_header(req, "origin"),
                                .host = kg_http_header(req, "host"),
                                .fetch_site = kg_http_header(req, "sec-fetch-site"),
                                .changes =
                                    kg_http_is_upgrade(req) ||
                                    (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)};
    if (a.path)
        a.path = kg_auth_path_token(a.path, &r.path_token, &r.path_token_len);
    a.verdict = kg_auth_check(&api->auth, &r);
    a.token_shown = a.verdict == KG_AUTH_OK && (r.authorization || r.query_token || r.path_token);
    return a;
}

void kg_api_handle(void *user, struct kg_http *req)
{
    struct kg_api *api = user;
    if (strcmp(kg_http_method(req), "OPTIONS") == 0) {
        answer_options(api, req);
        return;
    }
    struct asked a = check(api, req);
    add_headers(api, req, a.token_shown);
    if (!a.path)
        kg_reply_error(api, req, 404, NULL, "Not Found: everything is below %s/", api->base_url);
    else
        dispatch(api, req, a.path, a.verdict);
}

bool kg_api_admit(void *user, struct kg_http *req)
{
    if (check(user, req).verdict == KG_AUTH_OK)
        return true;
    kg_api_handle(user, req); /* it is refused, or needs no body */
    return false;
}

#include "kernelgw/api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/api/assets.h"
#include "kernelgw/api/auth.h"
#include "kernelgw/api/cookies.h"
#include "kernelgw/api/router.h"
#include "notebooks/trust.h"

enum { FORM_BYTES_MAX = 4096 };

struct kg_api {
    struct kg_core *core;
    struct kg_nbruns *nbruns;
    struct kg_auth auth;
    struct kg_assets *assets; /* NULL: no client */
    char *base_url;
    char *lab_url; /* NULL: none */
    struct nb_root *contents;
    struct nb_trust *trust; /* NULL without contents */
    struct folder *folders; /* uthash by owner */
    bool tls;
    bool allow_credentials;
};

/* A user's part of the contents. */
struct folder {
    char *owner;
    struct nb_root *root;
    UT_hash_handle hh;
};

/* A row a line, so that two who add one do not meet. */
/* clang-format off */
static const struct kg_route *const tables[] = {
    kg_routes_me,
    kg_routes_kernelspecs,
    kg_routes_kernels,
    kg_routes_sessions,
    kg_routes_contents,
    kg_routes_notebooks,
    kg_routes_settings,
    kg_routes_files,
    kg_routes_workspaces,
    kg_routes_workspace_files,
    kg_routes_ports,
    kg_routes_runs,
    kg_routes_terminals,
    kg_routes_mux,
    kg_routes_login,
    kg_routes_page,
    kg_routes_spec,
    NULL,
};
/* clang-format on */

const struct kg_route *const *kg_api_routes(void)
{
    return tables;
}

/* Operators share what they vouch for, as they share the folder. */
static void keep_trust(struct kg_api *api)
{
    const char *state = api->core->config.state_dir;
    kg_autofree char *path = state ? kg_asprintf("%s/trusted", state) : NULL;
    api->trust = nb_trust_new(path);
    nb_root_set_trust(api->contents, api->trust, "");
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
    const char *lab = config->lab_url;
    if (lab &&
        (strpbrk(lab, "?# \\\"'<>;,\r\n") ||
         (strncmp(lab, "http://", 7) != 0 && strncmp(lab, "https://", 8) != 0 && lab[0] != '/')))
        return kg_err_set(
            err, -EINVAL,
            "lab-url \"%.100s\" must be a plain URL (http://host/lab), or a path that begins with /",
            lab);
    struct kg_assets *assets = NULL;
    int rc = config->client && config->client[0] ? kg_assets_load(&assets, config->client, err) : 0;
    if (rc < 0)
        return rc;
    if (rc == 0 && kg_users_by_token(config->users, config->token))
        rc = kg_err_set(err, -EINVAL, "users: the server's own token is one of a user's, too");
    struct nb_root *contents = NULL;
    struct kg_origin_pattern *pattern = NULL;
    if (rc == 0 && config->contents_dir && nb_root_open(&contents, config->contents_dir, err) < 0)
        rc = kg_err_wrap(err, "contents-dir");
    if (rc == 0 && config->allow_origin_pat &&
        kg_origin_pattern_new(&pattern, config->allow_origin_pat, err) < 0)
        rc = kg_err_wrap(err, "allow-origin-pat");
    if (rc < 0) {
        nb_root_unref(contents);
        kg_assets_free(assets);
        return rc;
    }
    struct kg_api *api = kg_calloc(1, sizeof *api);
    api->assets = assets;
    api->contents = contents;
    api->core = config->core;
    if (contents)
        keep_trust(api);
    api->nbruns = config->nbruns;
    api->base_url = kg_strndup(config->base_url, n);
    api->lab_url = lab ? kg_strdup(lab) : NULL;
    api->tls = config->tls;
    kg_auth_init(&api->auth, config->token, config->allow_origin);
    api->auth.users = config->users;
    api->auth.allow_pattern = pattern;
    api->allow_credentials = config->allow_credentials;
    *out = api;
    return 0;
}

static void folder_free(struct folder *f)
{
    nb_root_unref(f->root);
    free(f->owner);
    free(f);
}

void kg_api_free(struct kg_api *api)
{
    if (!api)
        return;
    kg_auth_release(&api->auth);
    kg_assets_free(api->assets);
    nb_root_unref(api->contents);
    nb_trust_unref(api->trust);
    struct folder *f, *next;
    HASH_ITER(hh, api->folders, f, next) {
        HASH_DEL(api->folders, f);
        folder_free(f);
    }
    free(api->base_url);
    free(api->lab_url);
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

struct kg_nbruns *kg_api_nbruns(const struct kg_api *api)
{
    return api->nbruns;
}

static struct nb_root *folder_of(struct kg_api *api, const char *owner)
{
    struct folder *f = NULL;
    struct kg_err err = {0};
    struct stat st;
    HASH_FIND_STR(api->folders, owner, f);
    if (f && fstat(f->root->fd, &st) == 0 && st.st_nlink == 0) { /* an operator has removed it */
        HASH_DEL(api->folders, f);
        folder_free(kg_steal(&f));
    }
    if (f)
        return f->root;
    if (!kg_user_name_ok(owner))
        return NULL;
    if (mkdirat(api->contents->fd, owner, 0700) < 0 && errno != EEXIST)
        kg_err_errno(&err, errno, "make the folder %s", owner);
    kg_autofree char *path = kg_asprintf("/proc/self/fd/%d/%s", api->contents->fd, owner);
    struct nb_root *root = NULL;
    if (err.code || nb_root_open(&root, path, &err) < 0) {
        kg_log(KG_ERROR, "contents", "a user's folder can't be served", "user=%s error=\"%s\"",
               owner, err.text);
        return NULL;
    }
    f = kg_calloc(1, sizeof *f);
    f->owner = kg_strdup(owner);
    f->root = root;
    nb_root_set_trust(root, api->trust, owner);
    HASH_ADD_KEYPTR(hh, api->folders, f->owner, strlen(f->owner), f);
    return root;
}

struct nb_root *kg_api_contents(struct kg_api *api, const struct kg_user *user)
{
    return !api->contents || user->is_operator ? api->contents : folder_of(api, user->name);
}

struct nb_root *kg_api_contents_of(void *user, const char *owner)
{
    struct kg_api *api = user;
    const struct kg_user_row *row = kg_users_by_name(api->auth.users, owner, strlen(owner));
    /* the holder of the server's own token, and anonymous, stand in no file, and are operators */
    bool all =
        row ? row->is_operator : strcmp(owner, "user") == 0 || strcmp(owner, "anonymous") == 0;
    return !api->contents || all ? api->contents : folder_of(api, owner);
}

const char *kg_api_base_url(const struct kg_api *api)
{
    return api->base_url;
}

const struct kg_auth *kg_api_auth(const struct kg_api *api)
{
    return &api->auth;
}

const char *kg_api_lab_url(const struct kg_api *api)
{
    return api->lab_url;
}

bool kg_api_tls(const struct kg_api *api)
{
    return api->tls;
}

/* Headers of every answer; those that let a page of another site read it only when it may. */
static void add_headers(const struct kg_api *api, struct kg_http *req, bool token_shown)
{
    const char *origin = kg_http_header(req, "origin");
    kg_http_add_header(req, "X-Content-Type-Options", "nosniff");
    if (!origin || strpbrk(origin, "\r\n"))
        return;
    bool allowed = kg_auth_origin_ok(&api->auth, origin, kg_http_header(req, "host"));
    if (!token_shown && !allowed)
        return;
    if (allowed && api->allow_credentials)
        kg_http_add_header(req, "Access-Control-Allow-Credentials", "true");
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

/* A person who is not logged in, rather than a program: asked for the token, as Jupyter Server does. */
static bool to_login(struct kg_api *api, struct kg_http *req, const char *path)
{
    const char *accept = kg_http_header(req, "accept");
    if (strcmp(kg_http_method(req), "GET") != 0 || !accept || !strstr(accept, "text/html") ||
        kg_path_below(path, "/api"))
        return false;
    kg_autobuf to = {0};
    kg_buf_printf(&to, "%s/login?next=", api->base_url);
    kg_autobuf next = {0};
    kg_buf_printf(&next, "%s%s", api->base_url, path);
    kg_url_query(&next, req);
    kg_url_escape(&to, kg_buf_cstr(&next), "/");
    kg_http_add_header(req, "Location", kg_buf_cstr(&to));
    kg_http_respond(req, 302, NULL, NULL, 0, NULL, 0);
    return true;
}

void kg_api_refuse(struct kg_api *api, struct kg_http *req, enum kg_auth_verdict verdict)
{
    static const char *const why[] = {
        [KG_AUTH_MISSING] =
            "Forbidden: no credential: send the header \"Authorization: token T\", or open the URL that "
            "the server printed",
        [KG_AUTH_WRONG] = "Forbidden: the token is not this server's",
        [KG_AUTH_FOREIGN] =
            "Forbidden: a page of another origin, or under a host name that this server does not know, may not do this without a token"};
    if (verdict == KG_AUTH_XSRF)
        kg_reply_error(
            api, req, 403, NULL,
            "'_xsrf' argument missing from %s: a cookie alone changes nothing; repeat the one "
            "that is named _xsrf in the header X-XSRFToken",
            kg_http_method(req));
    else
        kg_reply_error(api, req, 403, NULL, "%s", why[verdict]);
}

/* A browser that came with ?token= need not show it again. */
static void give_cookies(const struct kg_api *api, struct kg_http *req, const struct kg_user *who)
{
    const char *accept = kg_http_header(req, "accept");
    if (!api->auth.token || !accept || !strstr(accept, "text/html"))
        return;
    if (kg_http_arg(req, "token"))
        kg_cookie_give(api, req, who);
    free(kg_cookie_xsrf(api, req));
}

struct asked {
    const char
        *path; /* below the base URL and the path's token; NULL when it is not below the base URL */
    enum kg_auth_verdict verdict;
    struct kg_user user;
    bool token_shown;
};

static void dispatch(struct kg_api *api, struct kg_http *req, const struct asked *asked)
{
    const char *path = asked->path;
    enum kg_auth_verdict verdict = asked->verdict;
    struct kg_found found;
    enum kg_match match = kg_route_find(&found, tables, kg_http_method(req), path);
    bool public = match == KG_MATCH && (found.route->flags & KG_ROUTE_PUBLIC);
    if (verdict != KG_AUTH_OK && !(public && verdict != KG_AUTH_FOREIGN)) {
        bool stranger = verdict == KG_AUTH_MISSING || verdict == KG_AUTH_WRONG;
        if (!stranger || !to_login(api, req, path))
            kg_api_refuse(api, req, verdict);
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
        struct kg_route_args args = {.user = asked->user};
        for (size_t i = 0; i < KG_ROUTE_ARGS; i++)
            args.value[i] = found.value[i];
        if (verdict == KG_AUTH_OK)
            give_cookies(api, req, &asked->user);
        found.route->handler(api, req, &args);
    }
    kg_found_release(&found);
}

static struct asked check(const struct kg_api *api, const struct kg_http *req)
{
    struct asked a = {.path = kg_path_below(kg_http_path(req), api->base_url)};
    struct kg_auth_request r = kg_request_auth(req);
    if (a.path)
        a.path = kg_auth_path_token(a.path, &r.path_token, &r.path_token_len);
    a.verdict = kg_auth_check(&api->auth, &r, &a.user);
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
        dispatch(api, req, &a);
}

/* A form that somebody without a credential may send, such as that for the token. */
static bool is_form(struct kg_http *req, const struct asked *a)
{
    struct kg_found found;
    bool form = a->path && a->verdict != KG_AUTH_FOREIGN &&
                kg_route_find(&found, tables, kg_http_method(req), a->path) == KG_MATCH &&
                (found.route->flags & KG_ROUTE_FORM);
    if (a->path && a->verdict != KG_AUTH_FOREIGN)
        kg_found_release(&found);
    return form;
}

bool kg_api_admit(void *user, struct kg_http *req)
{
    struct kg_api *api = user;
    struct asked a = check(api, req);
    if (a.verdict == KG_AUTH_OK)
        return true;
    if (!is_form(req, &a)) {
        kg_api_handle(user, req); /* it is refused, or needs no body */
        return false;
    }
    const char *length = kg_http_header(req, "content-length");
    if (length && strlen(length) <= 4 && atoi(length) <= FORM_BYTES_MAX)
        return true;
    kg_reply_error(api, req, 413, NULL,
                   "a form of at most %d bytes, of a length told before, goes here",
                   FORM_BYTES_MAX);
    return false;
}

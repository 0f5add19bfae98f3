/*
 * /login, /logout and /lab. Who types the token gets the cookie that ?token= gives; the form, its fields and the answers are Jupyter
 * Server's, since clients fill it in, too (VS Code does). Only a page of this server, or who shows the cookie _xsrf, may
 * log a browser in: else another site could make it work under an account that is not its user's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/cookies.h"
#include "kernelgw/api/router.h"
#include "kernelgw/net/head.h"

#define STYLE                                                                                      \
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;"     \
    "color-scheme:light dark}input,button{font:inherit;padding:.4rem .6rem;width:100%;"            \
    "box-sizing:border-box;margin:.3rem 0}.error{color:#c33}small{opacity:.8}"

/* Text for an HTML attribute or element. */
static void add_escaped(struct kg_buf *out, const char *text)
{
    for (const char *p = text; *p; p++)
        if (strchr("&<>\"'", *p))
            kg_buf_printf(out, "&#%d;", *p);
        else
            kg_buf_add_char(out, *p);
}

/* A page; form_to: where a form's answer may lead beside this server, or "". */
static void reply_page(struct kg_api *api, struct kg_http *req, int status, const char *form_to,
                       const char *title, const struct kg_buf *inner)
{
    kg_autobuf page = {0};
    kg_autofree char *csp =
        kg_asprintf("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'%s%s; "
                    "base-uri 'none'; frame-ancestors 'none'",
                    form_to[0] ? " " : "", form_to);
    kg_buf_add_str(&page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width\"><style>" STYLE
                          "</style>");
    kg_buf_printf(&page, "<title>%s - kernelgw</title></head><body><main>\n", title);
    kg_buf_add(&page, inner->data, inner->len);
    kg_buf_add_str(&page, "</main></body></html>\n");
    const struct kg_http_header headers[] = {{"Content-Security-Policy", csp},
                                             {"Cache-Control", "no-store"},
                                             {"Referrer-Policy", "same-origin"}};
    kg_reply_bytes(api, req, status, "text/html; charset=UTF-8", page.data, page.len, headers,
                   KG_COUNT(headers));
}

static void redirect(struct kg_http *req, const char *to)
{
    kg_http_add_header(req, "Location", to);
    kg_http_respond(req, 302, NULL, NULL, 0, NULL, 0);
}

/* To ?next= where that is a path of this server, else to the page at its root. */
static void go_on(struct kg_api *api, struct kg_http *req)
{
    const char *next = kg_auth_next(kg_http_arg(req, "next"), kg_api_base_url(api));
    kg_autofree char *home = kg_asprintf("%s/", kg_api_base_url(api));
    kg_autobuf to = {0};
    kg_url_escape(&to, next ? next : home,
                  "/?#%&=+:;,@!$'()*[]"); /* it was decoded; these mean something */
    redirect(req, kg_buf_cstr(&to));
}

/* "https://host:port" of the JupyterLab that /lab leads to, "" when it is on this server or there is none. */
static char *lab_origin(const struct kg_api *api)
{
    const char *lab = kg_api_lab_url(api);
    const char *host = lab ? strstr(lab, "://") : NULL;
    return host ? kg_strndup(lab, (size_t)(host - lab) + 3 + strcspn(host + 3, "/?#"))
                : kg_strdup("");
}

static void reply_form(struct kg_api *api, struct kg_http *req, int status, const char *error)
{
    kg_autobuf form = {0};
    kg_autofree char *xsrf = kg_cookie_xsrf(api, req);
    kg_autofree char *lab = lab_origin(api);
    const char *next = kg_auth_next(kg_http_arg(req, "next"), kg_api_base_url(api));
    kg_buf_printf(&form, "<h1>kernelgw</h1>\n<form action=\"%s/login", kg_api_base_url(api));
    if (next) {
        kg_buf_add_str(&form, "?next=");
        kg_url_escape(&form, next, "/");
    }
    kg_buf_add_str(&form, "\" method=\"post\">\n<input type=\"hidden\" name=\"_xsrf\" value=\"");
    add_escaped(&form, xsrf);
    kg_buf_add_str(&form, "\">\n<label for=\"password_input\">Token</label>\n"
                          "<input type=\"password\" name=\"password\" id=\"password_input\" "
                          "autocomplete=\"current-password\" autofocus required>\n"
                          "<button type=\"submit\" id=\"login_submit\">Log in</button>\n</form>\n");
    if (error)
        kg_buf_printf(&form, "<p class=\"error\" role=\"alert\">%s</p>\n", error);
    kg_buf_add_str(
        &form,
        "<p><small>It stands in the URL that the server printed when it started, or is one that its "
        "operator gave you.</small></p>\n");
    reply_page(api, req, status, lab, "Log in", &form);
}

static void form(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    if (args->user.authenticated)
        go_on(api, req);
    else
        reply_form(api, req, 200, NULL);
}

/* The fields of a form, decoded in place. */
struct fields {
    char *text;
    struct kg_head_field items[8];
    size_t count;
};

static const char *field(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->items[i].name, name) == 0)
            return f->items[i].value;
    return NULL;
}

static void log_in(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    size_t n;
    const uint8_t *body = kg_http_body(req, &n);
    kg_autofree char *text = kg_strndup((const char *)body, n);
    struct fields f = {.text = text};
    struct kg_user who;
    f.count = kg_query_parse(f.items, KG_COUNT(f.items), text);
    struct kg_auth_request asked = kg_request_auth(req);
    if (field(&f, "_xsrf"))
        asked.xsrf = field(&f, "_xsrf");
    enum kg_auth_verdict page = kg_auth_check_page(kg_api_auth(api), &asked);
    if (page != KG_AUTH_OK) {
        kg_api_refuse(api, req, page);
    } else if (!kg_auth_token(kg_api_auth(api), field(&f, "password"), &who)) {
        reply_form(api, req, 401, "Invalid credentials");
    } else {
        kg_cookie_give(api, req, &who);
        free(kg_cookie_xsrf(api, req));
        go_on(api, req);
    }
}

static void log_out(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    kg_autobuf page = {0};
    if (!kg_api_auth(api)->token) {
        kg_buf_add_str(&page, "<p>Cannot log out: this server asks nobody for a token.</p>\n");
    } else {
        kg_cookie_take(api, req);
        kg_buf_printf(&page,
                      "<p>Successfully logged out.</p>\n<p><a href=\"%s/login\">Log in</a></p>\n",
                      kg_api_base_url(api));
    }
    reply_page(api, req, 200, "", "Logged out", &page);
}

/* The rest of the path and the query go along, but for the token, which is nobody else's business. */
static void lab(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const char *to = kg_api_lab_url(api);
    (void)args;
    if (!to) {
        kg_reply_error(
            api, req, 404, NULL,
            "no JupyterLab is configured beside this server: its operator may name one by --lab-url");
        return;
    }
    const char *token;
    size_t token_len;
    const char *path = kg_path_below(kg_http_path(req), kg_api_base_url(api)); /* not decoded */
    const char *rest = kg_auth_path_token(path, &token, &token_len) + strlen("/lab");
    size_t n = strlen(to);
    kg_autobuf url = {0};
    kg_buf_add(&url, to, to[n - 1] == '/' ? n - 1 : n);
    kg_buf_add_str(&url, rest);
    kg_url_query(&url, req);
    redirect(req, kg_buf_cstr(&url));
}

const struct kg_route kg_routes_login[] = {
    {"GET", "/login", form, KG_ROUTE_PUBLIC},
    {"POST", "/login", log_in, KG_ROUTE_PUBLIC | KG_ROUTE_FORM},
    {"GET", "/logout", log_out, KG_ROUTE_PUBLIC},
    {"GET", "/lab", lab, 0},
    {"GET", "/lab/{rest*}", lab, 0},
    {NULL, NULL, NULL, 0},
};

/*
 * /api/workspaces/{name}/ports/{port}/...: what a program of a session serves, to its owner's browser. The server's own
 * credentials stay here: no program sees its owner's token or cookie.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/auth.h"
#include "kernelgw/api/router.h"
#include "kernelgw/core/workspace.h"

struct visit {
    struct kg_api *api;
    struct kg_http *req; /* NULL when the client is gone */
    struct kg_workspace *workspace;
    uint16_t port;
    bool v4;
};

static void visit_free(struct visit *v)
{
    kg_workspace_unref(v->workspace);
    free(v);
}

static void visitor_gone(void *user)
{
    struct visit *v = user;
    v->req = NULL;
}

/* The path up to the port's number, and what follows it. */
static const char *behind_port(const char *path)
{
    static const char in[] = "/api/workspaces/";
    const char *at = strstr(path, in);
    at = at ? strchr(at + sizeof in - 1, '/') : NULL; /* behind the name */
    at = at ? strchr(at + 1, '/') : NULL;             /* behind "ports" */
    return at ? at + 1 + strspn(at + 1, "0123456789") : path + strlen(path);
}

/* The path up to the port's number; as the program may know it: without the token, where that is a part of the path. */
static char *prefix_told(const struct visit *v)
{
    const char *base = kg_api_base_url(v->api);
    const char *token;
    size_t token_len;
    const char *path = kg_path_below(kg_http_path(v->req), base);
    path = kg_auth_path_token(path ? path : "", &token, &token_len);
    return kg_asprintf("%s%.*s", base, (int)(behind_port(path) - path), path);
}

static void add_cookies(struct kg_buf *out, const char *cookies, const char *own)
{
    size_t own_len = strlen(own);
    const char *mark = "Cookie: ";
    for (const char *at = cookies; *at;) {
        at += strspn(at, "; ");
        size_t n = strcspn(at, ";");
        bool ours = n > own_len && strncmp(at, own, own_len) == 0 && at[own_len] == '=';
        if (n && !ours) {
            kg_buf_add_str(out, mark);
            kg_buf_add(out, at, n);
            mark = "; ";
        }
        at += n;
    }
    if (mark[0] == ';')
        kg_buf_add_str(out, "\r\n");
}

/* What is about this connection, tells a credential, or is said anew. */
static bool kept_here(const char *name)
{
    static const char *const names[] = {"host",
                                        "connection",
                                        "keep-alive",
                                        "proxy-connection",
                                        "proxy-authorization",
                                        "te",
                                        "trailer",
                                        "upgrade",
                                        "expect",
                                        "transfer-encoding",
                                        "content-length",
                                        "authorization",
                                        "cookie",
                                        "x-xsrftoken",
                                        "origin",
                                        "referer",
                                        "x-forwarded-for",
                                        "forwarded",
                                        "x-forwarded-host",
                                        "x-forwarded-proto",
                                        "x-forwarded-prefix"};
    for (size_t i = 0; i < KG_COUNT(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void write_head(struct kg_buf *out, const struct visit *v, const char *told)
{
    struct kg_http *req = v->req;
    const char *rest = behind_port(kg_http_path(req));
    size_t body;
    kg_http_body(req, &body);
    kg_buf_printf(out, "%s %s%s", kg_http_method(req), *rest == '/' ? "" : "/", rest);
    kg_url_query(out, req);
    kg_buf_printf(out, " HTTP/1.1\r\nHost: localhost:%u\r\n", v->port);
    struct kg_http_header f;
    for (size_t i = 0; kg_http_field(req, i, &f); i++) {
        if (!kept_here(f.name))
            kg_buf_printf(out, "%s: %s\r\n", f.name, f.value);
        else if (strcasecmp(f.name, "cookie") == 0)
            add_cookies(out, f.value, kg_api_auth(v->api)->cookie_name);
        else if (strcasecmp(f.name, "origin") == 0)
            kg_buf_printf(out, "Origin: http://localhost:%u\r\n", v->port);
    }
    const char *host = kg_http_header(req, "host");
    kg_buf_printf(out, "X-Forwarded-For: %s\r\nX-Forwarded-Prefix: %s\r\n", kg_http_peer(req),
                  told);
    if (host)
        kg_buf_printf(out, "X-Forwarded-Host: %s\r\n", host);
    if (body || strcmp(kg_http_method(req), "POST") == 0 || strcmp(kg_http_method(req), "PUT") == 0)
        kg_buf_printf(out, "Content-Length: %zu\r\n", body);
    kg_buf_add_str(out, kg_http_is_upgrade(req)
                            ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                            : "Connection: close\r\n\r\n");
}

static int start_connecting(int fd, const struct visit *v)
{
    int domain = AF_INET;
    socklen_t len = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(v->port)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(v->port)};
    inet_pton(AF_INET, "127.0.0.1", &to4.sin_addr);
    inet_pton(AF_INET6, v->v4 ? "::ffff:127.0.0.1" : "::1", &to6.sin6_addr);
    int rc = domain == AF_INET6 ? connect(fd, (struct sockaddr *)&to6, sizeof to6)
                                : connect(fd, (struct sockaddr *)&to4, sizeof to4);
    return rc == 0 || errno == EINPROGRESS ? 0 : -errno;
}

static void got_socket(void *user, int fd, const struct kg_err *err)
{
    struct visit *v = user;
    kg_autoclose int own = fd;
    if (v->req && (err || start_connecting(fd, v) < 0)) {
        kg_reply_error(v->api, v->req, 502, NULL, "port %u can't be reached%s%s", v->port,
                       err ? ": " : "", err ? err->text : "");
    } else if (v->req) {
        const char *path = kg_http_path(v->req);
        kg_autofree char *prefix = kg_strndup(path, (size_t)(behind_port(path) - path));
        kg_autofree char *told = prefix_told(v);
        kg_autobuf head = {0};
        write_head(&head, v, told);
        const struct kg_http_prefix at = {.asked = prefix, .told = told};
        kg_http_forward(v->req, kg_steal_fd(&own), &at, head.data, head.len);
    }
    visit_free(v);
}

static void got_ports(void *user, const struct pl_port *ports, size_t n, const struct kg_err *err)
{
    struct visit *v = user;
    bool found = false;
    for (size_t i = 0; !err && i < n; i++)
        if (ports[i].port == v->port) {
            found = true;
            v->v4 = ports[i].v4;
        }
    if (v->req && found && v->workspace->net) {
        pl_net_socket(v->workspace->net, got_socket, v);
        return;
    }
    if (v->req)
        kg_reply_error(v->api, v->req, 502, NULL, "nothing listens on port %u of this session",
                       v->port);
    visit_free(v);
}

static void enter(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_workspace *w = kg_request_own_workspace(api, req, args);
    char *rest;
    unsigned long port = strtoul(args->value[1], &rest, 10);
    if (!w)
        return;
    if (*rest || rest == args->value[1] || port < 1 || port > 65535) {
        kg_reply_error(api, req, 400, NULL, "a port is a number from 1 to 65535");
    } else if (!w->net) {
        kg_reply_error(api, req, 502, NULL, "nothing listens on port %lu of this session", port);
    } else if (*behind_port(kg_http_path(req)) != '/') {
        /* relative links of the program's pages count from its own root */
        const char *query = kg_http_query(req);
        kg_autofree char *to =
            kg_asprintf("%s/%s%s", kg_http_path(req), query ? "?" : "", query ? query : "");
        kg_http_add_header(req, "Location", to);
        kg_http_respond(req, 308, NULL, NULL, 0, NULL, 0);
    } else {
        struct visit *v = kg_calloc(1, sizeof *v);
        *v = (struct visit){.api = api, .req = req, .workspace = w, .port = (uint16_t)port};
        w->refs++;
        kg_http_on_close(req, visitor_gone, v);
        pl_net_ports(w->net, got_ports, v);
    }
}

#define METHODS(pattern)                                                                           \
    {"GET", pattern, enter, 0}, {"POST", pattern, enter, 0}, {"PUT", pattern, enter, 0},           \
        {"PATCH", pattern, enter, 0},                                                              \
    {                                                                                              \
        "DELETE", pattern, enter, 0                                                                \
    }

const struct kg_route kg_routes_ports[] = {
    METHODS("/api/workspaces/{name}/ports/{port}"),
    METHODS("/api/workspaces/{name}/ports/{port}/{rest*}"),
    {NULL, NULL, NULL, 0},
};

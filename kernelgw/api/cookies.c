#include "kernelgw/api/cookies.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

struct kg_auth_request kg_request_auth(const struct kg_http *req)
{
    const char *method = kg_http_method(req);
    bool upgrade = kg_http_is_upgrade(req);
    const char *xsrf = kg_http_header(req, "x-xsrftoken");
    if (!xsrf)
        xsrf = kg_http_header(req, "x-csrftoken");
    return (struct kg_auth_request){
        .authorization = kg_http_header(req, "authorization"),
        .query_token = kg_http_arg(req, "token"),
        .cookie = kg_http_header(req, "cookie"),
        .origin = kg_http_header(req, "origin"),
        .host = kg_http_header(req, "host"),
        .fetch_site = kg_http_header(req, "sec-fetch-site"),
        .xsrf = xsrf ? xsrf : kg_http_arg(req, "_xsrf"),
        .changes = upgrade || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0),
        .upgrade = upgrade};
}

static void set(const struct kg_api *api, struct kg_http *req, const char *name, const char *value,
                const char *more)
{
    kg_autofree char *cookie =
        kg_asprintf("%s=%s; Path=%s/; SameSite=Strict%s%s", name, value, kg_api_base_url(api), more,
                    kg_api_tls(api) ? "; Secure" : "");
    kg_http_add_header(req, "Set-Cookie", cookie);
}

void kg_cookie_give(const struct kg_api *api, struct kg_http *req, const struct kg_user *who)
{
    const struct kg_auth *auth = kg_api_auth(api);
    kg_autofree char *value = kg_auth_cookie_for(auth, who);
    set(api, req, auth->cookie_name, value, "; HttpOnly");
}

void kg_cookie_take(const struct kg_api *api, struct kg_http *req)
{
    set(api, req, kg_api_auth(api)->cookie_name, "", "; HttpOnly; Max-Age=0");
}

char *kg_cookie_xsrf(const struct kg_api *api, struct kg_http *req)
{
    char *known = kg_auth_cookie_value(kg_http_header(req, "cookie"), "_xsrf");
    if (known && known[0])
        return known;
    free(known);
    char made[33];
    kg_random_hex(made, 16);
    set(api, req, "_xsrf", made, ""); /* scripts of our pages are to read it */
    return kg_strdup(made);
}

#include "kernelgw/api/auth.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/mem.h"

/* The cookie holds a digest, so that the token itself never stands in a browser's files. */
static void digest(char *out, size_t bytes, const char *token, const char *purpose)
{
    unsigned char hash[32];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)token, strlen(token),
                       (const unsigned char *)purpose, strlen(purpose));
    sodium_bin2hex(out, 2 * bytes + 1, hash, bytes);
}

void kg_auth_init(struct kg_auth *a, const char *token, const char *allow_origin)
{
    *a = (struct kg_auth){0};
    a->allow_origin = allow_origin ? kg_strdup(allow_origin) : NULL;
    if (!token)
        return;
    a->token = kg_strdup(token);
    /* a name of its own for each server: cookies know no ports */
    char short_name[17];
    digest(short_name, 8, token, "kernelgw cookie name");
    snprintf(a->cookie_name, sizeof a->cookie_name, "kernelgw-%s", short_name);
    digest(a->cookie_value, 32, token, "kernelgw cookie value");
}

void kg_auth_release(struct kg_auth *a)
{
    free(a->token);
    free(a->allow_origin);
    *a = (struct kg_auth){0};
}

const char *kg_auth_path_token(const char *path, const char **token, size_t *token_len)
{
    *token = NULL;
    *token_len = 0;
    if (strncmp(path, "/t/", 3) != 0)
        return path;
    size_t n = strcspn(path + 3, "/");
    *token = path + 3;
    *token_len = n;
    return path[3 + n] ? path + 3 + n : "/";
}

bool kg_auth_origin_ok(const struct kg_auth *a, const char *origin, const char *host)
{
    if (a->allow_origin &&
        (strcmp(a->allow_origin, "*") == 0 || strcasecmp(a->allow_origin, origin) == 0))
        return true;
    const char *own = strstr(origin, "://");
    return own && host && strcasecmp(own + 3, host) == 0;
}

/* "token T" or "Bearer T", in any case; NULL for another scheme. */
static const char *header_token(const char *authorization)
{
    static const char *const schemes[] = {"token", "bearer"};
    for (size_t i = 0; i < KG_COUNT(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(authorization, schemes[i], n) == 0 && authorization[n] == ' ')
            return authorization + n + strspn(authorization + n, " ");
    }
    return NULL;
}

static bool cookie_ok(const struct kg_auth *a, const char *cookie, bool *seen)
{
    size_t name = strlen(a->cookie_name);
    for (const char *p = cookie; *p;) {
        p += strspn(p, "; ");
        size_t n = strcspn(p, ";");
        if (n > name && strncmp(p, a->cookie_name, name) == 0 && p[name] == '=') {
            kg_autofree char *value = kg_strndup(p + name + 1, n - name - 1);
            *seen = true;
            if (kg_secret_equal(value, a->cookie_value))
                return true;
        }
        p += n;
    }
    return false;
}

/* A page of another site, as far as the browser says so. */
static bool foreign(const struct kg_auth *a, const struct kg_auth_request *r)
{
    if (r->origin)
        return !kg_auth_origin_ok(a, r->origin, r->host);
    return r->fetch_site && strcmp(r->fetch_site, "same-origin") != 0 &&
           strcmp(r->fetch_site, "none") != 0;
}

/* A name that no stranger can have made point here: an address, localhost, or what the operator allows. */
static bool host_ok(const struct kg_auth *a, const char *host)
{
    if (!host || (a->allow_origin && strcmp(a->allow_origin, "*") == 0))
        return true;
    const char *allowed = a->allow_origin ? strstr(a->allow_origin, "://") : NULL;
    if (allowed && strcasecmp(allowed + 3, host) == 0)
        return true;
    unsigned char address[16];
    bool ipv6 = host[0] == '[';
    kg_autofree char *name = kg_strndup(host + ipv6, strcspn(host + ipv6, ipv6 ? "]" : ":"));
    if (inet_pton(ipv6 ? AF_INET6 : AF_INET, name, address) == 1)
        return true;
    size_t n = strlen(name);
    return strcasecmp(name, "localhost") == 0 ||
           (n > 10 && strcasecmp(name + n - 10, ".localhost") == 0);
}

enum kg_auth_verdict kg_auth_check(const struct kg_auth *a, const struct kg_auth_request *r)
{
    /* Without a token the host's name is all that tells our own page from one whose name was made to
     * point at this server (DNS rebinding): to the browser it is the same origin then. */
    if (!a->token)
        return !host_ok(a, r->host) || (r->changes && foreign(a, r)) ? KG_AUTH_FOREIGN : KG_AUTH_OK;
    bool seen = false;
    if (r->authorization) {
        const char *token = header_token(r->authorization);
        seen = true;
        if (kg_secret_equal(token, a->token))
            return KG_AUTH_OK;
    }
    if (r->query_token) {
        seen = true;
        if (kg_secret_equal(r->query_token, a->token))
            return KG_AUTH_OK;
    }
    if (r->path_token) {
        kg_autofree char *token = kg_strndup(r->path_token, r->path_token_len);
        seen = true;
        if (kg_secret_equal(token, a->token))
            return KG_AUTH_OK;
    }
    if (r->cookie && cookie_ok(a, r->cookie, &seen))
        return r->changes && (foreign(a, r) || (!r->origin && !r->fetch_site)) ? KG_AUTH_FOREIGN
                                                                               : KG_AUTH_OK;
    return seen ? KG_AUTH_WRONG : KG_AUTH_MISSING;
}

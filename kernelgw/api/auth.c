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
    static const char purpose[] = "kernelgw cookie key";
    crypto_generichash(a->cookie_key, sizeof a->cookie_key, (const unsigned char *)token,
                       strlen(token), (const unsigned char *)purpose, strlen(purpose));
}

static struct kg_user holder(void)
{
    return (struct kg_user){.name = "user", .authenticated = true, .is_operator = true};
}

static struct kg_user named(const struct kg_user_row *row)
{
    return (struct kg_user){
        .name = row->name, .authenticated = true, .is_operator = row->is_operator, .row = row};
}

bool kg_user_sees(const struct kg_user *u, const char *owner)
{
    return u->is_operator || (owner && strcmp(u->name, owner) == 0);
}

bool kg_auth_token(const struct kg_auth *a, const char *token, struct kg_user *who)
{
    if (kg_secret_equal(token, a->token)) {
        *who = holder();
        return true;
    }
    const struct kg_user_row *row = kg_users_by_token(a->users, token);
    if (row)
        *who = named(row);
    return row != NULL;
}

/* A user's cookie is his name and a digest that takes the server's token to make: who reads the users' file can't. */
static char *cookie_of(const struct kg_auth *a, const struct kg_user_row *row)
{
    unsigned char mac[32];
    char text[2 * sizeof mac + 1];
    crypto_generichash_state state;
    crypto_generichash_init(&state, a->cookie_key, sizeof a->cookie_key, sizeof mac);
    crypto_generichash_update(&state, (const unsigned char *)row->name, strlen(row->name) + 1);
    crypto_generichash_update(&state, row->token_hash, sizeof row->token_hash);
    crypto_generichash_final(&state, mac, sizeof mac);
    sodium_bin2hex(text, sizeof text, mac, sizeof mac);
    return kg_asprintf("%s:%s", row->name, text);
}

char *kg_auth_cookie_for(const struct kg_auth *a, const struct kg_user *who)
{
    return who->row ? cookie_of(a, who->row) : kg_strdup(a->cookie_value);
}

void kg_auth_release(struct kg_auth *a)
{
    free(a->token);
    free(a->allow_origin);
    kg_origin_pattern_free(a->allow_pattern);
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

/* The next cookie of this name behind *at, which moves on; for free(), or NULL. */
static char *next_cookie(const char **at, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = *at; p && *p;) {
        p += strspn(p, "; ");
        size_t n = strcspn(p, ";");
        const char *value = p + length + 1;
        bool found = n > length && strncmp(p, name, length) == 0 && p[length] == '=';
        p += n;
        *at = p;
        if (found)
            return kg_strndup(value, (size_t)(p - value));
    }
    return NULL;
}

char *kg_auth_cookie_value(const char *cookies, const char *name)
{
    return next_cookie(&cookies, name);
}

bool kg_auth_cookie(const char *cookies, const char *name, const char *value, bool *seen)
{
    bool same = false;
    for (char *found; !same && (found = next_cookie(&cookies, name));) {
        same = kg_secret_equal(found, value);
        free(found);
        if (seen)
            *seen = true;
    }
    return same;
}

/* Whose cookie the request bears, if anybody's; *seen: one of the name, at least. */
static bool cookie_holder(const struct kg_auth *a, const char *cookies, struct kg_user *who,
                          bool *seen)
{
    if (kg_auth_cookie(cookies, a->cookie_name, a->cookie_value, seen)) {
        *who = holder();
        return true;
    }
    const struct kg_user_row *row = NULL;
    for (char *found; a->users && !row && (found = next_cookie(&cookies, a->cookie_name));) {
        row = kg_users_by_name(a->users, found, strcspn(found, ":"));
        kg_autofree char *right = row ? cookie_of(a, row) : NULL;
        if (!kg_secret_equal(found, right))
            row = NULL;
        free(found);
    }
    if (row)
        *who = named(row);
    return row != NULL;
}

static bool same_host(const char *origin, const char *host)
{
    const char *own = strstr(origin, "://");
    return own && host && strcasecmp(own + 3, host) == 0;
}

bool kg_auth_origin_ok(const struct kg_auth *a, const char *origin, const char *host)
{
    if (a->allow_origin &&
        (strcmp(a->allow_origin, "*") == 0 || strcasecmp(a->allow_origin, origin) == 0))
        return true;
    if (a->allow_pattern && kg_origin_pattern_fits(a->allow_pattern, origin))
        return true;
    return same_host(origin, host);
}

/* A page of this server, as far as the browser says so. */
static bool own_page(const struct kg_auth_request *r)
{
    if (r->origin)
        return same_host(r->origin, r->host);
    return r->fetch_site &&
           (strcmp(r->fetch_site, "same-origin") == 0 || strcmp(r->fetch_site, "none") == 0);
}

/* A page of another site, as far as the browser says so. */
static bool foreign(const struct kg_auth *a, const struct kg_auth_request *r)
{
    if (r->origin)
        return !kg_auth_origin_ok(a, r->origin, r->host);
    return r->fetch_site && !own_page(r);
}

enum kg_auth_verdict kg_auth_check_page(const struct kg_auth *a, const struct kg_auth_request *r)
{
    if (foreign(a, r))
        return KG_AUTH_FOREIGN;
    if (own_page(r) || (r->upgrade && !r->origin) ||
        (r->xsrf && r->xsrf[0] && kg_auth_cookie(r->cookie, "_xsrf", r->xsrf, NULL)))
        return KG_AUTH_OK;
    return KG_AUTH_XSRF;
}

const char *kg_auth_next(const char *next, const char *base)
{
    if (!next || next[0] != '/' || next[1] == '/')
        return NULL;
    for (const char *p = next; *p; p++)
        if (*p == '\\' || (unsigned char)*p < ' ' || *p == 0x7f)
            return NULL;
    size_t n = strcspn(next, "?#");
    for (const char *p = next; p < next + n;) {
        size_t part = strcspn(++p, "/?#");
        kg_autofree char *name = kg_strndup(p, part);
        /* browsers take an escaped dot for a dot */
        for (char *at = name; (at = strcasestr(at, "%2e"));) {
            *at = '.';
            memmove(at + 1, at + 3, strlen(at + 3) + 1);
        }
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return NULL;
        p += part;
    }
    size_t length = strlen(base);
    return strncmp(next, base, length) == 0 && (length == n || next[length] == '/') ? next : NULL;
}

/* A name that no stranger can have made point here: an address, localhost, or what the operator allows. */
static bool host_ok(const struct kg_auth *a, const char *host)
{
    if (!host || (a->allow_origin && strcmp(a->allow_origin, "*") == 0))
        return true;
    const char *allowed = a->allow_origin ? strstr(a->allow_origin, "://") : NULL;
    if (allowed && strcasecmp(allowed + 3, host) == 0)
        return true;
    kg_autofree char *secure = kg_asprintf("https://%s", host);
    kg_autofree char *plain = kg_asprintf("http://%s", host);
    if (a->allow_pattern && (kg_origin_pattern_fits(a->allow_pattern, secure) ||
                             kg_origin_pattern_fits(a->allow_pattern, plain)))
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

enum kg_auth_verdict kg_auth_check(const struct kg_auth *a, const struct kg_auth_request *r,
                                   struct kg_user *who)
{
    *who = (struct kg_user){.name = "anonymous"};
    /* Without a token the host's name is all that tells our own page from one whose name was made to
     * point at this server (DNS rebinding): to the browser it is the same origin then. */
    if (!a->token) {
        if (!host_ok(a, r->host) || (r->changes && foreign(a, r)))
            return KG_AUTH_FOREIGN;
        who->authenticated = who->is_operator = true;
        return KG_AUTH_OK;
    }
    bool seen = false;
    if (r->authorization) {
        const char *token = header_token(r->authorization);
        seen = true;
        if (kg_auth_token(a, token, who))
            return KG_AUTH_OK;
    }
    if (r->query_token) {
        seen = true;
        if (kg_auth_token(a, r->query_token, who))
            return KG_AUTH_OK;
    }
    if (r->path_token) {
        kg_autofree char *token = kg_strndup(r->path_token, r->path_token_len);
        seen = true;
        if (kg_auth_token(a, token, who))
            return KG_AUTH_OK;
    }
    if (!cookie_holder(a, r->cookie, who, &seen))
        return seen ? KG_AUTH_WRONG : KG_AUTH_MISSING;
    enum kg_auth_verdict page = r->changes ? kg_auth_check_page(a, r) : KG_AUTH_OK;
    if (page != KG_AUTH_OK)
        *who = (struct kg_user){.name = "anonymous"};
    return page;
}

#ifndef KG_API_AUTH_H
#define KG_API_AUTH_H
/*
 * Who asks, and may they: pure functions over what a request says of itself. A token counts from wherever a client
 * can put it: the Authorization header ("token T" or "Bearer T"), ?token=, a path prefix /t/TOKEN (for clients
 * that can set neither), or the cookie that the page got. What only a browser sends by itself, the cookie, is
 * not enough for a request from another site.
 */
#include <stdbool.h>
#include <stddef.h>

#include "kernelgw/api/origin_pattern.h"
#include "kernelgw/core/users.h"

struct kg_auth {
    char *token;        /* NULL: no credential is asked for */
    char *allow_origin; /* one more Origin, "*", or NULL */
    struct kg_origin_pattern
        *allow_pattern; /* of more Origins, or NULL; kg_auth_release frees it */
    char cookie_name[32];
    char cookie_value[65];
    unsigned char cookie_key[32]; /* of other users' cookies */
    const struct kg_users *users; /* beside who has the token; NULL: none. The caller's */
};

/* Who asks. What another one has is not there for him, unless he is an operator. */
struct kg_user {
    const char *
        name; /* "anonymous" without a token, "user" with the server's own, else as the users' file has it */
    bool authenticated, is_operator;
    const struct kg_user_row *row; /* NULL: of no file */
};

/* Whether what owner (NULL: nobody in particular) has is there for him. */
bool kg_user_sees(const struct kg_user *u, const char *owner);

void kg_auth_init(struct kg_auth *a, const char *token,
                  const char *allow_origin); /* strings are copied */
void kg_auth_release(struct kg_auth *a);

/* What of a request matters here; any may be NULL. */
struct kg_auth_request {
    const char *authorization, *query_token, *cookie, *origin, *host, *fetch_site;
    const char *xsrf;       /* X-XSRFToken, or the argument _xsrf */
    const char *path_token; /* n bytes; not ended by NUL */
    size_t path_token_len;
    bool changes; /* not GET, HEAD or OPTIONS, or a WebSocket */
    bool upgrade; /* a WebSocket: browsers never ask for one without an Origin */
};

enum kg_auth_verdict {
    KG_AUTH_OK,
    KG_AUTH_MISSING, /* no credential at all */
    KG_AUTH_WRONG,   /* one that is not right */
    KG_AUTH_FOREIGN, /* the page of another site asks, and nothing but a cookie (or nothing at all) speaks for it */
    KG_AUTH_XSRF, /* nothing says that it is not such a page: the browser says nothing, and _xsrf is missing or wrong */
};

/*
 * Without a token everybody may do everything, but only under a host that is an address, localhost or the
 * allowed Origin's: see auth.c on DNS rebinding. *who: who it is, nobody ("anonymous") unless KG_AUTH_OK.
 */
enum kg_auth_verdict kg_auth_check(const struct kg_auth *a, const struct kg_auth_request *r,
                                   struct kg_user *who);

/* Whose token this is; false: nobody's. token may be NULL. */
bool kg_auth_token(const struct kg_auth *a, const char *token, struct kg_user *who);
/* The value of the cookie by which who is known again; for free(). */
char *kg_auth_cookie_for(const struct kg_auth *a, const struct kg_user *who);

/* KG_AUTH_OK, KG_AUTH_FOREIGN or KG_AUTH_XSRF for a change that nothing but cookies speaks for. */
enum kg_auth_verdict kg_auth_check_page(const struct kg_auth *a, const struct kg_auth_request *r);

/* Does the request bear a cookie of this name and value? *seen (may be NULL): one of the name, at least. */
bool kg_auth_cookie(const char *cookies, const char *name, const char *value, bool *seen);
/* The value of the first cookie of this name, for free(), or NULL. */
char *kg_auth_cookie_value(const char *cookies, const char *name);

/*
 * Where a browser may be sent after it has logged in: next when it is a path below base ("" or "/prefix"), else NULL. Nothing that
 * any browser reads as another server's address passes: //host, a backslash, control characters; nor do "." and "..".
 */
const char *kg_auth_next(const char *next, const char *base);

/* Splits /t/TOKEN/rest: returns the rest and the token, or path as it is (token NULL). */
const char *kg_auth_path_token(const char *path, const char **token, size_t *token_len);

/* Is this Origin the server itself (by its Host header), or one that the operator allows? */
bool kg_auth_origin_ok(const struct kg_auth *a, const char *origin, const char *host);

#endif

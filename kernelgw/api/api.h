#ifndef KG_API_API_H
#define KG_API_API_H
/*
 * The server's outside: which request means what. api.c takes every request from kernelgw/net through the
 * checks (base URL, credential, Origin) to the handler that the route tables name; each surface has a file and a
 * table of its own.
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernelgw/api/auth.h"
#include "kernelgw/core/core.h"
#include "kernelgw/net/net.h"
#include "notebooks/place.h"

struct kg_api;
struct kg_workspace;
struct kg_assets;
struct kg_kernel;
struct kg_nbruns;

struct kg_api_config {
    struct kg_core *core;
    const char *token;            /* its holder is an operator; NULL: everybody may do everything */
    const struct kg_users *users; /* who else has one, or NULL; outlives the api */
    const char *base_url;         /* "/" or "/prefix" */
    const char *allow_origin;     /* one more Origin whose pages may call, "*", or NULL */
    const char *allow_origin_pat; /* a regular expression for more of them, or NULL */
    bool allow_credentials;       /* they may read what a browser gets by its cookie, too */
    const char *client;           /* folder of the browser client's files, or NULL */
    struct kg_nbruns *nbruns;     /* outlives the api */
    const char *contents_dir;     /* folder whose files /api/contents and /files serve, or NULL */
    const char *lab_url;          /* where /lab leads: a URL, or a path; or NULL */
    bool tls;                     /* cookies are for TLS alone, too */
};

/* Strings of config are copied. Fails also when the client's files can't be read (assets.h). */
int kg_api_new(struct kg_api **out, const struct kg_api_config *config, struct kg_err *err);
void kg_api_free(struct kg_api *api); /* after the net is closed */
/* For kg_net_config.handler; user is the kg_api. */
void kg_api_handle(void *user, struct kg_http *req);
/* For kg_net_config.admit: nobody's body is read who may do nothing. */
bool kg_api_admit(void *user, struct kg_http *req);

struct kg_core *kg_api_core(const struct kg_api *api);
struct kg_nbruns *kg_api_nbruns(const struct kg_api *api);
/*
 * The folder whose files this user is served, which the api keeps; NULL: none. Operators have the whole of contents-dir, others the
 * folder of their name in it, which is made when it is not there.
 */
struct nb_root *kg_api_contents(struct kg_api *api, const struct kg_user *user);
/* The same by an owner's name, for kg_nbruns_load; user is the kg_api. */
struct nb_root *kg_api_contents_of(void *user, const char *owner);
const struct kg_assets *kg_api_assets(const struct kg_api *api); /* NULL: none */
const char *
kg_api_base_url(const struct kg_api *api); /* without a slash at its end: "" or "/prefix" */

const struct kg_auth *kg_api_auth(const struct kg_api *api);
const char *kg_api_lab_url(const struct kg_api *api); /* NULL: there is none */
bool kg_api_tls(const struct kg_api *api);

enum { KG_ROUTE_ARGS = 4 };

struct kg_route_args {
    const char
        *value[KG_ROUTE_ARGS]; /* what stood for each {name} of the pattern, decoded, in order */
    struct kg_user user;
};

typedef void kg_handler(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args);

enum {
    KG_ROUTE_PUBLIC = 1, /* no credential needed */
    KG_ROUTE_FORM = 2,   /* of those: a body is read all the same, a small one */
};

struct kg_route {
    const char *method; /* "GET" serves HEAD too */
    const char *
        pattern; /* "/api/kernels/{id}/interrupt"; {rest*} at the end takes what remains, slashes included */
    kg_handler *handler;
    unsigned flags;
};

/* One table a surface, each ended by a row whose method is NULL. */
extern const struct kg_route kg_routes_me[]; /* me.c: /api, /api/me, /api/status, /metrics */
extern const struct kg_route kg_routes_kernelspecs[]; /* kernelspecs.c */
extern const struct kg_route kg_routes_kernels[];     /* kernels.c, channels.c */
extern const struct kg_route kg_routes_sessions[];    /* sessions.c */
extern const struct kg_route kg_routes_contents[];    /* contents.c */
extern const struct kg_route kg_routes_notebooks[];   /* notebooks.c: run by the server */
extern const struct kg_route kg_routes_files[];       /* files.c */
extern const struct kg_route kg_routes_settings[];    /* settings.c: and where a file is */
extern const struct kg_route kg_routes_spec[];        /* spec.c */
extern const struct kg_route kg_routes_runs[];        /* runs.c */
extern const struct kg_route kg_routes_terminals[];   /* terminals.c */
extern const struct kg_route kg_routes_workspaces[];  /* workspaces.c */
extern const struct kg_route kg_routes_workspace_files[];
extern const struct kg_route kg_routes_ports[]; /* ports.c: into a workspace's network */
extern const struct kg_route kg_routes_mux[];   /* mux.c */
extern const struct kg_route kg_routes_login[]; /* login.c: /login, /logout, /lab */
extern const struct kg_route kg_routes_page[];  /* page.c: / and its assets */

/* All tables, ended by NULL. */
const struct kg_route *const *kg_api_routes(void);

/* --- answers (reply.c): each ends the request --- */

/* body is one JSON text. */
void kg_reply_json(struct kg_api *api, struct kg_http *req, int status, const struct kg_buf *body);
/* 200, or 304 when the client has this body already (If-None-Match): for what clients ask for again and again. */
void kg_reply_polled(struct kg_api *api, struct kg_http *req, const struct kg_buf *body);
/* The same as kg_reply_json, 201, with a Location header (a path below the base URL). */
void kg_reply_created(struct kg_api *api, struct kg_http *req, const char *location,
                      const struct kg_buf *body);
void kg_reply_empty(struct kg_api *api, struct kg_http *req); /* 204 */
/* {"message": fmt..., "reason": reason or null}, as Jupyter Server's errors look. 503 and 429 get a Retry-After. */
void kg_reply_error(struct kg_api *api, struct kg_http *req, int status, const char *reason,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The status that belongs to an error of the core: -ENOENT 404, -EINVAL 400, -EEXIST 409, -EAGAIN 503, -EACCES 403,
 * -ESRCH 410, -ENOSPC 413, -ETIMEDOUT 504, -EDQUOT 429, -EBUSY 503, else 500. */
void kg_reply_err(struct kg_api *api, struct kg_http *req, const struct kg_err *err);
/* Any type, with caching headers of its own. */
void kg_reply_bytes(struct kg_api *api, struct kg_http *req, int status, const char *content_type,
                    const void *data, size_t n, const struct kg_http_header *headers,
                    size_t header_count);

/* What a document may take in memory (kg_json_weight): one that says what is to be done, and one that holds a notebook. */
enum { KG_REQUEST_WEIGHT_MAX = 32 << 20, KG_DOCUMENT_WEIGHT_MAX = 512 << 20 };

/*
 * The request's body as a JSON object, a new reference. An empty body is {} when empty_ok. On failure it has answered
 * (400 "Invalid JSON in body of request", 413 when its values would take too much memory; text in strings may be as long as
 * the body) and returns NULL.
 */
json_t *kg_request_json(struct kg_api *api, struct kg_http *req, bool empty_ok);
/* The same where a notebook may be in it. */
json_t *kg_request_document(struct kg_api *api, struct kg_http *req);
/* The asker's workspace that the path names first. NULL: there is none, and the asker has been told. */
struct kg_workspace *kg_request_own_workspace(struct kg_api *api, struct kg_http *req,
                                              const struct kg_route_args *args);
/* The same; an operator may name another's by ?owner=. */
struct kg_workspace *kg_request_workspace(struct kg_api *api, struct kg_http *req,
                                          const struct kg_route_args *args);
/* The kernel that the path names first, if it is there for the asker; else as above. */
struct kg_kernel *kg_request_kernel(struct kg_api *api, struct kg_http *req,
                                    const struct kg_route_args *args);
/* Appends text for a URL: all but letters, digits and "-._~" and those of `safe` as %XX. */
void kg_url_escape(struct kg_buf *out, const char *text, const char *safe);
/* Appends "?" and the request's query as it was sent, but for the token; nothing when nothing is left. */
void kg_url_query(struct kg_buf *out, const struct kg_http *req);
/* True when a WebSocket's request offers this subprotocol among others. */
bool kg_request_offers(const struct kg_http *req, const char *subprotocol);

#endif

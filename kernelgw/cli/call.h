#ifndef KG_CLI_CALL_H
#define KG_CLI_CALL_H
/* Requests to a running server, one after the other, for the commands of the program that are its clients. They block. */
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* A server, and how to reach it. */
struct kg_server {
    char *url;    /* "http://host:port/prefix", without a slash at its end */
    char *token;  /* or NULL */
    char *socket; /* path of a unix socket that it listens on, or NULL */
    void *curl;   /* one handle, so that its connection is used again */
};

/*
 * url: as the server prints it: with or without ?token=, which token (may be NULL) goes before. -EINVAL with *err for one that
 * is none. To be released in either case.
 */
int kg_server_init(struct kg_server *out, const char *url, const char *token, const char *socket,
                   struct kg_err *err);
void kg_server_release(struct kg_server *s);

struct kg_answer {
    long status;
    struct kg_buf body;
};

/*
 * path: below the server's URL. body: JSON, or NULL. 0 with an answer of any status; -ECONNREFUSED and -EIO with *err when there
 * was none. The answer is to be released in either case.
 */
int kg_call(struct kg_answer *out, struct kg_server *s, const char *method, const char *path,
            const json_t *body, struct kg_err *err);
/* The same for who needs a JSON object and a status below 300: a new reference, or NULL with *err, which has the server's own
 * sentence; its code is -EINVAL for 4xx, -EACCES for 401 and 403, -ENOENT for 404, -EAGAIN for 429 and 503, else -EIO. */
json_t *kg_call_json(struct kg_server *s, const char *method, const char *path, const json_t *body,
                     struct kg_err *err);
void kg_answer_release(struct kg_answer *a);
/* What an answer that is none says, as an error. */
int kg_answer_err(const struct kg_answer *a, struct kg_err *err);

#endif

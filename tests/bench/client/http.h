#ifndef BENCH_CLIENT_HTTP_H
#define BENCH_CLIENT_HTTP_H
/* A tiny HTTP/1.1 client: one request a connection, plain bodies and chunked ones. */
#include "base/buf.h"
#include "base/err.h"
#include "tests/bench/client/config.h"

/* Sends method path (behind cfg's prefix) with a JSON body or NULL, and reads the whole answer. Returns the HTTP
 * status and fills body (cleared first), or a negative code. */
int bc_http(const struct bc_config *cfg, const char *method, const char *path, const char *json,
            struct kg_buf *body, struct kg_err *err);

#endif

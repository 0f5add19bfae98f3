#include "tests/bench/client/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/mem.h"
#include "tests/bench/client/ws.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, TIMEOUT_S = 90 };

/* Undoes chunked coding in place; false when it isn't complete yet. */
static bool unchunk(struct kg_buf *b, struct kg_buf *out)
{
    size_t at = 0;
    kg_buf_clear(out);
    for (;;) {
        const uint8_t *eol = at < b->len ? memmem(b->data + at, b->len - at, "\r\n", 2) : NULL;
        if (!eol)
            return false;
        size_t n = strtoul((const char *)b->data + at, NULL, 16);
        at = (size_t)(eol - b->data) + 2;
        if (n == 0)
            return true;
        if (n > ANSWER_MAX || at + n + 2 > b->len)
            return false;
        kg_buf_add(out, b->data + at, n);
        at += n + 2;
    }
}

/* True when the answer whose head ends at `head` is whole; its body is then in out. */
static bool complete(struct kg_buf *in, size_t head, bool ended, struct kg_buf *out)
{
    char *text = (char *)in->data;
    char saved = text[head - 1];
    text[head - 1] = 0;
    const char *length = strcasestr(text, "\r\ncontent-length:");
    bool chunked = strcasestr(text, "\r\ntransfer-encoding: chunked") != NULL;
    size_t want = length ? strtoul(length + 17, NULL, 10) : SIZE_MAX;
    bool empty = strncmp(text + 9, "204", 3) == 0;
    text[head - 1] = saved;

    if (chunked) {
        struct kg_buf rest = {.data = in->data + head, .len = in->len - head};
        return unchunk(&rest, out);
    }
    if (empty || in->len - head >= want || ended) {
        kg_buf_clear(out);
        kg_buf_add(out, in->data + head, in->len - head);
        return true;
    }
    return false;
}

int bc_http(const struct bc_config *cfg, const char *method, const char *path, const char *json,
            struct kg_buf *body, struct kg_err *err)
{
    int rc = bc_connect(cfg->host, cfg->port);
    if (rc < 0)
        return kg_err_errno(err, -rc, "connect to port %d", cfg->port);
    kg_autoclose int fd = rc;
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

    kg_autobuf buf = {0};
    kg_buf_printf(
        &buf,
        "%s %s%s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: token %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        method, cfg->prefix, path, cfg->host, cfg->port, cfg->token ? cfg->token : "",
        json ? strlen(json) : 0, json ? json : "");
    if (bc_write_all(fd, buf.data, buf.len) < 0)
        return kg_err_set(err, -EPIPE, "%s %s: connection lost", method, path);

    kg_buf_clear(&buf);
    for (;;) {
        ssize_t n = recv(fd, kg_buf_reserve(&buf, 65536), 65536, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || buf.len > ANSWER_MAX)
            return kg_err_errno(err, n < 0 ? errno : EFBIG, "%s %s", method, path);
        buf.len += (size_t)n;
        const char *text = kg_buf_cstr(&buf);
        const char *end = strstr(text, "\r\n\r\n");
        if (end && complete(&buf, (size_t)(end + 4 - text), n == 0, body))
            return atoi((const char *)buf.data + 9);
        if (n == 0)
            return kg_err_set(err, -EPIPE, "%s %s: connection lost", method, path);
    }
}

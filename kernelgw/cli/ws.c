#include "kernelgw/cli/ws.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

enum { CONTINUED = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { HEAD_MAX = 64 * 1024, PIECE = 64 * 1024, CONNECT_S = 10, PATIENCE_MS = 30 * 1000 };

static int lost(struct kg_err *err, const char *why)
{
    return kg_err_set(err, -EPIPE, "the connection to the server was lost: %s", why);
}

/* Reads what is there. 1: something came; 0: nothing; -EPIPE. */
static int fill(struct kg_cli_ws *w, struct kg_err *err)
{
    size_t n = 0;
    CURLcode rc = curl_easy_recv(w->curl, kg_buf_reserve(&w->in, PIECE), PIECE, &n);
    if (rc == CURLE_AGAIN)
        return 0;
    if (rc != CURLE_OK || n == 0)
        return lost(err, rc == CURLE_OK ? "it was closed" : curl_easy_strerror(rc));
    w->in.len += n;
    return 1;
}

/* What comes meanwhile is read, too: two ends that both only write would wait for each other. */
static int put(struct kg_cli_ws *w, const void *data, size_t n, struct kg_err *err)
{
    const uint8_t *at = data;
    uint64_t since = kg_clock_ms();
    while (n > 0) {
        size_t sent = 0;
        CURLcode rc = curl_easy_send(w->curl, at, n, &sent);
        if (rc != CURLE_OK && rc != CURLE_AGAIN)
            return lost(err, curl_easy_strerror(rc));
        at += sent;
        n -= sent;
        if (sent)
            since = kg_clock_ms();
        if (rc != CURLE_AGAIN)
            continue;
        struct pollfd p = {.fd = w->fd, .events = POLLIN | POLLOUT};
        if (kg_clock_ms() - since > PATIENCE_MS)
            return lost(err, "it takes nothing");
        poll(&p, 1, 1000);
        if ((p.revents & POLLIN) && fill(w, err) < 0)
            return -EPIPE;
    }
    return 0;
}

static int put_frame(struct kg_cli_ws *w, uint8_t opcode, const void *data, size_t n,
                     struct kg_err *err)
{
    kg_autobuf frame = {0};
    uint8_t mask[4];
    kg_random_bytes(mask, sizeof mask);
    kg_buf_add_char(&frame, (char)(0x80 | opcode));
    if (n < 126) {
        kg_buf_add_char(&frame, (char)(0x80 | n));
    } else {
        int bytes = n < 65536 ? 2 : 8;
        kg_buf_add_char(&frame, (char)(0x80 | (bytes == 2 ? 126 : 127)));
        for (int i = bytes - 1; i >= 0; i--)
            kg_buf_add_char(&frame, (char)(n >> (8 * i)));
    }
    kg_buf_add(&frame, mask, sizeof mask);
    uint8_t *to = kg_buf_reserve(&frame, n);
    for (size_t i = 0; i < n; i++)
        to[i] = ((const uint8_t *)data)[i] ^ mask[i & 3];
    frame.len += n;
    return put(w, frame.data, frame.len, err);
}

/* base64(SHA-1(key and a fixed text)), which only a WebSocket server answers */
static void accept_of(char out[64], const char *key)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    kg_autofree char *text = kg_asprintf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    EVP_Digest(text, strlen(text), hash, &n, EVP_sha1(), NULL);
    sodium_bin2base64(out, 64, hash, n, sodium_base64_VARIANT_ORIGINAL);
}

static const char *field_of(const char *head, const char *name, size_t *n)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        const char *value = line + length + 1;
        value += strspn(value, " \t");
        *n = strcspn(value, "\r");
        return value;
    }
    *n = 0;
    return NULL;
}

static bool field_is(const char *head, const char *name, const char *expected)
{
    size_t n;
    const char *value = field_of(head, name, &n);
    return value && n == strlen(expected) && strncmp(value, expected, n) == 0;
}

static int wait_in(struct kg_cli_ws *w, struct kg_err *err)
{
    uint64_t until = kg_clock_ms() + PATIENCE_MS;
    int rc;
    while ((rc = fill(w, err)) == 0) {
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        if (kg_clock_ms() > until)
            return lost(err, "no answer");
        poll(&p, 1, 1000);
    }
    return rc;
}

/* The head of the answer, up to its empty line, is taken off w->in. */
static int read_head(struct kg_cli_ws *w, char **out, struct kg_err *err)
{
    const char *end;
    while (!(end = strstr(kg_buf_cstr(&w->in), "\r\n\r\n"))) {
        if (w->in.len > HEAD_MAX)
            return lost(err, "its answer is none");
        int rc = wait_in(w, err);
        if (rc < 0)
            return rc;
    }
    size_t n = (size_t)(end - (const char *)w->in.data) + 4;
    *out = kg_strndup((const char *)w->in.data, n);
    kg_buf_drop(&w->in, n);
    return 0;
}

/* The server's own sentence, which is the body of its answer. */
static int refused(struct kg_cli_ws *w, const char *head, struct kg_err *err)
{
    struct kg_answer a = {.status = strtol(head + 9, NULL, 10)};
    size_t n;
    const char *length = field_of(head, "Content-Length", &n);
    size_t want = length ? strtoul(length, NULL, 10) : 0;
    while (want < HEAD_MAX && w->in.len < want && wait_in(w, NULL) > 0)
        ;
    kg_buf_add(&a.body, w->in.data, w->in.len);
    int rc = kg_answer_err(&a, err);
    kg_answer_release(&a);
    return rc;
}

static int upgrade(struct kg_cli_ws *w, const struct kg_server *s, const char *path,
                   const char *subprotocol, struct kg_err *err)
{
    kg_autobuf request = {0};
    kg_autofree char *head = NULL;
    unsigned char random[16];
    char key[32];
    char expected[64];
    const char *host = strstr(s->url, "://") + 3;
    size_t host_len = strcspn(host, "/");
    kg_random_bytes(random, sizeof random);
    sodium_bin2base64(key, sizeof key, random, sizeof random, sodium_base64_VARIANT_ORIGINAL);
    accept_of(expected, key);
    kg_buf_printf(&request,
                  "GET %s%s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                  "Sec-WebSocket-Protocol: %s\r\n",
                  host + host_len, path, (int)host_len, host, key, subprotocol);
    if (s->token)
        kg_buf_printf(&request, "Authorization: token %s\r\n", s->token);
    kg_buf_add_str(&request, "\r\n");
    int rc = put(w, request.data, request.len, err);
    if (rc == 0)
        rc = read_head(w, &head, err);
    if (rc < 0 || !head)
        return rc;
    if (strncmp(head, "HTTP/1.1 ", 9) != 0)
        return lost(err, "its answer is no HTTP/1.1");
    if (strncmp(head + 9, "101", 3) != 0)
        return refused(w, head, err);
    if (!field_is(head, "Sec-WebSocket-Accept", expected) ||
        !field_is(head, "Sec-WebSocket-Protocol", subprotocol))
        return lost(err, "it does not speak the kernel's protocol");
    return 0;
}

int kg_cli_ws_open(struct kg_cli_ws *out, const struct kg_server *s, const char *path,
                   const char *subprotocol, struct kg_err *err)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    *out = (struct kg_cli_ws){.curl = curl_easy_init(), .fd = -1};
    curl_easy_setopt(out->curl, CURLOPT_URL, s->url);
    curl_easy_setopt(out->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(out->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(out->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(out->curl, CURLOPT_NOSIGNAL, 1L);
    if (s->socket)
        curl_easy_setopt(out->curl, CURLOPT_UNIX_SOCKET_PATH, s->socket);
    CURLcode rc = curl_easy_perform(out->curl);
    if (rc != CURLE_OK)
        return kg_err_set(err, -ECONNREFUSED, "no answer from %.150s: %s", s->url,
                          curl_easy_strerror(rc));
    curl_easy_getinfo(out->curl, CURLINFO_ACTIVESOCKET, &fd);
    out->fd = fd;
    return upgrade(out, s, path, subprotocol, err);
}

int kg_cli_ws_send(struct kg_cli_ws *w, const uint8_t *data, size_t n, struct kg_err *err)
{
    return put_frame(w, BINARY, data, n, err);
}

struct frame {
    bool last;
    uint8_t opcode;
    size_t head, length;
};

/* 1; 0 when the frame is not whole yet; -EPROTO. A server masks nothing. */
static int frame_of(struct frame *f, const struct kg_buf *in)
{
    if (in->len < 2)
        return 0;
    unsigned short_length = in->data[1];
    size_t more = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    if ((in->data[0] & 0x70) || short_length > 127)
        return -EPROTO;
    if (in->len < 2 + more)
        return 0;
    uint64_t length = more ? 0 : short_length;
    for (size_t i = 0; i < more; i++)
        length = length << 8 | in->data[2 + i];
    if (length > KG_CLI_WS_MESSAGE_MAX)
        return -EPROTO;
    *f = (struct frame){in->data[0] & 0x80, in->data[0] & 0x0f, 2 + more, (size_t)length};
    return in->len >= f->head + f->length;
}

static int closed(struct kg_cli_ws *w, const uint8_t *body, size_t n, struct kg_err *err)
{
    int code = n >= 2 ? body[0] << 8 | body[1] : 1005;
    w->close_code = (uint16_t)code;
    if (n > 2)
        snprintf(w->reason, sizeof w->reason, "%.*s", (int)(n - 2), (const char *)body + 2);
    return kg_err_set(err, -EPIPE, "the server closed the connection (%u): %s", w->close_code,
                      w->reason);
}

/* Takes one whole frame. 1 when it ends a message. */
static int take(struct kg_cli_ws *w, const struct frame *f, struct kg_err *err)
{
    const uint8_t *body = w->in.data + f->head;
    switch (f->opcode) {
    case PING: return put_frame(w, PONG, body, f->length, err);
    case PONG: return 0;
    case CLOSE: return closed(w, body, f->length, err);
    case CONTINUED:
    case TEXT:
    case BINARY: break;
    default: return lost(err, "it sends what no WebSocket does");
    }
    if (w->message.len + f->length > KG_CLI_WS_MESSAGE_MAX)
        return lost(err, "its message is too long");
    kg_buf_add(&w->message, body, f->length);
    return f->last;
}

int kg_cli_ws_next(struct kg_cli_ws *w, struct kg_span *out, struct kg_err *err)
{
    struct frame f;
    if (w->given)
        kg_buf_clear(&w->message);
    w->given = false;
    for (;;) {
        int rc = frame_of(&f, &w->in);
        if (rc < 0)
            return lost(err, "it sends what no WebSocket does");
        if (rc == 0) {
            if ((rc = fill(w, err)) <= 0)
                return rc;
            continue;
        }
        size_t n = f.head + f.length; /* an answer to a ping may add to w->in */
        rc = take(w, &f, err);
        if (rc < 0)
            return rc;
        kg_buf_drop(&w->in, n);
        if (rc > 0) {
            *out = kg_span_of(w->message.data, w->message.len);
            w->given = true;
            return 1;
        }
    }
}

void kg_cli_ws_close(struct kg_cli_ws *w)
{
    static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};
    if (w->curl && w->fd >= 0 && !w->close_code)
        put_frame(w, CLOSE, normal, sizeof normal, NULL);
    if (w->curl)
        curl_easy_cleanup(w->curl);
    kg_buf_release(&w->in);
    kg_buf_release(&w->message);
    *w = (struct kg_cli_ws){.fd = -1};
}

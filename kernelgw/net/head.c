#include "kernelgw/net/head.h"

#include <string.h>
#include <strings.h>

static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

size_t kg_head_end(const uint8_t *in, size_t n, size_t seen)
{
    size_t from = seen > 3 ? seen - 3 : 0;
    if (n < from + 4)
        return 0;
    const uint8_t *end = memmem(in + from, n - from, "\r\n\r\n", 4);
    return end ? (size_t)(end - in) + 4 : 0;
}

/* Cuts one line off [*at, end): ends it with a NUL and moves *at behind its CRLF. NULL when a bare CR
 * or LF, or a NUL, stands in it. */
static char *cut_line(char **at, const char *end)
{
    char *line = *at;
    char *cr = memchr(line, '\r', (size_t)(end - line));
    if (!cr || cr + 1 >= end || cr[1] != '\n')
        return NULL;
    size_t len = (size_t)(cr - line);
    if (memchr(line, '\n', len) || memchr(line, 0, len))
        return NULL;
    *cr = 0;
    *at = cr + 2;
    return line;
}

/* "/a?b" in place; an absolute "http://host/a?b" loses its front, as a proxy's request has it. */
static int read_target(struct kg_head *h, char *target)
{
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        char *slash = strchr(strchr(target, ':') + 3, '/');
        if (!slash)
            return 400;
        target = slash;
    }
    if (target[0] != '/' && strcmp(target, "*") != 0)
        return 400;
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return 400;
    char *fragment = strchr(target, '#');
    if (fragment)
        *fragment = 0;
    char *mark = strchr(target, '?');
    if (mark)
        *mark++ = 0;
    h->path = target;
    h->query = mark;
    return 0;
}

static int read_request_line(struct kg_head *h, char *line)
{
    char *target = strchr(line, ' ');
    if (!target || target == line)
        return 400;
    *target++ = 0;
    char *version = strchr(target, ' ');
    if (!version || version == target)
        return 400;
    *version++ = 0;
    for (const char *p = line; *p; p++)
        if (!is_token_char((unsigned char)*p))
            return 400;
    h->method = line;
    if (strncmp(version, "HTTP/", 5) != 0)
        return 400;
    if (strcmp(version, "HTTP/1.0") == 0)
        h->http10 = true;
    else if (strcmp(version, "HTTP/1.1") != 0)
        return 505;
    return read_target(h, target);
}

static int read_field(struct kg_head *h, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || colon == line)
        return 400; /* also a folded line: it starts with a space, which is no token */
    for (char *p = line; p < colon; p++) {
        if (!is_token_char((unsigned char)*p))
            return 400;
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    }
    *colon = 0;
    char *value = colon + 1;
    while (is_space(*value))
        value++;
    size_t len = strlen(value);
    while (len && is_space(value[len - 1]))
        value[--len] = 0;
    for (const char *p = value; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return 400;
    if (h->field_count == KG_HEAD_FIELDS_MAX)
        return 431;
    h->fields[h->field_count++] = (struct kg_head_field){line, value};
    return 0;
}

static int read_length(int64_t *out, const char *s)
{
    int64_t v = 0;
    if (!*s)
        return 400;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > INT64_MAX / 10 - 1)
            return 400;
        v = v * 10 + (*s - '0');
    }
    *out = v;
    return 0;
}

static int count_of(const struct kg_head *h, const char *name)
{
    int n = 0;
    for (size_t i = 0; i < h->field_count; i++)
        n += strcmp(h->fields[i].name, name) == 0;
    return n;
}

/* How the body is framed, and what the connection is to become. */
static int read_framing(struct kg_head *h)
{
    int hosts = count_of(h, "host");
    if (hosts > 1 || (hosts == 0 && !h->http10) || count_of(h, "authorization") > 1)
        return 400;
    int lengths = count_of(h, "content-length");
    int codings = count_of(h, "transfer-encoding");
    if (lengths > 1 || codings > 1 || (lengths && codings) || (codings && h->http10))
        return 400;
    h->content_length = -1;
    if (lengths) {
        int status = read_length(&h->content_length, kg_head_get(h, "content-length"));
        if (status)
            return status;
    }
    if (codings) {
        if (strcasecmp(kg_head_get(h, "transfer-encoding"), "chunked") != 0)
            return 501;
        h->chunked = true;
    }
    h->keep_alive = h->http10 ? kg_head_has_token(h, "connection", "keep-alive")
                              : !kg_head_has_token(h, "connection", "close");
    h->expect_continue = !h->http10 && kg_head_has_token(h, "expect", "100-continue");
    h->websocket = !h->http10 && strcmp(h->method, "GET") == 0 &&
                   kg_head_has_token(h, "connection", "upgrade") &&
                   kg_head_has_token(h, "upgrade", "websocket");
    return 0;
}

int kg_head_parse(struct kg_head *h, char *text, size_t n)
{
    h->method = h->path = h->query = NULL;
    h->field_count = 0;
    h->content_length = -1;
    h->http10 = h->chunked = h->keep_alive = h->expect_continue = h->websocket = false;
    if (n > KG_HEAD_BYTES_MAX)
        return 431;
    char *at = text;
    const char *end = text + n;
    char *line = cut_line(&at, end);
    if (!line)
        return 400;
    int status = read_request_line(h, line);
    if (status)
        return status;
    for (;;) {
        line = cut_line(&at, end);
        if (!line)
            return 400;
        if (!*line)
            break;
        if ((status = read_field(h, line)) != 0)
            return status;
    }
    if (at != end)
        return 400;
    return read_framing(h);
}

const char *kg_head_get(const struct kg_head *h, const char *name)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (strcmp(h->fields[i].name, name) == 0)
            return h->fields[i].value;
    return NULL;
}

static bool list_has(const char *list, const char *token)
{
    size_t want = strlen(token);
    while (*list) {
        while (is_space(*list) || *list == ',')
            list++;
        size_t len = strcspn(list, ",");
        size_t trimmed = len;
        while (trimmed && is_space(list[trimmed - 1]))
            trimmed--;
        if (trimmed == want && strncasecmp(list, token, want) == 0)
            return true;
        list += len;
    }
    return false;
}

bool kg_head_has_token(const struct kg_head *h, const char *name, const char *token)
{
    for (size_t i = 0; i < h->field_count; i++)
        if (strcmp(h->fields[i].name, name) == 0 && list_has(h->fields[i].value, token))
            return true;
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; false when a NUL comes out. */
static bool decode(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (*s == '+') {
            *out++ = ' ';
        } else if (*s == '%' && hex_value(s[1]) >= 0 && hex_value(s[2]) >= 0) {
            *out = (char)(hex_value(s[1]) * 16 + hex_value(s[2]));
            if (!*out++)
                return false;
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = 0;
    return true;
}

size_t kg_query_parse(struct kg_head_field *args, size_t max, char *query)
{
    size_t count = 0;
    char *next = query;
    while (next && count < max) {
        char *name = next;
        next = strchr(name, '&');
        if (next)
            *next++ = 0;
        if (!*name)
            continue;
        char *value = strchr(name, '=');
        char *end = name + strlen(name);
        if (value)
            *value++ = 0;
        else
            value = end;
        if (decode(name) && decode(value))
            args[count++] = (struct kg_head_field){name, value};
    }
    return count;
}

#include "kernelgw/net/answer.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

static bool is(const struct field *f, const char *name)
{
    return strlen(name) == f->name_len && strncasecmp(f->name, name, f->name_len) == 0;
}

/* Those about the connection, which is another one. */
static bool hop(const struct field *f)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "proxy-authenticate", "alt-svc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(f, names[i]))
            return true;
    return false;
}

static bool below(const struct field *f, const char *prefix)
{
    size_t n = strlen(prefix);
    return f->value_len >= n && memcmp(f->value, prefix, n) == 0 &&
           (f->value_len == n || f->value[n] == '/');
}

static void pass(struct kg_buf *out, const struct field *f, const char *prefix, const char *told)
{
    bool path = f->value_len > 0 && f->value[0] == '/' && !(f->value_len > 1 && f->value[1] == '/');
    kg_buf_printf(out, "%.*s: ", (int)f->name_len, f->name);
    bool redirects = is(f, "location") && path && !below(f, prefix);
    size_t known = redirects && below(f, told) ? strlen(told) : 0;
    if (redirects)
        kg_buf_add_str(out, prefix);
    kg_buf_add(out, f->value + known, f->value_len - known);
    if (is(f, "set-cookie")) /* the last of several paths counts (RFC 6265, 5.3) */
        kg_buf_printf(out, "; Path=%s/", prefix);
    kg_buf_add_str(out, "\r\n");
}

static bool split(struct field *f, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n);
    if (!colon || colon == line || memchr(line, ' ', (size_t)(colon - line)) ||
        memchr(line, '\r', n) || memchr(line, 0, n))
        return false;
    *f = (struct field){line, colon + 1, (size_t)(colon - line), n - (size_t)(colon - line) - 1};
    while (f->value_len && (*f->value == ' ' || *f->value == '\t')) {
        f->value++;
        f->value_len--;
    }
    return true;
}

int kg_answer_pass(struct kg_buf *out, const char *head, size_t n, const char *prefix,
                   const char *told)
{
    const char *end = head + n;
    const char *next = memchr(head, '\n', n);
    if (!next || next - head < 12 || strncmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' ||
        !isdigit((unsigned char)head[9]) || !isdigit((unsigned char)head[10]) ||
        !isdigit((unsigned char)head[11]) || memchr(head, 0, (size_t)(next - head)))
        return -EPROTO;
    int status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
    if (status < 100)
        return -EPROTO;
    size_t line = (size_t)(next - head) - (next[-1] == '\r');
    if (memchr(head, '\r', line))
        return -EPROTO;
    kg_buf_printf(out, "HTTP/1.1 %.*s\r\n", (int)line - 9, head + 9);
    for (const char *at = next + 1; at < end; at = next + 1) {
        struct field f;
        next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            return -EPROTO;
        size_t len = (size_t)(next - at);
        len -= len > 0 && at[len - 1] == '\r';
        if (len == 0)
            break;
        if (!split(&f, at, len))
            return -EPROTO;
        if (status == 101 || !hop(&f))
            pass(out, &f, prefix, told);
    }
    if (status >= 200)
        kg_buf_add_str(out, "Connection: close\r\n");
    kg_buf_add_str(out, "\r\n");
    return status;
}

#include "kernelgw/api/router.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* NULL for a bad escape or a NUL. */
static char *decode(const char *s, size_t n)
{
    char *out = kg_malloc(n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%') {
            int high = i + 2 < n ? hex(s[i + 1]) : -1;
            int low = high >= 0 ? hex(s[i + 2]) : -1;
            if (low < 0) {
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == 0) {
            free(out);
            return NULL;
        }
        out[len++] = c;
    }
    out[len] = 0;
    return out;
}

/* No part of a path argument may climb. */
static bool climbs(const char *path)
{
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/\\");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return true;
        p += n;
        if (!*p)
            return false;
    }
}

static enum kg_match take_arg(struct kg_found *out, size_t *count, const char *s, size_t n,
                              bool rest)
{
    if (n == 0)
        return KG_MATCH_NONE;
    char *value = decode(s, n);
    if (!value)
        return KG_MATCH_BAD;
    out->value[(*count)++] = value;
    return climbs(value) || (!rest && strchr(value, '/')) ? KG_MATCH_BAD : KG_MATCH;
}

/* Does the pattern fit, whatever the method? */
static enum kg_match fits(struct kg_found *out, const char *pattern, const char *path)
{
    size_t count = 0;
    while (*pattern) {
        if (*pattern == '{') {
            const char *end = strchr(pattern, '}');
            bool rest = end[-1] == '*';
            size_t n = rest ? strlen(path) : strcspn(path, "/");
            enum kg_match m = take_arg(out, &count, path, n, rest);
            if (m != KG_MATCH)
                return m;
            path += n;
            pattern = end + 1;
        } else if (*pattern++ != *path++) {
            return KG_MATCH_NONE;
        }
    }
    /* one slash too many at the end is forgiven */
    return *path == 0 || strcmp(path, "/") == 0 ? KG_MATCH : KG_MATCH_NONE;
}

void kg_found_release(struct kg_found *f)
{
    for (size_t i = 0; i < KG_ROUTE_ARGS; i++)
        free(f->value[i]);
    *f = (struct kg_found){0};
}

static void allow(struct kg_found *out, const char *method)
{
    size_t used = strlen(out->allow);
    snprintf(out->allow + used, sizeof out->allow - used, "%s%s", used ? ", " : "", method);
}

enum kg_match kg_route_find(struct kg_found *out, const struct kg_route *const *tables,
                            const char *method, const char *path)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    char allowed[sizeof out->allow] = "";
    *out = (struct kg_found){0};
    for (; *tables; tables++)
        for (const struct kg_route *r = *tables; r->method; r++) {
            enum kg_match m = fits(out, r->pattern, path);
            if (m == KG_MATCH && strcmp(r->method, wanted) == 0) {
                out->route = r;
                return KG_MATCH;
            }
            kg_found_release(out);
            if (m == KG_MATCH_BAD)
                return m;
            memcpy(out->allow, allowed, sizeof allowed);
            if (m == KG_MATCH)
                allow(out, r->method);
            memcpy(allowed, out->allow, sizeof allowed);
        }
    return allowed[0] ? KG_MATCH_METHOD : KG_MATCH_NONE;
}

const char *kg_path_below(const char *path, const char *base)
{
    size_t n = strlen(base);
    if (strncmp(path, base, n) != 0)
        return NULL;
    if (path[n] == 0)
        return "/";
    return path[n] == '/' ? path + n : NULL;
}

#include "kernelgw/core/names.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 63 };

bool kg_name_ok(const char *name, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (n < 1 || n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool inside = i > 0 && i + 1 < n && name[i] && strchr("-._", name[i]);
        if (!name[i] || (!strchr(letters, name[i]) && !inside))
            return false;
    }
    return !(n == 9 && strncasecmp(name, "localhost", n) == 0);
}

int kg_aliases_check(const json_t *aliases, const char *where, struct kg_err *err)
{
    size_t i;
    const json_t *v;
    if (!aliases || json_is_null(aliases))
        return 0;
    if (!json_is_array(aliases) || json_array_size(aliases) > KG_ALIASES_MAX)
        return kg_err_set(err, -EINVAL, "%s must be a list of at most %d host names", where,
                          KG_ALIASES_MAX);
    json_array_foreach(aliases, i, v)
        if (!json_is_string(v) || !kg_name_ok(json_string_value(v), json_string_length(v)))
            return kg_err_set(
                err, -EINVAL,
                "%s[%zu] must be a host name: letters and digits, inside also . - and _, 63 at most, not localhost",
                where, i);
    return 0;
}

static void add(json_t *names, const char *name, size_t n)
{
    size_t i, bytes = 0;
    const json_t *v;
    if (!kg_name_ok(name, n) || json_array_size(names) >= KG_NAMES_MAX)
        return;
    json_array_foreach(names, i, v) {
        if (json_string_length(v) == n && strncasecmp(json_string_value(v), name, n) == 0)
            return;
        bytes += json_string_length(v) + 1;
    }
    if (bytes + n + 1 <= KG_NAMES_BYTES)
        json_array_append_new(names, json_stringn(name, n));
}

void kg_names_add(json_t *names, const char *path, const json_t *aliases)
{
    size_t i;
    const json_t *v;
    if (path) {
        const char *slash = strrchr(path, '/');
        const char *file = slash ? slash + 1 : path;
        const char *dot = strrchr(file, '.');
        add(names, file, strlen(file));
        if (dot && dot != file)
            add(names, file, (size_t)(dot - file));
    }
    json_array_foreach(aliases, i, v)
        add(names, json_string_value(v), json_string_length(v));
}

#include "kernelgw/core/checks.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static bool among(const char *key, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

int kg_check_only(const json_t *object, const char *where, const char *const *names,
                  struct kg_err *err)
{
    const char *key;
    const json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v) {
        if (among(key, names))
            continue;
        kg_autobuf all = {0};
        for (size_t i = 0; names[i]; i++)
            kg_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
        return kg_err_set(err, -EINVAL, "%s%.60s: there is no such field; there is: %s", where, key,
                          kg_buf_cstr(&all));
    }
    return 0;
}

int kg_check_number(uint32_t *out, const json_t *object, const char *where, const char *key,
                    uint32_t min, uint32_t max, struct kg_err *err)
{
    const json_t *v = json_object_get(object, key);
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return kg_err_set(err, -EINVAL, "%s%s must be a whole number from %u to %u", where, key,
                          min, max);
    *out = (uint32_t)json_integer_value(v);
    return 0;
}

static bool is_text(const json_t *v)
{
    return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

int kg_check_argv(const json_t *argv, const char *where, struct kg_err *err)
{
    size_t i;
    const json_t *v;
    if (!json_is_array(argv) || json_array_size(argv) == 0)
        return kg_err_set(err, -EINVAL, "%sargv must be a list of strings, the program first",
                          where);
    json_array_foreach(argv, i, v)
        if (!is_text(v) || (i == 0 && !json_string_value(v)[0]))
            return kg_err_set(err, -EINVAL, "%sargv[%zu] must be a string", where, i);
    return 0;
}

const char *kg_check_text(const json_t *object, const char *where, const char *key,
                          struct kg_err *err)
{
    const json_t *v = json_object_get(object, key);
    if (is_text(v) && json_string_value(v)[0])
        return json_string_value(v);
    kg_err_set(err, -EINVAL, "%s%s must be a string that is not empty", where, key);
    return NULL;
}

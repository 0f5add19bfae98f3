#include "kernelgw/core/env.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { ENV_BYTES_MAX = 100 * 1024 };

int kg_env_check(const json_t *env, struct kg_err *err)
{
    const char *key;
    const json_t *value;
    size_t bytes = 0;
    if (!env || json_is_null(env))
        return 0;
    if (!json_is_object(env))
        return kg_err_set(err, -EINVAL, "env must be an object of strings");
    json_object_foreach((json_t *)(uintptr_t)env, key, value) {
        if (!key[0] || strchr(key, '='))
            return kg_err_set(err, -EINVAL, "env.%.60s: a name must not be empty or hold =", key);
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            return kg_err_set(err, -EINVAL, "env.%.60s must be a string without NUL", key);
        bytes += strlen(key) + json_string_length(value) + 2;
    }
    if (bytes > ENV_BYTES_MAX)
        return kg_err_set(err, -EINVAL, "env has %zu bytes: at most %d are allowed", bytes,
                          ENV_BYTES_MAX);
    return 0;
}

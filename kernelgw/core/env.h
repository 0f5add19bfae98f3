#ifndef KG_CORE_ENV_H
#define KG_CORE_ENV_H
/* Variables that a request gives to its kernel or run. */
#include <jansson.h>

#include "base/err.h"

/* env: an object of strings, or NULL or JSON null for none. -EINVAL with *err naming what can't be set, and for more
 * than a box takes, together with its own: 100 KiB. */
int kg_env_check(const json_t *env, struct kg_err *err);

#endif

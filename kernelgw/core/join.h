#ifndef KG_CORE_JOIN_H
#define KG_CORE_JOIN_H
/* Which workspace a kernel is to be in, and whether in its network: as the request's own object says it, or variables
 * KERNELGW_SESSION and KERNELGW_NETWORK from clients that can send nothing else. */
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "kernelgw/core/core.h"

struct kg_join {
    char *session; /* NULL: none, or one of its own if it has a network */
    bool network;
    json_t *aliases; /* NULL: none */
};

/* own: an object or NULL. The variables are taken out of env (or NULL). To be released in either case. -EINVAL with *err. */
int kg_join_read(struct kg_join *out, const struct kg_core *core, const json_t *own, json_t *env,
                 struct kg_err *err);
void kg_join_release(struct kg_join *p);

#endif

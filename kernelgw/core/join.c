#include "kernelgw/core/join.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernelgw/core/names.h"
#include "kernelgw/core/wish.h"
#include "kernelgw/core/workspace.h"

#define SESSION_VARIABLE "KERNELGW_SESSION"
#define NETWORK_VARIABLE "KERNELGW_NETWORK"

int kg_join_read(struct kg_join *out, const struct kg_core *core, const json_t *own, json_t *env,
                 struct kg_err *err)
{
    const json_t *session = json_object_get(own, "session");
    const json_t *network = json_object_get(own, "network");
    json_t *aliases = json_object_get(own, "aliases");
    const char *where = "kernelgw.session";
    const char *network_where = "kernelgw.network";
    *out = (struct kg_join){0};
    if (!session || json_is_null(session)) {
        session = json_object_get(env, SESSION_VARIABLE);
        where = "env." SESSION_VARIABLE;
    }
    if (!network || json_is_null(network)) {
        network = json_object_get(env, NETWORK_VARIABLE);
        network_where = "env." NETWORK_VARIABLE;
    }
    int rc = kg_network_wish(&out->network, core, network, network_where, err);
    if (rc == 0)
        rc = kg_aliases_check(aliases, "kernelgw.aliases", err);
    if (rc == 0 && json_array_size(aliases) > 0 && !out->network)
        rc = kg_err_set(err, -EINVAL, "kernelgw.aliases need \"network\": \"session\"");
    if (rc == 0 && session && !json_is_null(session)) {
        const char *name = json_string_value(session);
        if (!name || !kg_workspace_name_ok(name))
            return kg_err_set(
                err, -EINVAL,
                "%s must be a name of 1 to 100 bytes, without slashes and control characters",
                where);
        out->session = kg_strdup(name);
    }
    if (rc == 0 && json_array_size(aliases) > 0)
        out->aliases = json_incref(aliases);
    json_object_del(env, SESSION_VARIABLE);
    json_object_del(env, NETWORK_VARIABLE);
    return rc;
}

void kg_join_release(struct kg_join *p)
{
    free(p->session);
    json_decref(p->aliases);
    *p = (struct kg_join){0};
}

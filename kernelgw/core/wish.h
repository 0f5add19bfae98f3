#ifndef KG_CORE_WISH_H
#define KG_CORE_WISH_H
/* Limits that a request asks for its own kernel or run, up to what the operator allows. */
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "kernelgw/core/core.h"

struct kg_wish {
    uint32_t memory_mb, cpu_milli, pids, wall_s; /* 0: not said */
};

/* limits: an object (or NULL, or JSON null); wall_s is known to runs only. -EINVAL with *err. */
int kg_wish_parse(struct kg_wish *out, const struct kg_core_config *most, const json_t *limits,
                  bool run, struct kg_err *err);
/*
 * The same from variables KERNELGW_MEMORY_MB, KERNELGW_CPU_MILLI and KERNELGW_PIDS, for clients that can send nothing else;
 * they are taken out of env, since a kernel has no use for them. What is in *out already stands.
 */
int kg_wish_parse_env(struct kg_wish *out, const struct kg_core_config *most, json_t *env,
                      struct kg_err *err);
/* "none" (or nothing) or "session", which -EINVAL says when the engine has no session networks. where names the field. */
int kg_network_wish(bool *out, const struct kg_core *core, const json_t *network, const char *where,
                    struct kg_err *err);
/* Lays it over limits. */
void kg_wish_apply(const struct kg_wish *wish, struct pl_limits *limits);

#endif

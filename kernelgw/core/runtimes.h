#ifndef KG_CORE_RUNTIMES_H
#define KG_CORE_RUNTIMES_H
/*
 * What can be run: manifests (runtimes/NAME/runtime.json: image, limits, kernelspec, how programs run) and, with
 * the process engine, every kernelspec installed on the host. Read once at start.
 */
#include <jansson.h>

#include "base/err.h"
#include "jupyter/kernelspec.h"
#include "kernelgw/core/program.h"
#include "pool/pool.h"

struct kg_runtime {
    char *name; /* kernelspec's name, lower case */
    char *language;
    struct kg_program *program; /* NULL: no programs */
    json_t *manifest;
    struct pl_runtime
        pool; /* its program_limits have the memory of the largest phase. Strings and objects belong to this struct */
};

struct kg_runtimes {
    struct kg_runtime *items;
    size_t count;
    struct jy_kernelspecs specs; /* as GET /api/kernelspecs shows them */
    struct pl_runtime *pool;     /* items' pool parts in one array, for pl_pool_config */
};

struct kg_runtimes_config {
    const char *dir; /* of manifests */
    const char *
        per_language; /* JSON: what the operator lays over manifests, by name or language; or NULL */
    const char *languages; /* names or languages separated by commas; NULL: all */
    bool host_kernelspecs; /* also offer what is installed on the host, and prefer it */
    int64_t stock_kernels, stock_boxes; /* -1: as the manifests say */
};

/* Returns 0, or a negative code with *err when nothing at all can be offered or a manifest is wrong. */
int kg_runtimes_load(struct kg_runtimes *r, const struct kg_runtimes_config *config,
                     struct kg_err *err);
void kg_runtimes_release(struct kg_runtimes *r);

const struct kg_runtime *kg_runtimes_find(const struct kg_runtimes *r, const char *name);
/* The runtime that runs programs of a language ("python"), or by its own name; NULL when there is none. */
const struct kg_runtime *kg_runtimes_for_program(const struct kg_runtimes *r, const char *language);

#endif

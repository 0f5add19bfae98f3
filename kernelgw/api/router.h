#ifndef KG_API_ROUTER_H
#define KG_API_ROUTER_H
/* Paths and what they lead to: pure functions over the route tables of api.h. */
#include "kernelgw/api/api.h"

enum kg_match { KG_MATCH, KG_MATCH_NONE, KG_MATCH_METHOD, KG_MATCH_BAD };

struct kg_found {
    const struct kg_route *route;
    char *value[KG_ROUTE_ARGS]; /* decoded; released by kg_found_release */
    char allow[64];             /* KG_MATCH_METHOD: the methods that the path has */
};

/*
 * Looks path (as sent, without the base URL) up in the tables (ended by NULL). KG_MATCH_METHOD: the path is there, the
 * method is not. KG_MATCH_BAD: an argument that can't be decoded, holds a NUL or a slash, or is "." or "..".
 */
enum kg_match kg_route_find(struct kg_found *out, const struct kg_route *const *tables,
                            const char *method, const char *path);
void kg_found_release(struct kg_found *f);

/* What follows base in path, or NULL when path is not below it. base: "" or "/prefix". */
const char *kg_path_below(const char *path, const char *base);

#endif

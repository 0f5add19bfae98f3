#ifndef KG_API_ORIGIN_PATTERN_H
#define KG_API_ORIGIN_PATTERN_H
/* A regular expression for the Origins whose pages may call (--allow-origin-pat): all of an Origin must fit it, in any case. */
#include <stdbool.h>

#include "base/err.h"

struct kg_origin_pattern;

/* -EINVAL with *err for what is no expression. */
int kg_origin_pattern_new(struct kg_origin_pattern **out, const char *expression,
                          struct kg_err *err);
void kg_origin_pattern_free(struct kg_origin_pattern *p); /* NULL is fine */
/* False also for one that takes too many steps to tell. */
bool kg_origin_pattern_fits(const struct kg_origin_pattern *p, const char *origin);

#endif

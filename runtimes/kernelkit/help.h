#ifndef KK_HELP_H
#define KK_HELP_H
/*
 * A cell that asks for help, as IPython's users write it: `name?`, `name??` for more, or `?name`. It is code in none of the
 * languages whose evaluators say "help" (docs/EVALUATORS.md), so it is asked as an inspect_request would be. Pure.
 */
#include <stdbool.h>

#include "base/span.h"

enum { KK_HELP_NAME_MAX = 512 };

/* Is text, a cell's UTF-8, nothing but such a question? Then *name is its part that is asked for, and *detail 0 or 1. */
bool kk_help_asked(struct kg_span text, struct kg_span *name, int *detail);

#endif

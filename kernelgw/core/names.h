#ifndef KG_CORE_NAMES_H
#define KG_CORE_NAMES_H
/* Host names of a session's programs. Pure. */
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

enum { KG_NAMES_MAX = 256, KG_NAMES_BYTES = 8 * 1024, KG_ALIASES_MAX = 16 };

/* True for what /etc/hosts may hold as a name: letters, digits, inside also dots, dashes and underlines; 63 at most; not
 * localhost. */
bool kg_name_ok(const char *name, size_t n);
/* aliases: a list of names, or NULL or JSON null. -EINVAL with *err. */
int kg_aliases_check(const json_t *aliases, const char *where, struct kg_err *err);
/* Appends the names of a program whose entry is at path, and its aliases, to names (an array), each once, as far as there is
 * room. path may be NULL. */
void kg_names_add(json_t *names, const char *path, const json_t *aliases);

#endif

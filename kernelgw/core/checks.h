#ifndef KG_CORE_CHECKS_H
#define KG_CORE_CHECKS_H
/* Small checks of JSON that a person wrote (manifests, requests): each says in a sentence which field is wrong. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* -EINVAL unless every member's name is among names (ended by NULL); where is written before it ("limits."). */
int kg_check_only(const json_t *object, const char *where, const char *const *names,
                  struct kg_err *err);
/* A whole number from min to max into *out, which is left as it is when there is no such member, or null. */
int kg_check_number(uint32_t *out, const json_t *object, const char *where, const char *key,
                    uint32_t min, uint32_t max, struct kg_err *err);
/* A list of one string or more, none with a NUL. */
int kg_check_argv(const json_t *argv, const char *where, struct kg_err *err);
/* A string without NUL that is not empty; NULL with *err. */
const char *kg_check_text(const json_t *object, const char *where, const char *key,
                          struct kg_err *err);

#endif

#ifndef TESTS_UNIT_NOTEBOOKS_UNIT_H
#define TESTS_UNIT_NOTEBOOKS_UNIT_H
/* cmocka and its includes in the order it needs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "notebooks/document.h"

/* A document that must be one: a new reference. */
static inline json_t *read_ok(const char *text)
{
    json_t *nb = NULL;
    struct kg_err err = {0};
    if (nb_read(&nb, kg_span_str(text), &err) < 0)
        fail_msg("%s", err.text);
    return nb;
}

#endif

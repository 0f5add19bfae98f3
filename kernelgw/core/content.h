#ifndef KG_CORE_CONTENT_H
#define KG_CORE_CONTENT_H
/*
 * The content of a kernel's message as a document. Kernels write what Python's json module writes, which JSON does not
 * have: NaN and the infinities, halves of surrogate pairs. Front ends that read it with that module get along with it.
 */
#include <jansson.h>

#include "base/buf.h"
#include "base/span.h"

/* Adds the same with null for the former and U+FFFD for the latter; all else, whatever it is, as it stands. */
void kg_content_mend(struct kg_buf *out, struct kg_span json);

/* A new reference; NULL for what can't be read even so (nested too deep, NUL in a name, no UTF-8). Strings may hold NUL. */
json_t *kg_content_load(struct kg_span json);

#endif

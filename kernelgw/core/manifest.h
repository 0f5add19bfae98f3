#ifndef KG_CORE_MANIFEST_H
#define KG_CORE_MANIFEST_H
/*
 * A runtime's manifest (runtimes/LANG/runtime.json), checked field by field: what is wrong is refused with a sentence
 * that names the field, and a field that is not known is wrong. docs/ADDING_A_LANGUAGE.md says what each one means.
 */
#include <jansson.h>

#include "base/err.h"
#include "kernelgw/core/runtimes.h"

/*
 * Lays what an operator says of a runtime (its "limits" and "stock") over its manifest. limits may also name a phase:
 * {"limits":{"compile":{"memory_mb":512}}}.
 */
int kg_manifest_override(json_t *manifest, const json_t *over, struct kg_err *err);

/*
 * Fills rt's program and pool from its manifest, all but kernel_start; name, language and manifest are set. rt is released
 * by its owner also after an error.
 */
int kg_manifest_read(struct kg_runtime *rt, struct kg_err *err);

#endif

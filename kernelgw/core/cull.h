#ifndef KG_CORE_CULL_H
#define KG_CORE_CULL_H
/* Kernels that nobody has used for --cull-idle-s are deleted; not while they are busy, or while a client is connected,
 * unless the operator wants that. */
#include "kernelgw/core/core.h"

/* When k would be deleted if nobody used it from now on: wall clock, in the past when it is about to be; 0: never, as it is now. */
int64_t kg_cull_at_us(const struct kg_kernel *k);
void kg_cull_tick(struct kg_core *core, int64_t now_wall_us);

#endif

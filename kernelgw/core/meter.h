#ifndef KG_CORE_METER_H
#define KG_CORE_METER_H
/*
 * Processor time and output while programs and kernels run, for the quotas of users and of sessions: every few seconds each box
 * is asked what it has used, where a quota asks for it, and for a kernel that is at work in a session. A run over a quota is ended,
 * with reason "quota"; a kernel's cell is interrupted and told why, and a kernel that goes on all the same is deleted.
 */
#include <stddef.h>

#include "kernelgw/core/core.h"

struct kg_run;
struct kg_kernel;

/* Once a second; looks every KG_METER_MS. */
void kg_meter_tick(struct kg_core *core, uint64_t now_ms);
/* What the kernel's box had used before it was this kernel's is nobody's: called when it becomes ready. */
void kg_meter_kernel(struct kg_kernel *k);
/* Its cell has ended: what that took is counted, though the kernel may be deleted before the next look. */
void kg_meter_kernel_idle(struct kg_kernel *k);
/* It has said so many bytes of output. Never deletes it. */
void kg_meter_kernel_said(struct kg_kernel *k, size_t n);
/* A run has ended: what had not been counted yet is. */
void kg_meter_run_ended(struct kg_run *r);

#endif

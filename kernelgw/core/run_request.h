#ifndef KG_CORE_RUN_REQUEST_H
#define KG_CORE_RUN_REQUEST_H
/* What the agent is asked for when a run has its box and its files are there. */
#include "kernelgw/core/run.h"

/* run.start (docs/PROTOCOL.md). */
json_t *kg_run_request(struct kg_run *r);
/* Bytes of output that are kept, as messages. */
uint64_t kg_run_kept_bytes(const struct kg_run *r);
/* The phase that it begins with. */
size_t kg_run_first_phase(const struct kg_run_spec *s);

/* Puts the reason of its end right, when that was a quota's. */
void kg_run_name_quota(const struct kg_run *r, json_t *exit);

#endif

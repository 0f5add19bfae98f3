#ifndef KG_CORE_RUN_PLACE_H
#define KG_CORE_RUN_PLACE_H
/* Within core: where a run's box comes from, and where it goes. */
#include "kernelgw/core/run.h"

/* False: a box that it could have is just being cleared. */
bool kg_run_place_ready(struct kg_run *r);
/* Its turn has come: kg_run_placed follows, now or later, or its end, or it waits again. */
void kg_run_place(struct kg_run *r);
/* What the pool is asked for. */
void kg_run_claim(struct pl_claim *claim, struct kg_run *r);
/* It has ended: its box is kept for the workspace's next program if it may be, else destroyed. */
void kg_run_give_back(struct kg_run *r);

#endif

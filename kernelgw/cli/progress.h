#ifndef KG_CLI_PROGRESS_H
#define KG_CLI_PROGRESS_H
/* How far a run is, on standard error: a bar on a terminal, else a line at each step. */
#include <jansson.h>
#include <stdbool.h>

struct kg_progress {
    const char *name; /* of the notebook, borrowed */
    bool quiet, terminal;
    long long done;
    char state[16];
    unsigned position;
};

void kg_progress_init(struct kg_progress *p, const char *name, bool quiet);
/* model: of the run. */
void kg_progress_show(struct kg_progress *p, const json_t *model);
/* The bar is done with: what follows begins a line. */
void kg_progress_end(struct kg_progress *p);

#endif

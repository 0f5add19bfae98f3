#ifndef KG_CORE_WORKSPACE_USAGE_H
#define KG_CORE_WORKSPACE_USAGE_H
/* What workspaces' boxes use at this moment, those that are kept for the next program too, asked from the engine. */
#include "kernelgw/core/workspace.h"

struct kg_usage {
    struct kg_workspace *workspace; /* may have ended meanwhile: `ending` says so */
    uint64_t memory_bytes;
};

/* Answers once, later; list is borrowed, in the order of the table. */
typedef void kg_usage_done(void *user, const struct kg_usage *list, size_t n);
/* Of those workspaces for which wanted is true. */
void kg_workspaces_measure(struct kg_core *core,
                           bool (*wanted)(const void *user, const struct kg_workspace *w),
                           kg_usage_done *done, void *user);

#endif

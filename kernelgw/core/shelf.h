#ifndef KG_CORE_SHELF_H
#define KG_CORE_SHELF_H
/*
 * Boxes that a workspace keeps for its next program of the same kind, for KG_SHELF_MS after their last use. Before a box is
 * given out again everything that the program before it left is removed; it never goes to another workspace, and one in
 * which anything was killed for want of memory goes to nobody.
 */
#include <stdbool.h>
#include <stdint.h>

#include "kernelgw/core/workspace.h"

struct kg_shelf_kind {
    const struct kg_runtime *runtime;
    bool networked;
    struct pl_limits limits;
};

enum kg_shelf_find { KG_SHELF_NONE, KG_SHELF_SOON, KG_SHELF_READY };

/* Whether there is one. SOON: it is being cleared; kg_queue_pump is called when it is ready, or is not to be had. */
enum kg_shelf_find kg_shelf_find(const struct kg_workspace *w, const struct kg_shelf_kind *kind);
struct pl_box *kg_shelf_take(struct kg_workspace *w, const struct kg_shelf_kind *kind);
/* Takes the box, whose program has ended. */
void kg_shelf_put(struct kg_workspace *w, const struct kg_shelf_kind *kind, struct pl_box *box);
void kg_shelf_expire(struct kg_workspace *w, uint64_t now_ms);
void kg_shelf_clear(struct kg_workspace *w);
/* Gives up the box of any workspace that has lain longest. False: there is none. */
bool kg_shelf_give_way(struct kg_core *core);
unsigned kg_shelf_count(const struct kg_workspace *w);
/* Whether one of them is in the workspace's network. */
bool kg_shelf_has_networked(const struct kg_workspace *w);

/* Those on the shelf, KG_SHELF_MAX at most; their number. Borrowed. */
size_t kg_shelf_boxes(const struct kg_workspace *w, struct pl_box **out);

#endif

#include "kernelgw/core/changes.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

void kg_changes_note(struct kg_changes *c, const char *what, const char *how, const char *id)
{
    struct kg_change *at = &c->ring[c->last++ % KG_CHANGES_KEPT];
    free(at->id);
    *at = (struct kg_change){what, how, id ? kg_strdup(id) : NULL};
}

void kg_changes_release(struct kg_changes *c)
{
    for (size_t i = 0; i < KG_CHANGES_KEPT; i++)
        free(c->ring[i].id);
    *c = (struct kg_changes){0};
}

static void add(struct kg_json *j, const struct kg_change *change)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "what", change->what);
    if (change->how)
        kg_json_kstr(j, "how", change->how);
    if (change->id)
        kg_json_kstr(j, "id", change->id);
    kg_json_object_end(j);
}

void kg_changes_model(const struct kg_changes *c, uint64_t *seen, struct kg_json *j)
{
    static const struct kg_change more = {.what = "more"};
    uint64_t first = c->last > KG_CHANGES_KEPT ? c->last - KG_CHANGES_KEPT : 0;
    kg_json_array_begin(j);
    if (*seen < first) {
        add(j, &more);
        *seen = first;
    }
    for (; *seen < c->last; ++*seen)
        add(j, &c->ring[*seen % KG_CHANGES_KEPT]);
    kg_json_array_end(j);
}

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"

static const char *const state_names[KG_N_STATES] = {"queued", "starting", "running", "saving",
                                                     "ended"};

static void add_time(struct kg_json *j, const char *key, int64_t us)
{
    char iso[KG_ISO_SIZE];
    kg_clock_iso(iso, us);
    kg_json_kstr(j, key, us ? iso : NULL);
}

static unsigned position(const struct kg_nbrun *r)
{
    unsigned n = 1;
    for (const struct kg_nbrun *w = r->all->line; w && w != r; w = w->next)
        n++;
    return n;
}

void kg_nbrun_model(const struct kg_nbrun *r, struct kg_json *j)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "id", r->id);
    kg_json_kstr(j, "path", r->spec.path);
    kg_json_kstr(j, "output_path", r->store.path);
    kg_json_kstr(j, "state", state_names[r->state]);
    if (r->state == KG_N_QUEUED)
        kg_json_kint(j, "position", position(r));
    kg_json_kstr(j, "outcome", r->outcome);
    kg_json_kstr(j, "reason", r->reason[0] ? r->reason : NULL);
    kg_json_kstr(j, "kernel_name", r->runtime->name);
    kg_json_kstr(j, "kernel_id", r->kernel_id[0] ? r->kernel_id : NULL);
    kg_json_key(j, "cell");
    if (r->cell)
        kg_json_int(j, (int64_t)r->at);
    else
        kg_json_null(j);
    kg_json_kint(j, "cells_done", (int64_t)r->cells_done);
    kg_json_kint(j, "cells_total", (int64_t)r->cells_total);
    kg_json_key(j, "error");
    kg_autofree char *error = r->error ? json_dumps(r->error, JSON_COMPACT) : NULL;
    if (error)
        kg_json_raw(j, error, strlen(error));
    else
        kg_json_null(j);
    kg_json_kstr(j, "save_error",
                 r->store.trouble[0] ? r->store.trouble
                 : r->store.moved[0] ? r->store.moved
                                     : NULL);
    add_time(j, "created", r->created_us);
    add_time(j, "started", r->started_us);
    add_time(j, "ended", r->ended_us);
    if (r->started_us)
        kg_json_kint(j, "wall_ms",
                     ((r->ended_us ? r->ended_us : kg_clock_wall_us()) - r->started_us) / 1000);
    kg_json_object_end(j);
}

void kg_nbruns_list(const struct kg_nbruns *all, const char *owner, struct kg_json *j)
{
    kg_json_array_begin(j);
    for (const struct kg_nbrun *r = all->table; r; r = r->hh.next)
        if (!owner || strcmp(r->spec.owner, owner) == 0)
            kg_nbrun_model(r, j);
    kg_json_array_end(j);
}

bool kg_nbrun_document(const struct kg_nbrun *r, struct kg_buf *out)
{
    if (!r->nb)
        return false;
    kg_nb_write_now(r, out);
    return true;
}

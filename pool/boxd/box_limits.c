/*
 * What a box may use: set in its cgroup, and told inside it. /run/kgw/limits holds the figures in force as JSON, replaced
 * whenever they change; /run/kgw/memory is the cgroup's own account of kills for want of memory (box_make.c).
 */
#include <errno.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/box.h"
#include "pool/boxd/files.h"

enum { LIMITS_FILE_MAX = 1024 };

static char *limits_path(const struct bd_box *box)
{
    return kg_asprintf("%s/link/limits", box->dir);
}

int bd_box_tell_limits(struct bd_box *box, struct kg_err *err)
{
    kg_autofree char *path = limits_path(box);
    kg_autobuf text = {0};
    struct kg_json j;
    kg_json_init(&j, &text);
    kg_json_object_begin(&j);
    kg_json_kint(&j, "memory_mb", box->limits.memory_mb);
    kg_json_kint(&j, "cpu_milli", box->limits.cpu_milli);
    kg_json_kint(&j, "pids", box->limits.pids);
    kg_json_object_end(&j);
    kg_buf_add_char(&text, '\n');
    return bd_file_replace(path, text.data, text.len, 0644, err);
}

void bd_box_recall_limits(struct bd_box *box)
{
    kg_autofree char *path = limits_path(box);
    kg_autobuf text = {0};
    if (bd_file_read(&text, path, LIMITS_FILE_MAX, NULL) < 0)
        return; /* of a boxd that wrote none */
    json_t *o = json_loadb((const char *)text.data, text.len, 0, NULL);
    box->limits.memory_mb = (uint32_t)json_integer_value(json_object_get(o, "memory_mb"));
    box->limits.cpu_milli = (uint32_t)json_integer_value(json_object_get(o, "cpu_milli"));
    box->limits.pids = (uint32_t)json_integer_value(json_object_get(o, "pids"));
    json_decref(o);
}

/* Each one that could be set is in force, and told, whatever became of the others. */
int bd_box_limits(struct bd_box *box, const struct bd_request *r, struct kg_err *err)
{
    const struct bd_cgroups *c = &box->all->cgroups;
    const char *name = box->state.box;
    int rc = 0;
    if (r->cpu_milli && (rc = bd_cgroup_set_cpu(c, name, r->cpu_milli, err)) == 0)
        box->limits.cpu_milli = r->cpu_milli;
    if (rc == 0 && r->weight)
        rc = bd_cgroup_set_weight(c, name, r->weight, err);
    if (rc == 0 && r->pids && (rc = bd_cgroup_set_pids(c, name, r->pids, err)) == 0)
        box->limits.pids = r->pids;
    if (rc == 0 && r->memory_mb && (rc = bd_cgroup_set_memory(c, name, r->memory_mb, err)) == 0)
        box->limits.memory_mb = r->memory_mb;
    struct kg_err untold = {0};
    if (bd_box_tell_limits(box, &untold) < 0)
        kg_log(KG_WARN, "boxd", "limits not told", "box=%.12s why=\"%s\"", name, untold.text);
    return rc;
}

int bd_box_stats(struct bd_box *box, struct bd_stats *out, struct kg_err *err)
{
    return bd_cgroup_stats(&box->all->cgroups, box->state.box, out, err);
}

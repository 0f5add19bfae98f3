/* What others see of a workspace: its model, and who listens in its network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/shelf.h"

static const char *state_of(const struct kg_workspace *w)
{
    if (w->attached)
        return "attached";
    if (w->lost_ms)
        return "grace";
    return w->runs || w->kernels ? "active" : "idle";
}

void kg_workspace_model(const struct kg_workspace *w, struct kg_json *j)
{
    kg_workspace_model_used(w, NULL, j);
}

void kg_workspace_model_used(const struct kg_workspace *w, const uint64_t *memory_bytes,
                             struct kg_json *j)
{
    unsigned boxes = kg_shelf_count(w);
    char when[KG_ISO_SIZE];
    kg_clock_iso(when, w->created_us);
    kg_json_object_begin(j);
    kg_json_kstr(j, "name", w->name);
    kg_json_kstr(j, "owner", w->owner);
    kg_json_kstr(j, "state", state_of(w));
    kg_json_kstr(j, "created", when);
    if (w->lost_ms) {
        uint64_t now = kg_clock_ms();
        uint64_t end = w->lost_ms + (uint64_t)w->core->config.session_grace_s * 1000;
        kg_json_kint(j, "grace_s", end > now ? (int64_t)((end - now + 999) / 1000) : 0);
    }
    kg_json_kbool(j, "network", w->networked > 0);
    kg_json_kbool(j, "outside", w->core->pool && pl_pool_outside(w->core->pool));
    kg_json_key(j, "runs");
    kg_json_array_begin(j);
    for (const struct kg_run *r = w->core->runs; r; r = r->hh.next)
        if (r->workspace == w) {
            boxes += r->box != NULL;
            kg_run_model(r, j);
        }
    kg_json_array_end(j);
    kg_json_key(j, "kernels");
    kg_json_array_begin(j);
    for (const struct kg_kernel *k = w->core->kernels; k; k = k->hh.next)
        if (k->workspace == w) {
            boxes += k->box != NULL;
            kg_kernel_model(k, j);
        }
    kg_json_array_end(j);
    kg_json_kint(j, "boxes", boxes);
    kg_json_kint(j, "boxes_kept", kg_shelf_count(w));
    if (memory_bytes)
        kg_json_kint(j, "memory_bytes", (int64_t)*memory_bytes);
    kg_json_kint(j, "cpu_ms", (int64_t)w->cpu_ms);
    kg_json_kint(j, "output_bytes", (int64_t)w->output_bytes);
    kg_json_key(j, "files");
    kg_files_summary(&w->files, j);
    if (w->ports) {
        kg_autofree char *ports = json_dumps(w->ports, JSON_COMPACT);
        kg_json_key(j, "ports");
        kg_json_raw(j, ports, strlen(ports));
    }
    kg_json_object_end(j);
}

struct asking {
    struct kg_workspace *workspace;
    kg_workspace_ports_done *done;
    void *user;
};

static json_t *port_model(const struct kg_workspace *w, const struct pl_port *p)
{
    json_t *one = json_pack("{s:i}", "port", p->port);
    for (const struct kg_run *r = w->core->runs; r; r = r->hh.next)
        if (r->workspace == w && r->box && strcmp(pl_box_id(r->box), p->box) == 0) {
            json_object_set_new(one, "run_id", json_string(r->id));
            json_object_set_new(one, "console", json_string(r->spec.entry));
        }
    for (const struct kg_kernel *k = w->core->kernels; k; k = k->hh.next)
        if (k->workspace == w && k->box && strcmp(pl_box_id(k->box), p->box) == 0)
            json_object_set_new(one, "kernel_id", json_string(k->id));
    return one;
}

static void listed(void *user, const struct pl_port *ports, size_t n, const struct kg_err *err)
{
    struct asking *a = user;
    json_t *list = json_array();
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(list, port_model(a->workspace, &ports[i]));
    /* that there is no such network at the engine means that nobody listens in it */
    a->done(a->user, list, err && err->code != -ENOENT ? err : NULL);
    json_decref(list);
    kg_workspace_unref(a->workspace);
    free(a);
}

void kg_workspace_ports(struct kg_workspace *w, kg_workspace_ports_done *done, void *user)
{
    struct asking *a = kg_malloc(sizeof *a);
    *a = (struct asking){w, done, user};
    w->refs++;
    pl_net_ports(kg_workspace_net(w), listed, a);
}

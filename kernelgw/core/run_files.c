/* A run's files: those of its workspace are there before it starts, and what it has made of them is there when it has ended. */
#include "base/clock.h"
#include "base/mem.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/workspace.h"

/* One without a name goes with its run: nobody could ever ask for its files. */
static bool carries(const struct kg_run *r)
{
    return r->workspace && !r->workspace->passing;
}

size_t kg_run_carry(struct kg_run *r, pl_reply *done)
{
    if (!carries(r))
        return 0;
    kg_carry_begin(&r->carry, r->workspace, r->box, r->id);
    for (size_t i = 0; i < r->spec.file_count; i++)
        kg_carry_note(&r->carry, r->spec.files[i].path);
    return kg_carry_send(&r->carry, !r->spec.own_files, done, r);
}

void kg_run_carry_adopted(struct kg_run *r)
{
    if (carries(r))
        kg_carry_adopt(&r->carry, r->workspace, r->box, r->id);
}

static void kept(void *user)
{
    struct kg_run *r = user;
    kg_run_finished(r, kg_steal(&r->exit_due));
}

/* Whoever is told of the end finds the files, in the next server, too, should this one be killed at once. */
static void gathered(void *user, json_t *result)
{
    struct kg_run *r = user;
    if (result)
        json_object_set(r->exit_due, "files", result);
    if (!result || !kg_keep_workspace_wait(r->workspace, &r->keep_wait, kept, r))
        kept(r);
}

void kg_run_finish(struct kg_run *r, json_t *content)
{
    if (kg_run_ended(r) || r->exit_due || !r->carry.workspace || !r->box) {
        kg_run_finished(r, content);
        return;
    }
    r->exit_due = content;
    r->deadline_ms = kg_clock_ms() + KG_GATHER_MS;
    kg_carry_gather(&r->carry, gathered, r);
}

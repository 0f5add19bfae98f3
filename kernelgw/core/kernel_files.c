/* A kernel's files: those of its workspace are there before its first cell, and what its cells make of them goes back when the
 * kernel is idle. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/run.h"

static bool carries(const struct kg_kernel *k)
{
    return k->workspace && !k->workspace->passing;
}

static void filled(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_kernel *k = user;
    char why[KG_ERR_TEXT_MAX];
    k->fill_due--;
    if (!k->deleted && k->box && !k->ready && k->state != KG_K_DEAD) {
        if (kg_run_refused(reply, err, why, sizeof why)) {
            struct kg_err told;
            kg_err_set(&told, -EIO, "the session's files can't be put into its box: %s", why);
            kg_kernel_give_box_back(k);
            kg_kernel_dead(k, &told);
        } else if (k->fill_due == 0) {
            kg_kernel_up(k, "filled");
        }
    }
    kg_kernel_unref(k);
}

bool kg_kernel_fill(struct kg_kernel *k)
{
    if (!carries(k))
        return false;
    kg_carry_begin(&k->carry, k->workspace, k->box, k->id);
    size_t n = kg_carry_send(&k->carry, true, filled, k);
    k->fill_due += (unsigned)n;
    k->refs += (unsigned)n;
    return true;
}

void kg_kernel_files_adopt(struct kg_kernel *k)
{
    if (carries(k))
        kg_carry_adopt(&k->carry, k->workspace, k->box, k->id);
}

static void gathered(void *user, json_t *result)
{
    struct kg_kernel *k = user;
    const json_t *conflicts = json_object_get(result, "conflicts");
    if (conflicts)
        kg_log(KG_INFO, "kernel", "files changed on both sides", "id=%s count=%zu", k->id,
               json_array_size(conflicts));
    if (!k->gather_again)
        return;
    k->gather_again = false;
    kg_carry_gather(&k->carry, gathered, k);
}

void kg_kernel_gather(struct kg_kernel *k)
{
    if (!k->carry.workspace || !k->box || !k->ready)
        return;
    if (k->carry.gather)
        k->gather_again = true;
    else
        kg_carry_gather(&k->carry, gathered, k);
}

/* The box of a kernel that is no more, while the last of its files are on their way. */
struct last {
    struct kg_core *core;
    struct kg_carry carry;
    bool again;
};

static void last_free(struct last *l)
{
    kg_carry_end(&l->carry);
    free(l);
}

static void last_gathered(void *user, json_t *result)
{
    struct last *l = user;
    (void)result;
    if (l->again) {
        l->again = false;
        kg_carry_gather(&l->carry, last_gathered, l);
        return;
    }
    if (!l->core->closing) /* else the pool sees to it */
        pl_box_destroy(l->carry.box);
    last_free(l);
}

static void last_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    (void)user;
    (void)rec;
    (void)body;
}

static void last_gone(void *user, const char *why, bool oom)
{
    (void)why;
    (void)oom;
    last_free(user);
}

bool kg_kernel_files_last(struct kg_kernel *k)
{
    static const struct pl_box_events events = {.record = last_record, .gone = last_gone};
    if (!k->carry.gather || k->core->closing || k->carry.workspace->ending)
        return false;
    struct last *l = kg_calloc(1, sizeof *l);
    l->core = k->core;
    l->again = k->gather_again;
    k->gather_again = false;
    kg_carry_move(&l->carry, &k->carry, last_gathered, l);
    pl_box_set_events(l->carry.box, &events, l);
    return true;
}

/* How a box ends: everything killed, everything removed, tried again until nothing is left. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/box.h"
#include "pool/boxd/files.h"
#include "pool/boxd/proc.h"

enum { TRIES_WITH_PLACE = 60 }; /* then a stubborn box lets others go first */

static void step(uv_timer_t *timer);

/* Soon at first, since most are gone within milliseconds, then less and less often. */
static void again(struct bd_box *box, const struct kg_err *err)
{
    unsigned n = box->tries++;
    uint64_t delay_ms = n < 10 ? 2 : n < 40 ? 20 : n < 100 ? 200 : 2000;
    if (n == 100 || (n > 100 && n % 300 == 0))
        kg_log(KG_ERROR, "boxd", "box can't be removed yet", "box=%.12s tries=%u why=\"%s\"",
               box->state.box, n, err && err->code ? err->text : "processes left");
    if (n == TRIES_WITH_PLACE && box->counted) {
        box->counted = false;
        box->all->ending--;
        bd_boxes_wake(box->all);
        box->counted = true; /* goes on beside the others, beyond their number */
        box->all->ending++;
    }
    uv_timer_start(&box->timer, step, delay_ms, 0);
}

static bool ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return pidfd < 0 || poll(&p, 1, 0) == 1;
}

/* True when no process of the box or of the runtime's work on it is left. */
static bool all_dead(struct bd_box *box)
{
    const struct bd_cgroups *c = &box->all->cgroups;
    kg_autofree char *helper = kg_asprintf("helpers/%s", box->state.box);
    if (box->pidfd >= 0)
        bd_pidfd_kill(box->pidfd);
    size_t found = bd_cgroup_kill(c, helper) + bd_cgroup_kill(c, box->state.box);
    return found == 0 && ended(box->pidfd);
}

static void deleted(void *user, int status)
{
    struct bd_box *box = user;
    box->job = NULL;
    box->delete_done = true;
    if (status != 0)
        kg_log(KG_DEBUG, "boxd", "runtime's delete failed", "box=%.12s status=%d", box->state.box,
               status);
    uv_timer_start(&box->timer, step, 0, 0);
}

/* Asks a runtime that keeps more than a directory (gVisor's sandbox) to let go of the box. */
static int start_delete(struct bd_box *box, struct kg_err *err)
{
    kg_autofree char *root = kg_asprintf("%s/runtime", box->all->config.run_dir);
    const char *args[] = {"--root", root, "delete", "--force", box->state.box, NULL};
    kg_cleanup_close(&box->helper_fd);
    box->helper_fd = bd_cgroup_helper(&box->all->cgroups, box->state.box, err);
    if (box->helper_fd < 0)
        return box->helper_fd;
    int words = box->words_fd >= 0 ? box->words_fd : STDERR_FILENO;
    box->job =
        bd_job_start(box->all->jobs, args, box->helper_fd, words, BD_DELETE_MS, deleted, box);
    return 0;
}

static int remove_all(struct bd_box *box, struct kg_err *err)
{
    const struct bd_cgroups *c = &box->all->cgroups;
    kg_autofree char *helper = kg_asprintf("helpers/%s", box->state.box);
    kg_autofree char *runtime =
        kg_asprintf("%s/runtime/%s", box->all->config.run_dir, box->state.box);
    kg_cleanup_close(&box->helper_fd);
    box->helper_fd = -1;
    int rc = bd_cgroup_remove(c, helper, err);
    if (rc == 0)
        rc = bd_cgroup_remove(c, box->state.box, err);
    if (rc == 0)
        rc = bd_tree_remove(runtime, err);
    return rc < 0 ? rc
                  : bd_tree_remove(box->dir, err); /* last: while it is there the box is known */
}

static void step(uv_timer_t *timer)
{
    struct bd_box *box = timer->data;
    struct kg_err err = {0};
    int rc = 0;
    if (box->job) /* the runtime has been killed; its end brings us back */
        return;
    if (!all_dead(box)) {
        again(box, &err);
        return;
    }
    if (!box->all->own_removal && !box->delete_done) {
        rc = start_delete(box, &err);
        if (rc == 0)
            return;
    }
    if (rc == 0)
        rc = remove_all(box, &err);
    if (rc < 0)
        again(box, &err);
    else
        bd_box_gone(box);
}

void bd_box_end(struct bd_box *box)
{
    struct bd_boxes *all = box->all;
    if (box->phase != BD_ENDING) {
        box->phase = BD_ENDING;
        bd_box_unwatch(box);
        if (box->job && bd_job_cancel(box->job))
            box->job = NULL;
        if (box->wants_reply) {
            struct kg_err err = {0};
            kg_err_set(&err, -ECANCELED, "box %s was destroyed while it was being made",
                       box->state.box);
            box->wants_reply = false;
            all->config.created(all->config.user, box->creator, NULL, &err);
        }
    }
    if (!box->counted) {
        if (all->ending >= BD_ENDINGS_MAX)
            return; /* bd_boxes_wake comes back when there is a place */
        box->counted = true;
        all->ending++;
    }
    uv_timer_start(&box->timer, step, 0, 0);
}

void bd_box_ended(struct bd_box *box)
{
    struct bd_boxes *all = box->all;
    struct bd_stats stats = {0};
    char words[256];
    bd_boxes_reap(all); /* its status may not have been fetched yet */
    bd_cgroup_stats(&all->cgroups, box->state.box, &stats, NULL);
    bd_box_last_words(box, words, sizeof(words));
    kg_log(KG_INFO, "boxd", "box ended by itself",
           "box=%.12s status=%d oom_kills=%llu agent=\"%s\"", box->state.box, box->status,
           (unsigned long long)stats.oom_kills, words);
    all->config.exited(all->config.user, box, box->status, stats.oom_kills);
    bd_box_end(box);
}

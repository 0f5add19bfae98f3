/* From its box to its first process: files, limits, names, start. */
#include <stdlib.h>

#include "base/clock.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/run_request.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/workspace.h"

void kg_run_catch_up(struct kg_run *r)
{
    for (struct kg_run_input *in = r->input; in; in = in->next)
        kg_run_send_input(r, in->data, in->len, in->eof, NULL, NULL);
    kg_run_drop_input(r);
    kg_run_tty_started(r);
    if (r->stopping)
        kg_run_signal(r, "KILL", NULL);
}

static void started(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    char why[KG_ERR_TEXT_MAX];
    if (kg_run_ended(r) || !r->box) {
        kg_run_unref(r);
        return;
    }
    if (kg_run_refused(reply, err, why, sizeof why)) {
        kg_run_lost(r, why);
    } else {
        r->state = KG_R_RUNNING;
        r->started_us = kg_clock_wall_us();
        kg_run_catch_up(r);
        kg_keep_run(r);
        kg_run_wake(r);
        if (r->workspace) {
            kg_workspace_note(r->workspace, "run", "running", r->id);
            kg_workspace_changed(r->workspace);
        }
    }
    kg_run_unref(r);
}

/* The files are in the box, and it may use what the first phase needs. */
static void all_ready(struct kg_run *r)
{
    kg_run_drop_files(r);
    json_t *req = kg_run_request(r);
    uint64_t most = kg_run_most_ms(&r->spec);
    r->deadline_ms = most ? kg_clock_ms() + most + KG_RUN_GRACE_MS : 0;
    r->refs++;
    pl_box_request(r->box, "run.start", req, NULL, 0, started, r);
    kg_run_wake(r);
}

static void put_done(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    char why[KG_ERR_TEXT_MAX];
    r->steps_due--;
    if (!kg_run_ended(r) && r->box) {
        if (kg_run_refused(reply, err, why, sizeof why))
            kg_run_lost(r, why);
        else if (r->steps_due == 0)
            all_ready(r);
    }
    kg_run_unref(r);
}

/* A step that can't fail is done. */
static void phase_prepared(void *user)
{
    struct kg_run *r = user;
    r->steps_due--;
    if (!kg_run_ended(r) && r->box && r->steps_due == 0)
        all_ready(r);
    kg_run_unref(r);
}

void kg_run_placed(struct kg_run *r, struct pl_box *box)
{
    r->box = box;
    r->box_seq = pl_box_last_seq(box);
    r->state = KG_R_STARTING;
    pl_box_set_events(box, &kg_run_box_events, r);
    kg_run_wake(r);
    r->steps_due = r->spec.file_count + kg_run_prepare_phase(r, phase_prepared) + r->spec.network;
    if (r->spec.network) {
        r->refs++;
        kg_workspace_tell_names(r->workspace, phase_prepared, r);
    }
    for (size_t i = 0; i < r->spec.file_count; i++) {
        struct kg_run_file *f = &r->spec.files[i];
        json_t *req = json_pack("{s:s,s:i,s:I}", "path", f->path, "mode", 0644, "size",
                                (json_int_t)f->data.len);
        r->refs++;
        pl_box_request(box, "files.put", req, kg_buf_cstr(&f->data), f->data.len, put_done, r);
    }
    size_t more = kg_run_carry(r, put_done);
    r->steps_due += more;
    r->refs += (unsigned)more;
    if (r->steps_due == 0)
        all_ready(r);
}

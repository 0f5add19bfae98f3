/* The life of one notebook's run: its kernel, its cells, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/session.h"
#include "kernelgw/headless/inside.h"
#include "notebooks/parameters.h"

static void next_cell(struct kg_nbrun *r);

static json_t *cells_of(const struct kg_nbrun *r)
{
    return json_object_get(r->nb, "cells");
}

static json_t *cell_now(const struct kg_nbrun *r)
{
    return json_array_get(cells_of(r), r->at);
}

static bool is_blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n\f\v")] == 0;
}

/* As nbclient: markdown, cells without code, and those tagged skip-execution are passed over. */
static bool is_run(const json_t *cell)
{
    const char *type = json_string_value(json_object_get(cell, "cell_type"));
    return type && strcmp(type, "code") == 0 &&
           !is_blank(json_string_value(json_object_get(cell, "source"))) &&
           !nb_cell_tagged(cell, "skip-execution");
}

static struct kg_kernel *kernel_of(const struct kg_nbrun *r)
{
    return r->kernel_id[0] ? kg_kernel_find(r->all->core, r->kernel_id) : NULL;
}

/* What earlier runs gave goes before the first cell begins: a document never shows results of two runs. */
static void clear_outputs(struct kg_nbrun *r)
{
    size_t i;
    json_t *cell;
    r->cells_total = 0;
    json_array_foreach(cells_of(r), i, cell) {
        if (!is_run(cell))
            continue;
        json_object_set_new(cell, "outputs", json_array());
        json_object_set_new(cell, "execution_count", json_null());
        json_object_del(json_object_get(cell, "metadata"), "execution");
        r->cells_total++;
    }
}

static void give_kernel_back(struct kg_nbrun *r, bool keep)
{
    struct kg_kernel *k = kernel_of(r);
    struct kg_session *s = r->session_id[0] ? kg_session_find(r->all->core, r->session_id) : NULL;
    if (keep && k)
        return;
    r->session_id[0] = 0;
    if (s)
        kg_session_free(r->all->core, s);
    if (k) {
        kg_kernel_forget_waiter(k, r);
        kg_kernel_delete(k);
    }
    r->kernel_id[0] = 0;
}

void kg_nbrun_saved(struct kg_nbrun *r)
{
    struct kg_nb_store *s = &r->store;
    if (s->dirty && s->root && strcmp(r->outcome, "ok") == 0) {
        r->outcome = "failed";
        snprintf(r->reason, sizeof r->reason, "what it gave could not be saved: %.250s",
                 s->trouble);
    }
    bool never_begun = r->spec.path && !r->started_us;
    if (never_begun || (s->root && !s->dirty)) { /* the file has it all */
        json_decref(r->nb);
        r->nb = NULL;
    }
    r->state = KG_N_ENDED;
    r->ended_us = kg_clock_wall_us();
    r->ended_ms = kg_clock_ms();
    json_decref(r->displays);
    r->displays = NULL;
    kg_log(KG_INFO, "notebook", "ended", "id=%s outcome=%s cells=%zu/%zu why=\"%s\"", r->id,
           r->outcome, r->cells_done, r->cells_total, r->reason);
    if (!r->left)
        kg_nb_keep_ended(r);
    kg_nbruns_left(r);
}

void kg_nbrun_finish(struct kg_nbrun *r, const char *outcome, const char *why)
{
    if (r->outcome)
        return;
    bool begun = r->state == KG_N_RUNNING;
    r->outcome = outcome;
    if (why)
        snprintf(r->reason, sizeof r->reason, "%s", why);
    if (r->nb && begun)
        kg_nb_note_end(r);
    give_kernel_back(r, r->spec.keep_kernel && begun && !r->all->closing);
    if (r->state == KG_N_QUEUED)
        kg_nbruns_left(r); /* its turn never came: the line goes on without it */
    r->state = KG_N_SAVING;
    if (!begun) { /* nothing of it has been written, and nothing is */
        nb_root_unref(kg_steal(&r->store.root));
    }
    kg_nbrun_changed(r);
    kg_nb_store_want(r, true);
}

/* A sentence of ours as the cell's last output, so that who reads the file alone knows. */
static void add_error(json_t *outputs, const char *ename, const char *evalue)
{
    kg_autofree char *line = kg_asprintf("%s: %s", ename, evalue);
    json_array_append_new(outputs, json_pack("{s:s,s:s,s:s,s:[s]}", "output_type", "error", "ename",
                                             ename, "evalue", evalue, "traceback", line));
}

static bool has_error(const json_t *outputs)
{
    size_t i;
    json_t *output;
    json_array_foreach(outputs, i, output) {
        const char *type = json_string_value(json_object_get(output, "output_type"));
        if (type && strcmp(type, "error") == 0)
            return true;
    }
    return false;
}

static void set_error(struct kg_nbrun *r, const char *ename, const char *evalue)
{
    json_decref(r->error);
    r->error = json_pack("{s:i,s:s,s:s}", "cell", (int)r->at, "ename", ename ? ename : "", "evalue",
                         evalue ? evalue : "");
}

/* What becomes of the run by the way its cell ended: an outcome, or NULL when it goes on. */
static const char *judge(struct kg_nbrun *r, const struct kg_cell_end *end, json_t *outputs,
                         char why[KG_ERR_TEXT_MAX])
{
    const char *status = json_string_value(json_object_get(end->reply, "status"));
    const char *ename = json_string_value(json_object_get(end->reply, "ename"));
    const char *evalue = json_string_value(json_object_get(end->reply, "evalue"));
    bool allowed = r->spec.allow_errors || nb_cell_tagged(cell_now(r), "raises-exception");
    why[0] = 0;
    if (end->timed_out) {
        kg_autofree char *text = kg_asprintf(
            "the cell was not done within %g s%s%s", (double)(r->spec.timeout_ms - 1) / 1000,
            end->why ? "; " : ", and was interrupted", end->why ? end->why : "");
        add_error(outputs, "CellTimeoutError", text);
        set_error(r, "CellTimeoutError", text);
        snprintf(why, KG_ERR_TEXT_MAX, "cell %zu: %.300s", r->at, text);
        return r->spec.allow_errors && end->reply ? NULL : "timeout";
    }
    if (r->stopping) {
        snprintf(why, KG_ERR_TEXT_MAX, "it was stopped in cell %zu", r->at);
        if (!end->reply)
            add_error(outputs, "Stopped", why);
        return "stopped";
    }
    if (!end->reply || !status || strcmp(status, "aborted") == 0) {
        snprintf(why, KG_ERR_TEXT_MAX, "cell %zu: its kernel was %s by somebody else: %.200s",
                 r->at, end->reply ? "restarted" : "ended",
                 end->why ? end->why : "the cell was aborted");
        add_error(outputs, "KernelDied", why);
        set_error(r, "KernelDied", why);
        return "died";
    }
    if (strcmp(status, "ok") == 0)
        return NULL;
    if (!has_error(outputs)) /* a kernel may tell it in its reply alone */
        add_error(outputs, ename ? ename : "Error", evalue ? evalue : "");
    /* what cells before it made is gone: no cell behind it can mean what it says */
    bool died = ename && strcmp(ename, "KernelDied") == 0;
    if (allowed && !died)
        return NULL;
    set_error(r, ename, evalue);
    snprintf(why, KG_ERR_TEXT_MAX, "cell %zu: %.80s: %.250s", r->at, ename ? ename : "error",
             evalue ? evalue : "");
    return died ? "died" : "error";
}

static void on_cell_output(void *user, const json_t *output)
{
    (void)output;
    kg_nb_store_want(user, false);
}

static void on_cell_ended(void *user, const struct kg_cell_end *end)
{
    struct kg_nbrun *r = user;
    char why[KG_ERR_TEXT_MAX];
    json_t *cell = cell_now(r);
    /* the items are shared with displays, which later cells may update */
    json_t *outputs = json_copy((json_t *)(uintptr_t)end->outputs);
    json_t *count = json_object_get(end->reply, "execution_count");
    r->cell = NULL;
    const char *outcome = judge(r, end, outputs, why);
    bool failed = has_error(outputs);
    r->output_bytes += end->bytes;
    json_object_set_new(cell, "outputs", outputs);
    json_object_set(cell, "execution_count", json_is_integer(count) ? count : json_null());
    kg_nb_note_times(r, cell, end->times);
    kg_nb_note_cell(r, cell, failed ? "failed" : "completed", failed);
    r->at++;
    r->cells_done += !outcome || strcmp(outcome, "error") == 0;
    if (outcome) {
        kg_nbrun_finish(r, outcome, why[0] ? why : NULL);
        return;
    }
    kg_nb_store_want(r, false);
    next_cell(r);
}

static const struct kg_cell_events cell_events = {.output = on_cell_output, .ended = on_cell_ended};

static void start_cell(struct kg_nbrun *r, struct kg_kernel *k)
{
    json_t *cell = cell_now(r);
    struct kg_err err = {0};
    bool allowed = r->spec.allow_errors || nb_cell_tagged(cell, "raises-exception");
    size_t left = r->output_bytes < KG_NB_OUTPUT_BYTES ? KG_NB_OUTPUT_BYTES - r->output_bytes : 0;
    kg_autofree char *index = kg_asprintf("%zu", r->at);
    const char *known = json_string_value(json_object_get(r->msg_ids, index));
    char msg_id[KG_UUID_SIZE];
    kg_uuid4(msg_id);
    if (known) {
        snprintf(msg_id, sizeof msg_id, "%s", known);
    } else { /* written down before the request can reach the kernel: else it might run twice */
        json_object_set_new(r->msg_ids, index, json_string(msg_id));
        kg_nb_keep(r);
    }
    const struct kg_cell_config config = {
        .msg_id = msg_id,
        .resume = known != NULL,
        .kept = known ? json_object_get(cell, "outputs") : NULL,
        .code = json_string_value(json_object_get(cell, "source")),
        .store_history = true,
        .stop_on_error = !allowed,
        .timeout_ms = r->spec.timeout_ms,
        .max_bytes = left,
        .displays = r->displays,
    };
    r->cell_us = kg_clock_wall_us();
    kg_nb_note_cell(r, cell, "running", false);
    r->cell = kg_cell_start(k, &config, &cell_events, r, &err);
    if (!r->cell)
        kg_nbrun_finish(r, "died", err.text);
}

static void next_cell(struct kg_nbrun *r)
{
    while (r->at < json_array_size(cells_of(r)) && !is_run(cell_now(r))) {
        r->cell_us = kg_clock_wall_us();
        kg_nb_note_cell(r, cell_now(r), "completed", false);
        r->at++;
    }
    struct kg_kernel *k = kernel_of(r);
    if (r->at == json_array_size(cells_of(r)))
        kg_nbrun_finish(r, "ok", NULL);
    else if (r->stopping)
        kg_nbrun_finish(r, "stopped", "it was stopped between two cells");
    else if (!k)
        kg_nbrun_finish(r, "died", "its kernel was ended by somebody else");
    else
        start_cell(r, k);
    kg_nbrun_changed(r);
}

/* Busy machines are waited for; what else keeps a kernel from starting ends the run. */
static void no_kernel(struct kg_nbrun *r, const struct kg_err *err)
{
    bool busy =
        (err->code == -EBUSY || err->code == -EAGAIN || err->code == -EDQUOT) && !r->all->closing;
    give_kernel_back(r, false);
    if (r->stopping) {
        kg_nbrun_finish(r, "stopped", "it was stopped before its kernel was there");
    } else if (busy) {
        snprintf(r->reason, sizeof r->reason, "%s", err->text);
        kg_nbruns_again(r);
    } else {
        kg_autofree char *why = kg_asprintf("its kernel could not be started: %s", err->text);
        kg_nbrun_finish(r, "failed", why);
    }
}

static void on_kernel(void *user, struct kg_kernel *k, const struct kg_err *err)
{
    struct kg_nbrun *r = user;
    if (err) {
        no_kernel(r, err);
        return;
    }
    r->state = KG_N_RUNNING;
    r->reason[0] = 0;
    r->started_us = kg_clock_wall_us();
    r->displays = json_object();
    json_decref(r->msg_ids); /* of one that was taken over before its turn */
    r->msg_ids = json_object();
    clear_outputs(r);
    kg_nb_note_kernel(r, k);
    kg_nb_note_begin(r);
    kg_nb_store_want(r, false); /* who opens the file from now on sees this run's */
    next_cell(r);
}

/* A front-end that opens the document finds its kernel by the path. A document that somebody has open already, with a kernel of
 * theirs, stays theirs. */
static void make_session(struct kg_nbrun *r, struct kg_kernel *k)
{
    const char *path = r->store.path;
    if (!path || kg_session_by_path(r->all->core, r->spec.owner, path))
        return;
    const struct kg_session *s =
        kg_session_new(r->all->core, r->spec.owner, path, nb_path_name(path), "notebook", k);
    memcpy(r->session_id, s->id, sizeof r->session_id);
}

void kg_nbrun_begin(struct kg_nbrun *r)
{
    struct kg_err err = {0};
    struct kg_kernel *k = NULL;
    const struct kg_kernel_start start = {.name = r->runtime->name,
                                          .env = r->spec.env,
                                          .limits = json_object_get(r->spec.own, "limits"),
                                          .owner = r->spec.owner,
                                          .own = r->spec.own};
    r->state = KG_N_STARTING;
    if (kg_kernel_start(r->all->core, &start, &k, on_kernel, r, &err) < 0) {
        no_kernel(r, &err);
        return;
    }
    memcpy(r->kernel_id, k->id, sizeof r->kernel_id);
    make_session(r, k);
    kg_nbrun_changed(r);
}

void kg_nbrun_resume(struct kg_nbrun *r)
{
    size_t i;
    json_t *cell;
    r->state = KG_N_RUNNING;
    r->displays = json_object(); /* those of before can't be told any more */
    r->at = r->covered;
    r->cells_done = r->covered_done;
    r->cells_total = 0;
    json_array_foreach(cells_of(r), i, cell)
        r->cells_total += is_run(cell);
    kg_log(KG_INFO, "notebook", "taken over", "id=%s cell=%zu", r->id, r->at);
    if (kernel_of(r) || r->at >= json_array_size(cells_of(r))) {
        next_cell(r);
        return;
    }
    static const char why[] = "the server ended, and its kernel with it";
    const char *index;
    json_object_foreach(r->msg_ids, index, cell) { /* the last one that had begun */
        size_t at = strtoul(index, NULL, 10);
        if (at > r->at && at < json_array_size(cells_of(r)))
            r->at = at;
    }
    cell = cell_now(r);
    if (!json_is_array(json_object_get(cell, "outputs")))
        json_object_set_new(cell, "outputs", json_array());
    add_error(json_object_get(cell, "outputs"), "KernelDied", why);
    set_error(r, "KernelDied", why);
    kg_nbrun_finish(r, "died", why);
}

void kg_nbrun_leave(struct kg_nbrun *r)
{
    if (r->outcome)
        return; /* its last save is under way */
    r->left = true;
    if (r->state == KG_N_QUEUED)
        kg_nbruns_left(r);
    if (r->state == KG_N_STARTING)
        give_kernel_back(r, false);
    if (r->state != KG_N_RUNNING) { /* what was asked is kept, and there is nothing else of it */
        nb_root_unref(kg_steal(&r->store.root));
        r->store.kept = NULL;
    }
    if (r->cell) {
        json_t *outputs = kg_cell_outputs(r->cell);
        json_object_set_new(cell_now(r), "outputs", outputs);
        kg_cell_leave(kg_steal(&r->cell));
    }
    r->outcome = "left";
    r->state = KG_N_SAVING;
    kg_nb_store_want(r, true);
}

void kg_nbrun_stop(struct kg_nbrun *r)
{
    if (r->outcome || r->stopping)
        return;
    r->stopping = true;
    if (r->cell)
        kg_cell_stop(r->cell);
    else if (r->state == KG_N_QUEUED || r->state == KG_N_STARTING)
        kg_nbrun_finish(r, "stopped", "it was stopped before its first cell");
}

void kg_nbrun_abandon(struct kg_nbrun *r)
{
    static const char why[] = "the server ended";
    if (r->cell) {
        json_t *outputs = kg_cell_outputs(r->cell);
        add_error(outputs, "Stopped", why);
        json_object_set_new(cell_now(r), "outputs", outputs);
        kg_nb_note_cell(r, cell_now(r), "failed", true);
        kg_cell_cancel(kg_steal(&r->cell));
    }
    kg_nbrun_finish(r, "stopped", why);
}

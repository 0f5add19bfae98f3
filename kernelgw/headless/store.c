/* The document's way to its file: what has changed is written after a moment, by a thread of libuv's pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"
#include "notebooks/document.h"

static void on_timer(uv_timer_t *timer);

void kg_nb_store_init(struct kg_nbrun *r)
{
    uv_timer_init(r->all->core->loop, &r->store.timer);
    r->store.timer.data = r;
    r->store.work.data = r;
    r->store.kept = r->all->kept;
}

void kg_nb_write_now(const struct kg_nbrun *r, struct kg_buf *out)
{
    if (r->cell) {
        json_t *cell = json_array_get(json_object_get(r->nb, "cells"), r->at);
        json_object_set_new(cell, "outputs", kg_cell_outputs(r->cell));
        kg_nb_note_times(r, cell, kg_cell_times(r->cell));
    }
    nb_write(out, r->nb);
}

/* Beside the place where it was to go: "a/b.ipynb" -> "a/b-run-1234abcd.ipynb". */
static void go_beside(struct kg_nbrun *r)
{
    struct kg_nb_store *s = &r->store;
    char *beside = kg_asprintf("%.*s-run-%.8s.ipynb", (int)strlen(s->path) - 6, s->path, r->id);
    snprintf(s->moved, sizeof s->moved,
             "%.120s was changed by somebody else: what this run gives is in %.160s", s->path,
             beside);
    kg_log(KG_WARN, "notebook", "goes beside", "id=%s path=\"%s\"", r->id, beside);
    free(s->path);
    s->path = beside;
    s->hash[0] = 0;
    s->is_new = true;
    s->dirty = true;
}

static void work(uv_work_t *w)
{
    struct kg_nbrun *r = w->data;
    struct kg_nb_store *s = &r->store;
    const struct nb_expect expect = {.hash = s->hash[0] ? s->hash : NULL};
    s->rc = s->copy_rc = kg_nb_keep_copy(r, &s->bytes, &s->err);
    if (!s->root)
        return; /* else the file's fate is what counts */
    nb_hash(s->new_hash, s->bytes.data, s->bytes.len);
    s->rc = nb_file_write(s->root, s->path, &s->bytes, s->is_new ? NB_NEW : NB_REPLACE, &expect,
                          &s->err);
}

static void save_now(struct kg_nbrun *r);

static void after(uv_work_t *w, int status)
{
    struct kg_nbrun *r = w->data;
    struct kg_nb_store *s = &r->store;
    (void)status; /* never cancelled */
    s->busy = false;
    kg_buf_release(&s->bytes);
    if (s->rc == -ESTALE) {
        go_beside(r);
        save_now(r);
        return;
    }
    if (s->copy_rc == 0) {
        r->covered = s->covers;
        r->covered_done = s->covers_done;
    }
    if (s->rc < 0) {
        kg_log(KG_WARN, "notebook", "could not be saved", "id=%s why=\"%s\"", r->id, s->err.text);
        snprintf(s->trouble, sizeof s->trouble, "%s", s->err.text);
        s->dirty = true;
        s->tries++;
    } else {
        s->trouble[0] = 0;
        memcpy(s->hash, s->new_hash, sizeof s->hash);
        s->is_new = false;
        s->tries = 0;
        kg_nb_keep(r);
    }
    kg_nbrun_changed(r);
    if (s->last && (!s->dirty || s->tries >= KG_NB_SAVE_TRIES))
        kg_nbrun_saved(r);
    else if (s->dirty)
        uv_timer_start(&s->timer, on_timer, s->last && !s->tries ? 0 : KG_NB_SAVE_MS, 0);
}

static void save_now(struct kg_nbrun *r)
{
    struct kg_nb_store *s = &r->store;
    uint64_t began = kg_clock_ms();
    kg_nb_write_now(r, &s->bytes);
    s->saved_ms = kg_clock_ms();
    s->cost_ms = s->saved_ms - began;
    s->covers = r->at;
    s->covers_done = r->cells_done;
    s->dirty = false;
    s->busy = true;
    uv_queue_work(r->all->core->loop, &s->work, work, after);
}

/* Also how a run of which nothing is kept hears, later, that its last save is through. */
static void on_timer(uv_timer_t *timer)
{
    struct kg_nbrun *r = timer->data;
    if (r->store.root || r->store.kept)
        save_now(r);
    else if (r->store.last)
        kg_nbrun_saved(r);
}

void kg_nb_store_want(struct kg_nbrun *r, bool last)
{
    struct kg_nb_store *s = &r->store;
    s->last = s->last || last;
    s->dirty = true;
    if (s->busy || (!s->root && !s->kept && !s->last))
        return; /* what is under way sees to it, or there is nothing to do */
    if (s->last) {
        s->tries = 0;
        uv_timer_start(&s->timer, on_timer, 0, 0);
    } else if (!uv_is_active((uv_handle_t *)&s->timer)) {
        uint64_t pause = s->cost_ms * KG_NB_SAVE_SHARE;
        uint64_t next = s->saved_ms + (pause > KG_NB_SAVE_MS ? pause : KG_NB_SAVE_MS);
        uint64_t now = kg_clock_ms();
        uv_timer_start(&s->timer, on_timer, s->saved_ms && next > now ? next - now : 0, 0);
    }
}

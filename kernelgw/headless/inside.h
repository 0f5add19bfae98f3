#ifndef KG_HEADLESS_INSIDE_H
#define KG_HEADLESS_INSIDE_H
/* What the files of this room know together of a notebook's run. */
#include "base/clock.h"
#include "base/id.h"
#include "kernelgw/core/cell.h"
#include "kernelgw/headless/nbrun.h"
#include "notebooks/file.h"

enum {
    KG_NB_BYTES = 64 << 20,         /* of one document */
    KG_NB_BYTES_ALL = 256 << 20,    /* of all that are in memory */
    KG_NB_OUTPUT_BYTES = 128 << 20, /* that a run's cells may give */
    KG_NB_KEPT = 500,               /* ended runs that can still be looked at */
    KG_NB_KEPT_MS = 60 * 60 * 1000,
    KG_NB_SAVE_MS = 1000,  /* between two saves of a document that grows */
    KG_NB_SAVE_SHARE = 20, /* of the loop's time, one part in so many may go into writing it down */
    KG_NB_SAVE_TRIES = 5,  /* of the last save, a second apart */
    KG_NB_PAUSE_MS = 1000, /* until a kernel is asked for again when there was none to have */
};

enum kg_nb_state { KG_N_QUEUED, KG_N_STARTING, KG_N_RUNNING, KG_N_SAVING, KG_N_ENDED, KG_N_STATES };

/* The document's way to its file (store.c). */
struct kg_nb_store {
    uv_timer_t timer; /* its data: the run */
    uv_work_t work;
    struct nb_root *root; /* NULL: there is no file */
    struct nb_root *kept; /* of the state folder's copy; NULL: none is kept */
    char *path;
    char hash
        [NB_HASH_SIZE]; /* of what stands there as far as we know; "": whatever stands there is replaced */
    bool is_new;        /* nothing may stand there */
    bool dirty, last, busy;
    unsigned tries;
    uint64_t saved_ms, cost_ms;
    size_t covers,
        covers_done; /* cells before this one are in the document that is being written as they will stay */
    /* of the save under way */
    struct kg_buf bytes;
    char new_hash[NB_HASH_SIZE];
    int rc, copy_rc;
    struct kg_err err;
    char trouble[KG_ERR_TEXT_MAX]; /* why the last save failed; "": it did not */
    char moved[KG_ERR_TEXT_MAX];   /* why it goes elsewhere; "": it does not */
};

struct kg_nbrun {
    char id[KG_UUID_SIZE];
    struct kg_nbruns *all;
    struct kg_nbrun_spec spec;
    enum kg_nb_state state;
    struct kg_nbrun *prev, *next; /* in the line */
    json_t *nb;                   /* NULL once it is only in its file */
    size_t bytes;                 /* that it counts for in memory */
    const struct kg_runtime *runtime;
    char kernel_id[KG_UUID_SIZE];  /* "" when it has none */
    char session_id[KG_UUID_SIZE]; /* the session made for it, or "" */
    struct kg_cell *cell;          /* that runs */
    json_t *displays;              /* of its cells (core/cell.h) */
    size_t at;                     /* the cell that runs, or is next */
    /* For the next server: cells before `covered` are whole in the state folder's copy; ids of the requests of those behind. */
    size_t covered, covered_done;
    json_t *msg_ids; /* {"index": msg_id} */
    size_t cells_done, cells_total;
    size_t output_bytes;
    bool stopping;
    bool left;     /* to the next server */
    uint64_t turn; /* of those that wait the lowest is next: see kg_nbruns_add */
    const char *
        outcome; /* "ok", "error", "timeout", "stopped", "died", "failed"; NULL until it is known */
    char reason[KG_ERR_TEXT_MAX];
    json_t *error; /* {"cell","ename","evalue"}, or NULL */
    int64_t created_us, started_us, ended_us, cell_us;
    uint64_t ended_ms;
    struct kg_nb_store store;
    struct kg_nbrun_watch *watches;
    UT_hash_handle hh;
};

struct kg_nbruns {
    struct kg_core *core;
    uint32_t at_once;
    struct kg_nbrun *table; /* uthash by id, oldest first */
    struct kg_nbrun *line;  /* utlist: those that wait */
    uint64_t turn;          /* of the run that began last */
    unsigned waiting, live, loading, unfreed;
    size_t bytes;
    struct nb_root
        *kept; /* the folder of what the next server is to know (keep.c); NULL: nothing is kept */
    uint64_t pause_ms; /* no kernel is asked for before then */
    uv_timer_t tick;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

/* --- table.c --- */
/* A loaded run joins the line, in which owners take turns: -EAGAIN with *err when that is full. */
int kg_nbruns_add(struct kg_nbrun *r, struct kg_err *err);
/* One that an earlier server had begun: it is in the table, and has had its turn. */
void kg_nbruns_put_live(struct kg_nbrun *r);
/* One that an earlier server has ended. */
void kg_nbruns_put_ended(struct kg_nbrun *r);
void kg_nbruns_pump(struct kg_nbruns *all);
/* It had its turn, and there was no kernel for it: it is the first again, a little later. */
void kg_nbruns_again(struct kg_nbrun *r);
/* It has ended, or is taken out of the line. */
void kg_nbruns_left(struct kg_nbrun *r);
/* Frees a run that is in no table; its handles close first. */
void kg_nbrun_free(struct kg_nbrun *r);
void kg_nbrun_changed(struct kg_nbrun *r);
void kg_nbruns_check_closed(struct kg_nbruns *all);

/* --- keep.c --- */
/* Opens the folder below the core's state folder, if it has one. */
void kg_nb_keep_open(struct kg_nbruns *all);
/* Writes down how far the run is, without its document; with it, for one that has not begun. */
void kg_nb_keep(const struct kg_nbrun *r);
void kg_nb_keep_whole(const struct kg_nbrun *r);
/* The document's copy; on a thread of the pool. */
int kg_nb_keep_copy(const struct kg_nbrun *r, const struct kg_buf *bytes, struct kg_err *err);
/* It has ended: that and how is all that is kept, and its document if that has no file. */
void kg_nb_keep_ended(const struct kg_nbrun *r);
void kg_nb_keep_forget(const struct kg_nbrun *r);

/* --- ended.c --- */
/* How it ended: a new reference. */
json_t *kg_nb_ended_entry(const struct kg_nbrun *r);
/* False: the entry is of one that has not. */
bool kg_nb_ended_read(struct kg_nbrun *r, const json_t *entry);

/* --- run.c --- */
/* One of an earlier server's, whose kernel lives: goes on with the cell that it is at. */
void kg_nbrun_resume(struct kg_nbrun *r);
/* The server leaves its kernels to the next one, and this run, too. */
void kg_nbrun_leave(struct kg_nbrun *r);
void kg_nbrun_begin(struct kg_nbrun *r);
/* Everything is over but the last save; why may be NULL. The first outcome stands. */
void kg_nbrun_finish(struct kg_nbrun *r, const char *outcome, const char *why);
/* The server ends: at once. */
void kg_nbrun_abandon(struct kg_nbrun *r);
/* The last save is through, or given up. */
void kg_nbrun_saved(struct kg_nbrun *r);

/* --- note.c: what the document says of its own run --- */
bool kg_nb_is_product(const struct kg_nbrun *r); /* another document than the one that was read */
void kg_nb_note_begin(struct kg_nbrun *r);
void kg_nb_note_kernel(struct kg_nbrun *r, const struct kg_kernel *k);
void kg_nb_note_cell(struct kg_nbrun *r, json_t *cell, const char *status, bool failed);
/* When the messages of the cell that runs were sent, as far as is known. times: core/cell_times.h. */
void kg_nb_note_times(const struct kg_nbrun *r, json_t *cell, const json_t *times);
void kg_nb_note_end(struct kg_nbrun *r);

/* --- store.c --- */
void kg_nb_store_init(struct kg_nbrun *r);
/* The document has changed: it is written before long. last: at once, and kg_nbrun_saved follows, later. */
void kg_nb_store_want(struct kg_nbrun *r, bool last);
/* Appends the document with what the running cell has given so far. */
void kg_nb_write_now(const struct kg_nbrun *r, struct kg_buf *out);

#endif

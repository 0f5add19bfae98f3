#ifndef KG_HEADLESS_NBRUN_H
#define KG_HEADLESS_NBRUN_H
/*
 * Notebooks that the server itself runs, whether or not a browser watches: a kernel of its own for each, cell after cell,
 * with the outputs written into a file as they come. The kernel is in the core's table and, under the file's path, in that
 * of Jupyter's sessions, so that a front-end that opens the file finds it.
 *
 * Semantics are nbclient's and papermill's (nbclient 0.11, papermill 2.7); docs/PROTOCOL.md, "Notebooks without a browser".
 * Everything here runs on the loop's thread; files are read and written on libuv's pool.
 */
#include <jansson.h>
#include <stdbool.h>

#include "kernelgw/core/core.h"
#include "notebooks/place.h"

struct kg_nbruns; /* those of a server */
struct kg_nbrun;

/* What a request asks for. Strings and objects are the spec's own. */
struct kg_nbrun_spec {
    char *owner;
    char *path;        /* of the notebook, clean; NULL: it came with the request */
    char *output_path; /* where it goes; NULL: to path, or nowhere but memory */
    char *kernel_name; /* NULL: the notebook's */
    json_t *notebook;  /* the document that came with the request, or NULL */
    json_t *parameters, *env, *own;
    uint64_t timeout_ms; /* of each cell; 0: none */
    bool allow_errors, keep_kernel;
    bool record_timing; /* metadata.execution of the cells */
    bool
        in_place; /* the document that came goes back to where it is from: it is no product (note.c) */
};

/* Reads the body of a request. To be released in either case. -EINVAL with *err. */
int kg_nbrun_spec_parse(struct kg_nbrun_spec *out, const struct kg_core *core, const json_t *body,
                        struct kg_err *err);
void kg_nbrun_spec_release(struct kg_nbrun_spec *s);

/* at_once: more wait. core must outlive it. */
struct kg_nbruns *kg_nbruns_new(struct kg_core *core, uint32_t at_once);
/*
 * Goes on with what an earlier server ran, as its state folder tells (the core has taken over its kernels by then): cells that ran
 * meanwhile are gathered from what their agents have kept. root_of: the folder that an owner's paths are below, or NULL.
 */
typedef struct nb_root *kg_nbruns_root(void *user, const char *owner);
void kg_nbruns_load(struct kg_nbruns *all, kg_nbruns_root *root_of, void *user);
/* Ends every run, with what its cells gave so far written into its file, or leaves them to the next server; done comes when all is
 * written, and frees it. */
void kg_nbruns_close(struct kg_nbruns *all, bool leave, void (*done)(void *user), void *user);

/* The outcome of a start, once, never before the call has returned: run, or err (-ENOENT, -EACCES, -EFBIG: the file; -EINVAL: no
 * notebook, no such kernel, a parameter; -EAGAIN: too many wait). */
typedef void kg_nbrun_started(void *user, struct kg_nbrun *run, const struct kg_err *err);
/* Takes what is in spec. root: the folder that the paths are below, NULL when spec has none. */
void kg_nbrun_start(struct kg_nbruns *all, struct kg_nbrun_spec *spec, struct nb_root *root,
                    kg_nbrun_started *done, void *user);

/* Only the owner's (NULL: anybody's); NULL when there is none of that id. */
struct kg_nbrun *kg_nbrun_find(struct kg_nbruns *all, const char *owner, const char *id);
bool kg_nbrun_ended(const struct kg_nbrun *r);
/* Ends it: what runs is interrupted, and outputs so far are kept. */
void kg_nbrun_stop(struct kg_nbrun *r);
/* One that has ended. r is invalid afterwards. */
void kg_nbrun_forget(struct kg_nbrun *r);

struct kg_json;
void kg_nbrun_model(const struct kg_nbrun *r, struct kg_json *j);
/* The models of the owner's (NULL: everybody's), oldest first, as an array. */
void kg_nbruns_list(const struct kg_nbruns *all, const char *owner, struct kg_json *j);
/* Appends the document as it is now; false when it is no longer in memory: then it is in the file. */
bool kg_nbrun_document(const struct kg_nbrun *r, struct kg_buf *out);

/* Told of every change, and of the end; never from inside of a call made here. */
struct kg_nbrun_watch {
    struct kg_nbrun_watch *prev, *next;
    void (*changed)(void *user);
    void (*gone)(void *user); /* it was forgotten: last call */
    void *user;
};
void kg_nbrun_watch(struct kg_nbrun *r, struct kg_nbrun_watch *w);
void kg_nbrun_unwatch(struct kg_nbrun *r, struct kg_nbrun_watch *w);

#endif

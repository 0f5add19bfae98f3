#ifndef KG_CORE_RUN_SPEC_H
#define KG_CORE_RUN_SPEC_H
/* What a run was asked to be: the body of POST /api/runs, checked. */
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernelgw/core/core.h"
#include "kernelgw/core/wish.h"

struct kg_run_file {
    char *path; /* relative, no empty part, no "." or ".." */
    struct kg_buf data;
};

/* A terminal in place of pipes, so many characters large. */
struct kg_tty {
    bool on;
    uint16_t rows, cols;
};

struct kg_run_spec {
    char *session;   /* name of the caller's workspace, or NULL */
    char *owner;     /* whose it is; NULL: nobody's in particular */
    bool network;    /* in the workspace's network */
    json_t *aliases; /* array of host names there, or NULL */
    const struct kg_runtime *runtime;
    char *entry;
    struct kg_run_file *files;
    size_t file_count;
    bool own_files;   /* it finds these alone, none of its workspace's */
    bool has_entry;   /* among files */
    json_t *args;     /* array of strings, or NULL */
    json_t *env;      /* object of strings, or NULL */
    char *stdin_text; /* whole input, then EOF; NULL: stdin stays open for POST .../stdin */
    size_t stdin_len;
    struct kg_tty tty;
    char *terminal;  /* not NULL: no program, but the shell of the terminal of that name */
    json_t *options; /* object of strings: what the request's options are as variables */
    uint32_t wall_s;
    struct kg_wish wish;
};

/*
 * Checks body (a JSON object) and fills *s, which is to be released in either case. -EINVAL with *err naming the
 * field, what is wrong and what would be right; -ENOENT for a language that is not there.
 */
int kg_run_spec_parse(struct kg_run_spec *s, const struct kg_core *core, const json_t *body,
                      struct kg_err *err);
/* -EINVAL with *err when the entry is neither among its files nor its workspace's. */
int kg_run_spec_entry(const struct kg_run_spec *s, struct kg_core *core, struct kg_err *err);
void kg_run_spec_release(struct kg_run_spec *s);

/* True for a path that may be written in a box: relative, at most 1024 bytes and 64 parts, no part empty, "." or ".." or
 * longer than 255 bytes, no control characters. */
bool kg_run_path_ok(const char *path, size_t n);

#endif

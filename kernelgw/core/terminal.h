#ifndef KG_CORE_TERMINAL_H
#define KG_CORE_TERMINAL_H
/*
 * Jupyter's terminals: a shell in a box of its own, by a name. Underneath it is a run with a terminal (core/run.h) that has
 * no time limit, keeps the last of its output, and is in no list of runs. It goes when its shell has ended.
 */
#include "kernelgw/core/run.h"

/* Somebody who looks at it. Its size counts: the terminal has the smallest one of all. */
struct kg_terminal_client {
    struct kg_terminal_client *prev, *next;
    struct kg_terminal *terminal; /* NULL: it has ended */
    uint16_t rows, cols;          /* 0: not told yet */
};

struct kg_terminal {
    char *name;
    struct kg_core *core;
    struct kg_run *run;
    struct kg_run_watch watch;
    struct kg_terminal_client *clients; /* utlist */
    int64_t last_activity_us;           /* of its output, or of a client's input */
    UT_hash_handle hh;
};

struct kg_terminal_wish {
    const char *name;  /* NULL: the next free number */
    const char *owner; /* whose it is */
    const char *
        language; /* the runtime whose image it has; NULL: python's, or the first that has programs */
    const char *session;   /* the workspace that it is in, or NULL */
    const json_t *network; /* as a run's, or NULL */
    const json_t *limits;
};

/* True for letters, digits and _, 64 at most. */
bool kg_terminal_name_ok(const char *name);
struct kg_terminal *kg_terminal_find(struct kg_core *core, const char *name);
/*
 * A new one, or the owner's of that name. -EINVAL for what can't be; -EEXIST when another's has it; -ENOENT for a language that is not there; -EAGAIN, -EDQUOT
 * when there are as many as may be.
 */
int kg_terminal_open(struct kg_core *core, const struct kg_terminal_wish *wish,
                     struct kg_terminal **out, struct kg_err *err);
/* For a run of an earlier server's that was one. */
void kg_terminal_adopt(struct kg_core *core, struct kg_run *r);
/* Ends its shell and all that runs in it; t is gone. */
void kg_terminal_end(struct kg_terminal *t);

/* c is the caller's; both calm when the terminal has ended meanwhile. */
void kg_terminal_join(struct kg_terminal *t, struct kg_terminal_client *c);
void kg_terminal_part(struct kg_terminal_client *c);
void kg_terminal_size(struct kg_terminal_client *c, uint16_t rows, uint16_t cols);
void kg_terminal_used(struct kg_terminal_client *c);

struct kg_json;
void kg_terminal_model(const struct kg_terminal *t, struct kg_json *j);

/* --- within core --- */
void kg_terminals_tick(struct kg_core *core, int64_t now_wall_us);
void kg_terminals_close(struct kg_core *core); /* before the runs are */

#endif

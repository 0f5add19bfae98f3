#ifndef KG_CORE_RUN_TTY_H
#define KG_CORE_RUN_TTY_H
/* The terminal of a run that asked for one (docs/PROTOCOL.md, "Terminals of programs"). */
#include "kernelgw/core/run.h"

enum { KG_TTY_SIDE_MAX = 1000, KG_TTY_ROWS = 24, KG_TTY_COLS = 80 };

/* Reads {"rows":n,"cols":n}, a size left out being that of before (24 by 80). v NULL or null: there is no terminal, unless
 * needed. -EINVAL with *err. */
int kg_tty_parse(struct kg_tty *tty, const json_t *v, bool needed, struct kg_err *err);
/* Adds the variables that a terminal is known by, if there is one. */
void kg_tty_env(const struct kg_tty *tty, json_t *env);
/* Another size, now or as soon as the program runs. -ESRCH when the run has ended; -EINVAL when it has no terminal. */
int kg_run_resize(struct kg_run *r, const struct kg_tty *size, struct kg_err *err);
/* The program runs in a box that can be asked: a size that came meanwhile is told. */
void kg_run_tty_started(struct kg_run *r);

#endif

#ifndef BD_PROGRAM_H
#define BD_PROGRAM_H
/* Programs of the machine that boxd needs beside the OCI runtime. */
#include "base/err.h"

/* A program's absolute path, looked for in PATH when name is a bare one; the caller frees it. NULL with *err: `what` it is
 * and that there is none. */
char *bd_program_find(const char *name, const char *what, struct kg_err *err);

/*
 * Runs argv (absolute path first, NULL-terminated) to its end in the network namespace ns, with text as its stdin. For
 * programs that take milliseconds: the caller waits. -EIO with the last line of its stderr when its status isn't 0.
 */
int bd_program_run(int ns, const char *const *argv, const char *text, struct kg_err *err);

#endif

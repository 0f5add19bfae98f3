#ifndef KG_CLI_OWN_H
#define KG_CLI_OWN_H
/*
 * A server for one command alone, when it is told of none: kernelgw itself, on a unix socket in a folder that only its
 * user may enter. It runs kernels as the user's own processes (engine process), as Jupyter's own tools do, unless options say
 * otherwise.
 */
#include <sys/types.h>

#include "base/err.h"

struct kg_own {
    pid_t pid;
    char *dir, *socket;
};

/* options: more of the server's, ended by NULL. Its log goes to stderr (errors only). To be ended in either case. */
int kg_own_start(struct kg_own *out, char *const *options, struct kg_err *err);
void kg_own_end(struct kg_own *own);

#endif

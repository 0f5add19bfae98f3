#ifndef KG_CLI_EXEC_OPTIONS_H
#define KG_CLI_EXEC_OPTIONS_H
/* What stands behind kernelgw exec. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

struct kg_exec_options {
    const char *notebook, *output; /* output: where it goes; the notebook itself if none was said */
    const char *url, *token;       /* url NULL: a server of its own */
    const char *kernel;
    json_t *parameters; /* or NULL */
    double timeout_s;   /* 0: none */
    bool allow_errors, no_timing, quiet, help;
    char *const *server; /* options for a server of its own, ended by NULL */
};

/* -EINVAL with *err. Strings point into argv and the environment; to be released in either case. */
int kg_exec_options_read(struct kg_exec_options *o, int argc, char *const *argv,
                         struct kg_err *err);
void kg_exec_options_release(struct kg_exec_options *o);
void kg_exec_help(FILE *out);

#endif

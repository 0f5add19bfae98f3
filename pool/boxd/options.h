#ifndef BD_OPTIONS_H
#define BD_OPTIONS_H
/* boxd's command line. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

struct bd_options {
    const char *socket; /* all strings point into argv or are literals */
    const char *run_dir;
    const char *images;
    const char *agent;
    const char *runtime;
    const char *cgroup_parent;
    const char *log_level;
    int64_t gateway_uid; /* -1: not given */
    uint32_t max_boxes;
    uint32_t uid_base;
    uint32_t max_memory_mb;
    bool sweep;                /* end every box of the run directory and go */
    const char *outside;       /* "off" or "on" */
    const char *outside_block; /* NULL: nothing more */
    bool help;
};

/* Fills *out from the arguments and the defaults; -EINVAL with *err naming the option at fault. */
int bd_options_parse(struct bd_options *out, int argc, char **argv, struct kg_err *err);
void bd_options_help(FILE *to);

#endif

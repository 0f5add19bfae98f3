#ifndef KG_DOCTOR_H
#define KG_DOCTOR_H
/* `kernelgw doctor`: what of the machine bounds how much the server can hold, and the command that raises it. */
#include <stdint.h>
#include <stdio.h>

#include "kernelgw/config.h"

/* What the settings ask of the machine. */
struct kg_need {
    uint64_t boxes, networks, connections;
};

struct kg_need kg_doctor_need(const struct kg_config *c);
/*
 * Looks at limits below root ("" for the machine's own /proc) and says of each whether it does; returns how many don't.
 * descriptors: this process's hard limit.
 */
int kg_doctor(FILE *out, const char *root, const struct kg_need *need, uint64_t descriptors);
/* Whether this process's place lets boxes be at all: makes a user namespace, in a child. Returns how much is wrong: 0 or 1. */
int kg_doctor_namespaces(FILE *out);

#endif

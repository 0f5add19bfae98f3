#ifndef KG_CORE_PROGRAM_OPTION_H
#define KG_CORE_PROGRAM_OPTION_H
/* Within program: its options, and the patterns that their values must match (PCRE2, the whole value). */
#include "kernelgw/core/program.h"

int kg_program_options_read(struct kg_program *p, const json_t *options, struct kg_err *err);
void kg_program_options_free(struct kg_program *p);

#endif

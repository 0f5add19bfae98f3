#ifndef KK_DEATH_H
#define KK_DEATH_H
/* Why an evaluator died, in words. A box can be told of kills for want of memory by two files beside the link's socket
 * (docs/ARCHITECTURE.md, "A box"); where they are not, they are not missed. */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

/* The kills that the box's memory limit has made so far; 0 when nobody tells. link: path of the link's socket. */
uint64_t kk_death_oom_kills(const char *link);

/* Writes a sentence into out. status: as waitpid gave it; oom_before: kills when it began with its last cell. */
void kk_death_describe(char *out, size_t size, int status, const char *link, uint64_t oom_before);

/* The figure behind "oom_kill " in memory.oom_control or memory.events; 0 without one. Pure. */
uint64_t kk_death_parse_kills(struct kg_span text);
/* memory_mb in the JSON of the box's limits; 0 without one. Pure. */
uint64_t kk_death_parse_limit(struct kg_span text);

#endif

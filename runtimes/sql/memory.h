#ifndef SQ_MEMORY_H
#define SQ_MEMORY_H
/* What the box's own account says of its memory (docs/ARCHITECTURE.md, A box). Where there is none everything is 0. */
#include <stdint.h>

/* How many processes were killed for want of memory since the box began. */
uint64_t sq_memory_kills(void);
unsigned sq_memory_limit_mb(void);

#endif

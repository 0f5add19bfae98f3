#ifndef KG_BASE_CLOCK_H
#define KG_BASE_CLOCK_H
/* Time. Tests can set the clock, so that none of them has to sleep. */
#include <stddef.h>
#include <stdint.h>

/* "2026-01-31T23:59:59.123456Z" and its NUL: the form that Jupyter's own clients parse. */
enum { KG_ISO_SIZE = 28 };

uint64_t kg_clock_ms(void);     /* monotonic milliseconds */
uint64_t kg_clock_us(void);     /* monotonic microseconds */
int64_t kg_clock_wall_us(void); /* microseconds since 1970, UTC */
void kg_clock_iso(char out[KG_ISO_SIZE], int64_t wall_us);

/* Tests only: from now on the clock stands still, at this many ms since its zero. */
void kg_clock_freeze(uint64_t ms);
void kg_clock_thaw(void);

#endif

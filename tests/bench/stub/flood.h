#ifndef BENCH_STUB_FLOOD_H
#define BENCH_STUB_FLOOD_H
/* Many numbered messages, signed before the first one goes out. */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/stub/wire.h"

/* Publishes count messages of that kind (display_data or stream), each with a text of size bytes that begins with
 * S and its number in ten digits; rate a second, or as fast as they go with 0. False when *interrupted ended it. */
bool st_flood(struct st_wire *w, const struct st_request *req, const char *kind, uint64_t count,
              size_t size, unsigned rate, const volatile sig_atomic_t *interrupted);

#endif

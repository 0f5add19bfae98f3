#ifndef KK_HISTORY_H
#define KK_HISTORY_H
/* Which requests were seen lately, so that one sent again after a reconnect is not run twice. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum { KK_HISTORY_LEN = 1024 };

struct kk_history {
    uint64_t hash[KK_HISTORY_LEN];
    size_t next;
};

/* True when id is among the last KK_HISTORY_LEN different ones; else it is remembered. An empty id is always new. */
bool kk_history_seen(struct kk_history *h, struct kg_span id);

#endif

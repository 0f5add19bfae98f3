#include "runtimes/agent/history.h"

/* FNV-1a, 64 bits. Whoever can make collisions here can only make the agent drop requests of their own. */
static uint64_t hash_of(struct kg_span s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.data[i]) * 0x100000001b3u;
    return h ? h : 1; /* 0 marks an empty place */
}

bool kk_history_seen(struct kk_history *h, struct kg_span id)
{
    if (id.len == 0)
        return false;
    uint64_t hash = hash_of(id);
    for (size_t i = 0; i < KK_HISTORY_LEN; i++)
        if (h->hash[i] == hash)
            return true;
    h->hash[h->next] = hash;
    h->next = (h->next + 1) % KK_HISTORY_LEN;
    return false;
}

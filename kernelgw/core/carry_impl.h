#ifndef KG_CORE_CARRY_IMPL_H
#define KG_CORE_CARRY_IMPL_H
/* Within core/carry.c, gather.c (fetches) and gather_store.c (stores). */
#include <sodium.h>

#include "kernelgw/core/carry.h"
#include "kernelgw/core/files.h"

struct kg_given {
    char hash[KG_HASH_SIZE]; /* "": not known */
    uint64_t revision;       /* of the workspace's file then; 0: it had none */
    UT_hash_handle hh;
    char path[];
};

struct kg_given *kg_given_find(const struct kg_carry *c, const char *path);
void kg_given_set(struct kg_carry *c, const char *path, uint64_t revision, const char *hash);
void kg_given_drop(struct kg_carry *c, struct kg_given *g);

/* One file that has changed in the box. */
struct kg_fetch {
    struct kg_gather *gather;
    char *path;
    uint64_t size; /* as listed, then as read */
    bool executable;
    struct kg_blob *data; /* NULL: nothing of it yet */
    size_t got;
    crypto_hash_sha256_state sum;
    char hash[KG_HASH_SIZE];
    char stamp[64];
    char why[200]; /* not "": it is left out */
};

struct kg_gather {
    struct kg_carry *carry; /* NULL: nobody waits any more */
    struct kg_fetch *fetches;
    size_t count, next, live;
    unsigned due; /* answers */
    json_t *deleted, *odd;
    unsigned odd_count;
    bool more;
    kg_carry_done *done;
    void *user;
};

void kg_gather_forget(struct kg_gather *g);
/* Brings everything fetched into the workspace. A new reference, or NULL when nothing has changed. */
json_t *kg_gather_store(struct kg_gather *g);

#endif

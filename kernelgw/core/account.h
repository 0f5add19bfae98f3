#ifndef KG_CORE_ACCOUNT_H
#define KG_CORE_ACCOUNT_H
/*
 * What one user has of the server at this moment. Made when he first asks for something, and kept with the server: there are
 * as many as users (core/users.h).
 */
#include "kernelgw/core/queue.h"

struct kg_account {
    char *owner; /* "": nobody in particular */
    struct kg_core *core;
    unsigned live, waiting; /* runs */
    struct kg_share shares[KG_LINES];
    UT_hash_handle hh;
};

/* The owner's (NULL: nobody's in particular), made if need be. */
struct kg_account *kg_account_of(struct kg_core *core, const char *owner);
/* All of them, when nothing is left that anybody has. */
void kg_accounts_release(struct kg_core *core);

#endif

#include "kernelgw/core/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct kg_account *kg_account_of(struct kg_core *core, const char *owner)
{
    struct kg_account *a = NULL;
    const char *key = owner ? owner : "";
    HASH_FIND_STR(core->accounts, key, a);
    if (a)
        return a;
    a = kg_calloc(1, sizeof *a);
    a->owner = kg_strdup(key);
    a->core = core;
    for (size_t i = 0; i < KG_LINES; i++)
        a->shares[i].account = a;
    HASH_ADD_KEYPTR(hh, core->accounts, a->owner, strlen(a->owner), a);
    return a;
}

void kg_accounts_release(struct kg_core *core)
{
    struct kg_account *a, *next;
    HASH_ITER(hh, core->accounts, a, next) {
        HASH_DEL(core->accounts, a);
        free(a->owner);
        free(a);
    }
}

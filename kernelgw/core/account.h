#ifndef KG_CORE_ACCOUNT_H
#define KG_CORE_ACCOUNT_H
/*
 * What one user has of the server at this moment, has used in this period, and may have. Made when he first asks for something,
 * and kept with the server: there are as many as users (core/users.h).
 */
#include "kernelgw/core/queue.h"
#include "kernelgw/core/quota.h"

struct kg_account {
    char *owner; /* "": nobody in particular */
    struct kg_core *core;
    struct kg_quota quota;
    unsigned live, waiting;        /* runs */
    unsigned sessions;             /* workspaces with a name */
    uint64_t files, files_bytes;   /* of workspaces */
    uint64_t cpu_ms, output_bytes; /* in this period */
    int64_t period_us;             /* when it began; 0: it has not */
    struct kg_share shares[KG_LINES];
    UT_hash_handle hh;
};

/* The owner's (NULL: nobody's in particular), made if need be. */
struct kg_account *kg_account_of(struct kg_core *core, const char *owner);
/* All of them, when nothing is left that anybody has. */
void kg_accounts_release(struct kg_core *core);

/* 0 when one more of it may be, or, of what is used in a period, when some is left; -EDQUOT with *err, which names the quota. */
int kg_account_may(struct kg_account *a, enum kg_quota_kind kind, struct kg_err *err);
/* The same for n bytes in place of `had`; a new file when had_file is false. */
int kg_account_may_store(struct kg_account *a, bool had_file, uint64_t had, uint64_t n,
                         struct kg_err *err);
void kg_account_used(struct kg_account *a, uint64_t cpu_ms, uint64_t output_bytes);
/* Output that is left in this period; UINT64_MAX: there is no such quota. */
uint64_t kg_account_output_left(struct kg_account *a);
/* Members: "quotas":{…} (those that there are), "used":{…}, "period":{"s","ends"}. */
struct kg_json;
void kg_account_model(struct kg_account *a, struct kg_json *j);

#endif

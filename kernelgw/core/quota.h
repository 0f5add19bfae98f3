#ifndef KG_CORE_QUOTA_H
#define KG_CORE_QUOTA_H
/*
 * What a user may have, all his sessions together; 0: as much as the server lets anybody. The first six are at once, the
 * last two in a period (--quota-period-s).
 */
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

enum kg_quota_kind {
    KG_Q_SESSIONS, /* workspaces that have a name */
    KG_Q_KERNELS,
    KG_Q_RUNS,   /* that have begun; more wait */
    KG_Q_QUEUED, /* runs that wait */
    KG_Q_FILES,  /* of workspaces */
    KG_Q_FILES_MB,
    KG_Q_CPU_S, /* processor time of runs and kernels */
    KG_Q_OUTPUT_MB,
    KG_QUOTAS
};

struct kg_quota {
    uint32_t most[KG_QUOTAS];
};

/* "kernels", "cpu_s"... */
const char *kg_quota_name(enum kg_quota_kind kind);
/* {"kernels":4, ...}: what is left out stays as it is in *q. of may be NULL. -EINVAL with *err, which begins with where. */
int kg_quota_parse(struct kg_quota *q, const json_t *of, const char *where, struct kg_err *err);
/* The same from text; NULL: nothing. */
int kg_quota_parse_text(struct kg_quota *q, const char *text, const char *where,
                        struct kg_err *err);

#endif

#include "kernelgw/core/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/users.h"

struct kg_account *kg_account_of(struct kg_core *core, const char *owner)
{
    struct kg_account *a = NULL;
    const char *key = owner ? owner : "";
    HASH_FIND_STR(core->accounts, key, a);
    if (a)
        return a;
    const struct kg_user_row *row = kg_users_by_name(core->config.users, key, strlen(key));
    a = kg_calloc(1, sizeof *a);
    a->owner = kg_strdup(key);
    a->core = core;
    if (row)
        a->quota = row->quota;
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

static int64_t period_end_us(const struct kg_account *a)
{
    return a->period_us + (int64_t)a->core->config.quota_period_s * 1000000;
}

/* What was used in a period that is over is forgotten. */
static void renew(struct kg_account *a)
{
    if (a->period_us == 0 || kg_clock_wall_us() < period_end_us(a))
        return;
    a->period_us = 0;
    a->cpu_ms = a->output_bytes = 0;
}

static uint64_t kernels_of(const struct kg_account *a)
{
    uint64_t n = 0;
    for (const struct kg_kernel *k = a->core->kernels; k; k = k->hh.next)
        n += k->owner && strcmp(k->owner, a->owner) == 0;
    return n;
}

/* In the quota's own unit. */
static uint64_t used(const struct kg_account *a, enum kg_quota_kind kind)
{
    switch (kind) {
    case KG_Q_SESSIONS: return a->sessions;
    case KG_Q_KERNELS: return kernels_of(a);
    case KG_Q_RUNS: return a->live;
    case KG_Q_QUEUED: return a->waiting;
    case KG_Q_FILES: return a->files;
    case KG_Q_FILES_MB: return a->files_bytes >> 20;
    case KG_Q_CPU_S: return a->cpu_ms / 1000;
    case KG_Q_OUTPUT_MB: return a->output_bytes >> 20;
    default: return 0;
    }
}

static int over(const struct kg_account *a, enum kg_quota_kind kind, struct kg_err *err)
{
    int64_t left_s = (period_end_us(a) - kg_clock_wall_us()) / 1000000 + 1;
    const char *name = kg_quota_name(kind);
    if (kind == KG_Q_CPU_S || kind == KG_Q_OUTPUT_MB)
        return kg_err_set(
            err, -EDQUOT, "user %s has used up the quota %s: %u in %u s; there is more in %lld s",
            a->owner, name, a->quota.most[kind], a->core->config.quota_period_s, (long long)left_s);
    return kg_err_set(err, -EDQUOT, "user %s has as much as the quota %s allows: %u", a->owner,
                      name, a->quota.most[kind]);
}

int kg_account_may(struct kg_account *a, enum kg_quota_kind kind, struct kg_err *err)
{
    renew(a);
    if (a->quota.most[kind] == 0 || used(a, kind) < a->quota.most[kind])
        return 0;
    return over(a, kind, err);
}

int kg_account_may_store(struct kg_account *a, bool had_file, uint64_t had, uint64_t n,
                         struct kg_err *err)
{
    uint64_t most = (uint64_t)a->quota.most[KG_Q_FILES_MB] << 20;
    if (!had_file && kg_account_may(a, KG_Q_FILES, err) < 0)
        return err->code;
    if (most && (n > most || a->files_bytes - had > most - n))
        return over(a, KG_Q_FILES_MB, err);
    return 0;
}

void kg_account_used(struct kg_account *a, uint64_t cpu_ms, uint64_t output_bytes)
{
    renew(a);
    if (a->period_us == 0)
        a->period_us = kg_clock_wall_us();
    a->cpu_ms += cpu_ms;
    a->output_bytes += output_bytes;
}

uint64_t kg_account_output_left(struct kg_account *a)
{
    uint64_t most = (uint64_t)a->quota.most[KG_Q_OUTPUT_MB] << 20;
    renew(a);
    if (most == 0)
        return UINT64_MAX;
    return a->output_bytes < most ? most - a->output_bytes : 0;
}

void kg_account_model(struct kg_account *a, struct kg_json *j)
{
    renew(a);
    kg_json_key(j, "quotas");
    kg_json_object_begin(j);
    for (size_t i = 0; i < KG_QUOTAS; i++)
        if (a->quota.most[i])
            kg_json_kint(j, kg_quota_name((enum kg_quota_kind)i), a->quota.most[i]);
    kg_json_object_end(j);
    kg_json_key(j, "used");
    kg_json_object_begin(j);
    for (size_t i = 0; i < KG_QUOTAS; i++)
        kg_json_kint(j, kg_quota_name((enum kg_quota_kind)i),
                     (int64_t)used(a, (enum kg_quota_kind)i));
    kg_json_object_end(j);
    char ends[KG_ISO_SIZE];
    if (a->period_us)
        kg_clock_iso(ends, period_end_us(a));
    kg_json_key(j, "period");
    kg_json_object_begin(j);
    kg_json_kint(j, "s", a->core->config.quota_period_s);
    kg_json_kstr(j, "ends", a->period_us ? ends : NULL);
    kg_json_object_end(j);
}

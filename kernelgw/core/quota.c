#include "kernelgw/core/quota.h"

#include <errno.h>
#include <string.h>

#include "kernelgw/core/checks.h"

enum { QUOTA_MAX = 1000000 };

static const char *const names[KG_QUOTAS + 1] = {
    [KG_Q_SESSIONS] = "sessions", [KG_Q_KERNELS] = "kernels",     [KG_Q_RUNS] = "runs",
    [KG_Q_QUEUED] = "queued",     [KG_Q_FILES] = "files",         [KG_Q_FILES_MB] = "files_mb",
    [KG_Q_CPU_S] = "cpu_s",       [KG_Q_OUTPUT_MB] = "output_mb", [KG_QUOTAS] = NULL,
};

const char *kg_quota_name(enum kg_quota_kind kind)
{
    return names[kind];
}

int kg_quota_parse(struct kg_quota *q, const json_t *of, const char *where, struct kg_err *err)
{
    if (!of || json_is_null(of))
        return 0;
    if (!json_is_object(of))
        return kg_err_set(err, -EINVAL, "%.*s must be an object", (int)strcspn(where, "."), where);
    int rc = kg_check_only(of, where, names, err);
    for (size_t i = 0; rc == 0 && i < KG_QUOTAS; i++)
        rc = kg_check_number(&q->most[i], of, where, names[i], 0, QUOTA_MAX, err);
    return rc;
}

int kg_quota_parse_text(struct kg_quota *q, const char *text, const char *where, struct kg_err *err)
{
    if (!text)
        return 0;
    json_error_t at;
    json_t *of = json_loads(text, JSON_REJECT_DUPLICATES, &at);
    int rc =
        of ? kg_quota_parse(q, of, where, err) : kg_err_set(err, -EINVAL, "%s%s", where, at.text);
    json_decref(of);
    return rc;
}

/* What users have used of their quotas in this period, over a restart of the server. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/users.h"

static char *file_of(const struct kg_core *core)
{
    return kg_asprintf("%s/accounts.json", core->config.state_dir);
}

void kg_keep_accounts(struct kg_core *core)
{
    uint64_t mark = 1;
    for (const struct kg_account *a = core->accounts; a; a = a->hh.next)
        mark = mark * 31 + a->cpu_ms * 7 + a->output_bytes + (uint64_t)a->period_us;
    if (!core->config.state_dir || mark == core->accounts_mark)
        return;
    core->accounts_mark = mark;
    json_t *doc = json_object();
    for (const struct kg_account *a = core->accounts; a; a = a->hh.next)
        if (a->owner[0] && a->period_us)
            json_object_set_new(doc, a->owner,
                                json_pack("{s:I,s:I,s:I}", "cpu_ms", (json_int_t)a->cpu_ms,
                                          "output_bytes", (json_int_t)a->output_bytes, "period_us",
                                          (json_int_t)a->period_us));
    kg_autofree char *path = file_of(core);
    kg_keep_write(path, doc);
}

static uint64_t number(const json_t *of, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(of, key));
    return v > 0 ? (uint64_t)v : 0;
}

void kg_keep_load_accounts(struct kg_core *core)
{
    kg_autofree char *path = file_of(core);
    json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *owner;
    json_t *of;
    json_object_foreach(doc, owner, of) {
        if (!kg_user_name_ok(owner))
            continue;
        struct kg_account *a = kg_account_of(core, owner);
        a->cpu_ms = number(of, "cpu_ms");
        a->output_bytes = number(of, "output_bytes");
        a->period_us = (int64_t)number(of, "period_us");
    }
    json_decref(doc);
}

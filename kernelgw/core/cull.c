#include "kernelgw/core/cull.h"

#include "base/log.h"
#include "kernelgw/core/kernel.h"

static bool may_go(const struct kg_kernel *k)
{
    const struct kg_core_config *c = &k->core->config;
    bool at_work =
        k->state == KG_K_BUSY || k->state == KG_K_STARTING || k->state == KG_K_RESTARTING;
    return (!at_work || (k->state == KG_K_BUSY && c->cull_busy)) &&
           (c->cull_connected || kg_kernel_connections(k) == 0);
}

int64_t kg_cull_at_us(const struct kg_kernel *k)
{
    int64_t idle_us = (int64_t)k->core->config.cull_idle_s * 1000000;
    return idle_us && may_go(k) ? k->last_activity_us + idle_us : 0;
}

void kg_cull_tick(struct kg_core *core, int64_t now_wall_us)
{
    struct kg_kernel *k, *next;
    if (!core->config.cull_idle_s)
        return;
    HASH_ITER(hh, core->kernels, k, next) {
        int64_t at_us = kg_cull_at_us(k);
        if (!at_us || now_wall_us < at_us)
            continue;
        kg_log(KG_INFO, "kernel", "culled", "id=%s idle_s=%lld", k->id,
               (long long)((now_wall_us - k->last_activity_us) / 1000000));
        kg_kernel_delete(k);
    }
}

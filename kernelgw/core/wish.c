#include "kernelgw/core/wish.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/limits.h"

struct figure {
    const char *key;
    size_t offset;
    uint32_t min, max;
};

enum { FIGURES = 4, WALL = 3 };

static void figures(struct figure out[FIGURES], const struct kg_core_config *most)
{
    out[0] = (struct figure){"memory_mb", offsetof(struct kg_wish, memory_mb), KG_MEMORY_MB_MIN,
                             most->memory_max_mb};
    out[1] = (struct figure){"cpu_milli", offsetof(struct kg_wish, cpu_milli), KG_CPU_MILLI_MIN,
                             most->cpu_max_milli};
    out[2] = (struct figure){"pids", offsetof(struct kg_wish, pids), KG_PIDS_MIN, most->pids_max};
    out[WALL] = (struct figure){"wall_s", offsetof(struct kg_wish, wall_s), KG_WALL_S_MIN,
                                most->run_wall_max_s};
}

static uint32_t *at(struct kg_wish *wish, const struct figure *f)
{
    return (uint32_t *)((char *)wish + f->offset);
}

int kg_wish_parse(struct kg_wish *out, const struct kg_core_config *most, const json_t *limits,
                  bool run, struct kg_err *err)
{
    static const char *const names[] = {"memory_mb", "cpu_milli", "pids", NULL, NULL};
    static const char *const run_names[] = {"memory_mb", "cpu_milli", "pids", "wall_s", NULL};
    struct figure all[FIGURES];
    if (!limits || json_is_null(limits))
        return 0;
    if (!json_is_object(limits))
        return kg_err_set(err, -EINVAL, "limits must be an object");
    figures(all, most);
    int rc = kg_check_only(limits, "limits.", run ? run_names : names, err);
    for (size_t i = 0; i < FIGURES && rc == 0; i++)
        rc = kg_check_number(at(out, &all[i]), limits, "limits.", all[i].key, all[i].min,
                             all[i].max, err);
    return rc;
}

int kg_wish_parse_env(struct kg_wish *out, const struct kg_core_config *most, json_t *env,
                      struct kg_err *err)
{
    struct figure all[FIGURES];
    figures(all, most);
    for (size_t i = 0; i < WALL; i++) {
        char name[40];
        int n = snprintf(name, sizeof name, "KERNELGW_%s", all[i].key);
        for (int k = 0; k < n; k++)
            name[k] = (char)toupper((unsigned char)name[k]);
        const char *text = json_string_value(json_object_get(env, name));
        if (!text)
            continue;
        char *rest = NULL;
        errno = 0;
        unsigned long v = isdigit((unsigned char)text[0]) ? strtoul(text, &rest, 10) : 0;
        if (v < all[i].min || v > all[i].max || errno || (rest && *rest))
            return kg_err_set(err, -EINVAL, "env.%s must be a whole number from %u to %u", name,
                              all[i].min, all[i].max);
        if (!*at(out, &all[i]))
            *at(out, &all[i]) = (uint32_t)v;
        json_object_del(env, name);
    }
    return 0;
}

int kg_network_wish(bool *out, const struct kg_core *core, const json_t *network, const char *where,
                    struct kg_err *err)
{
    const char *text = json_string_value(network);
    *out = text && strcmp(text, "session") == 0;
    if (*out && (!core->pool || !pl_pool_has_nets(core->pool)))
        return kg_err_set(err, -EINVAL,
                          "%s must be \"none\": the engine %s has no session networks", where,
                          core->config.engine);
    if (*out || !network || json_is_null(network) || (text && strcmp(text, "none") == 0))
        return 0;
    return kg_err_set(err, -EINVAL, "%s must be \"none\" or \"session\"", where);
}

void kg_wish_apply(const struct kg_wish *wish, struct pl_limits *limits)
{
    if (wish->cpu_milli)
        limits->cpu_milli = wish->cpu_milli;
    if (wish->pids)
        limits->pids = wish->pids;
    if (wish->memory_mb && limits->memory_mb) {
        /* files in memory count as memory: a smaller box keeps the same part of it for its processes */
        uint32_t tmp_mb =
            (uint32_t)((uint64_t)limits->tmp_mb * wish->memory_mb / limits->memory_mb);
        if (tmp_mb < KG_TMP_MB_MIN)
            tmp_mb = KG_TMP_MB_MIN;
        limits->tmp_mb = limits->tmp_mb < tmp_mb ? limits->tmp_mb : tmp_mb;
        limits->memory_mb = wish->memory_mb;
    }
}

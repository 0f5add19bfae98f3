#include "runtimes/sql/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT "/run/kgw/memory"
#define LIMITS  "/run/kgw/limits"

uint64_t sq_memory_kills(void)
{
    static const char key[] = "oom_kill ";
    char line[128];
    uint64_t kills = 0;
    FILE *account = fopen(ACCOUNT, "re");
    if (!account)
        return 0;
    while (fgets(line, sizeof(line), account))
        if (strncmp(line, key, sizeof(key) - 1) == 0)
            kills = strtoull(line + sizeof(key) - 1, NULL, 10);
    fclose(account);
    return kills;
}

unsigned sq_memory_limit_mb(void)
{
    json_t *limits = json_load_file(LIMITS, 0, NULL);
    json_int_t mb = json_integer_value(json_object_get(limits, "memory_mb"));
    json_decref(limits);
    return mb > 0 && mb <= UINT32_MAX ? (unsigned)mb : 0;
}

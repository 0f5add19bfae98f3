#define PCRE2_CODE_UNIT_WIDTH 8
#include "kernelgw/api/origin_pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { STEPS_MAX = 10000 };

struct kg_origin_pattern {
    pcre2_code *code;
};

int kg_origin_pattern_new(struct kg_origin_pattern **out, const char *expression,
                          struct kg_err *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR why[120];
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_CASELESS | PCRE2_DOLLAR_ENDONLY,
                      &code, &at, NULL);
    if (!compiled) {
        pcre2_get_error_message(code, why, sizeof why);
        return kg_err_set(err, -EINVAL, "\"%.100s\" is no regular expression: at %zu: %s",
                          expression, (size_t)at, (const char *)why);
    }
    *out = kg_malloc(sizeof **out);
    (*out)->code = compiled;
    return 0;
}

void kg_origin_pattern_free(struct kg_origin_pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p);
}

bool kg_origin_pattern_fits(const struct kg_origin_pattern *p, const char *origin)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    int rc = pcre2_match(p->code, (PCRE2_SPTR)origin, strlen(origin), 0, 0, data, limits);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return rc >= 0;
}

#include "runtimes/kernelkit/content.h"

#include <errno.h>

#include "base/buf.h"
#include "jupyter/scan.h"

static const struct {
    enum jy_json_type type;
    const char *words;
} kinds[] = {
    [KK_TEXT] = {JY_JSON_STRING, "a string"},  [KK_BOOL] = {JY_JSON_TRUE, "true or false"},
    [KK_INT] = {JY_JSON_NUMBER, "an integer"}, [KK_OBJECT] = {JY_JSON_OBJECT, "an object"},
    [KK_ARRAY] = {JY_JSON_ARRAY, "a list"},
};

/* False when the member's value is of another type. */
static bool take(const struct kk_field *f, const struct jy_member *m)
{
    bool is_bool = m->type == JY_JSON_TRUE || m->type == JY_JSON_FALSE;
    if (m->type != kinds[f->type].type && !(f->type == KK_BOOL && is_bool))
        return false;
    switch (f->type) {
    case KK_TEXT: *(struct kg_span *)f->out = jy_member_text(m); return true;
    case KK_BOOL: *(bool *)f->out = m->type == JY_JSON_TRUE; return true;
    case KK_INT: return jy_json_int(m->value, f->out) == 0;
    case KK_OBJECT:
    case KK_ARRAY: *(struct kg_span *)f->out = m->value; return true;
    default: return false;
    }
}

int kk_content_read(struct kg_span json, const struct kk_field *fields, size_t count,
                    struct kg_err *err)
{
    struct jy_scan scan;
    struct jy_member m;
    uint64_t seen = 0; /* a bit a field */
    const struct kk_field *wrong = NULL, *missing = NULL;
    int rc = jy_scan_begin(&scan, json, err);
    while (rc >= 0 && (rc = jy_scan_next(&scan, &m, err)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (m.type == JY_JSON_NULL || !jy_member_is(&m, fields[i].name))
                continue;
            if (!take(&fields[i], &m) && !wrong)
                wrong = &fields[i];
            seen |= UINT64_C(1) << i;
        }
    }
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count && !missing; i++)
        if (fields[i].required && !(seen & UINT64_C(1) << i))
            missing = &fields[i];
    if (wrong)
        return kg_err_set(err, -EINVAL, "%s must be %s", wrong->name, kinds[wrong->type].words);
    if (missing)
        return kg_err_set(err, -EINVAL, "%s is missing: it must be %s", missing->name,
                          kinds[missing->type].words);
    return 0;
}

void kk_json_text(struct kg_json *j, struct kg_span raw)
{
    kg_autobuf text = {0};
    jy_text_decode(&text, raw);
    kg_json_strn(j, kg_buf_cstr(&text), text.len);
}

void kk_json_kraw(struct kg_json *j, const char *key, struct kg_span json, const char *fallback)
{
    kg_json_key(j, key);
    if (json.len)
        kg_json_raw(j, json.data, json.len);
    else
        kg_json_raw(j, fallback, strlen(fallback));
}

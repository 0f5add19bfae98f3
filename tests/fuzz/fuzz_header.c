/* jupyter/scan.c, jupyter/message.c: JSON and headers. What jansson takes, the scan must take. */
#include <jansson.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz.h"
#include "jupyter/message.h"
#include "jupyter/scan.h"

static void check_text(struct kg_span raw)
{
    kg_autobuf text = {0};
    kg_autobuf written = {0};
    jy_text_decode(&text, raw);
    MUST(jy_text_equal(raw, raw));
    /* what was decoded is UTF-8: written again and decoded, it is the same */
    struct kg_json j;
    kg_json_init(&j, &written);
    kg_json_strn(&j, text.data ? text.data : (const uint8_t *)"", text.len);
    MUST(jy_json_check(kg_span_of(written.data, written.len), NULL, NULL) == 0);
    MUST(jy_text_equal(raw, kg_span_of(written.data + 1, written.len - 2)));
}

static void check_members(struct kg_span json)
{
    struct jy_scan s;
    struct jy_member m;
    int rc = jy_scan_begin(&s, json, NULL);
    while (rc >= 0 && (rc = jy_scan_next(&s, &m, NULL)) > 0) {
        enum jy_json_type type;
        MUST(m.value.data >= json.data && m.value.data + m.value.len <= json.data + json.len);
        MUST(m.value.len > 0);
        /* a value that was cut out stands by itself */
        MUST(jy_json_check(m.value, &type, NULL) == 0 && type == m.type);
        check_text(m.key);
        if (m.type == JY_JSON_STRING)
            check_text(jy_member_text(&m));
    }
    MUST((rc == 0) == (jy_json_find(json, "x", &m, NULL) >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kg_span json = kg_span_of(data, size);
    struct kg_err err = {0};
    enum jy_json_type type;
    struct jy_header h;
    int valid = jy_json_check(json, &type, &err);
    MUST(valid == 0 || err.text[0] != 0);
    json_t *o = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    /* shorter than it could be nested too deep; jansson overlooks a NUL behind a number */
    if (o && size < JY_JSON_DEPTH && !memchr(data, 0, size))
        MUST(valid == 0);
    json_decref(o);
    MUST((jy_header_peek(&h, json, NULL) == 0) == (valid == 0 && type == JY_JSON_OBJECT));
    if (valid == 0 && type == JY_JSON_OBJECT) {
        check_members(json);
        for (int channel = 0; channel < KG_CH_COUNT; channel++)
            MUST(jy_kind_of((uint8_t)channel, &h, json) <= KG_KIND_KERNEL_INFO);
    }
    int64_t v;
    if (valid == 0 && type == JY_JSON_NUMBER)
        jy_json_int(json, &v);
    return 0;
}

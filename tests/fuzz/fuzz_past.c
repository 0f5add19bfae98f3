/* runtimes/kernelkit/past.c: the content of a history_request, then a line break and cells, a line each, to its answer; and
 * patterns, held against a matcher that is simple and slow. */
#include "fuzz.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/past.h"

enum { PATTERN_MAX = 8, TEXT_MAX = 12 };

/* Without sets; of bytes. reach[i]: the pattern so far matches the text's first i. */
static bool slow_glob(struct kg_span pattern, struct kg_span text)
{
    bool reach[TEXT_MAX + 1] = {true};
    for (size_t p = 0; p < pattern.len; p++) {
        uint8_t c = pattern.data[p];
        for (size_t i = text.len + 1; c != '*' && i-- > 0;)
            reach[i] = i > 0 && reach[i - 1] && (c == '?' || c == text.data[i - 1]);
        for (size_t i = 1; c == '*' && i <= text.len; i++)
            reach[i] = reach[i] || reach[i - 1];
    }
    return reach[text.len];
}

static void check_glob(struct kg_span pattern, struct kg_span text)
{
    bool matches = kk_glob(pattern, text);
    if (pattern.len == 0)
        MUST(matches == (text.len == 0));
    if (pattern.len == 0 || pattern.len > PATTERN_MAX || text.len > TEXT_MAX ||
        (pattern.len && memchr(pattern.data, '[', pattern.len)))
        return;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 0x80)
            return;
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] >= 0x80)
            return;
    MUST(matches == slow_glob(pattern, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;
    const uint8_t *stop = size ? memchr(data, '\n', size) : NULL;
    if (!stop)
        return 0;
    struct kk_past_query q;
    struct kg_err err = {0};
    kg_autobuf pattern = {0}, out = {0};
    struct kk_past past = {0};
    bool good =
        kk_past_query_read(&q, &pattern, kg_span_of(data, (size_t)(stop - data)), &err) == 0;
    MUST(good || err.text[0] != 0);
    int64_t line = 0;
    for (const uint8_t *at = stop + 1; at < end && line < 64;) {
        const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
        struct kg_span cell = kg_span_of(at, (size_t)((next ? next : end) - at));
        kk_past_add(&past, ++line, cell);
        if (line % 3 == 0)
            kk_past_set_result(&past, line, cell);
        check_glob(good ? q.pattern : kg_span_of(data, (size_t)(stop - data) % 9), cell);
        at = next ? next + 1 : end;
    }
    if (good) {
        struct kg_json j;
        kg_json_init(&j, &out);
        kk_past_write(&past, &q, &j);
        MUST(jy_json_check(kg_span_of(out.data, out.len), NULL, NULL) == 0);
    }
    kk_past_release(&past);
    return 0;
}

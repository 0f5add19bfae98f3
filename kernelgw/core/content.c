#include "kernelgw/core/content.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum { ESCAPE = 6, PAIR = 2 * ESCAPE }; /* \uXXXX */

/* The unit of UTF-16 that stands at `at` as an escape, or -1. */
static int unit(struct kg_span s, size_t at)
{
    int value = 0;
    if (s.len - at < ESCAPE || s.data[at] != '\\' || s.data[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + ESCAPE; i++) {
        int c = tolower(s.data[i]);
        if (!isxdigit(c))
            return -1;
        value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

/* An escape within a string: how many bytes of it are taken. */
static size_t mend_escape(struct kg_buf *out, struct kg_span s, size_t at)
{
    int first = unit(s, at);
    size_t n = first < 0 ? 2 : ESCAPE;
    if (first >= 0xd800 && first <= 0xdfff) {
        int second = first < 0xdc00 && s.len - at >= PAIR ? unit(s, at + ESCAPE) : -1;
        if (second < 0xdc00 || second > 0xdfff) {
            kg_buf_add_str(out, "\\ufffd");
            return ESCAPE;
        }
        n = PAIR;
    }
    if (n > s.len - at)
        n = s.len - at;
    kg_buf_add(out, s.data + at, n);
    return n;
}

/* Outside of strings: how many bytes are taken. */
static size_t mend_word(struct kg_buf *out, struct kg_span s, size_t at)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < KG_COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if (s.len - at >= n && memcmp(s.data + at, words[i], n) == 0) {
            kg_buf_add_str(out, "null");
            return n;
        }
    }
    kg_buf_add_char(out, (char)s.data[at]);
    return 1;
}

void kg_content_mend(struct kg_buf *out, struct kg_span json)
{
    bool in_string = false;
    for (size_t at = 0; at < json.len;) {
        if (in_string && json.data[at] == '\\') {
            at += mend_escape(out, json, at);
        } else if (!in_string && json.data[at] != '"') {
            at += mend_word(out, json, at);
        } else {
            in_string ^= json.data[at] == '"';
            kg_buf_add_char(out, (char)json.data[at++]);
        }
    }
}

static json_t *load(const void *data, size_t n)
{
    return n ? json_loadb(data, n, JSON_ALLOW_NUL, NULL) : NULL;
}

json_t *kg_content_load(struct kg_span json)
{
    kg_autobuf mended = {0};
    json_t *content = load(json.data, json.len);
    if (content)
        return content;
    kg_content_mend(&mended, json);
    return load(mended.data, mended.len);
}

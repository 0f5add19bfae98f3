#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void kg_json_init(struct kg_json *j, struct kg_buf *out)
{
    *j = (struct kg_json){.out = out};
}

static void before_value(struct kg_json *j)
{
    if (j->comma)
        kg_buf_add_char(j->out, ',');
    j->comma = true;
}

static void begin(struct kg_json *j, char c)
{
    before_value(j);
    kg_buf_add_char(j->out, c);
    j->comma = false;
    j->depth++;
}

static void end(struct kg_json *j, char c)
{
    assert(j->depth > 0);
    j->depth--;
    kg_buf_add_char(j->out, c);
    j->comma = true;
}

void kg_json_object_begin(struct kg_json *j)
{
    begin(j, '{');
}

void kg_json_object_end(struct kg_json *j)
{
    end(j, '}');
}

void kg_json_array_begin(struct kg_json *j)
{
    begin(j, '[');
}

void kg_json_array_end(struct kg_json *j)
{
    end(j, ']');
}

size_t kg_utf8_char(const uint8_t *s, size_t n)
{
    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < want)
        return 0;
    uint8_t low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

static void add_escaped(struct kg_buf *out, uint8_t c)
{
    switch (c) {
    case '"': kg_buf_add(out, "\\\"", 2); break;
    case '\\': kg_buf_add(out, "\\\\", 2); break;
    case '\n': kg_buf_add(out, "\\n", 2); break;
    case '\r': kg_buf_add(out, "\\r", 2); break;
    case '\t': kg_buf_add(out, "\\t", 2); break;
    default: kg_buf_printf(out, "\\u%04x", c); break;
    }
}

static void add_string(struct kg_buf *out, const uint8_t *s, size_t n)
{
    kg_buf_add_char(out, '"');
    size_t plain = 0; /* start of the run that can be copied as it is */
    for (size_t i = 0; i < n;) {
        if (s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\') {
            i++;
            continue;
        }
        size_t len = s[i] >= 0x80 ? kg_utf8_char(s + i, n - i) : 0;
        if (len > 0) {
            i += len;
            continue;
        }
        kg_buf_add(out, s + plain, i - plain);
        if (s[i] < 0x80)
            add_escaped(out, s[i]);
        else
            kg_buf_add(out, "\xef\xbf\xbd", 3);
        plain = ++i;
    }
    kg_buf_add(out, s + plain, n - plain);
    kg_buf_add_char(out, '"');
}

void kg_json_key(struct kg_json *j, const char *key)
{
    before_value(j);
    add_string(j->out, (const uint8_t *)key, strlen(key));
    kg_buf_add_char(j->out, ':');
    j->comma = false;
}

void kg_json_strn(struct kg_json *j, const void *s, size_t n)
{
    before_value(j);
    add_string(j->out, s, n);
}

void kg_json_str(struct kg_json *j, const char *s)
{
    if (s)
        kg_json_strn(j, s, strlen(s));
    else
        kg_json_null(j);
}

void kg_json_int(struct kg_json *j, int64_t v)
{
    before_value(j);
    kg_buf_printf(j->out, "%" PRId64, v);
}

void kg_json_real(struct kg_json *j, double v)
{
    before_value(j);
    if (isfinite(v))
        kg_buf_printf(j->out, "%.17g", v);
    else
        kg_buf_add_str(j->out, "null");
}

void kg_json_bool(struct kg_json *j, bool v)
{
    before_value(j);
    kg_buf_add_str(j->out, v ? "true" : "false");
}

void kg_json_null(struct kg_json *j)
{
    before_value(j);
    kg_buf_add_str(j->out, "null");
}

void kg_json_raw(struct kg_json *j, const void *json, size_t n)
{
    before_value(j);
    kg_buf_add(j->out, json, n);
}

void kg_json_kstr(struct kg_json *j, const char *key, const char *s)
{
    kg_json_key(j, key);
    kg_json_str(j, s);
}

void kg_json_kint(struct kg_json *j, const char *key, int64_t v)
{
    kg_json_key(j, key);
    kg_json_int(j, v);
}

void kg_json_kbool(struct kg_json *j, const char *key, bool v)
{
    kg_json_key(j, key);
    kg_json_bool(j, v);
}

size_t kg_utf8_whole(const uint8_t *s, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        uint8_t c = s[n - back];
        if ((c & 0xc0) == 0x80)
            continue; /* inside a character: its head is further back */
        /* what can't begin a character is not waited for: no more would come */
        size_t want = c < 0xc2 || c > 0xf4 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        return want > back ? n - back : n;
    }
    return n; /* not UTF-8 at all: there is no character to spare */
}

/* What an object, an array, a member and a value cost, with what the allocator adds: counted with malloc_usable_size. */
enum {
    OBJECT_BYTES = 256,
    ARRAY_BYTES = 128,
    MEMBER_BYTES = 96,
    VALUE_BYTES = 48,
    STRING_BYTES = 64
};

size_t kg_json_weight(const void *text, size_t n)
{
    static const uint16_t cost[256] = {['{'] = OBJECT_BYTES,
                                       ['['] = ARRAY_BYTES,
                                       [':'] = MEMBER_BYTES,
                                       [','] = VALUE_BYTES,
                                       ['"'] = STRING_BYTES};
    const uint8_t *at = text, *end = at + n;
    size_t weight = 0;
    while (at < end) {
        weight += cost[*at];
        if (*at++ != '"')
            continue;
        const uint8_t *from = at;
        while (at < end && *at != '"')
            at += *at == '\\' ? 2 : 1;
        at = at < end ? at : end;
        weight += (size_t)(at - from);
        at += at < end;
    }
    return weight;
}

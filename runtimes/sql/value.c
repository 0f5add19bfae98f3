#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/json.h"
#include "runtimes/sql/table.h"

static void put_hex(const uint8_t *data, size_t n, struct kg_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    kg_buf_add_str(out, "0x");
    uint8_t *to = kg_buf_reserve(out, 2 * n);
    for (size_t i = 0; i < n; i++) {
        *to++ = (uint8_t)digits[data[i] >> 4];
        *to++ = (uint8_t)digits[data[i] & 15];
    }
    out->len += 2 * n;
}

/* BIT(n) comes as big-endian bytes, without n: leading zeros can't be known. */
static void put_bits(const uint8_t *data, size_t n, struct kg_buf *out)
{
    bool begun = false;
    kg_buf_add_str(out, "b'");
    for (size_t i = 0; i < n; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            bool one = data[i] >> bit & 1;
            begun |= one;
            if (begun || (i == n - 1 && bit == 0))
                kg_buf_add_char(out, one ? '1' : '0');
        }
    }
    kg_buf_add_char(out, '\'');
}

static bool plain(uint8_t c)
{
    return (c >= ' ' && c < 0x7f) || c == '\n';
}

static void put_text(const uint8_t *data, size_t n, struct kg_buf *out)
{
    size_t i = 0;
    while (i < n) {
        size_t run = i;
        while (run < n && plain(data[run]))
            run++;
        kg_buf_add(out, data + i, run - i);
        i = run;
        if (i == n)
            return;
        size_t len = kg_utf8_char(data + i, n - i);
        bool c1 = len == 2 && data[i] == 0xc2 && data[i + 1] < 0xa0; /* U+0080 to U+009F */
        if (len == 0)
            kg_buf_add_str(out, "\xef\xbf\xbd");
        else if (data[i] == '\t')
            kg_buf_add_str(out, "    ");
        else if (data[i] == '\r' && i + 1 < n && data[i + 1] == '\n')
            len = 1; /* one line break */
        else if (len == 1 || c1)
            kg_buf_printf(out, "\\x%02x", c1 ? data[i + 1] : data[i]);
        else
            kg_buf_add(out, data + i, len);
        i += len ? len : 1;
    }
}

void sq_value_text(enum sq_form form, const uint8_t *data, size_t n, struct kg_buf *out)
{
    size_t shown = n;
    if (n > SQ_VALUE_MAX)
        shown = form == SQ_TEXT ? kg_utf8_whole(data, SQ_VALUE_MAX) : SQ_VALUE_MAX / 2;
    if (form == SQ_BITS)
        put_bits(data, shown, out);
    else if (form == SQ_BINARY)
        put_hex(data, shown, out);
    else
        put_text(data, shown, out);
    char count[32];
    if (shown < n)
        kg_buf_printf(out, "... (cut; %s bytes in all)", sq_count(count, n));
}

size_t sq_width(const char *text, size_t n)
{
    size_t width = 0, i = 0;
    mbstate_t state = {0};
    while (i < n) {
        if ((unsigned char)text[i] < 0x80) {
            width++, i++;
            continue;
        }
        wchar_t c = 0;
        size_t len = mbrtowc(&c, text + i, n - i, &state);
        if (len == 0 || len > n - i) { /* not in this locale's encoding */
            state = (mbstate_t){0};
            width++, i++;
            continue;
        }
        int columns = wcwidth(c);
        width += columns > 0 ? (size_t)columns : 0;
        i += len;
    }
    return width;
}

const char *sq_count(char *buf, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    char *to = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return buf;
}

void sq_html_escape(const char *text, size_t n, struct kg_buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        const char *as = text[i] == '<'    ? "&lt;"
                         : text[i] == '>'  ? "&gt;"
                         : text[i] == '&'  ? "&amp;"
                         : text[i] == '"'  ? "&quot;"
                         : text[i] == '\'' ? "&#39;"
                                           : NULL;
        if (!as)
            continue;
        kg_buf_add(out, text + from, i - from);
        kg_buf_add_str(out, as);
        from = i + 1;
    }
    kg_buf_add(out, text + from, n - from);
}

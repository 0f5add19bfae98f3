#include "jupyter/scan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"

/* A place in a text. Functions that fail leave `at` on the byte at fault and say why. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    const char *why;
    bool escaped; /* the string that was skipped last had escapes in it */
};

/* A span of nothing may have no pointer, and nothing may be added to one that is NULL. */
static struct cursor over(struct kg_span text)
{
    const uint8_t *at = text.data ? text.data : (const uint8_t *)"";
    return (struct cursor){.at = at, .end = at + text.len};
}

static bool fail(struct cursor *c, const uint8_t *at, const char *why)
{
    c->at = at;
    c->why = why;
    return false;
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

/*
 * True when one of the 8 bytes in w is below 0x20, '"', '\\' or above 0x7f. A byte minus 0x20 borrows
 * into its top bit when it was below; xor with the wanted byte makes it zero, which minus 1 borrows. A
 * borrow out of a lower byte can only add false alarms, and those are looked at one by one.
 */
static bool has_special(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t quote = w ^ (ones * '"');
    uint64_t back = w ^ (ones * '\\');
    return ((w | (w - ones * 0x20) | (quote - ones) | (back - ones)) & (ones * 0x80)) != 0;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* at stands on the backslash. */
static bool skip_escape(struct cursor *c)
{
    const uint8_t *p = c->at + 1;
    if (p == c->end)
        return fail(c, p, "unfinished string");
    if (*p == 'u') {
        for (int i = 1; i <= 4; i++)
            if (p + i >= c->end || !is_hex(p[i]))
                return fail(c, p, "bad \\u escape");
        c->at = p + 5;
        return true;
    }
    static const char known[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    if (!memchr(known, *p, sizeof known))
        return fail(c, p, "bad escape");
    c->at = p + 1;
    return true;
}

/* at stands on the opening quote; ends behind the closing one. */
static bool skip_string(struct cursor *c)
{
    const uint8_t *p = c->at + 1;
    c->escaped = false;
    for (;;) {
        while (c->end - p >= 8) {
            uint64_t w;
            memcpy(&w, p, 8);
            if (has_special(w))
                break;
            p += 8;
        }
        while (p < c->end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
            p++;
        if (p == c->end)
            return fail(c, p, "unfinished string");
        if (*p == '"') {
            c->at = p + 1;
            return true;
        }
        if (*p < 0x20)
            return fail(c, p, "control character in a string");
        c->at = p;
        if (*p == '\\') {
            c->escaped = true;
            if (!skip_escape(c))
                return false;
            p = c->at;
            continue;
        }
        size_t len = kg_utf8_char(p, (size_t)(c->end - p));
        if (len == 0)
            return fail(c, p, "not UTF-8");
        p += len;
    }
}

static bool skip_digits(struct cursor *c)
{
    const uint8_t *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > from || fail(c, c->at, "digit expected");
}

static bool skip_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return fail(c, c->at, "value expected");
    c->at += n;
    return true;
}

static bool skip_number(struct cursor *c)
{
    if (*c->at == '-') {
        c->at++;
        if (c->at < c->end && *c->at == 'I')
            return skip_word(c, "Infinity");
    }
    if (c->at < c->end && *c->at == '0')
        c->at++; /* nothing but a fraction or an exponent may follow a leading zero */
    else if (!skip_digits(c))
        return false;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!skip_digits(c))
            return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        return skip_digits(c);
    }
    return true;
}

/* at stands on the first byte of a value that is no object and no array. */
static bool skip_scalar(struct cursor *c, enum jy_json_type *type)
{
    switch (*c->at) {
    case '"': *type = JY_JSON_STRING; return skip_string(c);
    case 't': *type = JY_JSON_TRUE; return skip_word(c, "true");
    case 'f': *type = JY_JSON_FALSE; return skip_word(c, "false");
    case 'n': *type = JY_JSON_NULL; return skip_word(c, "null");
    case 'N': *type = JY_JSON_NUMBER; return skip_word(c, "NaN");
    case 'I': *type = JY_JSON_NUMBER; return skip_word(c, "Infinity");
    case '-':
    case '0' ... '9': *type = JY_JSON_NUMBER; return skip_number(c);
    default: return fail(c, c->at, "value expected");
    }
}

/* Skips `"key" :`. */
static bool skip_key(struct cursor *c)
{
    skip_space(c);
    if (c->at == c->end || *c->at != '"')
        return fail(c, c->at, "key expected");
    if (!skip_string(c))
        return false;
    skip_space(c);
    if (c->at == c->end || *c->at != ':')
        return fail(c, c->at, "':' expected");
    c->at++;
    return true;
}

/* What containers one is in: a bit each, 1 for an object. Instead of recursion, whose depth a peer
 * would choose. */
struct nest {
    uint64_t bits[JY_JSON_DEPTH / 64];
    size_t depth;
};

static bool in_object(const struct nest *n)
{
    size_t i = n->depth - 1;
    return n->bits[i / 64] >> (i % 64) & 1;
}

static void push(struct nest *n, bool object)
{
    uint64_t bit = (uint64_t)1 << (n->depth % 64);
    uint64_t *word = &n->bits[n->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    n->depth++;
}

/* at stands behind a value: leaves all containers that end here, and goes to where the next value
 * starts. With depth 0 the outermost value has ended. */
static bool after_value(struct cursor *c, struct nest *n)
{
    while (n->depth > 0) {
        bool object = in_object(n);
        skip_space(c);
        if (c->at == c->end)
            return fail(c, c->at, object ? "unfinished object" : "unfinished array");
        if (*c->at == ',') {
            c->at++;
            return object ? skip_key(c) : true;
        }
        if (*c->at != (object ? '}' : ']'))
            return fail(c, c->at, object ? "',' or '}' expected" : "',' or ']' expected");
        c->at++;
        n->depth--;
    }
    return true;
}

/* Skips whitespace and one value; *type and *start are its own. */
static bool skip_value(struct cursor *c, const uint8_t **start, enum jy_json_type *type)
{
    struct nest n; /* bits are written before they are read */
    n.depth = 0;
    skip_space(c);
    *start = c->at;
    bool outermost = true;
    do {
        skip_space(c);
        if (c->at == c->end)
            return fail(c, c->at, "value expected");
        enum jy_json_type here;
        if (*c->at == '{' || *c->at == '[') {
            bool object = *c->at == '{';
            here = object ? JY_JSON_OBJECT : JY_JSON_ARRAY;
            if (n.depth == JY_JSON_DEPTH)
                return fail(c, c->at, "nested too deep");
            push(&n, object);
            c->at++;
            skip_space(c);
            if (c->at < c->end && *c->at == (object ? '}' : ']')) {
                c->at++;
                n.depth--;
                if (!after_value(c, &n))
                    return false;
            } else if (object && !skip_key(c)) {
                return false;
            }
        } else {
            if (!skip_scalar(c, &here) || !after_value(c, &n))
                return false;
        }
        if (outermost)
            *type = here;
        outermost = false;
    } while (n.depth > 0);
    return true;
}

static int told(const struct cursor *c, const uint8_t *start, struct kg_err *err)
{
    return kg_err_set(err, -EPROTO, "%s at byte %zu", c->why, (size_t)(c->at - start));
}

int jy_scan_begin(struct jy_scan *s, struct kg_span json, struct kg_err *err)
{
    struct cursor c = over(json);
    const uint8_t *start = c.at;
    skip_space(&c);
    if (c.at == c.end || *c.at != '{') {
        fail(&c, c.at, "object expected");
        return told(&c, start, err);
    }
    *s = (struct jy_scan){start, c.at + 1, c.end, true};
    return 0;
}

int jy_scan_next(struct jy_scan *s, struct jy_member *out, struct kg_err *err)
{
    struct cursor c = {.at = s->at, .end = s->end};
    skip_space(&c);
    if (c.at < c.end && *c.at == '}') {
        c.at++;
        skip_space(&c);
        if (c.at == c.end)
            return 0;
        fail(&c, c.at, "text after the object");
        return told(&c, s->start, err);
    }
    if (!s->first) {
        if (c.at == c.end || *c.at != ',') {
            fail(&c, c.at, c.at == c.end ? "unfinished object" : "',' or '}' expected");
            return told(&c, s->start, err);
        }
        c.at++;
    }
    s->first = false;
    skip_space(&c);
    const uint8_t *key = c.at;
    if (c.at == c.end || *c.at != '"') {
        fail(&c, c.at, "key expected");
        return told(&c, s->start, err);
    }
    if (!skip_string(&c))
        return told(&c, s->start, err);
    out->key = kg_span_of(key + 1, (size_t)(c.at - key) - 2);
    out->key_escaped = c.escaped;
    skip_space(&c);
    if (c.at == c.end || *c.at != ':') {
        fail(&c, c.at, "':' expected");
        return told(&c, s->start, err);
    }
    c.at++;
    const uint8_t *value;
    if (!skip_value(&c, &value, &out->type))
        return told(&c, s->start, err);
    out->value = kg_span_of(value, (size_t)(c.at - value));
    s->at = c.at;
    return 1;
}

int jy_json_check(struct kg_span json, enum jy_json_type *type, struct kg_err *err)
{
    struct cursor c = over(json);
    const uint8_t *start = c.at;
    const uint8_t *value;
    enum jy_json_type t;
    if (!skip_value(&c, &value, &t))
        return told(&c, start, err);
    skip_space(&c);
    if (c.at != c.end) {
        fail(&c, c.at, "text after the value");
        return told(&c, start, err);
    }
    if (type)
        *type = t;
    return 0;
}

int jy_json_find(struct kg_span json, const char *key, struct jy_member *out, struct kg_err *err)
{
    struct jy_scan s;
    struct jy_member m;
    int found = 0;
    int rc = jy_scan_begin(&s, json, err);
    if (rc < 0)
        return rc;
    while ((rc = jy_scan_next(&s, &m, err)) > 0) {
        if (jy_member_is(&m, key)) {
            *out = m;
            found = 1;
        }
    }
    return rc < 0 ? rc : found;
}

int jy_json_find_string(struct kg_span json, const char *key, struct kg_span *raw,
                        struct kg_err *err)
{
    struct jy_member m;
    int rc = jy_json_find(json, key, &m, err);
    if (rc <= 0)
        return rc;
    if (m.type != JY_JSON_STRING)
        return 0;
    *raw = jy_member_text(&m);
    return 1;
}

int jy_json_int(struct kg_span value, int64_t *out)
{
    char text[24];
    if (value.len == 0 || value.len >= sizeof text)
        return value.len ? -ERANGE : -EPROTO;
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < '0' || value.data[i] > '9') && !(i == 0 && value.data[i] == '-'))
            return -EPROTO;
    if (value.len == 1 && value.data[0] == '-')
        return -EPROTO;
    memcpy(text, value.data, value.len);
    text[value.len] = 0;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    if (errno)
        return -ERANGE;
    *out = v;
    return 0;
}

static uint32_t hex4(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static void add_utf8(struct kg_buf *out, uint32_t c)
{
    uint8_t b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        b[n++] = (uint8_t)(0xc0 | c >> 6);
        b[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        b[n++] = (uint8_t)(0xe0 | c >> 12);
        b[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        b[n++] = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        b[n++] = (uint8_t)(0xf0 | c >> 18);
        b[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        b[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        b[n++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    kg_buf_add(out, b, n);
}

/* p stands on the 'u'; returns behind what was read. */
static const uint8_t *decode_u(struct kg_buf *out, const uint8_t *p, const uint8_t *end)
{
    uint32_t c = hex4(p + 1);
    p += 5;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return p + 6;
        }
    }
    add_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return p;
}

void jy_text_decode(struct kg_buf *out, struct kg_span raw)
{
    if (raw.len == 0)
        return;
    const uint8_t *p = raw.data;
    const uint8_t *end = raw.data + raw.len;
    while (p < end) {
        const uint8_t *back = memchr(p, '\\', (size_t)(end - p));
        if (!back || end - back < 2) {
            kg_buf_add(out, p, (size_t)(end - p));
            return;
        }
        kg_buf_add(out, p, (size_t)(back - p));
        p = back + 1;
        switch (*p) {
        case 'b': kg_buf_add_char(out, '\b'); break;
        case 'f': kg_buf_add_char(out, '\f'); break;
        case 'n': kg_buf_add_char(out, '\n'); break;
        case 'r': kg_buf_add_char(out, '\r'); break;
        case 't': kg_buf_add_char(out, '\t'); break;
        case 'u':
            if (end - p < 5)
                return;
            p = decode_u(out, p, end);
            continue;
        default: kg_buf_add_char(out, (char)*p); break;
        }
        p++;
    }
}

static bool has_escape(struct kg_span raw)
{
    return raw.len > 0 && memchr(raw.data, '\\', raw.len);
}

bool jy_text_equal(struct kg_span a, struct kg_span b)
{
    if (kg_span_equal(a, b))
        return true;
    if (!has_escape(a) && !has_escape(b))
        return false;
    kg_autobuf da = {0};
    kg_autobuf db = {0};
    jy_text_decode(&da, a);
    jy_text_decode(&db, b);
    return kg_span_equal(kg_span_of(da.data, da.len), kg_span_of(db.data, db.len));
}

bool jy_text_is(struct kg_span raw, const char *s)
{
    if (kg_span_is(raw, s))
        return true;
    if (!has_escape(raw))
        return false;
    kg_autobuf text = {0};
    jy_text_decode(&text, raw);
    return kg_span_is(kg_span_of(text.data, text.len), s);
}

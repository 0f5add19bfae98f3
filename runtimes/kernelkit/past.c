#include "runtimes/kernelkit/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/content.h"

struct kk_cell {
    struct kk_cell *next, *prev;
    int64_t line;
    size_t code_len, result_len;
    char *result; /* NULL: none */
    bool chosen;  /* by the query at hand */
    char code[];
};

static size_t weight(const struct kk_cell *c)
{
    return sizeof *c + c->code_len + c->result_len;
}

static void drop_oldest(struct kk_past *p)
{
    struct kk_cell *c = p->first;
    p->first = c->next;
    if (p->first)
        p->first->prev = NULL;
    else
        p->last = NULL;
    p->bytes -= weight(c);
    p->count--;
    free(c->result);
    free(c);
}

void kk_past_release(struct kk_past *p)
{
    while (p->first)
        drop_oldest(p);
}

void kk_past_add(struct kk_past *p, int64_t line, struct kg_span code)
{
    struct kk_cell *c = kg_calloc(1, sizeof *c + code.len);
    c->line = line;
    c->code_len = code.len;
    if (code.len)
        memcpy(c->code, code.data, code.len);
    c->prev = p->last;
    if (p->last)
        p->last->next = c;
    else
        p->first = c;
    p->last = c;
    p->bytes += weight(c);
    p->count++;
    while (p->bytes > KK_PAST_BYTES || p->count > KK_PAST_CELLS)
        drop_oldest(p);
}

void kk_past_set_result(struct kk_past *p, int64_t line, struct kg_span text)
{
    struct kk_cell *c = p->last;
    if (!c || c->line != line || c->result || text.len > KK_PAST_RESULT_MAX)
        return;
    c->result = kg_malloc(text.len + 1);
    if (text.len)
        memcpy(c->result, text.data, text.len);
    c->result_len = text.len;
    p->bytes += text.len; /* the next cell sees to the limit */
}

int kk_past_query_read(struct kk_past_query *q, struct kg_buf *pattern, struct kg_span content,
                       struct kg_err *err)
{
    *q = (struct kk_past_query){.access = KK_PAST_TAIL};
    struct kg_span access = {0}, raw = kg_span_str("*");
    const struct kk_field fields[] = {
        {"hist_access_type", KK_TEXT, &access, true},
        {"output", KK_BOOL, &q->output, false},
        {"unique", KK_BOOL, &q->unique, false},
        {"session", KK_INT, &q->session, false},
        {"start", KK_INT, &q->start, false},
        {"stop", KK_INT, &q->stop, false},
        {"n", KK_INT, &q->n, false},
        {"pattern", KK_TEXT, &raw, false},
    };
    int rc = kk_content_read(content, fields, KG_COUNT(fields), err);
    if (rc < 0)
        return rc;
    if (jy_text_is(access, "range"))
        q->access = KK_PAST_RANGE;
    else if (jy_text_is(access, "search"))
        q->access = KK_PAST_SEARCH;
    else if (!jy_text_is(access, "tail"))
        return kg_err_set(err, -EINVAL, "hist_access_type must be range, tail or search");
    kg_buf_clear(pattern);
    jy_text_decode(pattern, raw);
    if (pattern->len > KK_PAST_PATTERN_MAX)
        return kg_err_set(err, -EINVAL, "pattern is longer than %d bytes", KK_PAST_PATTERN_MAX);
    q->pattern = kg_span_of(pattern->data, pattern->len);
    return 0;
}

/* The bytes of the character at the front of s; a byte that is no character counts as one. */
static size_t char_at(struct kg_span s)
{
    size_t n = kg_utf8_char(s.data, s.len);
    return n ? n : 1;
}

static struct kg_span behind(struct kg_span s, size_t n)
{
    return kg_span_of(s.data + n, s.len - n);
}

static int compare(struct kg_span a, struct kg_span b)
{
    int order = memcmp(a.data, b.data,
                       a.len < b.len ? a.len : b.len); /* UTF-8 sorts as its characters do */
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Does the set at the front of *pattern, behind its bracket, hold c? It is taken off; without an end nothing matches. */
static bool set_holds(struct kg_span *pattern, struct kg_span c)
{
    struct kg_span p = *pattern;
    bool negated = p.len && *p.data == '^';
    bool found = false;
    if (negated)
        p = behind(p, 1);
    for (bool first = true; p.len && (first || *p.data != ']'); first = false) {
        struct kg_span low = kg_span_of(p.data, char_at(p));
        struct kg_span high = low;
        p = behind(p, low.len);
        if (p.len > 1 && p.data[0] == '-' && p.data[1] != ']') {
            p = behind(p, 1);
            high = kg_span_of(p.data, char_at(p));
            p = behind(p, high.len);
        }
        found = found || (compare(low, c) <= 0 && compare(c, high) <= 0);
    }
    *pattern = p.len ? behind(p, 1) : p;
    return p.len && found != negated;
}

/* Takes one element that is no star off *pattern. Does it match c? */
static bool one_matches(struct kg_span *pattern, struct kg_span c)
{
    struct kg_span element = kg_span_of(pattern->data, char_at(*pattern));
    *pattern = behind(*pattern, element.len);
    if (*element.data == '?')
        return true;
    if (*element.data == '[')
        return set_holds(pattern, c);
    return kg_span_equal(element, c);
}

bool kk_glob(struct kg_span pattern, struct kg_span text)
{
    /* Where to go on when what follows the last star does not match: one character later. */
    struct kg_span star = {0}, retry = {0};
    bool starred = false;
    for (;;) {
        if (pattern.len && *pattern.data == '*') {
            star = pattern = behind(pattern, 1);
            retry = text;
            starred = true;
            continue;
        }
        if (!pattern.len && !text.len)
            return true;
        if (pattern.len && text.len) {
            struct kg_span c = kg_span_of(text.data, char_at(text));
            if (one_matches(&pattern, c)) {
                text = behind(text, c.len);
                continue;
            }
        }
        if (!starred || !retry.len)
            return false;
        retry = behind(retry, char_at(retry));
        text = retry;
        pattern = star;
    }
}

static bool same_code(const struct kk_cell *a, const struct kk_cell *b)
{
    return a->code_len == b->code_len && memcmp(a->code, b->code, a->code_len) == 0;
}

static bool is_repeated_later(const struct kk_cell *c)
{
    for (const struct kk_cell *later = c->next; later; later = later->next)
        if (later->chosen && same_code(c, later))
            return true;
    return false;
}

static bool in_range(const struct kk_past *p, const struct kk_past_query *q, int64_t line)
{
    int64_t behind_last = p->last ? p->last->line + 1 : 1;
    int64_t start = q->start < 0 ? q->start + behind_last : q->start;
    int64_t stop = q->stop < 0 ? q->stop + behind_last : q->stop;
    return line >= start && (q->stop == 0 || line < stop);
}

static void choose(const struct kk_past *p, const struct kk_past_query *q)
{
    int64_t left = q->access == KK_PAST_RANGE || q->n <= 0 ? INT64_MAX : q->n;
    bool here = q->access != KK_PAST_RANGE || q->session == 0 || q->session == KK_PAST_SESSION;
    for (struct kk_cell *c = p->last; c; c = c->prev) {
        bool fits = here && left > 0;
        if (fits && q->access == KK_PAST_RANGE)
            fits = in_range(p, q, c->line);
        else if (fits && q->access == KK_PAST_SEARCH)
            fits = kk_glob(q->pattern, kg_span_of(c->code, c->code_len)) &&
                   !(q->unique && is_repeated_later(c));
        c->chosen = fits;
        left -= fits;
    }
}

static void write_cell(const struct kk_cell *c, bool output, struct kg_json *j)
{
    kg_json_array_begin(j);
    kg_json_int(j, KK_PAST_SESSION);
    kg_json_int(j, c->line);
    if (output)
        kg_json_array_begin(j);
    kg_json_strn(j, c->code, c->code_len);
    if (output) {
        if (c->result)
            kg_json_strn(j, c->result, c->result_len);
        else
            kg_json_null(j);
        kg_json_array_end(j);
    }
    kg_json_array_end(j);
}

void kk_past_write(const struct kk_past *p, const struct kk_past_query *q, struct kg_json *j)
{
    choose(p, q);
    kg_json_array_begin(j);
    for (const struct kk_cell *c = p->first; c; c = c->next)
        if (c->chosen)
            write_cell(c, q->output, j);
    kg_json_array_end(j);
}

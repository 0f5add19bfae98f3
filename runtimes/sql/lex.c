#include "runtimes/sql/lex.h"

#include <string.h>
#include <strings.h>

bool sq_name_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c >= 0x80;
}

static bool space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the closing quote; a doubled quote stands for one, a backslash (not in names) hides what follows. */
static size_t quoted(const char *text, size_t n, size_t at, bool *open)
{
    char quote = text[at++];
    while (at < n) {
        if (text[at] == '\\' && quote != '`') {
            at += 2;
            continue;
        }
        if (text[at] == quote) {
            if (at + 1 >= n || text[at + 1] != quote)
                return at + 1;
            at++;
        }
        at++;
    }
    *open = true;
    return n;
}

static size_t to_line_end(const char *text, size_t n, size_t at)
{
    const char *end = memchr(text + at, '\n', n - at);
    return end ? (size_t)(end - text) : n;
}

/* text[at..] is slash and star. Executed ones are opened only: their content is SQL. */
static size_t comment(const char *text, size_t n, size_t at, struct sq_token *t)
{
    size_t i = at + 2;
    if (i < n && text[i] == 'M' && i + 1 < n && text[i + 1] == '!')
        i++;
    if (i < n && text[i] == '!') {
        t->kind = SQ_VERSIONED;
        for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
            continue;
        return i;
    }
    t->kind = SQ_COMMENT;
    for (i = at + 2; i + 1 < n; i++) {
        if (text[i] == '*' && text[i + 1] == '/')
            return i + 2;
    }
    t->open = true;
    return n;
}

static size_t variable(const char *text, size_t n, size_t at, bool *open)
{
    while (at < n && text[at] == '@')
        at++;
    if (at < n && (text[at] == '`' || text[at] == '\'' || text[at] == '"'))
        return quoted(text, n, at, open);
    while (at < n && (sq_name_byte((unsigned char)text[at]) || text[at] == '.'))
        at++;
    return at;
}

static size_t number(const char *text, size_t n, size_t at, enum sq_kind *kind)
{
    size_t i = at;
    while (i < n && text[i] >= '0' && text[i] <= '9')
        i++;
    if (i < n && text[i] == '.' && i + 1 < n && text[i + 1] >= '0' && text[i + 1] <= '9') {
        for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
            continue;
    }
    /* 1e-5; otherwise letters that follow belong to it: 0xff, and names such as 2fast */
    if (i + 1 < n && (text[i] == 'e' || text[i] == 'E') &&
        (text[i + 1] == '-' || text[i + 1] == '+'))
        i += 2;
    while (i < n && sq_name_byte((unsigned char)text[i])) {
        if (text[at] != '0' && text[i] != 'e' && text[i] != 'E' && (text[i] < '0' || text[i] > '9'))
            *kind = SQ_WORD;
        i++;
    }
    return i;
}

struct sq_token sq_lex(const char *text, size_t n, size_t at, bool inside)
{
    struct sq_token t = {.kind = SQ_SYMBOL, .start = at};
    if (at >= n)
        return (struct sq_token){.kind = SQ_END, .start = n};
    unsigned char c = (unsigned char)text[at], next = at + 1 < n ? (unsigned char)text[at + 1] : 0;
    size_t end = at + 1;
    if (space(c)) {
        t.kind = SQ_SPACE;
        while (end < n && space((unsigned char)text[end]))
            end++;
    } else if (c == '#' ||
               (c == '-' && next == '-' && (at + 2 >= n || (unsigned char)text[at + 2] <= ' '))) {
        t.kind = SQ_COMMENT;
        end = to_line_end(text, n, at);
    } else if (c == '/' && next == '*') {
        end = comment(text, n, at, &t);
    } else if (inside && c == '*' && next == '/') {
        t.kind = SQ_VERSIONED;
        end = at + 2;
    } else if (c == '\'' || c == '"') {
        t.kind = SQ_STRING;
        end = quoted(text, n, at, &t.open);
    } else if (c == '`') {
        t.kind = SQ_NAME;
        end = quoted(text, n, at, &t.open);
    } else if (c == '@') {
        t.kind = SQ_VARIABLE;
        end = variable(text, n, at, &t.open);
    } else if (c >= '0' && c <= '9') {
        t.kind = SQ_NUMBER;
        end = number(text, n, at, &t.kind);
    } else if (sq_name_byte(c)) {
        t.kind = SQ_WORD;
        while (end < n && sq_name_byte((unsigned char)text[end]))
            end++;
    } else if (c == ':' && next == '=') {
        end = at + 2;
    }
    t.len = end - at;
    return t;
}

bool sq_token_idle(struct sq_token t)
{
    return t.kind == SQ_SPACE || t.kind == SQ_COMMENT;
}

bool sq_token_is(const char *text, struct sq_token t, const char *word)
{
    return (t.kind == SQ_WORD || t.kind == SQ_SYMBOL) && strlen(word) == t.len &&
           strncasecmp(text + t.start, word, t.len) == 0;
}

bool sq_token_in(const char *text, struct sq_token t, const char *const *words)
{
    for (; *words; words++) {
        if (sq_token_is(text, t, *words))
            return true;
    }
    return false;
}

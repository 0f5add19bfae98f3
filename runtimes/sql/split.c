#include "runtimes/sql/split.h"

#include <string.h>

#include "runtimes/sql/block.h"
#include "runtimes/sql/lex.h"

void sq_split_init(struct sq_splitter *s, const char *text, size_t n)
{
    *s = (struct sq_splitter){.text = text, .n = n, .line = 1, .delimiter = ";"};
}

/* Goes on to `to`, counting lines. */
static void advance(struct sq_splitter *s, size_t to)
{
    for (; s->at < to; s->at++)
        s->line += s->text[s->at] == '\n';
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static size_t line_end(const struct sq_splitter *s)
{
    const char *end = memchr(s->text + s->at, '\n', s->n - s->at);
    return end ? (size_t)(end - s->text) : s->n;
}

/* What follows a client command of n bytes, to the end of the line, without blanks around it. */
static void argument(const struct sq_splitter *s, size_t n, size_t *start, size_t *end)
{
    *end = line_end(s);
    *start = s->at + n;
    while (*start < *end && blank(s->text[*start]))
        ++*start;
    while (*end > *start && blank(s->text[*end - 1]))
        --*end;
}

static void mistake(struct sq_piece *out, const char *sentence)
{
    out->kind = SQ_MISTAKE;
    out->text = sentence;
    out->len = strlen(sentence);
}

static void take_delimiter(struct sq_splitter *s, size_t word, struct sq_piece *out)
{
    size_t start, end;
    argument(s, word, &start, &end);
    size_t n = 0;
    while (start + n < end && !blank(s->text[start + n]))
        n++;
    if (n == 0)
        mistake(out, "DELIMITER must be followed by the new delimiter, such as //");
    else if (n > SQ_DELIMITER_MAX)
        mistake(out, "a delimiter has at most 15 characters");
    else if (memchr(s->text + start, '\\', n) || memchr(s->text + start, 0, n))
        mistake(out, "a delimiter can't hold a backslash");
    if (out->kind != SQ_MISTAKE) {
        memcpy(s->delimiter, s->text + start, n);
        s->delimiter[n] = 0;
    }
    advance(s, line_end(s));
}

static void take_source(struct sq_splitter *s, size_t word, struct sq_piece *out)
{
    size_t start, end, d = strlen(s->delimiter);
    argument(s, word, &start, &end);
    if (end - start >= d && memcmp(s->text + end - d, s->delimiter, d) == 0)
        end -= d;
    while (end > start && blank(s->text[end - 1]))
        end--;
    if (end - start >= 2 && (s->text[start] == '\'' || s->text[start] == '"') &&
        s->text[start] == s->text[end - 1])
        start++, end--;
    if (start == end) {
        mistake(out, "SOURCE must be followed by a file's name");
    } else {
        out->kind = SQ_SOURCE;
        out->text = s->text + start;
        out->len = end - start;
    }
    out->delimited = true;
    advance(s, line_end(s));
}

/* A command of the client's at the beginning of a statement; false when there is none. */
static bool command(struct sq_splitter *s, struct sq_token t, struct sq_piece *out)
{
    size_t after = t.start + t.len;
    bool alone = after >= s->n || blank(s->text[after]) || s->text[after] == '\n';
    if (sq_token_is(s->text, t, "DELIMITER") && alone)
        take_delimiter(s, t.len, out);
    else if (sq_token_is(s->text, t, "SOURCE") && alone)
        take_source(s, t.len, out);
    else if (s->text[t.start] == '\\' && after < s->n && s->text[after] == '.')
        take_source(s, 2, out);
    else
        return false;
    return true;
}

/* Goes over what means nothing before a statement. Comments that the text ends in are left: they are told as open. */
static struct sq_token skip_idle(struct sq_splitter *s)
{
    struct sq_token t;
    while (t = sq_lex(s->text, s->n, s->at, false), sq_token_idle(t) && !t.open)
        advance(s, t.start + t.len);
    return t;
}

static bool at_delimiter(const struct sq_splitter *s, size_t at)
{
    size_t d = strlen(s->delimiter);
    return s->n - at >= d && memcmp(s->text + at, s->delimiter, d) == 0;
}

/* A delimiter may hold, or begin within, what is a word otherwise (DELIMITER go, x$$): where in the token it begins. */
static size_t delimiter_in(const struct sq_splitter *s, struct sq_token t)
{
    size_t last = t.kind == SQ_WORD || t.kind == SQ_NUMBER ? t.len : 1;
    bool wordy = sq_name_byte((unsigned char)s->delimiter[0]) && s->delimiter[0] != '$';
    if (t.kind == SQ_STRING || t.kind == SQ_NAME || t.kind == SQ_VARIABLE || sq_token_idle(t))
        last = 0;
    /* a delimiter of letters is a word of its own */
    for (size_t i = 0; i < (wordy && last ? 1 : last); i++) {
        if (at_delimiter(s, t.start + i) && (!wordy || strlen(s->delimiter) == t.len))
            return i;
    }
    return t.len;
}

struct progress {
    struct sq_block block;
    size_t parens;
    bool inside; /* of an executed comment */
    bool usual;  /* the delimiter is a semicolon */
};

static void note(struct progress *p, const char *text, struct sq_token t)
{
    if (t.kind == SQ_VERSIONED) {
        p->inside = text[t.start] == '/';
        return;
    }
    if (p->usual)
        sq_block_token(&p->block, text, t);
    if (sq_token_is(text, t, "("))
        p->parens++;
    else if (sq_token_is(text, t, ")") && p->parens > 0)
        p->parens--;
}

static enum sq_open open_at_end(const struct progress *p)
{
    if (p->inside)
        return SQ_IN_COMMENT;
    if (p->block.depth > 0)
        return SQ_IN_BLOCK;
    return p->parens > 0 ? SQ_IN_PARENS : SQ_CLOSED;
}

/* From s->at, where a statement begins, to its end. */
static void statement(struct sq_splitter *s, struct sq_piece *out)
{
    struct progress p = {.usual = strcmp(s->delimiter, ";") == 0};
    size_t start = s->at, at = s->at, end = s->n, next = s->n;
    out->kind = SQ_SQL;
    out->open = SQ_CLOSED;
    for (;;) {
        struct sq_token t = sq_lex(s->text, s->n, at, p.inside);
        if (t.kind == SQ_END) {
            out->open = open_at_end(&p);
            break;
        }
        if (t.open) {
            out->open = t.kind == SQ_COMMENT ? SQ_IN_COMMENT : SQ_IN_QUOTE;
            break;
        }
        size_t in = p.inside || (p.usual && p.block.depth > 0) ? t.len : delimiter_in(s, t);
        if (in < t.len) {
            end = t.start + in;
            next = end + strlen(s->delimiter);
            out->delimited = true;
            break;
        }
        if (s->text[t.start] == '\\' && t.start + 1 < s->n && strchr("Gg", s->text[t.start + 1])) {
            end = t.start;
            next = end + 2;
            out->delimited = true;
            out->vertical = s->text[t.start + 1] == 'G';
            break;
        }
        if (!sq_token_idle(t))
            note(&p, s->text, t);
        at = t.start + t.len;
    }
    out->text = s->text + start;
    out->len = end - start;
    advance(s, next);
}

void sq_split_next(struct sq_splitter *s, struct sq_piece *out)
{
    for (;;) {
        *out = (struct sq_piece){0};
        struct sq_token t = skip_idle(s);
        out->line = s->line;
        if (t.kind == SQ_END)
            return;
        if (command(s, t, out)) {
            if (out->kind == SQ_NOTHING)
                continue; /* DELIMITER */
            return;
        }
        statement(s, out);
        /* strip what follows the last token; an empty statement is none */
        while (out->len > 0 && out->open == SQ_CLOSED &&
               (blank(out->text[out->len - 1]) || out->text[out->len - 1] == '\n'))
            out->len--;
        if (out->len > 0)
            return;
    }
}

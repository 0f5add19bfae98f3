#include "runtimes/sql/context.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "runtimes/sql/lex.h"

/* Tokens of the statement that the cursor is in, without spaces and comments. */
struct tokens {
    const char *text;
    const struct sq_token *at;
    size_t n;
};

static const char *const before_tables[] = {"FROM",  "JOIN",          "INTO",     "UPDATE",
                                            "TABLE", "TABLES",        "DESC",     "DESCRIBE",
                                            "VIEW",  "STRAIGHT_JOIN", "TRUNCATE", NULL};
static const char *const before_databases[] = {"USE", "DATABASE", "SCHEMA", NULL};
/* What may follow a table's name and is no other name of it. */
static const char *const no_alias[] = {
    "WHERE",     "ON",      "USING",         "JOIN",   "INNER",  "LEFT",   "RIGHT",
    "CROSS",     "NATURAL", "STRAIGHT_JOIN", "ORDER",  "GROUP",  "LIMIT",  "HAVING",
    "SET",       "VALUES",  "VALUE",         "SELECT", "UNION",  "EXCEPT", "INTERSECT",
    "USE",       "FORCE",   "IGNORE",        "FOR",    "LOCK",   "WINDOW", "ADD",
    "DROP",      "MODIFY",  "CHANGE",        "RENAME", "ENGINE", "INTO",   "PROCEDURE",
    "PARTITION", "LIKE",    "RETURNING",     "READ",   "WRITE",  NULL};

static void copy_name(struct sq_name *to, const char *text, size_t start, size_t end)
{
    size_t n = 0;
    bool quoted = start < end && text[start] == '`';
    for (size_t i = start + quoted; i < end && n + 1 < sizeof(to->text); i++) {
        if (quoted && text[i] == '`' && (i + 1 >= end || text[++i] != '`'))
            break;
        to->text[n++] = text[i];
    }
    to->text[n] = 0;
}

static bool is_name(struct sq_token t)
{
    return t.kind == SQ_WORD || t.kind == SQ_NAME;
}

static void take_name(struct sq_name *to, const struct tokens *ts, size_t i)
{
    *to = (struct sq_name){0};
    if (i < ts->n && is_name(ts->at[i]))
        copy_name(to, ts->text, ts->at[i].start, ts->at[i].start + ts->at[i].len);
}

static bool is(const struct tokens *ts, size_t i, const char *word)
{
    return i < ts->n && sq_token_is(ts->text, ts->at[i], word);
}

/* [database.]table [[AS] alias] at i; returns where it ends, or i when there is no name. */
static size_t take_table(struct sq_context *c, const struct tokens *ts, size_t i)
{
    if (i >= ts->n || !is_name(ts->at[i]) || c->table_count == SQ_TABLES_MAX)
        return i;
    struct sq_used_table *t = &c->tables[c->table_count];
    *t = (struct sq_used_table){0};
    take_name(&t->table, ts, i++);
    if (is(ts, i, ".") && i + 1 < ts->n && is_name(ts->at[i + 1])) {
        t->database = t->table;
        take_name(&t->table, ts, i + 1);
        i += 2;
    }
    bool as = is(ts, i, "AS");
    i += as;
    if (i < ts->n && is_name(ts->at[i]) && (as || !sq_token_in(ts->text, ts->at[i], no_alias)))
        take_name(&t->alias, ts, i++);
    c->table_count++;
    return i;
}

static void find_tables(struct sq_context *c, const struct tokens *ts)
{
    static const char *const options[] = {"IF",           "NOT",   "EXISTS", "IGNORE",
                                          "LOW_PRIORITY", "TABLE", NULL};
    for (size_t i = 0; i < ts->n;) {
        if (!sq_token_in(ts->text, ts->at[i++], before_tables))
            continue;
        while (i < ts->n && sq_token_in(ts->text, ts->at[i], options))
            i++;
        size_t next = take_table(c, ts, i);
        while (next > i && is(ts, next, ",")) { /* FROM a, b */
            i = next + 1;
            next = take_table(c, ts, i);
        }
        i = next;
    }
}

static void take_statement(struct kg_buf *out, const char *text, size_t n, size_t cursor)
{
    for (size_t at = 0;;) {
        struct sq_token t = sq_lex(text, n, at, false);
        if (t.kind == SQ_END)
            return;
        at = t.start + t.len;
        if (sq_token_is(text, t, ";")) {
            if (at > cursor)
                return;
            kg_buf_clear(out);
        } else if (!sq_token_idle(t) ||
                   (t.start < cursor && cursor <= at && t.kind == SQ_COMMENT)) {
            kg_buf_add(out, &t, sizeof(t));
        }
    }
}

/* The token that the cursor is in or right behind; ts->n when it is between tokens. */
static size_t token_at(const struct tokens *ts, size_t cursor, bool whole)
{
    for (size_t i = 0; i < ts->n; i++) {
        struct sq_token t = ts->at[i];
        if (t.kind == SQ_SYMBOL)
            continue;
        if (t.start < cursor && cursor <= t.start + t.len)
            return i;
        if (whole && t.start == cursor)
            return i;
    }
    return ts->n;
}

static void look_around(struct sq_context *c, const struct tokens *ts, size_t at, size_t cursor)
{
    size_t before = at; /* tokens in front of the name */
    if (at == ts->n) {
        for (before = 0; before < ts->n && ts->at[before].start < cursor;)
            before++;
    }
    take_name(&c->after, ts, at == ts->n ? before : at + 1);
    if (before >= 2 && is(ts, before - 1, ".")) {
        take_name(&c->of, ts, before - 2);
        if (before >= 4 && is(ts, before - 3, "."))
            take_name(&c->of_of, ts, before - 4);
        return;
    }
    if (before == 0)
        return;
    take_name(&c->before, ts, before - 1);
    if (sq_token_in(ts->text, ts->at[before - 1], before_tables))
        c->want = SQ_WANT_TABLE;
    else if (sq_token_in(ts->text, ts->at[before - 1], before_databases))
        c->want = SQ_WANT_DATABASE;
}

void sq_context_at(struct sq_context *out, const char *text, size_t n, size_t cursor, bool whole)
{
    memset(out, 0, sizeof(*out));
    out->want = SQ_WANT_ANY;
    out->start = out->end = cursor;
    kg_autobuf bytes = {0};
    take_statement(&bytes, text, n, cursor);
    struct tokens ts = {text, (const struct sq_token *)(const void *)bytes.data,
                        bytes.len / sizeof(struct sq_token)};
    size_t at = token_at(&ts, cursor, whole);
    if (at < ts.n) {
        struct sq_token t = ts.at[at];
        bool closed = t.kind == SQ_STRING && !t.open && cursor == t.start + t.len;
        if (t.kind == SQ_COMMENT || t.kind == SQ_NUMBER || (t.kind == SQ_STRING && !closed)) {
            out->want = SQ_WANT_NOTHING;
            return;
        }
        if (t.kind != SQ_STRING && t.kind != SQ_VERSIONED) {
            out->start = t.start;
            out->end = whole ? t.start + t.len : cursor;
            copy_name(&out->name, text, out->start, out->end);
        }
        if (t.kind == SQ_VARIABLE) {
            out->want = t.len > 1 && text[t.start + 1] == '@' ? SQ_WANT_SYSTEM : SQ_WANT_NOTHING;
            return;
        }
    }
    look_around(out, &ts, at, cursor);
    find_tables(out, &ts);
}

const struct sq_used_table *sq_context_table(const struct sq_context *c, const char *name)
{
    for (size_t i = 0; i < c->table_count; i++) {
        const struct sq_used_table *t = &c->tables[i];
        if (strcasecmp(t->alias.text, name) == 0 || strcmp(t->table.text, name) == 0)
            return t;
    }
    return NULL;
}

size_t sq_bytes_of(const char *text, size_t n, size_t points)
{
    size_t i = 0;
    for (; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80 && points-- == 0)
            break;
    }
    return i;
}

size_t sq_points_of(const char *text, size_t bytes)
{
    size_t points = 0;
    for (size_t i = 0; i < bytes; i++)
        points += ((unsigned char)text[i] & 0xc0) != 0x80;
    return points;
}

#include "runtimes/sql/names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "runtimes/sql/lex.h"

char *sq_sql(struct sq_session *s, const char *format, ...)
{
    kg_autobuf sql = {0};
    va_list args;
    va_start(args, format);
    for (const char *c = format; *c; c++) {
        if (c[0] != '%' || c[1] != 'Q') {
            kg_buf_add_char(&sql, *c);
            continue;
        }
        const char *text = va_arg(args, const char *);
        size_t n = strlen(text);
        kg_buf_add_char(&sql, '\'');
        char *to = (char *)kg_buf_reserve(&sql, 2 * n + 1);
        sql.len += mysql_real_escape_string(s->conn, to, text, n);
        kg_buf_add_char(&sql, '\'');
        c++;
    }
    va_end(args);
    size_t n;
    kg_buf_cstr(&sql);
    return (char *)kg_buf_steal(&sql, &n);
}

void sq_names_load(struct sq_names *names, struct sq_session *s)
{
    static const char *const queries[] = {
        "SELECT word FROM information_schema.keywords WHERE word RLIKE '^[A-Z]' ORDER BY 1",
        "SELECT CONCAT(function, '(') FROM information_schema.sql_functions WHERE function RLIKE '^[A-Z]' ORDER BY 1",
    };
    if (names->words.len > 0)
        return;
    for (size_t i = 0; i < KG_COUNT(queries); i++) {
        MYSQL_RES *rows = sq_session_ask(s, queries[i]);
        MYSQL_ROW row;
        while (rows && (row = mysql_fetch_row(rows)))
            kg_buf_add(&names->words, row[0], strlen(row[0]) + 1);
        mysql_free_result(rows);
    }
}

static bool seen(const struct sq_matches *m, const char *text)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->texts[i], text) == 0)
            return true;
    }
    return false;
}

/* Takes over text. */
static void add(struct sq_matches *m, char *text, const char *type)
{
    if (m->n == SQ_MATCHES_MAX || seen(m, text)) {
        free(text);
        return;
    }
    m->texts[m->n] = text;
    m->types[m->n++] = type;
}

/* A name as it must be written: in backticks unless it is plain. */
static char *written(const char *name)
{
    bool plain = *name && !isdigit((unsigned char)*name);
    for (const char *c = name; *c; c++)
        plain = plain && sq_name_byte((unsigned char)*c);
    if (plain)
        return kg_strdup(name);
    kg_autobuf out = {0};
    size_t n;
    kg_buf_add_char(&out, '`');
    for (const char *c = name; *c; c++) {
        if (*c == '`')
            kg_buf_add_char(&out, '`');
        kg_buf_add_char(&out, *c);
    }
    kg_buf_add_char(&out, '`');
    kg_buf_cstr(&out);
    return (char *)kg_buf_steal(&out, &n);
}

static bool begins(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* The first column of a query's rows that begin as the name does. Takes over sql. */
static void add_rows(struct sq_session *s, const struct sq_context *c, char *sql, const char *type,
                     struct sq_matches *m)
{
    MYSQL_RES *rows = sq_session_ask(s, sql);
    MYSQL_ROW row;
    free(sql);
    while (rows && (row = mysql_fetch_row(rows))) {
        if (begins(row[0], c->name.text))
            add(m, written(row[0]), type);
    }
    mysql_free_result(rows);
}

static void add_columns(struct sq_session *s, const struct sq_context *c, const char *database,
                        const char *table, struct sq_matches *m)
{
    char *sql =
        sq_sql(s,
               "SELECT column_name FROM information_schema.columns WHERE table_schema = "
               "COALESCE(NULLIF(%Q, ''), DATABASE()) AND table_name = %Q ORDER BY ordinal_position",
               database, table, NULL);
    add_rows(s, c, sql, "column", m);
}

static void add_tables(struct sq_session *s, const struct sq_context *c, const char *database,
                       struct sq_matches *m)
{
    char *sql = sq_sql(s,
                       "SELECT table_name FROM information_schema.tables WHERE table_schema = "
                       "COALESCE(NULLIF(%Q, ''), DATABASE()) ORDER BY 1",
                       database, NULL);
    add_rows(s, c, sql, "table", m);
}

static void add_databases(struct sq_session *s, const struct sq_context *c, struct sq_matches *m)
{
    add_rows(s, c, sq_sql(s, "SHOW DATABASES", NULL), "database", m);
}

/* Behind a dot: the columns of a table, by whatever name, or the tables of a database. */
static void add_members(struct sq_session *s, const struct sq_context *c, struct sq_matches *m)
{
    const struct sq_used_table *t = sq_context_table(c, c->of.text);
    if (*c->of_of.text) {
        add_columns(s, c, c->of_of.text, c->of.text, m);
        return;
    }
    if (t)
        add_columns(s, c, t->database.text, t->table.text, m);
    else
        add_columns(s, c, "", c->of.text, m);
    add_tables(s, c, c->of.text, m);
}

static void add_words(const struct sq_names *names, const struct sq_context *c,
                      struct sq_matches *m)
{
    if (!*c->name.text)
        return; /* a thousand words help nobody */
    bool small = islower((unsigned char)c->name.text[0]);
    const char *end = (const char *)names->words.data + names->words.len;
    for (const char *w = (const char *)names->words.data; w < end; w += strlen(w) + 1) {
        if (!begins(w, c->name.text))
            continue;
        char *text = kg_strdup(w);
        for (char *p = text; small && *p; p++)
            *p = (char)tolower((unsigned char)*p);
        add(m, text, text[strlen(text) - 1] == '(' ? "function" : "keyword");
    }
}

static void add_system(struct sq_session *s, const struct sq_context *c, struct sq_matches *m)
{
    const char *name = c->name.text + 2, *scope = "";
    if (begins(name, "session."))
        scope = "session.";
    else if (begins(name, "global."))
        scope = "global.";
    struct sq_name rest = {0};
    memcpy(rest.text, name + strlen(scope), strlen(name + strlen(scope)) + 1);
    MYSQL_RES *rows = sq_session_ask(s, "SHOW VARIABLES");
    MYSQL_ROW row;
    while (rows && (row = mysql_fetch_row(rows))) {
        if (begins(row[0], rest.text))
            add(m, kg_asprintf("@@%s%s", scope, row[0]), "variable");
    }
    mysql_free_result(rows);
}

void sq_names_match(const struct sq_names *names, struct sq_session *s, const struct sq_context *c,
                    struct sq_matches *out)
{
    if (c->want == SQ_WANT_NOTHING)
        return;
    if (c->want == SQ_WANT_SYSTEM) {
        add_system(s, c, out);
        return;
    }
    if (*c->of.text) {
        add_members(s, c, out);
        return;
    }
    if (c->want == SQ_WANT_ANY) {
        for (size_t i = 0; i < c->table_count; i++) {
            const struct sq_used_table *t = &c->tables[i];
            add_columns(s, c, t->database.text, t->table.text, out);
            const char *name = *t->alias.text ? t->alias.text : t->table.text;
            if (begins(name, c->name.text))
                add(out, written(name), "table");
        }
    }
    if (c->want != SQ_WANT_DATABASE)
        add_tables(s, c, "", out);
    add_databases(s, c, out);
    if (c->want != SQ_WANT_DATABASE)
        add_words(names, c, out);
}

void sq_matches_release(struct sq_matches *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->texts[i]);
    m->n = 0;
}

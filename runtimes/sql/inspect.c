#include "runtimes/sql/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/sql/names.h"
#include "runtimes/sql/statement.h"

/* A whole answer as a table, behind a heading; false when there are no rows. Takes over sql. */
static bool put_answer(struct sq_session *s, char *sql, const char *heading, struct kg_buf *text,
                       struct kg_buf *html)
{
    MYSQL_RES *rows = sq_session_ask(s, sql);
    MYSQL_ROW row;
    free(sql);
    if (!rows)
        return false;
    struct sq_table t;
    sq_statement_table(rows, &t);
    while ((row = mysql_fetch_row(rows)))
        sq_statement_row(rows, row, &t);
    bool any = t.rows > 0;
    if (any) {
        kg_buf_printf(text, "%s\n", heading);
        sq_table_text(&t, text);
        kg_buf_add_str(html, "<p>");
        sq_html_escape(heading, strlen(heading), html);
        kg_buf_add_str(html, "</p>");
        sq_table_html(&t, NULL, html);
    }
    sq_table_release(&t);
    mysql_free_result(rows);
    return any;
}

/* Column n of the first row of an answer, appended to text. Takes over sql. */
static bool put_definition(struct sq_session *s, char *sql, unsigned n, struct kg_buf *text)
{
    MYSQL_RES *rows = sq_session_ask(s, sql);
    free(sql);
    MYSQL_ROW row = rows && mysql_num_fields(rows) > n ? mysql_fetch_row(rows) : NULL;
    bool found = row && row[n];
    if (found) {
        if (text->len > 0)
            kg_buf_add_str(text, "\n\n");
        kg_buf_add_str(text, row[n]);
    }
    mysql_free_result(rows);
    return found;
}

static char *in_backticks(const char *name)
{
    kg_autobuf out = {0};
    size_t n;
    kg_buf_add_char(&out, '`');
    for (; *name; name++) {
        if (*name == '`')
            kg_buf_add_char(&out, '`');
        kg_buf_add_char(&out, *name);
    }
    kg_buf_add_char(&out, '`');
    kg_buf_cstr(&out);
    return (char *)kg_buf_steal(&out, &n);
}

static bool put_table(struct sq_session *s, const char *database, const char *table, bool detailed,
                      struct kg_buf *text, struct kg_buf *html)
{
    char *sql = sq_sql(
        s,
        "SELECT column_name AS `Field`, column_type AS `Type`, is_nullable AS `Null`, column_key AS `Key`, "
        "column_default AS `Default`, extra AS `Extra` FROM information_schema.columns WHERE table_schema = "
        "COALESCE(NULLIF(%Q, ''), DATABASE()) AND table_name = %Q ORDER BY ordinal_position",
        database, table, NULL);
    kg_autofree char *heading = kg_asprintf("Table %s%s%s", database, *database ? "." : "", table);
    if (!put_answer(s, sql, heading, text, html))
        return false;
    if (detailed) {
        kg_autofree char *d = in_backticks(database), *t = in_backticks(table);
        put_definition(s,
                       *database ? kg_asprintf("SHOW CREATE TABLE %s.%s", d, t)
                                 : kg_asprintf("SHOW CREATE TABLE %s", t),
                       1, text);
        kg_buf_release(html); /* which has no such part: the text says more */
    }
    return true;
}

static bool put_column(struct sq_session *s, const char *database, const char *table,
                       const char *column, struct kg_buf *text, struct kg_buf *html)
{
    char *sql = sq_sql(
        s,
        "SELECT table_name AS `Table`, column_name AS `Field`, column_type AS `Type`, is_nullable AS `Null`, "
        "column_key AS `Key`, column_default AS `Default`, extra AS `Extra`, column_comment AS `Comment` "
        "FROM information_schema.columns WHERE table_schema = COALESCE(NULLIF(%Q, ''), DATABASE()) "
        "AND table_name = %Q AND column_name = %Q",
        database, table, column, NULL);
    kg_autofree char *heading = kg_asprintf("Column %s.%s", table, column);
    return put_answer(s, sql, heading, text, html);
}

static bool put_database(struct sq_session *s, const char *name, struct kg_buf *text,
                         struct kg_buf *html)
{
    char *sql =
        sq_sql(s,
               "SELECT table_name AS `Table`, table_type AS `Type`, engine AS `Engine` FROM "
               "information_schema.tables WHERE table_schema = %Q ORDER BY 1",
               name, NULL);
    kg_autofree char *heading = kg_asprintf("Database %s", name);
    return put_answer(s, sql, heading, text, html);
}

static bool put_routine(struct sq_session *s, const char *database, const char *name,
                        struct kg_buf *text)
{
    char *sql = sq_sql(
        s,
        "SELECT CONCAT(routine_type, ' ', routine_schema, '.', routine_name, '\n\n', routine_definition) FROM "
        "information_schema.routines WHERE routine_schema = COALESCE(NULLIF(%Q, ''), DATABASE()) "
        "AND routine_name = %Q",
        database, name, NULL);
    return put_definition(s, sql, 0, text);
}

/* One topic has a name, a text and examples; otherwise the answer lists topics, which helps only who asked for HELP. */
static bool put_help(struct sq_session *s, const char *first, const char *second,
                     struct kg_buf *text)
{
    kg_autofree char *topic = *second ? kg_asprintf("%s %s", first, second) : kg_strdup(first);
    kg_autofree char *sql = sq_sql(s, "HELP %Q", topic, NULL);
    MYSQL_RES *rows = *first ? sq_session_ask(s, sql) : NULL;
    bool found = rows && mysql_num_rows(rows) == 1 && mysql_num_fields(rows) == 3;
    MYSQL_ROW row = found ? mysql_fetch_row(rows) : NULL;
    if (row && strcmp(mysql_fetch_field(rows)->name, "name") == 0) {
        kg_buf_printf(text, "%s\n\n%s", row[0], row[1]);
        if (row[2] && *row[2])
            kg_buf_printf(text, "\nExamples\n--------\n%s", row[2]);
    } else {
        found = false;
    }
    mysql_free_result(rows);
    return found;
}

bool sq_inspect(struct sq_session *s, const struct sq_context *c, bool detailed,
                struct kg_buf *text, struct kg_buf *html)
{
    const char *name = c->name.text;
    if (c->want == SQ_WANT_NOTHING || c->want == SQ_WANT_SYSTEM || !*name) {
        if (c->want != SQ_WANT_SYSTEM)
            return false;
        return put_answer(s, sq_sql(s, "SHOW VARIABLES LIKE %Q", name + 2, NULL), "System variable",
                          text, html);
    }
    if (*c->of.text) {
        const struct sq_used_table *t = sq_context_table(c, c->of.text);
        const char *database = *c->of_of.text ? c->of_of.text : t ? t->database.text : "";
        return put_column(s, database, t ? t->table.text : c->of.text, name, text, html) ||
               put_table(s, c->of.text, name, detailed, text, html) ||
               put_routine(s, c->of.text, name, text);
    }
    const struct sq_used_table *t = sq_context_table(c, name);
    if (put_table(s, t ? t->database.text : "", t ? t->table.text : name, detailed, text, html))
        return true;
    for (size_t i = 0; i < c->table_count; i++) {
        if (put_column(s, c->tables[i].database.text, c->tables[i].table.text, name, text, html))
            return true;
    }
    return put_routine(s, "", name, text) || put_database(s, name, text, html) ||
           put_help(s, name, c->after.text, text) || put_help(s, c->before.text, name, text) ||
           put_help(s, name, "", text);
}

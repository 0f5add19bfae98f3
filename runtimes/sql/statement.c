#include "runtimes/sql/statement.h"

#include <string.h>

#include "base/mem.h"
#include "runtimes/sql/accept.h"
#include "runtimes/sql/lex.h"

enum { CHARSET_BINARY = 63 };

static enum sq_form form_of(const MYSQL_FIELD *f)
{
    switch (f->type) {
    case MYSQL_TYPE_BIT: return SQ_BITS;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_STRING: return f->charsetnr == CHARSET_BINARY ? SQ_BINARY : SQ_TEXT;
    case MYSQL_TYPE_GEOMETRY: return SQ_BINARY;
    default: return SQ_TEXT;
    }
}

/* A name as one readable line: an expression without AS is its own name, line breaks and all. */
static char *name_of(const MYSQL_FIELD *f)
{
    kg_autobuf text = {0};
    sq_value_text(SQ_TEXT, (const uint8_t *)f->name, f->name_length, &text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            text.data[i] = ' ';
    }
    return kg_strdup(kg_buf_cstr(&text));
}

void sq_statement_table(MYSQL_RES *result, struct sq_table *out)
{
    unsigned n = mysql_num_fields(result);
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    struct sq_column *columns = kg_calloc(n, sizeof(*columns));
    for (unsigned i = 0; i < n; i++) {
        columns[i].name = name_of(&fields[i]);
        columns[i].form = form_of(&fields[i]);
        columns[i].right = IS_NUM(fields[i].type) && fields[i].type != MYSQL_TYPE_TIMESTAMP &&
                           fields[i].type != MYSQL_TYPE_NULL;
    }
    sq_table_init(out, columns, n);
}

void sq_statement_row(MYSQL_RES *result, MYSQL_ROW row, struct sq_table *out)
{
    const unsigned long *lengths = mysql_fetch_lengths(result);
    for (size_t i = 0; i < out->width; i++)
        sq_table_add(out, row[i], row[i] ? lengths[i] : 0);
}

/* Whether the statement asks for the warnings itself: they would be shown twice. */
static bool shows_warnings(const char *sql, size_t n)
{
    static const char *const second[] = {"WARNINGS", "ERRORS", NULL};
    struct sq_token first = sq_lex(sql, n, 0, false), t = {0};
    if (!sq_token_is(sql, first, "SHOW"))
        return false;
    t = sq_lex(sql, n, first.len, false);
    t = sq_lex(sql, n, t.start + t.len, false);
    return sq_token_in(sql, t, second);
}

/* Asking for them leaves ROW_COUNT() and FOUND_ROWS() changed, so it is done only when there are any. */
static void tell_warnings(struct sq_session *s, struct sq_sink *sink)
{
    unsigned count = mysql_warning_count(s->conn), shown = 0;
    if (count == 0)
        return;
    MYSQL_RES *rows = sq_session_ask(s, "SHOW WARNINGS LIMIT 20");
    MYSQL_ROW row;
    while (rows && (row = mysql_fetch_row(rows))) {
        sink->warning(sink, row[0], row[1], row[2]);
        shown++;
    }
    mysql_free_result(rows);
    if (shown > 0 && count > shown)
        sink->warnings_left(sink, count - shown);
}

/* The answer whose head is there: rows or a count. */
static bool take_answer(struct sq_session *s, bool vertical, struct sq_sink *sink,
                        struct sq_problem *problem)
{
    MYSQL_RES *result = mysql_use_result(s->conn);
    if (!result) {
        if (sq_session_failed(s, problem))
            return false;
        const char *info = mysql_info(s->conn);
        if (!sq_session_signal(
                s)) /* what was interrupted may end well, as SLEEP does: it is an error all the same */
            sink->affected(sink, mysql_affected_rows(s->conn), info ? info : "");
        return true;
    }
    sink->result(sink, result, vertical);
    bool failed = sq_session_failed(s, problem);
    mysql_free_result(result);
    return !failed;
}

/* Rows of a PRINT: a line each, values as they are with a space between. */
static bool print_rows(struct sq_session *s, struct sq_sink *sink, struct sq_problem *problem)
{
    MYSQL_RES *result = mysql_use_result(s->conn);
    MYSQL_ROW row;
    while (result && (row = mysql_fetch_row(result))) {
        const unsigned long *lengths = mysql_fetch_lengths(result);
        kg_autobuf line = {0};
        for (unsigned i = 0; i < mysql_num_fields(result); i++) {
            if (i > 0)
                kg_buf_add_char(&line, ' ');
            kg_buf_add(&line, row[i] ? row[i] : "NULL", row[i] ? lengths[i] : 4);
        }
        sink->print(sink, kg_buf_cstr(&line), line.len);
    }
    bool failed = sq_session_failed(s, problem);
    mysql_free_result(result);
    return !failed;
}

/* first: the word PRINT. SELECT takes its place, and a line stays a line. */
static bool run_print(struct sq_session *s, const char *sql, size_t n, struct sq_token first,
                      struct sq_sink *sink, struct sq_problem *problem)
{
    kg_autobuf select = {0};
    kg_buf_add_str(&select, "SELECT");
    kg_buf_add(&select, sql + first.len, n - first.len);
    int more;
    if (!sq_session_query(s, kg_buf_cstr(&select), select.len, problem) ||
        !print_rows(s, sink, problem))
        return false;
    while ((more = sq_session_more(s, problem)) > 0)
        mysql_free_result(mysql_use_result(s->conn));
    if (more < 0)
        return false;
    tell_warnings(s, sink);
    return true;
}

static bool clears_screen(const char *sql, size_t n, struct sq_token first)
{
    if (!sq_token_is(sql, first, "CLEAR"))
        return false;
    struct sq_token t = sq_lex(sql, n, first.len, false);
    if (sq_token_idle(t))
        t = sq_lex(sql, n, t.start + t.len, false);
    return sq_token_is(sql, t, "SCREEN") && t.start + t.len == n;
}

bool sq_statement_run(struct sq_session *s, const char *sql, size_t n, bool vertical,
                      struct sq_sink *sink, struct sq_problem *problem)
{
    struct sq_token first = sq_lex(sql, n, 0, false);
    if (sq_token_is(sql, first, "PRINT"))
        return run_print(s, sql, n, first, sink, problem);
    if (sq_token_is(sql, first, "ACCEPT"))
        return sq_accept_run(s, sql, n, first, sink, problem);
    if (clears_screen(sql, n, first)) {
        sink->clear(sink);
        return true;
    }
    if (!sq_session_query(s, sql, n, problem))
        return false;
    int more;
    bool rows = false;
    do {
        /* a procedure's call ends with a count of its own, which says nothing after its result sets */
        bool has_rows = mysql_field_count(s->conn) > 0;
        if ((has_rows || !rows) && !take_answer(s, vertical, sink, problem))
            return false;
        rows |= has_rows;
        more = sq_session_more(s, problem);
    } while (more > 0);
    if (more < 0)
        return false;
    if (!shows_warnings(sql, n))
        tell_warnings(s, sink);
    return true;
}

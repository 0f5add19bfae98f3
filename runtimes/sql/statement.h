#ifndef SQ_STATEMENT_H
#define SQ_STATEMENT_H
/* One statement: sent, and all that comes back handed to a sink, in order. */
#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "runtimes/sql/session.h"
#include "runtimes/sql/table.h"

enum { SQ_WARNINGS_SHOWN = 20 };

/* Who shows what statements give: the notebook (cell.h) or a program's output (print.h). */
struct sq_sink {
    const char *file; /* where the statement that runs stands; NULL: in the cell */
    size_t line;
    /* A statement of the text itself, not of a file that it includes, begins; last: none follows. May be NULL. */
    void (*begin)(struct sq_sink *sink, bool last);
    /* The rows of a result set, to be fetched to their end; an error then is the caller's to find. */
    void (*result)(struct sq_sink *sink, MYSQL_RES *result, bool vertical);
    /* An answer without rows: "3 rows affected" and, or "", what the server adds. */
    void (*affected)(struct sq_sink *sink, uint64_t rows, const char *info);
    /* The line of a PRINT, without its line break. */
    void (*print)(struct sq_sink *sink, const char *text, size_t n);
    /* The line that ACCEPT asks for, without its line break; hidden: not to be shown while it is typed. False: there is none, or
     * the session was signalled. */
    bool (*ask)(struct sq_sink *sink, const char *prompt, bool hidden, struct kg_buf *line);
    /* CLEAR SCREEN: what was shown goes. */
    void (*clear)(struct sq_sink *sink);
    void (*warning)(struct sq_sink *sink, const char *level, const char *code, const char *text);
    /* How many warnings were left out. */
    void (*warnings_left)(struct sq_sink *sink, unsigned count);
};

/* Ours, since the server has no such statements: PRINT expression, ... writes a line of the values, without a table; ACCEPT asks
 * for a line (accept.h); CLEAR SCREEN.
 * Returns false with *problem filled when it failed, was interrupted or lost its connection. */
bool sq_statement_run(struct sq_session *s, const char *sql, size_t n, bool vertical,
                      struct sq_sink *sink, struct sq_problem *problem);

/* An empty table with the columns of a result. */
void sq_statement_table(MYSQL_RES *result, struct sq_table *out);
/* Adds a row as it was fetched. */
void sq_statement_row(MYSQL_RES *result, MYSQL_ROW row, struct sq_table *out);

#endif

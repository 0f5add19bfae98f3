#include "runtimes/sql/clean.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* The server's own databases; all others are the user's, who can't make accounts or anything else outside of them. */
static const char others_sql[] =
    "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
    "('mysql', 'information_schema', 'performance_schema', 'sys')";
/* A query goes on after its client was killed, and holds locks. Without the PROCESS privilege only the user's own are seen. */
static const char connections_sql[] =
    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()";

/* Runs before NAME after for the first column of every row that sql gives. */
static int for_each(struct sq_session *s, const char *sql, const char *before, const char *after,
                    struct kg_err *err)
{
    MYSQL_RES *rows = sq_session_ask(s, sql);
    MYSQL_ROW row;
    if (!rows)
        return kg_err_set(err, -EIO, "clean the database: %s", mysql_error(s->conn));
    while ((row = mysql_fetch_row(rows))) {
        kg_autobuf text = {0};
        kg_buf_add_str(&text, before);
        for (const char *c = row[0]; *c; c++) { /* a backtick within a name is doubled */
            if (*c == '`')
                kg_buf_add_char(&text, '`');
            kg_buf_add_char(&text, *c);
        }
        kg_buf_add_str(&text, after);
        /* a connection may have ended by itself; a database that stays is found below, when it is made again */
        (void)sq_session_do(s, kg_buf_cstr(&text));
    }
    mysql_free_result(rows);
    return 0;
}

static int enter(struct sq_session *s, struct kg_err *err)
{
    if (!sq_session_do(s, "CREATE DATABASE IF NOT EXISTS " SQ_PROGRAM_DATABASE) ||
        mysql_select_db(s->conn, SQ_PROGRAM_DATABASE) != 0)
        return kg_err_set(err, -EIO, "make the program's database: %s", mysql_error(s->conn));
    return 0;
}

/* Whether a database of before is left: DROP refuses what it does not know in its folder. */
static int check(struct sq_session *s, struct kg_err *err)
{
    MYSQL_RES *rows = sq_session_ask(s, others_sql);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    int rc = row ? kg_err_set(err, -EIO, "the database '%.64s' of an earlier run can't be dropped",
                              row[0])
                 : 0;
    mysql_free_result(rows);
    return rc;
}

int sq_clean(struct sq_session *s, bool keep, struct kg_err *err)
{
    int rc = for_each(s, connections_sql, "KILL ", "", err);
    if (rc < 0 || keep)
        return rc < 0 ? rc : enter(s, err);
    if ((rc = for_each(s, others_sql, "DROP DATABASE `", "`", err)) < 0 || (rc = check(s, err)) < 0)
        return rc;
    return enter(s, err);
}

#include "runtimes/sql/clean.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"

/* All but the server's own, which alone no user can make: MYSQL, Sys or performance_schema are the user's, who can't make
 * accounts or anything else outside of databases. */
static const char others_sql[] = "SELECT schema_name FROM information_schema.schemata WHERE "
                                 "BINARY schema_name NOT IN ('mysql', 'information_schema')";
/* A query goes on after its client was killed, and holds locks. Without the PROCESS privilege only the user's own are seen. */
static const char connections_sql[] =
    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()";
/* What XA PREPARE has prepared outlives its connection, and holds locks on tables until somebody ends it. */
static const char prepared_sql[] = "XA RECOVER";

enum { END_MS = 10000, PAUSE_MS = 5 };

static MYSQL_RES *ask(struct sq_session *s, const char *sql, struct kg_err *err)
{
    MYSQL_RES *rows = sq_session_ask(s, sql);
    if (!rows)
        kg_err_set(err, -EIO, "clean the database: %s", mysql_error(s->conn));
    return rows;
}

/* Runs before NAME after for the first column of every row that sql gives. */
static int for_each(struct sq_session *s, const char *sql, const char *before, const char *after,
                    struct kg_err *err)
{
    MYSQL_RES *rows = ask(s, sql, err);
    MYSQL_ROW row;
    if (!rows)
        return err->code;
    while ((row = mysql_fetch_row(rows))) {
        kg_autobuf text = {0};
        kg_buf_add_str(&text, before);
        for (const char *c = row[0]; *c; c++) { /* a backtick within a name is doubled */
            if (*c == '`')
                kg_buf_add_char(&text, '`');
            kg_buf_add_char(&text, *c);
        }
        kg_buf_add_str(&text, after);
        /* a connection may have ended by itself; what stays of the rest is found by none_left */
        (void)sq_session_do(s, kg_buf_cstr(&text));
    }
    mysql_free_result(rows);
    return 0;
}

/* Whether sql gives no row; else what says what the first one is. */
static int none_left(struct sq_session *s, const char *sql, const char *what, struct kg_err *err)
{
    MYSQL_RES *rows = ask(s, sql, err);
    if (!rows)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(rows);
    int rc =
        row ? kg_err_set(err, -EIO, "%s of an earlier run can't be ended: %.64s", what, row[0]) : 0;
    mysql_free_result(rows);
    return rc;
}

/* A killed connection takes a moment; until it is gone what it has prepared is its own. */
static int end_connections(struct sq_session *s, struct kg_err *err)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int rc = for_each(s, connections_sql, "KILL ", "", err);
    for (int ms = 0; rc == 0; ms += PAUSE_MS) {
        rc = none_left(s, connections_sql, "a connection", err);
        if (rc == 0 || ms >= END_MS || sq_session_signal(s))
            return rc;
        nanosleep(&pause, NULL);
        rc = 0;
    }
    return rc;
}

static void add_hex(struct kg_buf *sql, const char *bytes, size_t n)
{
    kg_buf_add_str(sql, "X'");
    for (size_t i = 0; i < n; i++)
        kg_buf_printf(sql, "%02X", (unsigned char)bytes[i]);
    kg_buf_add_char(sql, '\'');
}

/* A row is: format, length of the first and of the second part of the name, both parts. */
static int end_prepared(struct sq_session *s, struct kg_err *err)
{
    MYSQL_RES *rows = ask(s, prepared_sql, err);
    MYSQL_ROW row;
    if (!rows)
        return err->code;
    while ((row = mysql_fetch_row(rows))) {
        size_t n = mysql_fetch_lengths(rows)[3], first = strtoul(row[1], NULL, 10);
        kg_autobuf sql = {0};
        if (first > n)
            first = n;
        kg_buf_add_str(&sql, "XA ROLLBACK ");
        add_hex(&sql, row[3], first);
        kg_buf_add_char(&sql, ',');
        add_hex(&sql, row[3] + first, n - first);
        kg_buf_printf(&sql, ",%s", row[0]);
        (void)sq_session_do(s, kg_buf_cstr(&sql)); /* what stays is told */
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

int sq_clean(struct sq_session *s, bool keep, struct kg_err *err)
{
    int rc = end_connections(s, err);
    if (rc < 0 || keep)
        return rc < 0 ? rc : enter(s, err);
    if ((rc = end_prepared(s, err)) < 0 ||
        (rc = none_left(s, prepared_sql, "a prepared transaction", err)) < 0 ||
        (rc = for_each(s, others_sql, "DROP DATABASE `", "`", err)) < 0 ||
        (rc = none_left(s, others_sql, "the database", err)) < 0)
        return rc;
    return enter(s, err);
}

#include "runtimes/sql/print.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

static void flush(FILE *out, struct kg_buf *text)
{
    fwrite(text->data, 1, text->len, out);
    kg_buf_clear(text);
}

const char *sq_print_rows(char *buf, uint64_t rows)
{
    char count[32];
    snprintf(buf, 48, "%s row%s", sq_count(count, rows), rows == 1 ? "" : "s");
    return buf;
}

/* The head and the first rows, with widths that fit them. */
static void begin_table(const struct sq_table *t, bool vertical, struct kg_buf *text)
{
    if (vertical) {
        sq_table_vertical(t, 1, text);
        return;
    }
    sq_table_rule(t, text);
    sq_table_names(t, text);
    sq_table_rule(t, text);
    sq_table_rows(t, text);
}

static void print_result(struct sq_sink *sink, MYSQL_RES *result, bool vertical)
{
    struct sq_print *p = (struct sq_print *)sink;
    MYSQL *conn = result->handle; /* which the result forgets at its end */
    struct sq_table t;
    kg_autobuf text = {0};
    MYSQL_ROW row = NULL;
    uint64_t rows = 0;
    sq_statement_table(result, &t);
    while (t.rows < SQ_MEASURED_ROWS && t.bytes.len < SQ_MEASURED_BYTES &&
           (row = mysql_fetch_row(result)))
        sq_statement_row(result, row, &t);
    rows = t.rows;
    if (rows > 0)
        begin_table(&t, vertical, &text);
    flush(p->out, &text);
    while (row && (row = mysql_fetch_row(result))) {
        sq_table_clear(&t);
        sq_statement_row(result, row, &t);
        if (vertical)
            sq_table_vertical(&t, rows + 1, &text);
        else
            sq_table_rows(&t, &text);
        flush(p->out, &text);
        rows++;
    }
    if (rows > 0 && !vertical)
        sq_table_rule(&t, &text);
    flush(p->out, &text);
    sq_table_release(&t);
    char buf[48];
    if (!p->quiet && mysql_errno(conn) == 0)
        fprintf(p->out, rows ? "%s in set\n\n" : "Empty set\n\n", sq_print_rows(buf, rows));
}

static void print_affected(struct sq_sink *sink, uint64_t rows, const char *info)
{
    struct sq_print *p = (struct sq_print *)sink;
    char buf[48];
    if (p->quiet)
        return;
    fprintf(p->out, "Query OK, %s affected\n", sq_print_rows(buf, rows));
    if (*info)
        fprintf(p->out, "%s\n", info);
    fputc('\n', p->out);
}

static void print_text(struct sq_sink *sink, const char *text, size_t n)
{
    const struct sq_print *p = (const struct sq_print *)sink;
    fwrite(text, 1, n, p->out);
    fputc('\n', p->out);
}

/* A line of standard input, byte by byte: what follows it is left to the next ACCEPT, or to LOAD DATA LOCAL. */
static bool read_line(struct sq_session *s, struct kg_buf *line)
{
    char c;
    while (line->len < SQ_LINE_MAX && sq_session_wait(s, STDIN_FILENO)) {
        if (read(STDIN_FILENO, &c, 1) != 1)
            return line->len > 0;
        if (c == '\n')
            return true;
        kg_buf_add_char(line, c);
    }
    return sq_session_signal(s) == 0;
}

static bool print_ask(struct sq_sink *sink, const char *prompt, bool hidden, struct kg_buf *line)
{
    const struct sq_print *p = (const struct sq_print *)sink;
    struct termios shown, silent;
    fputs(prompt, p->out);
    fflush(p->out);
    hidden = hidden && tcgetattr(STDIN_FILENO, &shown) == 0; /* else it is no terminal */
    if (hidden) {
        silent = shown;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    }
    bool given = read_line(p->session, line);
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSANOW, &shown);
        fputc('\n', p->out);
    }
    return given;
}

/* A pipe keeps what was written. */
static void print_clear(struct sq_sink *sink)
{
    const struct sq_print *p = (const struct sq_print *)sink;
    if (isatty(fileno(p->out)))
        fputs("\x1b[H\x1b[2J", p->out);
}

/* Notes (a table that DROP IF EXISTS did not find) are no cause for alarm. */
static void print_warning(struct sq_sink *sink, const char *level, const char *code,
                          const char *text)
{
    const struct sq_print *p = (const struct sq_print *)sink;
    FILE *out = strcmp(level, "Note") == 0 ? p->out : stderr;
    if (p->quiet && out != stderr)
        return;
    fflush(p->out);
    if (sink->file && out == stderr)
        fprintf(out, "%s:%zu: ", sink->file, sink->line);
    fprintf(out, "%s (Code %s): %s\n", level, code, text);
}

static void print_warnings_left(struct sq_sink *sink, unsigned count)
{
    (void)sink;
    fprintf(stderr, "... and %u more warnings (SHOW WARNINGS lists them)\n", count);
}

void sq_print_init(struct sq_print *p, struct sq_session *session, FILE *out, bool quiet)
{
    *p = (struct sq_print){
        .sink = {.result = print_result,
                 .affected = print_affected,
                 .print = print_text,
                 .ask = print_ask,
                 .clear = print_clear,
                 .warning = print_warning,
                 .warnings_left = print_warnings_left},
        .session = session,
        .out = out,
        .quiet = quiet,
    };
}

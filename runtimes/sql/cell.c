#include "runtimes/sql/cell.h"

#include <string.h>

#include "base/mem.h"
#include "runtimes/sql/print.h"
#include "runtimes/sql/script.h"

struct cell {
    struct sq_sink sink; /* first */
    struct sq_evaluator *e;
    bool silent, last;
    bool pending; /* a result set waits: it is the cell's value if nothing of its kind follows */
    struct kg_buf text, html;
};

static void flush_pending(struct cell *c, const char *event)
{
    if (c->pending)
        sq_evaluator_show(c->e, event, &c->text, &c->html);
    c->pending = false;
    kg_buf_release(&c->text);
    kg_buf_release(&c->html);
}

static void cell_begin(struct sq_sink *sink, bool last)
{
    struct cell *c = (struct cell *)sink;
    flush_pending(c, "display");
    c->last = last;
}

static bool room(const struct sq_table *t)
{
    return t->rows < SQ_SHOWN_ROWS && t->rows * t->width < SQ_SHOWN_VALUES &&
           t->bytes.len < SQ_SHOWN_BYTES;
}

static void cell_result(struct sq_sink *sink, MYSQL_RES *result, bool vertical)
{
    struct cell *c = (struct cell *)sink;
    struct sq_table t;
    MYSQL_ROW row;
    uint64_t rows = 0;
    flush_pending(c, "display");
    sq_statement_table(result, &t);
    while ((row = mysql_fetch_row(result)) && !sq_session_signal(&c->e->session)) {
        if (!c->silent && room(&t))
            sq_statement_row(result, row, &t);
        rows++;
    }
    if (!c->silent && mysql_errno(c->e->session.conn) == 0 && !sq_session_signal(&c->e->session)) {
        char note[128] = "", shown[32], all[32];
        if (rows > t.rows)
            snprintf(note, sizeof(note), "showing %s of %s rows", sq_count(shown, t.rows),
                     sq_count(all, rows));
        else if (rows == 0)
            snprintf(note, sizeof(note), "no rows");
        if (vertical)
            sq_table_vertical(&t, 1, &c->text);
        else
            sq_table_text(&t, &c->text);
        if (*note)
            kg_buf_printf(&c->text, "%s%s", vertical ? "" : "\n", note);
        if (!vertical)
            sq_table_html(&t, *note ? note : NULL, &c->html);
        c->pending = true;
    }
    sq_table_release(&t);
}

static void cell_affected(struct sq_sink *sink, uint64_t rows, const char *info)
{
    struct cell *c = (struct cell *)sink;
    char buf[48];
    if (c->silent)
        return;
    flush_pending(c, "display");
    printf("Query OK, %s affected\n", sq_print_rows(buf, rows));
    if (*info)
        printf("%s\n", info);
}

static void cell_print(struct sq_sink *sink, const char *text, size_t n)
{
    struct cell *c = (struct cell *)sink;
    if (c->silent)
        return;
    flush_pending(c, "display");
    fwrite(text, 1, n, stdout);
    putchar('\n');
}

static bool cell_ask(struct sq_sink *sink, const char *prompt, bool hidden, struct kg_buf *line)
{
    struct cell *c = (struct cell *)sink;
    flush_pending(c, "display");
    return sq_evaluator_ask(c->e, prompt, hidden, line);
}

static void cell_clear(struct sq_sink *sink)
{
    struct cell *c = (struct cell *)sink;
    flush_pending(c, "display");
    sq_evaluator_clear(c->e);
}

static void cell_warning(struct sq_sink *sink, const char *level, const char *code,
                         const char *text)
{
    struct cell *c = (struct cell *)sink;
    if (c->silent)
        return;
    flush_pending(c, c->last ? "result" : "display");
    fprintf(strcmp(level, "Note") == 0 ? stdout : stderr, "%s (Code %s): %s\n", level, code, text);
}

static void cell_warnings_left(struct sq_sink *sink, unsigned count)
{
    const struct cell *c = (const struct cell *)sink;
    if (!c->silent)
        fprintf(stderr, "... and %u more warnings (SHOW WARNINGS lists them)\n", count);
}

/* The lines around the one at fault, which is marked; as IPython shows them. */
static void put_excerpt(struct kg_json *j, const char *code, size_t n, size_t fault)
{
    enum { AROUND = 2, LONGEST = 400 };
    size_t line = 1;
    for (size_t at = 0; at <= n; line++) {
        const char *end = memchr(code + at, '\n', n - at);
        size_t len = end ? (size_t)(end - code) - at : n - at;
        if (line + AROUND >= fault && line <= fault + AROUND) {
            kg_autobuf text = {0};
            size_t shown = len > LONGEST ? kg_utf8_whole((const uint8_t *)code + at, LONGEST) : len;
            kg_buf_printf(
                &text, line == fault ? "\x1b[1;32m----> %zu \x1b[0m" : "\x1b[32m      %zu \x1b[0m",
                line);
            kg_buf_add(&text, code + at, shown);
            kg_buf_add_str(&text, shown < len ? " ..." : "");
            kg_json_strn(j, text.data, text.len);
        }
        at += len + 1;
    }
}

static void put_error(struct kg_json *j, const struct sq_failure *f, const char *code, size_t n,
                      bool interrupted)
{
    char ename[64];
    const struct sq_problem *p = &f->problem;
    if (interrupted)
        snprintf(ename, sizeof(ename), "KeyboardInterrupt");
    else if (p->code)
        snprintf(ename, sizeof(ename), "ERROR %u (%s)", p->code, p->state);
    else
        snprintf(ename, sizeof(ename), "ERROR");
    kg_json_kstr(j, "status", "error");
    kg_json_kstr(j, "ename", ename);
    kg_json_kstr(j, "evalue", interrupted ? "the statement was interrupted" : p->text);
    kg_json_key(j, "traceback");
    kg_json_array_begin(j);
    kg_autobuf text = {0};
    kg_buf_printf(&text, "\x1b[1;31m%s\x1b[0m", ename);
    if (f->file)
        kg_buf_printf(&text, " in %s, line %zu", f->file, f->line);
    else if (f->line)
        kg_buf_printf(&text, " in line %zu", f->line);
    kg_buf_printf(&text, ": %s", interrupted ? "the statement was interrupted" : p->text);
    kg_json_strn(j, text.data, text.len);
    if (!f->file && f->line)
        put_excerpt(j, code, n, f->line);
    if (p->lost)
        kg_json_str(
            j,
            "The connection is lost, and with it variables and temporary tables; the next cell makes it anew. "
            "A server that ended for want of room begins with empty databases.");
    kg_json_array_end(j);
}

/* The value of an SQL expression: the first of the first row. */
static void put_expression(struct sq_evaluator *e, struct kg_json *j, const char *code)
{
    kg_autofree char *sql = kg_asprintf("SELECT (%s\n)", code);
    MYSQL_RES *result = sq_session_ask(&e->session, sql);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    kg_json_object_begin(j);
    if (row) {
        struct sq_table t;
        sq_statement_table(result, &t);
        sq_statement_row(result, row, &t);
        kg_json_kstr(j, "status", "ok");
        kg_json_key(j, "data");
        kg_json_object_begin(j);
        kg_json_key(j, "text/plain");
        if (row[0])
            kg_json_strn(j, t.bytes.data, t.bytes.len);
        else
            kg_json_str(j, "NULL");
        kg_json_object_end(j);
        kg_json_key(j, "metadata");
        kg_json_object_begin(j);
        kg_json_object_end(j);
        sq_table_release(&t);
    } else {
        struct sq_failure f = {0};
        if (e->session.conn)
            sq_session_failed(&e->session, &f.problem);
        put_error(j, &f, "", 0, false);
    }
    mysql_free_result(result);
    kg_json_object_end(j);
}

static void put_expressions(struct sq_evaluator *e, struct kg_json *j, const json_t *expressions)
{
    const char *name;
    json_t *code;
    kg_json_key(j, "user_expressions");
    kg_json_object_begin(j);
    json_object_foreach((json_t *)(uintptr_t)expressions, name, code) {
        kg_json_key(j, name);
        put_expression(e, j, json_is_string(code) ? json_string_value(code) : "NULL");
    }
    kg_json_object_end(j);
}

void sq_cell_execute(struct sq_evaluator *e, const json_t *request)
{
    const json_t *code = json_object_get(request, "code");
    const char *text = json_is_string(code) ? json_string_value(code) : "";
    size_t n = json_is_string(code) ? json_string_length(code) : 0;
    struct cell c = {.e = e, .silent = json_is_true(json_object_get(request, "silent"))};
    c.sink = (struct sq_sink){.begin = cell_begin,
                              .result = cell_result,
                              .affected = cell_affected,
                              .print = cell_print,
                              .ask = cell_ask,
                              .clear = cell_clear,
                              .warning = cell_warning,
                              .warnings_left = cell_warnings_left};
    struct sq_script script = {.session = &e->session, .sink = &c.sink};
    struct kg_err err = {0};
    bool ok = sq_evaluator_connect(e, &err) == 0;
    if (!ok)
        snprintf(script.failure.problem.text, sizeof(script.failure.problem.text), "%s", err.text);
    else
        ok = sq_script_text(&script, text, n);
    flush_pending(&c, c.last && ok ? "result" : "display");
    struct kg_json j;
    sq_line_begin(e, &j);
    kg_json_kint(&j, "reply", json_integer_value(json_object_get(request, "id")));
    if (ok) {
        kg_json_kstr(&j, "status", "ok");
        put_expressions(e, &j, json_object_get(request, "user_expressions"));
    } else {
        put_error(&j, &script.failure, text, n, sq_session_signal(&e->session) != 0);
    }
    if (script.failure.problem.lost)
        sq_session_close(&e->session);
    sq_script_release(&script);
    sq_line_end(e, &j);
}

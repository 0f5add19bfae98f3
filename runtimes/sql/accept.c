#include "runtimes/sql/accept.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The next token that means something, from `at` on. */
static struct sq_token meaning(const char *sql, size_t n, size_t at)
{
    struct sq_token t;
    while (t = sq_lex(sql, n, at, false), sq_token_idle(t))
        at = t.start + t.len;
    return t;
}

const char *sq_accept_parse(const char *sql, size_t n, struct sq_token first, struct sq_accept *out)
{
    *out = (struct sq_accept){0};
    struct sq_token t = meaning(sql, n, first.start + first.len);
    bool system = t.len > 1 && sql[t.start + 1] == '@';
    if (t.kind != SQ_VARIABLE || t.len < 2 || t.open || system)
        return "ACCEPT must be followed by a variable, such as @name";
    out->variable = t;
    t = meaning(sql, n, t.start + t.len);
    if (sq_token_is(sql, t, "PROMPT")) {
        struct sq_token last = {0};
        size_t end = out->prompt = t.start + t.len;
        while (t = meaning(sql, n, end), t.kind != SQ_END) {
            last = t;
            end = t.start + t.len;
        }
        out->hidden = sq_token_is(sql, last, "HIDE");
        out->prompt_len = (out->hidden ? last.start : end) - out->prompt;
        if (meaning(sql, out->prompt + out->prompt_len, out->prompt).kind == SQ_END)
            return "PROMPT must be followed by a text, such as 'name? '";
        return NULL;
    }
    out->hidden = sq_token_is(sql, t, "HIDE");
    if (out->hidden)
        t = meaning(sql, n, t.start + t.len);
    return t.kind == SQ_END ? NULL : "ACCEPT @name may be followed by PROMPT 'text' and HIDE";
}

bool sq_accept_assign(struct sq_session *s, const char *variable, const char *value, size_t len)
{
    kg_autofree char *escaped = kg_malloc(2 * len + 1);
    mysql_real_escape_string(s->conn, escaped, value, len);
    kg_autofree char *sql = kg_asprintf("SET %s = '%s'", variable, escaped);
    return sq_session_do(s, sql);
}

/* The prompt is any expression; without one the variable's name must do. */
static bool prompt_of(struct sq_session *s, const char *sql, const struct sq_accept *a,
                      struct kg_buf *out, struct sq_problem *problem)
{
    if (!a->prompt_len) {
        kg_buf_printf(out, "%.*s: ", (int)a->variable.len - 1, sql + a->variable.start + 1);
        return true;
    }
    kg_autobuf select = {0};
    kg_buf_add_str(&select, "SELECT");
    kg_buf_add(&select, sql + a->prompt, a->prompt_len);
    if (!sq_session_query(s, kg_buf_cstr(&select), select.len, problem))
        return false;
    MYSQL_RES *result = mysql_store_result(s->conn);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (row && row[0])
        kg_buf_add(out, row[0], mysql_fetch_lengths(result)[0]);
    bool failed = sq_session_failed(s, problem);
    mysql_free_result(result);
    return !failed;
}

bool sq_accept_run(struct sq_session *s, const char *sql, size_t n, struct sq_token first,
                   struct sq_sink *sink, struct sq_problem *problem)
{
    struct sq_accept a;
    kg_autobuf prompt = {0}, line = {0};
    const char *wrong = sq_accept_parse(sql, n, first, &a);
    if (wrong) {
        *problem = (struct sq_problem){0};
        snprintf(problem->text, sizeof(problem->text), "%s", wrong);
        return false;
    }
    if (!prompt_of(s, sql, &a, &prompt, problem))
        return false;
    bool given = sink->ask(sink, kg_buf_cstr(&prompt), a.hidden, &line);
    if (sq_session_signal(s))
        return true; /* the caller sees to it */
    kg_autofree char *variable = kg_strndup(sql + a.variable.start, a.variable.len);
    if (!given) {
        *problem = (struct sq_problem){0};
        snprintf(problem->text, sizeof(problem->text), "there is no input for ACCEPT %s", variable);
        return false;
    }
    return sq_accept_assign(s, variable, (const char *)line.data, line.len) ||
           !sq_session_failed(s, problem);
}

#include "runtimes/sql/whole.h"

#include <stdbool.h>

#include "runtimes/sql/lex.h"
#include "runtimes/sql/split.h"

/* After these something must come. */
static const char *const unfinished[] = {
    ",",      "(",      ".",     "=",      "<",     ">",      "+",      "-",       "/",
    "AND",    "OR",     "NOT",   "FROM",   "WHERE", "JOIN",   "SELECT", "INTO",    "UPDATE",
    "SET",    "VALUES", "BY",    "ON",     "IN",    "LIKE",   "AS",     "USING",   "TABLE",
    "CREATE", "DROP",   "ALTER", "INSERT", "UNION", "HAVING", "LIMIT",  "BETWEEN", "WITH",
    "INNER",  "LEFT",   "RIGHT", "ORDER",  "GROUP", "DELETE", "USE",    NULL};

/* Whether the last token of an undelimited statement wants another. A star may be a column list. */
static bool wants_more(const struct sq_piece *p)
{
    struct sq_token last = {0};
    for (size_t at = 0; at < p->len;) {
        struct sq_token t = sq_lex(p->text, p->len, at, false);
        if (!sq_token_idle(t))
            last = t;
        at = t.start + t.len;
    }
    return last.len > 0 && sq_token_in(p->text, last, unfinished);
}

enum sq_whole sq_whole(const char *text, size_t n, const char **indent)
{
    struct sq_splitter s;
    struct sq_piece piece, last = {0};
    *indent = "";
    sq_split_init(&s, text, n);
    for (;;) {
        sq_split_next(&s, &piece);
        if (piece.kind == SQ_NOTHING)
            break;
        if (piece.kind == SQ_MISTAKE)
            return SQ_INVALID;
        last = piece;
    }
    if (last.kind != SQ_SQL || last.delimited)
        return SQ_WHOLE;
    if (last.open == SQ_IN_BLOCK || last.open == SQ_IN_PARENS)
        *indent = "  ";
    return last.open != SQ_CLOSED || wants_more(&last) ? SQ_UNFINISHED : SQ_WHOLE;
}

#ifndef SQ_ACCEPT_H
#define SQ_ACCEPT_H
/*
 * ACCEPT @name [PROMPT expression] [HIDE]: asks whoever runs the cell or program for a line and sets the variable to it. As in
 * Oracle's command line client; the server has no such statement, nor any way to ask.
 */
#include "runtimes/sql/lex.h"
#include "runtimes/sql/session.h"
#include "runtimes/sql/statement.h"

/* What an ACCEPT says. Spans are of its text; a prompt of no length: none. */
struct sq_accept {
    struct sq_token variable;
    size_t prompt, prompt_len;
    bool hidden;
};

/* first: the word ACCEPT. NULL, or a sentence that says what is wrong. Pure. */
const char *sq_accept_parse(const char *sql, size_t n, struct sq_token first,
                            struct sq_accept *out);

/* Asks through the sink. As sq_statement_run. */
bool sq_accept_run(struct sq_session *s, const char *sql, size_t n, struct sq_token first,
                   struct sq_sink *sink, struct sq_problem *problem);

/* Sets a variable, given as it is written in SQL (@name), to a text. */
bool sq_accept_assign(struct sq_session *s, const char *variable, const char *value, size_t len);

#endif

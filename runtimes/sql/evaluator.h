#ifndef SQ_EVALUATOR_H
#define SQ_EVALUATOR_H
/* The kernel's evaluator (docs/EVALUATORS.md): requests on descriptor 4, events and replies on 3, text on 1 and 2. */
#include <jansson.h>
#include <stdio.h>

#include "base/json.h"
#include "runtimes/sql/names.h"
#include "runtimes/sql/session.h"

struct sq_evaluator {
    struct sq_session session;
    struct sq_names names; /* keywords and functions, for completion */
    FILE *in;
    int out;
    struct kg_buf line; /* that is being written */
};

#define SQ_KERNEL_DATABASE "notebook"

int sq_evaluator_main(const char *socket);

/* Connects if need be, saying so on stderr where the user should know. */
int sq_evaluator_connect(struct sq_evaluator *e, struct kg_err *err);

/* One line to the agent: begin, fill the object, end. */
void sq_line_begin(struct sq_evaluator *e, struct kg_json *j);
void sq_line_end(struct sq_evaluator *e, struct kg_json *j);

/* Asks the user for a line; false: none is to be had, or the session was signalled. */
bool sq_evaluator_ask(struct sq_evaluator *e, const char *prompt, bool hidden, struct kg_buf *line);
/* What the cell has shown goes. */
void sq_evaluator_clear(struct sq_evaluator *e);
/* "result" or "display" with text and, when not empty, HTML; waits until a display has been taken. */
void sq_evaluator_show(struct sq_evaluator *e, const char *event, struct kg_buf *text,
                       struct kg_buf *html);

#endif

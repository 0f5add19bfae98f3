#ifndef SQ_INSPECT_H
#define SQ_INSPECT_H
/* What the name at the cursor is: a table's columns, a column, a database's tables, a routine, or the server's HELP. */
#include <stdbool.h>

#include "base/buf.h"
#include "runtimes/sql/context.h"
#include "runtimes/sql/session.h"

/* Fills text, and html where there is some; false when nothing is known. detailed: with the whole definition. */
bool sq_inspect(struct sq_session *s, const struct sq_context *c, bool detailed,
                struct kg_buf *text, struct kg_buf *html);

#endif

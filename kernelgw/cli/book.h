#ifndef KG_CLI_BOOK_H
#define KG_CLI_BOOK_H
/* Notebook files of whoever calls a command: read whole, and written so that none is ever seen half. */
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* path: "-" is standard input. */
int kg_book_read(json_t **out, const char *path, struct kg_err *err);
/* path: "-" is standard output. A link is followed. */
int kg_book_write(const char *path, const struct kg_buf *bytes, struct kg_err *err);

#endif

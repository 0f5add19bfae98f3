#ifndef SQ_PRINT_H
#define SQ_PRINT_H
/*
 * Shows results as text while they come: what programs do. The first rows of a result decide the widths of its columns; the
 * rest follows row by row, so that a result of any size takes little memory.
 */
#include <stdio.h>

#include "runtimes/sql/statement.h"

enum { SQ_MEASURED_ROWS = 1000, SQ_MEASURED_BYTES = 1024 * 1024, SQ_LINE_MAX = 1024 * 1024 };

struct sq_print {
    struct sq_sink sink; /* first: its functions get back to this by it */
    struct sq_session *session;
    FILE *out;
    bool quiet; /* tables and warnings alone, no "3 rows affected" */
};

void sq_print_init(struct sq_print *p, struct sq_session *session, FILE *out, bool quiet);

/* "3 rows", "1 row", in a buffer of at least 48 bytes. */
const char *sq_print_rows(char *buf, uint64_t rows);

#endif

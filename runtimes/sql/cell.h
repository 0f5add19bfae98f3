#ifndef SQ_CELL_H
#define SQ_CELL_H
/*
 * Runs a cell for the notebook: result sets as tables, counts and warnings as text, errors with the lines around them. The last
 * statement's last result set is the cell's value.
 */
#include <jansson.h>

#include "runtimes/sql/evaluator.h"

enum {
    SQ_SHOWN_ROWS = 1000,
    SQ_SHOWN_VALUES = 50000,
    SQ_SHOWN_BYTES = 4 * 1024 * 1024,
};

/* The op `execute`: shows, then replies. */
void sq_cell_execute(struct sq_evaluator *e, const json_t *request);

#endif

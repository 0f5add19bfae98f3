#ifndef SQ_CONTEXT_H
#define SQ_CONTEXT_H
/*
 * What stands at the cursor, for completion and inspection: the name that is being written, what it belongs to, what may stand
 * there, and the tables that the statement uses with their other names. Pure: tokens only, no grammar.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum { SQ_TABLES_MAX = 32, SQ_NAME_BYTES = 256 };

enum sq_want {
    SQ_WANT_NOTHING,  /* in a string, number or comment */
    SQ_WANT_ANY,      /* keyword, function, column, table */
    SQ_WANT_TABLE,    /* behind FROM, JOIN... */
    SQ_WANT_DATABASE, /* behind USE */
    SQ_WANT_SYSTEM,   /* behind @@ */
};

/* A name without its quotes. */
struct sq_name {
    char text[SQ_NAME_BYTES];
};

struct sq_used_table {
    struct sq_name database; /* "" when not said */
    struct sq_name table;
    struct sq_name alias; /* "" when there is none */
};

struct sq_context {
    enum sq_want want;
    size_t start,
        end; /* the name's bytes: to the cursor for completion, all of it for inspection */
    struct sq_name name;   /* as far as it goes */
    struct sq_name of;     /* a. in front of it, or "" */
    struct sq_name of_of;  /* the database in database.table.column, or "" */
    struct sq_name before; /* the word before, and the one after, for HELP CREATE TABLE */
    struct sq_name after;
    struct sq_used_table tables[SQ_TABLES_MAX];
    size_t table_count;
};

/* whole: the name goes on behind the cursor (inspection). cursor: in bytes, at most n. */
void sq_context_at(struct sq_context *out, const char *text, size_t n, size_t cursor, bool whole);

/* The table that a name stands for in the statement (its alias or itself), or NULL. */
const struct sq_used_table *sq_context_table(const struct sq_context *c, const char *name);

/* Positions in Jupyter's messages count code points. */
size_t sq_bytes_of(const char *text, size_t n, size_t points);
size_t sq_points_of(const char *text, size_t bytes);

#endif

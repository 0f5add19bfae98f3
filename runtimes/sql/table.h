#ifndef SQ_TABLE_H
#define SQ_TABLE_H
/*
 * Result sets as people read them: a text table in the manner of the mysql client, or HTML. Values are made readable first
 * (sq_value_text), then put into rows; a table holds the rows it is given, and whoever fills it keeps to the limits.
 * Pure; widths are those of the locale's characters (setlocale LC_CTYPE to a UTF-8 locale first).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    SQ_ALIGN_MAX = 120, /* a column is padded up to this width; longer values stick out */
    SQ_VALUE_MAX = 2 * 1024 * 1024, /* bytes of a value that are shown */
};

enum sq_form { SQ_TEXT, SQ_BINARY, SQ_BITS };

struct sq_column {
    char *name; /* one line, readable; on the heap */
    enum sq_form form;
    bool right;   /* numbers stand at the right */
    size_t width; /* of the widest line so far; the name's at first */
};

struct sq_value {
    size_t start, len; /* in the table's bytes */
    bool null;
};

struct sq_table {
    struct sq_column *columns;
    size_t width; /* columns */
    size_t rows;
    struct kg_buf bytes;
    struct kg_buf values; /* struct sq_value, row by row */
};

/* Takes over n columns, an array on the heap, with their names. */
void sq_table_init(struct sq_table *t, struct sq_column *columns, size_t n);
void sq_table_release(struct sq_table *t);

/* The next value, left to right; NULL is SQL's. Raw bytes as the server sent them. */
void sq_table_add(struct sq_table *t, const void *data, size_t n);
/* Forgets the rows and keeps the columns with their widths. */
void sq_table_clear(struct sq_table *t);

/* As text. Parts, so that a long result can be written piece by piece: +---+ line, names, rows. */
void sq_table_rule(const struct sq_table *t, struct kg_buf *out);
void sq_table_names(const struct sq_table *t, struct kg_buf *out);
void sq_table_rows(const struct sq_table *t, struct kg_buf *out);
void sq_table_text(const struct sq_table *t,
                   struct kg_buf *out); /* all of these; no line break at the end */
/* Each value on a line of its own, as \G asks; numbers rows from `first`. */
void sq_table_vertical(const struct sq_table *t, size_t first, struct kg_buf *out);
/* note: text below the table, or NULL. */
void sq_table_html(const struct sq_table *t, const char *note, struct kg_buf *out);

/*
 * A value as valid UTF-8 that a terminal can show: binary as 0x4142, bits as b'101', bytes that are no UTF-8 as U+FFFD, control
 * characters other than line breaks as \x1b, tabs as four spaces. Longer than SQ_VALUE_MAX: cut, and it is said.
 */
void sq_value_text(enum sq_form form, const uint8_t *data, size_t n, struct kg_buf *out);

/* Columns of a terminal that a line takes. */
size_t sq_width(const char *text, size_t n);

void sq_html_escape(const char *text, size_t n, struct kg_buf *out);

/* 12345 as "12,345", in a buffer of the caller's of at least 32 bytes. */
const char *sq_count(char *buf, uint64_t n);

#endif

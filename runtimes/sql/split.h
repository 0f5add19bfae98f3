#ifndef SQ_SPLIT_H
#define SQ_SPLIT_H
/*
 * Cuts a cell or script into what is sent to the server one by one, as MariaDB's command line client does: at the
 * delimiter (DELIMITER changes it), never inside of quotes, comments or, with the usual delimiter, compound statements
 * (runtimes/sql/block.h). SOURCE and \. are commands of the client's, taken at the beginning of a statement, to the
 * end of the line. Pure: bytes in, stretches of them out.
 */
#include <stdbool.h>
#include <stddef.h>

enum { SQ_DELIMITER_MAX = 15 };

enum sq_piece_kind {
    SQ_NOTHING, /* no more */
    SQ_SQL,     /* a statement */
    SQ_SOURCE,  /* text is a file's name */
    SQ_MISTAKE, /* a client command that is wrong; text is a constant sentence, NUL-ended */
};

/* Where the text ended before its last piece did. */
enum sq_open { SQ_CLOSED, SQ_IN_QUOTE, SQ_IN_COMMENT, SQ_IN_BLOCK, SQ_IN_PARENS };

struct sq_piece {
    enum sq_piece_kind kind;
    const char *text;
    size_t len;
    size_t line;    /* of its first byte, from 1 */
    bool delimited; /* it ends with a delimiter, not with the text */
    bool vertical;  /* by \G */
    enum sq_open open;
};

struct sq_splitter {
    const char *text;
    size_t n, at;
    size_t line;
    char delimiter[SQ_DELIMITER_MAX + 1];
};

void sq_split_init(struct sq_splitter *s, const char *text, size_t n);

/* Fills *out with the next piece; out->kind is SQ_NOTHING at the end. Statements of nothing but comments are left out. */
void sq_split_next(struct sq_splitter *s, struct sq_piece *out);

#endif

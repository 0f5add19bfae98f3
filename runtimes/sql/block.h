#ifndef SQ_BLOCK_H
#define SQ_BLOCK_H
/*
 * Tells which semicolons of a statement stand inside of a stored routine's body or another compound statement, so that
 * nobody needs DELIMITER. It is fed the statement's tokens one by one; no grammar, only what opens and closes blocks:
 * BEGIN, IF, CASE, LOOP, WHILE, REPEAT and FOR where a statement may begin, CASE within an expression, and END.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtimes/sql/lex.h"

enum { SQ_BLOCK_DEEP = 64 };

struct sq_block {
    uint8_t open[SQ_BLOCK_DEEP]; /* enum opener; deeper ones are counted alone */
    size_t depth;
    size_t words;    /* tokens of the statement so far */
    bool head;       /* behind CREATE or ALTER, what is made has not been named yet */
    bool routine;    /* it is a routine, trigger or event: a body comes */
    bool at_start;   /* a statement may begin here */
    bool may_body;   /* outside of any block, a routine's body may begin here */
    bool ending;     /* END was the last token: its kind may follow */
    bool began;      /* BEGIN was the first token: a block only if NOT ATOMIC follows */
    uint8_t handler; /* 1 behind HANDLER, 2 behind its FOR: a block may follow the conditions */
};

/* The next token that is neither space nor comment. */
void sq_block_token(struct sq_block *b, const char *text, struct sq_token t);

#endif

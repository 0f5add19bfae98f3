#include "runtimes/sql/block.h"

enum opener { BLOCK, CASE_VALUE, UNTIL };

/* What CREATE makes that has a body, and what it makes that has none: the first such word decides. */
static const char *const with_body[] = {"PROCEDURE", "FUNCTION", "TRIGGER",
                                        "EVENT",     "PACKAGE",  NULL};
static const char *const without_body[] = {
    "TABLE", "DATABASE", "SCHEMA",   "VIEW",     "INDEX",   "UNIQUE",    "USER",
    "ROLE",  "SERVER",   "SEQUENCE", "FULLTEXT", "SPATIAL", "TEMPORARY", NULL};
static const char *const openers[] = {"IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", NULL};
/* Behind these a statement begins, where they are a block's own. */
static const char *const starters[] = {"BEGIN", "THEN",   "ELSE",   "DO",
                                       "LOOP",  "REPEAT", "ATOMIC", NULL};
/* The last words of a routine's head. */
static const char *const head_ends[] = {
    "ROW", "DO", "DETERMINISTIC", "DATA", "SQL", "INVOKER", "DEFINER", ")", NULL};

static enum opener top(const struct sq_block *b)
{
    return b->depth > 0 && b->depth <= SQ_BLOCK_DEEP ? (enum opener)b->open[b->depth - 1] : BLOCK;
}

static void push(struct sq_block *b, enum opener what)
{
    if (b->depth < SQ_BLOCK_DEEP)
        b->open[b->depth] = (uint8_t)what;
    b->depth++;
}

static void note_head(struct sq_block *b, const char *text, struct sq_token t)
{
    if (b->words == 0)
        b->head = sq_token_is(text, t, "CREATE") || sq_token_is(text, t, "ALTER");
    else if (b->head && sq_token_in(text, t, with_body))
        b->routine = true, b->head = false;
    else if (b->head && sq_token_in(text, t, without_body))
        b->head = false;
}

/* Whether BEGIN, IF... opens a block here. */
static bool opens(const struct sq_block *b, const char *text, struct sq_token t)
{
    if (sq_token_is(text, t, "BEGIN"))
        return b->depth > 0 || b->routine || (b->at_start && b->words > 0);
    if (!sq_token_in(text, t, openers))
        return false;
    if (b->depth > 0)
        return b->at_start || b->handler == 2;
    return b->at_start || (b->routine && b->may_body);
}

static void note_handler(struct sq_block *b, const char *text, struct sq_token t)
{
    if (sq_token_is(text, t, "HANDLER"))
        b->handler = 1;
    else if (b->handler == 1)
        b->handler = sq_token_is(text, t, "FOR") ? 2 : 0;
    else if (sq_token_is(text, t, ";"))
        b->handler = 0;
}

/* END closes what is open if it stands where a statement could (a column may be called end); returns whether it did. */
static bool closes(struct sq_block *b)
{
    if (b->depth == 0 || (top(b) == BLOCK && !b->at_start))
        return false;
    b->ending = top(b) != CASE_VALUE;
    b->depth--;
    return true;
}

void sq_block_token(struct sq_block *b, const char *text, struct sq_token t)
{
    bool label = b->depth == 0 && b->words == 1 && sq_token_is(text, t, ":");
    if (b->words == 0)
        b->at_start = true;
    note_head(b, text, t);
    bool start = false;
    if (b->ending && sq_token_in(text, t, openers)) {
        b->ending = false;
    } else if (b->began && b->words == 1 && sq_token_is(text, t, "NOT")) {
        push(b, BLOCK);
    } else if (b->handler != 1 && opens(b, text, t)) {
        push(b, sq_token_is(text, t, "REPEAT") ? UNTIL : BLOCK);
        b->ending = false, b->handler = 0;
        start = sq_token_in(text, t, starters);
    } else if (b->depth > 0 && sq_token_is(text, t, "CASE")) {
        push(b, CASE_VALUE);
        b->ending = false;
    } else if (sq_token_is(text, t, "END") && closes(b)) {
        start = false;
    } else {
        b->ending = false;
        start = b->depth > 0 && (sq_token_is(text, t, ";") || sq_token_is(text, t, ":") ||
                                 (top(b) != CASE_VALUE && sq_token_in(text, t, starters)));
        start |= label;
    }
    note_handler(b, text, t);
    b->began = b->words == 0 && sq_token_is(text, t, "BEGIN");
    b->at_start = start;
    b->may_body = t.kind == SQ_STRING || sq_token_in(text, t, head_ends);
    b->words++;
}

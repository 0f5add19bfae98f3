#ifndef SQ_LEX_H
#define SQ_LEX_H
/*
 * SQL text as tokens, the way MariaDB's server and client see them: quotes, comments, names, variables. Pure functions over
 * bytes; nothing is copied. Text is UTF-8, and whatever is no ASCII belongs to words.
 * Source: MariaDB documentation, "Comment Syntax", "Identifier Names", "String Literals".
 */
#include <stdbool.h>
#include <stddef.h>

enum sq_kind {
    SQ_END,      /* no text left */
    SQ_SPACE,    /* spaces and line breaks */
    SQ_COMMENT,  /* --, # or between slash and star */
    SQ_WORD,     /* keyword or plain name */
    SQ_NAME,     /* `quoted name` */
    SQ_STRING,   /* 'text' or "text", with what stands before it (x, b, n, _utf8) left to a word */
    SQ_NUMBER,   /* 12, 1.5e3, 0xff */
    SQ_VARIABLE, /* @a, @@a, @`a b`, @'a' */
    SQ_VERSIONED, /* the opening of a comment that the server executes, with its version, or its end */
    SQ_SYMBOL,    /* one character, or := */
};

struct sq_token {
    enum sq_kind kind;
    size_t start, len;
    bool open; /* the text ended inside of it: a quote or comment is not closed */
};

/* The token at `at` of n bytes of text. inside: between the marks of an executed comment, where a closing star-slash is a token. */
struct sq_token sq_lex(const char *text, size_t n, size_t at, bool inside);

/* Space or comment: what means nothing. */
bool sq_token_idle(struct sq_token t);

/* Whether the token is this word or symbol; case does not matter. */
bool sq_token_is(const char *text, struct sq_token t, const char *word);

/* Whether it is one of the words of a NULL-ended list. */
bool sq_token_in(const char *text, struct sq_token t, const char *const *words);

/* A byte that may be part of an unquoted name. */
bool sq_name_byte(unsigned char c);

#endif

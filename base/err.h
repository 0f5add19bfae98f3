#ifndef KG_BASE_ERR_H
#define KG_BASE_ERR_H
/*
 * Errors: a failing function returns a negative code (-errno) and fills the caller's kg_err with one
 * sentence for a person. Nothing here allocates. On success *err is left as it was.
 */
#include <stddef.h>

enum { KG_ERR_TEXT_MAX = 384 };

struct kg_err {
    int code;                   /* the negative code that was returned */
    char text[KG_ERR_TEXT_MAX]; /* one sentence, lower case, no full stop; cut when too long */
};

/* Writes code (negative) and text, and returns code. err may be NULL. */
int kg_err_set(struct kg_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As kg_err_set for a failed system call: code is -saved_errno, and its name is added to the text. */
int kg_err_errno(struct kg_err *err, int saved_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what: " in front of the text on its way up, and returns err->code. err may be NULL (-EINVAL). */
int kg_err_wrap(struct kg_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Static analysis sees one file at a time: tell it that what these return is the (negative) code. */
#if defined(__clang_analyzer__) && !defined(KG_ERR_C)
#    define kg_err_set(err, code, ...)     (kg_err_set(err, code, __VA_ARGS__), (code))
#    define kg_err_errno(err, number, ...) (kg_err_errno(err, number, __VA_ARGS__), -(number))
#endif

#endif

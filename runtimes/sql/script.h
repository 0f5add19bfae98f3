#ifndef SQ_SCRIPT_H
#define SQ_SCRIPT_H
/*
 * Runs the text of a cell or a file, statement by statement, with the files that it includes by SOURCE, up to the first
 * error.
 */
#include "runtimes/sql/session.h"
#include "runtimes/sql/split.h"
#include "runtimes/sql/statement.h"

enum { SQ_INCLUDES_MAX = 16, SQ_FILE_MAX = 64 * 1024 * 1024 };

struct sq_failure {
    struct sq_problem problem; /* code 0: the client's own; text says all */
    char *file;                /* where it happened; NULL: in the text itself. On the heap */
    size_t line;               /* from 1; 0: none */
};

/* A text that is being run: the cell or file, or one that it includes. */
struct sq_source {
    char *name; /* NULL: a cell's text */
    void *map;  /* of a file */
    size_t n;
    struct sq_splitter splitter;
    struct sq_piece next; /* cut already, so that the last statement is known as such */
};

struct sq_script {
    struct sq_session *session;
    struct sq_sink *sink;
    struct sq_failure failure;
    struct sq_source sources[SQ_INCLUDES_MAX];
    size_t depth;
};

/* A cell's text. Returns false with failure filled. */
bool sq_script_text(struct sq_script *s, const char *text, size_t n);
/* A file of the user's folder. What it includes is looked for beside it, then in the working directory. */
bool sq_script_file(struct sq_script *s, const char *path);
void sq_script_release(struct sq_script *s);

/* Syntax errors end with "at line N", counted from the statement's own first line: gives the line of the text, which has the
 * statement at `first`, and puts it into the message. Returns `first` for all other errors. Pure. */
size_t sq_script_line(struct sq_problem *p, size_t first);

#endif

#include "runtimes/sql/program.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/sql/accept.h"
#include "runtimes/sql/clean.h"
#include "runtimes/sql/lex.h"
#include "runtimes/sql/print.h"
#include "runtimes/sql/script.h"

enum { BEGIN_TRIES = 3 };

static bool option(const char *name)
{
    const char *value = getenv(name);
    return value && strcmp(value, "1") == 0;
}

/* What went wrong, in the manner of compilers, so that consoles can make links of it. */
static void tell(const struct sq_failure *f)
{
    if (f->file)
        fprintf(stderr, "%s:%zu: ", f->file, f->line);
    if (f->problem.code)
        fprintf(stderr, "ERROR %u (%s): %s\n", f->problem.code, f->problem.state, f->problem.text);
    else
        fprintf(stderr, "ERROR: %s\n", f->problem.text);
    if (f->problem.lost && !f->problem.starved)
        fputs("The connection is lost. A server that has no room left for its files ends.\n",
              stderr);
}

/* name=value sets a user variable: the length of the name, or 0 when the argument is no such thing. */
static size_t assigns(const char *arg)
{
    size_t n = 0;
    while (sq_name_byte((unsigned char)arg[n]))
        n++;
    return n > 0 && arg[n] == '=' ? n : 0;
}

static bool assign(struct sq_session *s, const char *arg, size_t n)
{
    const char *value = arg + n + 1;
    kg_autofree char *variable = kg_asprintf("@`%.*s`", (int)n, arg);
    return sq_accept_assign(s, variable, value, strlen(value));
}

/* The entry, then what args name: variables are set before anything runs, scripts run in order. */
static int run(struct sq_session *s, int argc, char **argv)
{
    struct sq_print print;
    sq_print_init(&print, s, stdout, option("KGW_SQL_QUIET"));
    struct sq_script script = {.session = s, .sink = &print.sink};
    bool ok = sq_session_signal(s) == 0;
    for (int i = 1; i < argc && ok; i++) {
        size_t name = assigns(argv[i]);
        if (name && !(ok = assign(s, argv[i], name)))
            fprintf(stderr, "argument '%s': %s\n", argv[i], mysql_error(s->conn));
    }
    if (!ok)
        return sq_session_signal(s) ? 128 + sq_session_signal(s) : 1;
    for (int i = 0; i < argc && ok; i++) {
        if (i > 0 && assigns(argv[i]))
            continue;
        ok = sq_script_file(&script, argv[i]);
        fflush(stdout);
    }
    /* the server is a part of the program: what it was killed by ends it as well */
    int number = script.failure.problem.starved ? SIGKILL : sq_session_signal(s);
    if (!ok)
        tell(&script.failure);
    sq_script_release(&script);
    return ok ? 0 : number ? 128 + number : 1;
}

/* A server that the program before has left without room may end by what makes room. Then there is another one. */
static int begin(struct sq_session *s, struct kg_err *err)
{
    int rc = 0;
    for (int i = 0; i < BEGIN_TRIES; i++) {
        if ((rc = sq_session_connect(s, SQ_CONNECT_MS, err)) < 0 ||
            (rc = sq_clean(s, option("KGW_SQL_KEEP"), err)) == 0)
            return rc;
        if (sq_session_signal(s) || !sq_session_gone(s))
            return rc;
    }
    return rc;
}

int sq_program_main(const char *socket, int argc, char **argv)
{
    struct sq_session s;
    struct kg_err err = {0};
    if (argc < 1) {
        fputs("usage: kgw-sql run ENTRY [name=value | SCRIPT]...\n", stderr);
        return 2;
    }
    if (sq_session_init(&s, socket, "", &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    sq_session_begin(&s); /* from here on a signal ends the program */
    if (begin(&s, &err) < 0) {
        int number = sq_session_signal(&s);
        if (!number)
            fprintf(stderr, "%s\n", err.text);
        return number ? 128 + number : 1;
    }
    int rc = run(&s, argc, argv);
    sq_session_end(&s);
    sq_session_close(&s);
    return rc;
}

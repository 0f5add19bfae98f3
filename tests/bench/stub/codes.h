#ifndef BENCH_STUB_CODES_H
#define BENCH_STUB_CODES_H
/*
 * What the stub kernel does for a code string:
 *
 *   flood N SIZE     N display_data messages, each with a text of SIZE bytes that begins with S and its number
 *                    in ten digits, as fast as the socket takes them, none dropped
 *   stream N SIZE    the same as stream (stdout) messages
 *   paced N SIZE RATE  the flood at RATE messages a second
 *   spin             a busy loop until SIGINT; the reply is the error KeyboardInterrupt
 *   sleep MS         waits, also until SIGINT
 *   die [CODE]       the process ends at once with that exit status (default 1), with no reply
 *   abort            ends by SIGABRT
 *   echo-buffers     a display_data that carries the request's own binary buffers
 *   print TEXT       TEXT and a newline on stdout's stream
 *   error            an error with ename StubError
 *   env NAME         the variable's value on the stream, "(unset)" without one
 *   cwd, pid         the working directory, the process id on the stream
 *   input PROMPT     asks on stdin and prints the answer
 *   anything else    nothing, status ok
 */
#include <stdbool.h>

#include "tests/bench/stub/wire.h"

enum { ST_CODE_MAX = 64 * 1024 };

struct st_outcome {
    bool failed;
    char ename[64];
    char evalue[256];
};

/* SIGINT's handler; installed by main. */
void st_interrupt(int signo);
/* Runs code for req; everything it publishes is sent when this returns. May not return (die). */
void st_run_code(struct st_wire *w, const struct st_request *req, const char *code,
                 bool allow_stdin, struct st_outcome *out);

#endif

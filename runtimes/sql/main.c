/*
 * kgw-sql: everything that a box for SQL runs of ours.
 *
 *     kgw-sql serve              the database server, as the box's service (serve.h)
 *     kgw-sql kernel             the kernel's evaluator (evaluator.h)
 *     kgw-sql run ENTRY ARGS...  a program (program.h)
 *
 * KGW_SQL_FOLDER (/tmp/.kgw-sql) is where the server's files and its socket are.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtimes/sql/evaluator.h"
#include "runtimes/sql/program.h"
#include "runtimes/sql/serve.h"

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "", *folder = getenv("KGW_SQL_FOLDER");
    if (!folder || !*folder)
        folder = "/tmp/.kgw-sql";
    kg_autofree char *socket = kg_asprintf("%s/" SQ_SOCKET_NAME, folder);
    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters */
    if (strcmp(mode, "serve") == 0)
        return sq_serve_main(folder);
    if (strcmp(mode, "kernel") == 0)
        return sq_evaluator_main(socket);
    if (strcmp(mode, "run") == 0)
        return sq_program_main(socket, argc - 2, argv + 2);
    fputs("usage: kgw-sql serve | kernel | run ENTRY [ARGUMENT]...\n", stderr);
    return 2;
}

/*
 * kernelgw-tool: the commands that are clients of a running server, started by kernelgw when it is called so. A program of its
 * own, since what they need (libcurl, libzmq, and the thirty libraries behind them) is not to be in the process that
 * faces the network.
 */
#include <stdio.h>
#include <string.h>

#include "kernelgw/cli/connect.h"
#include "kernelgw/cli/exec.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "exec") == 0)
        return kg_exec(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "connect") == 0)
        return kg_connect(argc - 1, argv + 1);
    fputs("usage: kernelgw exec NOTEBOOK ... or kernelgw connect [KERNEL_ID] ...\n", stderr);
    return 2;
}

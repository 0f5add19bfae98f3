#ifndef KG_CLI_EXEC_H
#define KG_CLI_EXEC_H
/* kernelgw exec: runs a notebook file from the command line. argv[0] is "exec". Returns the program's exit status. */
int kg_exec(int argc, char *const *argv);

#endif

#ifndef KG_CLI_CONNECT_H
#define KG_CLI_CONNECT_H
/* kernelgw connect: a kernel of a running server for Jupyter's own local clients, through a connection file. argv[0] is "connect".
 * Returns the program's exit status. */
int kg_connect(int argc, char *const *argv);

#endif

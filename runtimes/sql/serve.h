#ifndef SQ_SERVE_H
#define SQ_SERVE_H
/*
 * The box's database server, as a service of the box: copies the data directory that the image has into memory, starts the server
 * on it, says "ready\n" on descriptor 3 when it answers, and ends when it ends, or ends it. A directory that is there already (the
 * server was killed) is used again, or made anew when the server can't use it.
 */

/* The socket's name in the folder. */
#define SQ_SOCKET_NAME "socket"

int sq_serve_main(const char *folder);

#endif

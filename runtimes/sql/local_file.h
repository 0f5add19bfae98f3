#ifndef SQ_LOCAL_FILE_H
#define SQ_LOCAL_FILE_H
/*
 * Gives the server the files that LOAD DATA LOCAL INFILE asks for: regular files of the user's folder ($HOME, /work in a box)
 * and nothing else, whatever links say; and "/dev/stdin", which is what the program was given. (The server itself reads no
 * file: the user has no FILE privilege.)
 */
#include <mysql.h>
#include <stddef.h>

void sq_local_file_install(MYSQL *conn);

/* Opens a user's file for reading, by a path relative to the working directory or an absolute one. Returns a descriptor
 * or -errno; -EXDEV when it is none of the user's folder. */
int sq_local_file_open(const char *path);

/* What is wrong with the last file, as a sentence's end: "not in /work". */
const char *sq_local_file_why(int negative_errno);

#endif

#ifndef SQ_PROGRAM_H
#define SQ_PROGRAM_H
/*
 * A program run: the entry script and those that the arguments name, in order, on a clean database. Results go to stdout, errors
 * as FILE:LINE: ERROR code (state): text to stderr.
 *
 * Arguments `name=value` set the user variable @name; all others are further scripts. Environment: KGW_SQL_KEEP=1 keeps
 * what earlier runs made, KGW_SQL_QUIET=1 leaves out the counts of rows. Exit status: 0, 1 for an error, 128 + n when
 * signal n interrupted it.
 */

int sq_program_main(const char *socket, int argc, char **argv);

#endif

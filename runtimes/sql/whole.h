#ifndef SQ_WHOLE_H
#define SQ_WHOLE_H
/* Whether a cell could be run as it stands: what a console asks at each Enter. Pure. */
#include <stddef.h>

enum sq_whole { SQ_WHOLE, SQ_UNFINISHED, SQ_INVALID };

/* *indent: blanks that the next line should begin with. */
enum sq_whole sq_whole(const char *text, size_t n, const char **indent);

#endif

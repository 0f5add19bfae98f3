#ifndef SQ_CLEAN_H
#define SQ_CLEAN_H
/*
 * The beginning of a program run: nothing of earlier runs of the box is left. Their connections and what they have prepared
 * (XA) are ended, every database that the user made is dropped, and a new one, `program`, is used.
 */
#include <stdbool.h>

#include "runtimes/sql/session.h"

#define SQ_PROGRAM_DATABASE "program"

/* keep: only ends connections, and makes the database when there is none. What is in the way is told in *err. */
int sq_clean(struct sq_session *s, bool keep, struct kg_err *err);

#endif

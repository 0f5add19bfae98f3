#ifndef NB_UPGRADE_H
#define NB_UPGRADE_H
/* Documents of nbformat 2 and 3 as nbformat 4.5. Source: nbformat 5.10, v2/rwbase.py, v3/rwbase.py, v4/convert.py. */
#include <jansson.h>

#include "base/err.h"

/*
 * Changes nb, an object whose nbformat is major (2 or 3), in place; metadata.orig_nbformat says what it was, as front-ends ask. Ids of cells are
 * made of what the cells hold, so that the same document gives the same ones. -EINVAL with *err for one that is none of
 * that format: nb is then unusable.
 */
int nb_upgrade(json_t *nb, int major, struct kg_err *err);

#endif

#ifndef NB_TRUST_H
#define NB_TRUST_H
/*
 * Which notebooks somebody has vouched for: their outputs may be shown with all that is in them (HTML, scripts). What is kept is a digest
 * of who vouched and of the file's bytes, so that a change by anybody else ends it. Jupyter signs them with a key; here nobody but the
 * server writes the list.
 * Source: nbformat 5.10, sign.py; jupyter_server 2.21, services/contents/manager.py (check_and_sign, mark_trusted_cells).
 */
#include <jansson.h>

#include "notebooks/place.h"

enum { NB_TRUST_MAX = 65536 }; /* then the older quarter is forgotten */

/* path: of the file that outlives the server, NULL: none does. That it can't be read or written is logged, and no error. */
struct nb_trust *nb_trust_new(const char *path);
struct nb_trust *nb_trust_ref(struct nb_trust *t);
void nb_trust_unref(struct nb_trust *t); /* NULL is fine */
/* From now on documents below r are vouched for by who. Before r is given to anybody. */
void nb_root_set_trust(struct nb_root *r, struct nb_trust *t, const char *who);

/* The rest may be called from any thread; without nb_root_set_trust nothing is trusted. */
bool nb_trusted(const struct nb_root *r, const struct kg_buf *bytes);
void nb_vouch(const struct nb_root *r, const struct kg_buf *bytes);
/* Does who saves nb, with metadata.trusted in its cells as front-ends send it, vouch for it? Each code cell must be trusted, or show nothing
 * but text. */
bool nb_is_vouched(const json_t *nb);
/* Vouches for the notebook at a path as clients send it. */
int nb_trust_file(const struct nb_root *r, const char *raw, struct kg_err *err);

#endif

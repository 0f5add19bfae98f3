#ifndef NB_DOCUMENT_H
#define NB_DOCUMENT_H
/*
 * Notebook documents, nbformat 4 (2 and 3 are upgraded as they are read): bytes to a tree, a tree to bytes. In the tree every text is one string; in bytes it
 * is a list of lines, as nbformat writes it. What was read and is written again, unchanged, is what nbformat would
 * have written, byte for byte. No files, no kernels.
 *
 * Source: nbformat 5.10, v4/nbjson.py, v4/rwbase.py and the schemas nbformat.v4.0 to v4.5.
 */
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { NB_WEIGHT_MAX = 512 << 20 }; /* what a document may take in memory (kg_json_weight) */

/*
 * Reads a document: *out is a new reference. It need not be valid (nb_validate), but it is an object with nbformat 4,
 * an integer nbformat_minor, an object metadata and a list of cells that are objects. -EINVAL otherwise, with *err
 * saying what is wrong. One of nbformat 2 or 3 comes as 4.5, and metadata.orig_nbformat, which is never written, tells. Whole numbers
 * beyond 64 bits are refused. -EFBIG for one whose values would take too much memory.
 */
int nb_read(json_t **out, struct kg_span text, struct kg_err *err);

/* The same checks and clean-up for a tree that came as part of something else; changes it in place. */
int nb_adopt(json_t *nb, struct kg_err *err);

/* Appends the document's bytes, with a newline at the end. nb: as nb_read gives it. */
void nb_write(struct kg_buf *out, const json_t *nb);

/* Does it hold to the schema of its minor version? -EINVAL with the first thing that does not, and where. A minor
 * version above those known here is judged by the newest known, and may have members that this one has not. */
int nb_validate(const json_t *nb, struct kg_err *err);

/* Cells without an id get one, where the document's version has ids: as nbformat does when it writes. */
void nb_give_ids(json_t *nb);

/* An empty document of the newest version known: a new reference. */
json_t *nb_new(void);

/* --- pieces, for tests --- */

/* A number as Python's repr writes it: the shortest text that reads back as the same. */
void nb_write_real(struct kg_buf *out, double v);
/* Length of the first line of s, its end included, by Python's str.splitlines. */
size_t nb_line(struct kg_span s);

#endif

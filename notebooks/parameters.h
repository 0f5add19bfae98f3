#ifndef NB_PARAMETERS_H
#define NB_PARAMETERS_H
/*
 * Parameters of a notebook, as papermill has them: a cell of code that sets them, tagged "injected-parameters", in the
 * place of one that is there already, else behind the cell tagged "parameters", else at the top.
 * Source: papermill 2.7, parameterize.py and translators.py.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Puts the cell in. nb: as nb_read gives it, changed in place. language: the kernelspec's ("python"). parameters: an object.
 * -EINVAL with *err for a name or value that the language has no word for, or a language not known here; nothing is
 * changed then.
 */
int nb_set_parameters(json_t *nb, const char *language, const json_t *parameters,
                      struct kg_err *err);

/* The code alone, appended; on failure *out is unspecified. */
int nb_parameters_code(struct kg_buf *out, const char *language, const json_t *parameters,
                       struct kg_err *err);

/* Has the cell this tag? */
bool nb_cell_tagged(const json_t *cell, const char *tag);
/* The first cell that has it, or -1. */
long nb_find_tagged(const json_t *nb, const char *tag);

#endif

/* notebooks/: a document. What is taken can be judged and written, and what was written is read as the same and
 * written the same again. */
#include "fuzz.h"
#include "notebooks/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *nb = NULL;
    json_t *again = NULL;
    struct kg_err err = {0};
    struct kg_buf first = {0};
    struct kg_buf second = {0};
    if (nb_read(&nb, kg_span_of(data, size), &err) < 0) {
        MUST(err.text[0] != 0 && !nb);
        return 0;
    }
    if (nb_validate(nb, &err) < 0)
        MUST(err.text[0] != 0);
    nb_write(&first, nb);
    MUST(nb_read(&again, kg_span_of(first.data, first.len), &err) == 0);
    nb_write(&second, again);
    MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    json_decref(nb);
    json_decref(again);
    kg_buf_release(&first);
    kg_buf_release(&second);
    return 0;
}

#ifndef KK_LINES_H
#define KK_LINES_H
/* Cuts what an evaluator writes into lines. Pure: bytes come from the caller. A zeroed struct with `max` set is empty. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct kk_lines {
    size_t max; /* bytes of one line, its break not counted */
    struct kg_buf buf;
    size_t at;   /* where the next line starts */
    size_t seen; /* up to here no break was found */
};

void kk_lines_release(struct kk_lines *l);
/* Returns room for n bytes; kk_lines_added says how many of them were filled. Lines handed out before are gone. */
uint8_t *kk_lines_room(struct kk_lines *l, size_t n);
void kk_lines_added(struct kk_lines *l, size_t n);
/* Returns 1 with the next whole line, without its break; 0 when there is none yet; -EMSGSIZE when the line at hand is
 * longer than max, which is for good. */
int kk_lines_next(struct kk_lines *l, struct kg_span *line);

#endif

#ifndef KG_CORE_OUTPUTS_H
#define KG_CORE_OUTPUTS_H
/*
 * What a cell gives, gathered from a kernel's messages as a notebook has it (nbformat 4): text of one stream joined, clear_output and
 * update_display_data applied, within a bound.
 * Source: nbclient 0.11, client.py (process_message, output, clear_output).
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

struct kg_outputs {
    json_t *list;       /* without the text that still grows */
    json_t *shown;      /* its displays: {display_id: {"bytes", "outputs":[those in list]}} */
    json_t *earlier;    /* the same of earlier cells, borrowed; or NULL */
    struct kg_buf text; /* of the last output, a stream that may go on */
    bool is_stderr;
    bool clear_next; /* clear_output(wait=True) was said */
    size_t max_bytes, bytes, dropped, dropped_bytes;
};

void kg_outputs_init(struct kg_outputs *o, size_t max_bytes, json_t *earlier);
void kg_outputs_release(struct kg_outputs *o);

/*
 * The content of a message as an output of nbformat, or as {"output_type":"clear_output","wait"} or
 * {"output_type":"update_display_data",...}: a new reference. What nbformat requires and a kernel has left out is there, empty.
 * NULL for messages that are none.
 */
json_t *kg_output_of(struct kg_span msg_type, const json_t *content);
/* Takes one of those in; n: as it counts, which for what is no text is more than its bytes. */
void kg_outputs_take(struct kg_outputs *o, const json_t *output, size_t n);
/* One of n bytes that is not taken in, which is told. */
void kg_outputs_leave_out(struct kg_outputs *o, size_t n);
/* All so far: a new list, whose items are these outputs, which displays may still change. What was left out is told as the last. */
json_t *kg_outputs_list(const struct kg_outputs *o);
/* Begins anew with these, a new reference that is taken. */
void kg_outputs_replace(struct kg_outputs *o, json_t *list);
/* Cells that come later may update what this one has shown: adds its displays to the earlier ones. */
void kg_outputs_hand_on(struct kg_outputs *o);

#endif

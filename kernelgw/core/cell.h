#ifndef KG_CORE_CELL_H
#define KG_CORE_CELL_H
/*
 * One cell executed by the server itself, for who has no WebSocket: its code goes to a kernel as any client's would, and what
 * comes back is gathered as a notebook's outputs (nbformat 4), with clear_output and update_display_data applied. A cell
 * that asks for input gets the kernel's error for clients that have none.
 */
#include <jansson.h>

#include "kernelgw/core/kernel.h"

struct kg_cell;

struct kg_cell_config {
    const char *code;
    bool silent, store_history, stop_on_error;
    /* From when it begins to run; 0: none. Then it is interrupted, and given up when that does not help. It also bounds the
     * wait for its turn in a kernel that is ready, which gets 5 s at least: then it is given up, and interrupted if it does
     * begin. */
    uint64_t timeout_ms;
    size_t
        max_bytes; /* of outputs that are kept; what is above is counted, and told as the last output */
    /* What earlier cells of the same document have shown, by display_id, so that this one can update it; it adds its own at
     * its end. An object, borrowed until then; NULL: it updates its own alone. */
    json_t *displays;
    const char *msg_id; /* of its request, a UUID; NULL: any */
    /*
     * It is one that an earlier server began, under msg_id: what the kernel has said since is gathered from what is
     * still kept of it, and the request is sent once more, which the agent passes over when it has had it. kept: the outputs that were
     * written down, for when the beginning is no longer there; borrowed during the call, may be NULL.
     */
    bool resume;
    const json_t *kept;
};

struct kg_cell_end {
    const json_t *reply;   /* content of execute_reply; NULL when none came */
    const json_t *outputs; /* array */
    const json_t *times;   /* object (core/cell_times.h) */
    bool timed_out;
    const char *why; /* when there is no reply: a sentence */
    size_t bytes;    /* of outputs, as they came */
    uint64_t wall_ms;
};

struct kg_cell_events {
    /* A message of the cell's as it comes: an nbformat output, or {"output_type":"clear_output","wait"} or
     * {"output_type":"update_display_data","data","metadata","transient"}. May be NULL. */
    void (*output)(void *user, const json_t *output);
    /* Once, last, never before kg_cell_start has returned; the cell is gone for its owner. */
    void (*ended)(void *user, const struct kg_cell_end *end);
};

/* Returns NULL with *err when the kernel takes no request (-ESRCH dead, -EAGAIN). A kernel that starts is waited for. */
struct kg_cell *kg_cell_start(struct kg_kernel *k, const struct kg_cell_config *config,
                              const struct kg_cell_events *events, void *user, struct kg_err *err);
/* Its outputs so far, as kg_cell_end has them: a new list, whose items are the cell's own. */
json_t *kg_cell_outputs(const struct kg_cell *c);
/* When its messages so far were sent (core/cell_times.h): the cell's own, which grows. */
json_t *kg_cell_times(const struct kg_cell *c);
/* Interrupts it as a timeout does; it ends as it ends then, and timed_out stays false. */
void kg_cell_stop(struct kg_cell *c);
/* Gives it up without a word to the kernel, for the next server. No callback comes. */
void kg_cell_leave(struct kg_cell *c);
/* Nobody wants it any more: no callback comes. It is interrupted, as soon as it runs. */
void kg_cell_cancel(struct kg_cell *c);

#endif

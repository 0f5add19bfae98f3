#ifndef KG_CORE_CELL_TIMES_H
#define KG_CORE_CELL_TIMES_H
/*
 * When the messages of a cell were sent, as front-ends write it down in the cell's metadata.execution.
 * Source: JupyterLab 4.6, cells/src/widget.ts (CodeCell.execute); nbclient 0.11, client.py (record_timing).
 */
#include <jansson.h>

#include "jupyter/message.h"

/* Adds to times, an object, what msg, one of the cell's, tells: "iopub.status.busy", "iopub.execute_input", "shell.execute_reply.started",
 * "shell.execute_reply", "iopub.status.idle", each the date in the kernel's own words; where it gave none, the time now. content: msg's, parsed, may be NULL. */
void kg_cell_times_take(json_t *times, const struct jy_msg *msg, const struct jy_header *header,
                        const json_t *content);

#endif

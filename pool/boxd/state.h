#ifndef BD_STATE_H
#define BD_STATE_H
/*
 * What boxd remembers of a box across its own end: RUN/box/ID/state.json, written before anything else of a
 * box is made and removed after everything else. A box whose state says "making", or whose process is not the
 * one it names, is cleaned up at the next start; others are taken up again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "pool/boxd/limits.h"

struct bd_state {
    char box[BD_BOX_ID_MAX + 1];
    char image[BD_IMAGE_MAX + 1];
    char owner[KG_UUID_SIZE];
    char boot[KG_UUID_SIZE];     /* the machine's boot in which pid and made_ms have a meaning */
    char net[BD_BOX_ID_MAX + 1]; /* the session network that it is in, or "" */
    uint32_t first_id;           /* host uid and gid of the box's root; its range begins there */
    uint64_t made_ms;            /* kg_clock_ms */
    bool living;                 /* false: making */
    pid_t pid;                   /* of PID 1, when living */
    uint64_t start_ticks;        /* its start time */
};

/* Appends it as JSON. */
void bd_state_write(struct kg_buf *out, const struct bd_state *state);
/* Reads it: -EPROTO for anything that bd_state_write would not have written. */
int bd_state_parse(struct bd_state *out, const char *in, size_t n, struct kg_err *err);

#endif

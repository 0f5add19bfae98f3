#ifndef KG_API_MUX_CHANNEL_H
#define KG_API_MUX_CHANNEL_H
/*
 * One channel of a kgw.v1 socket (docs/PROTOCOL.md): a kernel's messages, or a run's output. It sends no more than its
 * credit; what it says goes through the socket's functions of mux.h.
 */
#include <jansson.h>

#include "kernelgw/api/mux.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/run.h"

enum { MUX_CREDIT_BYTES = 1 << 20, MUX_CREDIT_MAX = 64 << 20 };

struct mux_channel {
    struct mux_channel *prev, *next;
    struct mux *mux;
    uint16_t number;
    int64_t credit; /* bytes that may still be sent; the message that uses it up goes whole */
    bool probe_wanted, probe_sent;
    struct kg_client *client; /* a kernel's, or NULL */
    struct kg_run *run;       /* or NULL */
    struct kg_run_watch watch;
    struct kg_reader reader; /* of the run's journal */
    int run_state;           /* as told last; -1: not yet */
    size_t run_phase;        /* one more than told last */
};

/* Begins to read; NULL with *err. request: {"kernel" or "run", "since", "session_id", "credit"}. */
struct mux_channel *mux_channel_open(struct mux *m, struct kg_core *core, uint16_t number,
                                     const json_t *request, struct kg_err *err);
void mux_channel_free(struct mux_channel *c);
/* Queues what there is, as far as credit and window go. False: the window is full. */
bool mux_channel_fill(struct mux_channel *c);
/* A v1 frame from the client, for its kernel. */
int mux_channel_message(struct mux_channel *c, const uint8_t *frame, size_t n, struct kg_err *err);
/* {"t":"stdin"|"signal",...} for its run. */
int mux_channel_control(struct mux_channel *c, const char *what, const json_t *request,
                        struct kg_err *err);

#endif

#ifndef KG_API_MUX_CHANNEL_H
#define KG_API_MUX_CHANNEL_H
/*
 * One channel of a kgw.v1 socket (docs/PROTOCOL.md): a kernel's messages, or a run's output. It sends no more than its
 * credit; what it says goes through the socket's functions of mux.h.
 */
#include <jansson.h>

#include "kernelgw/api/auth.h"
#include "kernelgw/api/mux.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/workspace.h"

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
    int64_t tail;            /* bytes of output that it may be behind; 0: any number */
    const char *
        run_step; /* as told last, as are the next two; not borrowed: literals and manifests' names */
    int run_state; /* -1: not yet */
    unsigned run_position;
    struct kg_workspace *workspace; /* or NULL */
    struct kg_workspace_watch workspace_watch;
    bool attached, changed;
};

/* Begins to read; NULL with *err. user: who asks. request: {"kernel", "run" or "workspace", and what PROTOCOL.md says}. */
struct mux_channel *mux_channel_open(struct mux *m, struct kg_core *core,
                                     const struct kg_user *user, uint16_t number,
                                     const json_t *request, struct kg_err *err);
/* Of what it shows, in a word. */
const char *mux_channel_state(const struct mux_channel *c);
void mux_channel_free(struct mux_channel *c);
/* Queues what there is, as far as credit and window go. False: the window is full. */
bool mux_channel_fill(struct mux_channel *c);
/* A v1 frame from the client, for its kernel. */
int mux_channel_message(struct mux_channel *c, const uint8_t *frame, size_t n, struct kg_err *err);
/* {"t":"stdin"|"signal"|"tail",...} for its run. */
int mux_channel_control(struct mux_channel *c, const char *what, const json_t *request,
                        struct kg_err *err);

#endif

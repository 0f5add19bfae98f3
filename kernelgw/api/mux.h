#ifndef KG_API_MUX_H
#define KG_API_MUX_H
/* What the channels of one kgw.v1 socket need of it. mux.c is the socket, mux_channel.c a channel. */
#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/buf.h"

struct mux;
struct mux_channel;

enum mux_frame { MUX_MESSAGE = 1, MUX_TEXT = 2 };

/* A binary frame: head, then body, whose reference is taken over. stream: 1 or 2 for MUX_TEXT. False: the window is
 * full; it is queued all the same. */
bool mux_send(struct mux *m, enum mux_frame type, uint16_t channel, uint64_t seq, uint8_t stream,
              struct kg_slice body);
/* A control message, JSON. */
bool mux_say(struct mux *m, const struct kg_buf *json);
void mux_wake(struct mux *m);
void mux_probe(struct mux *m); /* some channel's probe_wanted was set */
/* The kernel is gone: the channel is told and forgotten, not within its own call. */
void mux_channel_ended(struct mux *m, struct mux_channel *c, const char *why);

#endif

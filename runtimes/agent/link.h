#ifndef KK_LINK_H
#define KK_LINK_H
/*
 * The link to the gateway (docs/PROTOCOL.md, "The link"): dials, says hello, sends what stands in its ring
 * and hands over the records that arrive. A dropped connection is dialled again every 10 ms, for ever. Nothing
 * here blocks; what is written during a turn of the loop leaves at its end, in one send.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/record.h"
#include "runtimes/agent/ring.h"

enum {
    /* Above this the sources that can wait are asked to; below half of it they go on. */
    KK_LINK_FULL = 4 * 1024 * 1024,
    /* Above this, and with a gateway that takes nothing, the oldest output is dropped. */
    KK_LINK_SHED = 16 * 1024 * 1024,
    KK_LINK_REDIAL_MS = 10,
};

struct kk_link;

struct kk_link_events {
    /* A record from the gateway: MSG, REQ or DATA. body is valid during the call. A negative return
     * closes the connection: the peer does not keep to the protocol. */
    int (*record)(void *user, const struct kg_rec *rec, const uint8_t *body, struct kg_err *err);
    void (*full)(void *user, bool full); /* KK_LINK_FULL was passed, or there is room again */
    void (*down)(void *user);     /* the connection is gone; half-sent requests will not end */
    void (*deserted)(void *user); /* nobody has listened for two seconds */
};

/* Starts dialling path (at most 107 bytes). box is said in HELLO. Strings are borrowed for good. */
int kk_link_open(struct kk_link **out, uv_loop_t *loop, const char *path, const char *box,
                 const struct kk_link_events *events, void *user, struct kg_err *err);
void kk_link_close(struct kk_link *l); /* memory goes in the loop's close callbacks */

/* For messages that are built in place: see kk_ring_begin and kk_ring_commit. */
uint8_t *kk_link_begin(struct kk_link *l, size_t n);
void kk_link_commit(struct kk_link *l, uint8_t type, uint8_t channel, uint8_t kind, size_t n);
/* Numbered record; body is copied. */
void kk_link_add(struct kk_link *l, uint8_t type, uint8_t channel, uint8_t kind, const void *body,
                 size_t n);
/* A REPLY. */
void kk_link_reply(struct kk_link *l, const void *body, size_t n);
/* Bytes sent since the agent began: to see that the gateway takes some. */
uint64_t kk_link_sent(const struct kk_link *l);
/* Sends now what can be sent without waiting. */
void kk_link_flush(struct kk_link *l);

#endif

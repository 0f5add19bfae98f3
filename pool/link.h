#ifndef KG_POOL_LINK_H
#define KG_POOL_LINK_H
/*
 * The gateway's end of one box's link (docs/PROTOCOL.md, "The link between the gateway and a box"): takes the
 * agent's connection, checks who it is, greets, cuts the stream into records, acknowledges, and
 * sends. Outlives any single connection: the agent dials again.
 *
 * Reading copies nothing: bodies are stretches of the blobs that were read into. A kept slice therefore
 * holds its whole blob (16 to 256 KiB, filled by further records).
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/record.h"
#include "pool/turn.h"

enum {
    PL_LINK_OUT_MAX = 64 * 1024 * 1024, /* waiting to be sent, above which -ENOBUFS */
    PL_LINK_JSON_MAX = 4 * 1024 * 1024, /* HELLO, REPLY and EVENT bodies */
    PL_LINK_ACK_BYTES = 256 * 1024, /* acknowledge at once after that much, else at the next tick */
};

struct pl_link_events {
    /* The agent has said HELLO, for the first time or again. */
    void (*up)(void *user);
    /* MSG, EVENT and REPLY. MSG and EVENT come with rising seq and never twice. body is borrowed. */
    void (*record)(void *user, const struct kg_rec *rec, struct kg_slice body);
    /* The connection is lost; unsent REQ and DATA are forgotten, unsent MSG are kept for the next one. */
    void (*down)(void *user, const char *why);
    /* The agent broke the protocol. Nothing comes after; the link still wants its close. */
    void (*broken)(void *user, const struct kg_err *err);
};

struct pl_link_config {
    struct pl_turn *turn;
    const char *box; /* what HELLO must say; borrowed for the link's life */
    uid_t uid;       /* whom to take connections from */
    uint64_t epoch;
    uint32_t hello_ms; /* from connection to HELLO */
};

struct pl_link;

/* listen_fd is the link's from now on, also on failure (NULL, with *err). */
struct pl_link *pl_link_open(const struct pl_link_config *config, int listen_fd,
                             const struct pl_link_events *events, void *user, struct kg_err *err);
/* Nothing is called after it. May be called from any of the events. NULL is fine. */
void pl_link_close(struct pl_link *l);

/*
 * Queues a record, sent at the end of this turn or when a connection comes. Body is copied; rec->body_len is set
 * here. Returns -ENOBUFS when more than PL_LINK_OUT_MAX wait, -EMSGSIZE for a body above KG_REC_BODY_MAX.
 */
int pl_link_send(struct pl_link *l, struct kg_rec *rec, const void *body, size_t n,
                 struct kg_err *err);
bool pl_link_is_up(const struct pl_link *l);
/* Stops or goes on with reading and with delivering what is read. */
void pl_link_hold(struct pl_link *l, bool hold);
uint64_t pl_link_last_seq(const struct pl_link *l);

#endif

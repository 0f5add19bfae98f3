#ifndef KG_CORE_CLIENT_H
#define KG_CORE_CLIENT_H
/*
 * One connection to a kernel, or the place kept for one that dropped: where it is in the journal, and what it
 * asked. A client that comes back with its session_id goes on behind what it is known to have (a message may come
 * again, since nobody can know what a dead socket delivered); one that comes with a number goes on behind that, whoever it
 * was before, and its messages bear their numbers (metadata.kgw.seq).
 */
#include "kernelgw/core/kernel.h"

struct kg_client_events {
    /* There is something to read. */
    void (*wake)(void *user);
    /* Finds out whether what was handed out so far has arrived, and says so by kg_client_arrived. */
    void (*probe)(void *user);
    /* The kernel, or a newer connection with the same session_id, ends this one. Last callback; the client is
     * invalid afterwards. */
    void (*closed)(void *user, int code, const char *reason);
};

struct kg_client {
    struct kg_client *prev, *next;
    struct kg_kernel *kernel;
    struct kg_reader reader;
    char *session_id;                      /* "" when the client gave none */
    const struct kg_client_events *events; /* NULL: detached */
    void *user;
    uint64_t detached_ms;
    bool internal;          /* the server's own: no connection of anybody's */
    bool numbered;          /* it came with a number */
    uint64_t repeats_to;    /* messages up to here have been on their way to it before */
    bool probing;           /* a probe is under way, for */
    struct kg_place probed; /* what had been read then */
    uint64_t probed_ms;
};

/*
 * Never fails. session_id may be NULL. since: KG_FROM_NOW for a client without a number. The client belongs to the kernel;
 * give it back by kg_client_detach.
 */
struct kg_client *kg_client_attach(struct kg_kernel *k, const char *session_id, uint64_t since,
                                   const struct kg_client_events *events, void *user);
/* A place kept for a client of an earlier server, which is known to have everything up to seq. */
void kg_client_restore(struct kg_kernel *k, const char *session_id, uint64_t seq);
/* What had been read before the last probe has arrived. */
void kg_client_arrived(struct kg_client *c);
/* The connection dropped. No callback comes afterwards. */
void kg_client_detach(struct kg_client *c);

/*
 * A request from the client, as one v1 frame (borrowed). Returns 0; -EPROTO for a frame that is none, -EAGAIN or -ENOBUFS when
 * too much waits, -ENOTCONN when the box is being lost, -ENOENT for a channel that does not exist (nothing was done), -ESRCH when the kernel is dead.
 */
int kg_client_send(struct kg_client *c, const uint8_t *frame, size_t n, struct kg_err *err);

/* The next message for the client; the caller owns the slice's reference. False when there is none. A gap is told by a
 * message of the server's own, and a numbered client's messages bear their numbers. */
bool kg_client_next(struct kg_client *c, struct kg_slice *out);
/* The same for who tells numbers and gaps in another way. KG_READ_ENTRY: *out, as above, as the kernel sent it, and *seq.
 * KG_READ_GAP: *gap. */
enum kg_read kg_client_read(struct kg_client *c, struct kg_slice *out, uint64_t *seq,
                            struct kg_gap *gap);
/* After a batch of kg_client_next. */
void kg_client_read_done(struct kg_client *c);

#endif

#ifndef BENCH_STUB_RAW_H
#define BENCH_STUB_RAW_H
/*
 * An iopub socket without libzmq: ZMTP 3.0, NULL mechanism, as a publisher that drops nothing. With libzmq the
 * stub takes more than a core for a flood of small messages, and a server on the same machine is shown no more
 * than that leaves; a flood from here is prepared bytes and write(2). A slow subscriber holds the stub up.
 * Source: rfc.zeromq.org/spec/23 (ZMTP 3.0).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { ST_RAW_PEERS = 32, ST_RAW_TOPIC_MAX = 255 };

struct st_raw {
    int epoll; /* readable when somebody connects, subscribes or leaves */
    int listener;
    int peer[ST_RAW_PEERS];
    size_t peers;
    char path[256]; /* of an ipc socket, else "" */
    struct kg_buf out;
};

/* Listens where libzmq's "ipc://path" or "tcp://ip:port" would. Opened once a process. */
int st_raw_open(struct st_raw *r, const char *address, struct kg_err *err);
void st_raw_close(struct st_raw *r);
/* Takes new connections and subscriptions; calls subscribed with each topic. Messages go to every peer whatever its
 * topics: all that is known subscribes to everything. */
void st_raw_serve(struct st_raw *r, void (*subscribed)(void *user, const void *topic, size_t n),
                  void *user);
/* Appends one frame of a message. */
void st_raw_frame(struct kg_buf *out, const void *data, size_t n, bool more);
/* Writes whole messages to every peer, blocking; a peer that fails is dropped. */
void st_raw_write(struct st_raw *r, const void *data, size_t n);

#endif

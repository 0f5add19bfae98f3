#ifndef BENCH_CLIENT_LINK_H
#define BENCH_CLIENT_LINK_H
/*
 * One front-end's connection to one kernel: a WebSocket in either framing, or the kernel's own ZeroMQ
 * sockets. Blocking, and as thin as it can be: what is measured is the other side.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/record.h"
#include "tests/bench/client/config.h"

struct bc_span {
    const uint8_t *data;
    size_t len;
};

enum { BC_BUFFERS_MAX = 8, BC_ID_SIZE = 64 };

/* One message; spans are valid until the next receive. In the older framing header, parent and content are all
 * the whole text. */
struct bc_msg {
    uint8_t channel; /* KG_CH_... */
    struct bc_span header, parent, content;
    struct bc_span buffer[BC_BUFFERS_MAX];
    size_t buffers;
};

struct bc_direct;

struct bc_link {
    enum bc_way way;
    bool quickack;
    int fd;
    int timeout_ms; /* SO_RCVTIMEO as it is set now */
    uint8_t *in;    /* received and not yet handed out: [start, end) */
    size_t start, end, cap;
    struct kg_buf whole; /* a message that came in fragments */
    struct kg_buf out;   /* the frame being sent, and one being built in front of it */
    struct kg_buf body;
    int close_code;
    struct bc_direct *direct;
    char session[33];
    unsigned long long sent;
};

/* Opens a WebSocket to /api/kernels/ID/channels with that session_id. Negative with *err when it is refused:
 * -EACCES..., the HTTP status stands in the text. */
int bc_link_open(struct bc_link *l, const struct bc_config *cfg, const char *kernel_id,
                 const char *session, struct kg_err *err);
/* Sends one request; its msg_id goes to id. data/n is a binary buffer, or NULL. 0, or -EPIPE when the peer left. */
int bc_link_send(struct bc_link *l, uint8_t channel, const char *msg_type, const char *content,
                 const void *data, size_t n, char id[BC_ID_SIZE]);
/* Waits at most timeout_ms (0: not at all, -1: for ever) for one message. 1; 0 when none came; -EPIPE when the peer
 * left or broke the protocol. */
int bc_link_receive(struct bc_link *l, struct bc_msg *m, int timeout_ms);
/* Says goodbye by a close frame; what the server had sent before it heard of that can still be received. */
int bc_link_say_close(struct bc_link *l);
/* Ends it: with a close frame, or by RST when abrupt. A zeroed link is fine. */
void bc_link_close(struct bc_link *l, bool abrupt);

/* True when the message is of that type, or its parent has that msg_id, or its status is that one. */
bool bc_msg_is(const struct bc_msg *m, const char *msg_type);
bool bc_msg_parent(const struct bc_msg *m, const char *id);
bool bc_msg_status(const struct bc_msg *m, const char *state);
/* The number at the head of a flood's payload, or -1. */
long bc_msg_number(const struct bc_msg *m);

/* Sends a request and waits until its reply and its idle status are there; at most timeout_ms. Returns 1, 0 or
 * -EPIPE as receive. */
int bc_link_ask(struct bc_link *l, uint8_t channel, const char *msg_type, const char *content,
                int timeout_ms);
/* An execute_request's content; code must need no escaping. */
const char *bc_execute(char out[512], const char *code, bool silent);

/* --- frames.c: the two framings, pure --- */
int bc_v1_parse(struct bc_msg *m, const uint8_t *in, size_t n);
int bc_json_parse(struct bc_msg *m, const uint8_t *in, size_t n, bool binary);
void bc_v1_build(struct kg_buf *out, uint8_t channel, const char *header, const char *content,
                 const void *data, size_t n);
/* Returns true when the message must travel as binary. */
bool bc_json_build(struct kg_buf *out, uint8_t channel, const char *header, const char *content,
                   const void *data, size_t n);

/* --- direct.c: the ZeroMQ side --- */
int bc_direct_send(struct bc_link *l, uint8_t channel, const char *header, const char *content,
                   const void *data, size_t n);
int bc_direct_receive(struct bc_link *l, struct bc_msg *m, int timeout_ms);
void bc_direct_close(struct bc_link *l);
/* Waits until one of n direct links has something. */
int bc_direct_wait(struct bc_link *links, size_t n, bool *ready, int timeout_ms);

#endif

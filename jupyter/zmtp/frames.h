#ifndef JY_ZMTP_FRAMES_H
#define JY_ZMTP_FRAMES_H
/*
 * The bytes of ZMTP 3.0 with the NULL mechanism, as libzmq 4.3 speaks it on ipc and tcp: greeting, commands,
 * and multipart messages as frames. Pure functions.
 *
 *   greeting: ff 00 00 00 00 00 00 00 01 7f | 03 00 | mechanism, 20 bytes | as-server | 31 bytes of zero
 *   frame:    flags | u8 length, or u64 big-endian with flag LONG | body
 *
 * Source: rfc.zeromq.org/spec/23 (ZMTP 3.0).
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { JY_ZMTP_GREETING = 64, JY_ZMTP_HEAD_MAX = 9, JY_ZMTP_IDENTITY_MAX = 255 };
enum { JY_ZMTP_MORE = 1, JY_ZMTP_LONG = 2, JY_ZMTP_COMMAND = 4 };

/* Ours: version 3.0, so that peers of 3.1 take subscriptions as messages and send no heartbeats. */
void jy_zmtp_greeting(uint8_t out[JY_ZMTP_GREETING]);
/* Looks at the peer's. Returns JY_ZMTP_GREETING; 0 when n bytes are too few and so far right; -EPROTO for what
 * is no ZMTP 3 or another mechanism than NULL. */
int jy_zmtp_greeting_check(const uint8_t *in, size_t n, struct kg_err *err);

/* Writes a frame's head; returns its length. */
size_t jy_zmtp_put_head(uint8_t out[JY_ZMTP_HEAD_MAX], uint8_t flags, uint64_t len);
/* Appends the READY command. identity: at most JY_ZMTP_IDENTITY_MAX bytes. */
void jy_zmtp_put_ready(struct kg_buf *out, const char *socket_type, struct kg_span identity);

struct jy_zmtp_limits {
    size_t frames; /* of one message */
    size_t bytes;  /* of one message, heads included */
};
struct jy_zmtp_message {
    size_t count;  /* frames[0..count) are filled */
    bool command;  /* then there is one frame, the command with its name */
    size_t length; /* bytes of `in` that it took */
    size_t need;   /* when it isn't whole: bytes of `in` that it takes at least */
};
/*
 * Takes one whole message or command off the front of in; its frames are spans of in. Returns 1; 0 when it isn't whole
 * yet (m->need is set); -EPROTO for what can't be; -EMSGSIZE for one over the limits, as soon as that is known.
 * frames must have room for limits->frames.
 */
int jy_zmtp_split(struct jy_zmtp_message *m, struct kg_span *frames,
                  const struct jy_zmtp_limits *limits, const uint8_t *in, size_t n,
                  struct kg_err *err);
/* The name of a command ("READY", "PING", "ERROR"...) and what follows it. -EPROTO when there is none. */
int jy_zmtp_command(struct kg_span command, struct kg_span *name, struct kg_span *rest,
                    struct kg_err *err);

#endif

#ifndef BENCH_STUB_WIRE_H
#define BENCH_STUB_WIRE_H
/*
 * The stub kernel's five sockets and its messages: signing, checking, reading and sending, by libzmq as in
 * real kernels. Uses nothing of jupyter/, since it is also what that room is measured and tested against.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include "base/err.h"
#include "tests/bench/stub/raw.h"

enum st_channel { ST_SHELL, ST_CONTROL, ST_STDIN, ST_IOPUB, ST_HB, ST_SOCKETS };
enum { ST_PARTS_MAX = 64 };
/* Hex digits of a signature. */
enum { ST_SIG_LEN = 2 * crypto_auth_hmacsha256_BYTES };
/* Room for a header as st_header writes it, and where its number's ten digits stand. */
enum { ST_HEADER_MAX = 512, ST_SEQ_DIGITS = 10 };

struct st_wire {
    void *ctx;
    void *sock[ST_SOCKETS];             /* iopub is NULL when raw stands in for it */
    struct st_raw *raw;                 /* NULL: libzmq for all */
    bool sign;                          /* false when the connection file's key is empty */
    crypto_auth_hmacsha256_state keyed; /* the key's state, copied for each message */
    char session[33];
    uint64_t sent;
};

struct st_span {
    const char *data;
    size_t len;
};

/* A request as it came: its parts stay in libzmq's own messages. */
struct st_request {
    zmq_msg_t parts[ST_PARTS_MAX];
    size_t count;
    size_t idents; /* routing identities in front */
    struct st_span header, parent, metadata, content;
    size_t first_buffer; /* index of the first buffer; count when there is none */
};

/* Reads the connection file and binds everything that it names (tcp or ipc); iopub on raw when that is not NULL
 * (borrowed, zeroed). */
int st_wire_open(struct st_wire *w, const char *connection_file, struct st_raw *raw,
                 struct kg_err *err);
/* Sends what is queued (at most 2 s), closes, and removes the ipc sockets. */
void st_wire_close(struct st_wire *w);

/* Reads one request without waiting. Returns 1; 0 when there is none; -EBADMSG with *err for one that is
 * malformed or wrongly signed, which is then gone. Call st_request_release after 1. */
int st_receive(struct st_wire *w, enum st_channel ch, struct st_request *req, struct kg_err *err);
void st_request_release(struct st_request *req);

/* The next message's header into out; returns its length. The ten digits of its number start at *seq_at. */
size_t st_header(struct st_wire *w, char out[ST_HEADER_MAX], const char *msg_type, size_t *seq_at);
/* Signature over part[0..3] as hex into out (ST_SIG_LEN + 1 bytes), or "" when the key is empty. Returns its
 * length. */
size_t st_sign(const struct st_wire *w, char *out, const struct st_span *part);

/* One part of a message; goes on after EINTR. */
void st_send_part(void *socket, const void *data, size_t n, bool more);
/* Sends a reply to req, to its identities on ch (shell, control; stdin for an input_request). */
void st_reply(struct st_wire *w, enum st_channel ch, const struct st_request *req,
              const char *msg_type, struct st_span content);
/* Publishes on iopub. parent "{}" for what nobody asked for; with_buffers repeats req's buffers. */
void st_publish(struct st_wire *w, const struct st_request *req, const char *msg_type,
                struct st_span content, bool with_buffers);
/* Answers new subscriptions with iopub_welcome (JEP 65). */
void st_welcome(struct st_wire *w);

/* Reads the string at "key" in a JSON text into out, unescaped, cut at cap. A scan, no parser: for texts made
 * by clients we know. Returns its length, or -ENOENT. */
long st_json_string(struct st_span json, const char *key, char *out, size_t cap);
/* True when "key": true stands in the text. */
bool st_json_true(struct st_span json, const char *key);

static inline struct st_span st_str(const char *s)
{
    return (struct st_span){s, __builtin_strlen(s)};
}

#endif

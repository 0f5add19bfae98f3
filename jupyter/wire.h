#ifndef JY_WIRE_H
#define JY_WIRE_H
/*
 * The form a message has on a kernel's ZeroMQ sockets, as frames of one multipart message:
 *
 *   identity... | <IDS|MSG> | signature | header | parent_header | metadata | content | buffer...
 *
 * and its signature: HMAC-SHA256 over the four JSON parts, in lower-case hex. Buffers are not signed.
 * This is the form only; no sockets here (jupyter/zmtp/zmtp.h).
 * Source: jupyter_client documentation, "Messaging in Jupyter", "The Wire Protocol"; jupyter_client 8
 * session.py for the history of signatures.
 */
#include "jupyter/message.h"

enum {
    JY_SIGNATURE_LEN = 64,
    JY_SIGNATURE_SIZE = 65,
    JY_IDENTITIES_MAX = 8,
    JY_DIGEST_HISTORY = 65536,
    /* The most frames a message may have. */
    JY_FRAMES_MAX = JY_IDENTITIES_MAX + 6 + JY_BUFFERS_MAX,
};

struct jy_wire {
    const struct kg_span *identities; /* inside the caller's array; topics, on iopub */
    size_t identity_count;
    struct kg_span signature;
    struct jy_msg msg;
};

/* Takes frames apart; frames and their bytes must outlive *out. Returns 0; -EPROTO when there is no
 * delimiter or too few frames; -EMSGSIZE for too many. */
int jy_wire_parse(struct jy_wire *out, uint8_t channel, const struct kg_span *frames, size_t count,
                  struct kg_err *err);

/* Puts the frames of a message without identities into frames[], which must have room for
 * 6 + buffer_count; returns how many. signature: "" or 64 digits; must live as long as they. */
size_t jy_wire_frames(struct kg_span *frames, const struct jy_msg *m, const char *signature);

/* A key with its history of seen signatures. */
struct jy_key;

/* scheme must be "hmac-sha256". An empty key means that nothing is signed and all is taken, as in
 * jupyter_client. Returns 0, or -ENOTSUP. */
int jy_key_new(struct jy_key **out, const char *scheme, struct kg_span key, struct kg_err *err);
void jy_key_free(struct jy_key *k); /* NULL is fine; the key is wiped */

/* Writes 64 hex digits and a NUL; "" without a key. */
void jy_key_sign(const struct jy_key *k, const struct jy_msg *m, char out[JY_SIGNATURE_SIZE]);
/*
 * Checks the signature, in constant time, and that it was not among the last JY_DIGEST_HISTORY good
 * ones. Returns 0, -EBADMSG (missing or wrong) or -EALREADY (seen before). Only good ones are
 * remembered. Memory: 24 bytes for each remembered one, in steps, 1.5 MiB at most.
 */
int jy_key_verify(struct jy_key *k, const struct jy_wire *w, struct kg_err *err);

#endif

#ifndef KG_BASE_RECORD_H
#define KG_BASE_RECORD_H
/*
 * The records that the gateway and a box's agent exchange over their link (docs/PROTOCOL.md, "The link"):
 * a head of 16 bytes, then the body. This is the codec only; it moves no bytes and knows no Jupyter.
 *
 *   u32le body_len | u8 type | u8 channel | u8 kind | u8 flags | u64le seq | body
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { KG_REC_HEAD = 16 };
/* A body above this is refused by both sides: room for a 64 MiB message and its offset table. */
enum { KG_REC_BODY_MAX = 80 * 1024 * 1024 };

enum kg_rec_type {
    KG_REC_HELLO = 1, /* agent: JSON {"box","version","last_seq","first_seq"}; always first */
    KG_REC_MSG = 2,   /* both ways: a Jupyter message as a v1.kernel.websocket.jupyter.org frame */
    KG_REC_REPLY = 3, /* agent: JSON {"id","ok":true,...} or {"id","ok":false,"error"} to a REQ */
    KG_REC_EVENT = 4, /* agent: JSON {"event":...}; numbered like MSG */
    KG_REC_WELCOME =
        16,          /* gateway: JSON {"epoch","from_seq"}; answer to HELLO: send from here on */
    KG_REC_REQ = 17, /* gateway: JSON {"id","op",...} */
    KG_REC_DATA =
        18, /* gateway: bytes for the REQ whose id stands in seq; KG_REC_F_END on the last */
    KG_REC_ACK = 19, /* gateway: everything up to seq is journaled */
};

enum kg_rec_channel {
    KG_CH_SHELL = 0,
    KG_CH_CONTROL = 1,
    KG_CH_STDIN = 2,
    KG_CH_IOPUB = 3,
    KG_CH_COUNT = 4,
    KG_CH_NONE = 255,
};

/* What a MSG from a kernel is, as far as the gateway must know without parsing it. */
enum kg_rec_kind {
    KG_KIND_OTHER = 0, /* comm messages and all that is not named below: never dropped by choice */
    KG_KIND_STATUS_STARTING = 1,
    KG_KIND_STATUS_BUSY = 2,
    KG_KIND_STATUS_IDLE = 3,
    KG_KIND_REPLY = 4,         /* any *_reply on shell or control */
    KG_KIND_INPUT_REQUEST = 5, /* on stdin */
    KG_KIND_OUTPUT =
        6, /* stream, display_data, update_display_data, execute_result: may be dropped */
    KG_KIND_ERROR = 7,
    KG_KIND_EXECUTE_INPUT = 8,
    KG_KIND_KERNEL_INFO = 9, /* a kernel_info_reply */
};

enum { KG_REC_F_END = 1 };

struct kg_rec {
    uint32_t body_len;
    uint8_t type;
    uint8_t channel; /* kg_rec_channel for MSG, else KG_CH_NONE */
    uint8_t kind;
    uint8_t flags;
    uint64_t
        seq; /* MSG and EVENT of the agent: 1, 2, 3... without holes; see the types for others */
};

const char *kg_channel_name(uint8_t channel);     /* "shell"...; NULL when there is none such */
int kg_channel_parse(const void *name, size_t n); /* kg_rec_channel, or -ENOENT */

void kg_rec_encode(uint8_t out[KG_REC_HEAD], const struct kg_rec *rec);

/*
 * Reads a head from n bytes. Returns KG_REC_HEAD; 0 when n is too few; -EPROTO with *err for a type or
 * channel that can't be; -EMSGSIZE for a body above the limit. The body follows at in + KG_REC_HEAD.
 */
int kg_rec_decode(struct kg_rec *rec, const uint8_t *in, size_t n, struct kg_err *err);

/* Appends head and body (at most KG_REC_BODY_MAX bytes); rec->body_len is set here. */
void kg_rec_append(struct kg_buf *out, struct kg_rec *rec, const void *body, size_t n);

static inline uint64_t kg_get_u64le(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return v; /* every machine this is built for is little-endian: checked in record.c */
}

static inline void kg_put_u64le(uint8_t *p, uint64_t v)
{
    __builtin_memcpy(p, &v, 8);
}

#endif

#ifndef BD_REQUEST_H
#define BD_REQUEST_H
/*
 * Requests to boxd: one JSON object a packet (docs/PROTOCOL.md, "boxd"). This is the only place where bytes
 * of the unprivileged gateway are read, so it is strict: unknown fields, wrong types and numbers outside
 * their bounds are refused with a sentence. A pure function, no I/O.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "pool/boxd/limits.h"

enum bd_op {
    BD_CREATE,
    BD_ATTACH,
    BD_DESTROY,
    BD_LIST,
    BD_SET_LIMITS,
    BD_STATS,
    BD_PING,
    BD_NET_CREATE,
    BD_NET_DESTROY,
    BD_NET_LIST,
    BD_NET_NAMES,
    BD_NET_PORTS,
    BD_NET_SOCKET,
};

/* What the boxes of a network are called by each other. */
struct bd_names {
    size_t count;
    size_t bytes;
    char text[BD_NAMES_BYTES]; /* one after the other, each with its NUL */
};

struct bd_request {
    int64_t id; /* the caller's number, given back in the reply; 0 when it was missing or bad */
    enum bd_op op;
    char box[BD_BOX_ID_MAX + 1];
    char image[BD_IMAGE_MAX + 1];
    char net[BD_BOX_ID_MAX + 1]; /* create: "" for a network of its own */
    char owner[KG_UUID_SIZE];
    char after[BD_BOX_ID_MAX + 1]; /* list: "" from the start */
    uint32_t memory_mb;            /* set_limits: 0 leaves it */
    uint32_t cpu_milli;            /* set_limits: 0 leaves it */
    uint32_t pids;                 /* set_limits: 0 leaves it */
    uint32_t weight;               /* create: 0 is BD_WEIGHT_USUAL; set_limits: 0 leaves it */
    uint32_t tmp_mb;
    uint32_t tmp_inodes;
    struct bd_names names;
};

/*
 * Reads a packet of n bytes. max_memory_mb bounds memory_mb and tmp_mb. Returns 0, or -EINVAL with *err
 * saying what is wrong with which field; then out->id is still the request's id when that could be read.
 */
int bd_request_parse(struct bd_request *out, const char *text, size_t n, uint32_t max_memory_mb,
                     struct kg_err *err);

/* Reads a list of host names: letters, digits, and inside also dots, dashes and underlines, none twice. -EINVAL. */
struct json_t;
int bd_names_read(struct bd_names *out, const struct json_t *list, struct kg_err *err);

/* True for 16 to 64 of [0-9a-f] and nothing else. */
bool bd_is_box_id(const char *s);
/* True for [a-z0-9][a-z0-9.-]*, at most BD_IMAGE_MAX: never a path. */
bool bd_is_image_name(const char *s);

#endif

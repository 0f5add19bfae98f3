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

enum bd_op { BD_CREATE, BD_ATTACH, BD_DESTROY, BD_LIST, BD_SET_LIMITS, BD_STATS, BD_PING };

struct bd_request {
    int64_t id; /* the caller's number, given back in the reply; 0 when it was missing or bad */
    enum bd_op op;
    char box[BD_BOX_ID_MAX + 1];
    char image[BD_IMAGE_MAX + 1];
    char owner[KG_UUID_SIZE];
    char after[BD_BOX_ID_MAX + 1]; /* list: "" from the start */
    uint32_t memory_mb;            /* set_limits: 0 leaves it */
    uint32_t cpu_milli;            /* set_limits: 0 leaves it */
    uint32_t pids;                 /* set_limits: 0 leaves it */
    uint32_t tmp_mb;
    uint32_t tmp_inodes;
};

/*
 * Reads a packet of n bytes. max_memory_mb bounds memory_mb and tmp_mb. Returns 0, or -EINVAL with *err
 * saying what is wrong with which field; then out->id is still the request's id when that could be read.
 */
int bd_request_parse(struct bd_request *out, const char *text, size_t n, uint32_t max_memory_mb,
                     struct kg_err *err);

/* True for 16 to 64 of [0-9a-f] and nothing else. */
bool bd_is_box_id(const char *s);
/* True for [a-z0-9][a-z0-9.-]*, at most BD_IMAGE_MAX: never a path. */
bool bd_is_image_name(const char *s);

#endif

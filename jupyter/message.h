#ifndef JY_MESSAGE_H
#define JY_MESSAGE_H
/*
 * A Jupyter message, taken apart but not parsed: its four JSON parts and its buffers as spans of the
 * bytes it came in. What is needed of a header is read by jy_header_peek, without a document in memory.
 * Source: jupyter_client documentation, "Messaging in Jupyter", protocol 5.4.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/record.h"
#include "base/span.h"

/* More than this in one message is refused everywhere. */
enum { JY_BUFFERS_MAX = 1024 };

/* What headers written here say. */
#define JY_PROTOCOL_VERSION "5.4"

struct jy_msg {
    uint8_t channel; /* enum kg_rec_channel */
    struct kg_span header;
    struct kg_span parent_header;
    struct kg_span metadata;
    struct kg_span content;
    /* Read buffers by jy_msg_buffer: they stand either in an array of spans, or, when `frame` is not
     * NULL, in a v1 frame whose offset table is read each time (jupyter/wsframe.h). */
    size_t buffer_count;
    const struct kg_span *buffers;
    const uint8_t *frame;
};

/* The buffer numbered i < buffer_count. */
struct kg_span jy_msg_buffer(const struct jy_msg *m, size_t i);

/* Fields of a header as raw text (jupyter/scan.h); what is absent or no string has data NULL. */
struct jy_header {
    struct kg_span msg_id;
    struct kg_span msg_type;
    struct kg_span session;
    struct kg_span username;
    struct kg_span date;
    struct kg_span version;
    struct kg_span subshell_id;
};

/* Reads a header or parent header in one pass. `{}` is fine: all absent. Returns 0, or -EPROTO. */
int jy_header_peek(struct jy_header *out, struct kg_span json, struct kg_err *err);
/* The same for a header that is to be sent on: msg_id and msg_type must be there and not be empty. */
int jy_header_require(struct jy_header *out, struct kg_span json, struct kg_err *err);

/* What a message from a kernel is (base/record.h). content is read for `status` alone; a header or
 * content that can't be understood is KG_KIND_OTHER. */
enum kg_rec_kind jy_kind_of(uint8_t channel, const struct jy_header *header,
                            struct kg_span content);

/* For jy_header_write; strings are UTF-8 and borrowed. */
struct jy_header_fields {
    const char *msg_id;
    const char *msg_type;
    const char *session;
    const char *username;
    int64_t date_us;         /* wall clock; 0: now */
    const char *subshell_id; /* NULL: left out */
};

/* Appends a header, one JSON object. */
void jy_header_write(struct kg_buf *out, const struct jy_header_fields *f);

#endif

#ifndef JY_WSFRAME_H
#define JY_WSFRAME_H
/*
 * The WebSocket framing v1.kernel.websocket.jupyter.org, which is also what MSG records of the link
 * carry. One binary frame is one message:
 *
 *   u64le n | u64le offset[0..n-1] | channel | header | parent_header | metadata | content | buffer...
 *
 * offset[0] is where the channel's name starts and must be 8*(n+1); offset[i+1] is the end of part i;
 * offset[n-1] is the frame's length. So a frame has n-1 parts, 5 at least.
 * Source: Jupyter Server documentation, "WebSocket kernel wire protocols".
 */
#include "jupyter/message.h"

/*
 * Takes a frame apart in place. in: n bytes that must outlive *out, whose spans point into them. The
 * parts' JSON is not looked at. Returns 0; -EPROTO with *err naming the field at fault; -EMSGSIZE for
 * more than JY_BUFFERS_MAX buffers; -ENOENT for a channel that does not exist (all else is then right:
 * Jupyter Server ignores such messages). After a failure *out is unspecified.
 */
int jy_wsframe_split(struct jy_msg *out, const uint8_t *in, size_t n, struct kg_err *err);

/* Bytes of the whole frame. */
size_t jy_wsframe_size(const struct jy_msg *m);
/* Bytes of its head, and the head itself: counts, offsets and the channel's name. A frame is its head,
 * header, parent_header, metadata, content and the buffers, one behind the other. */
size_t jy_wsframe_head_size(const struct jy_msg *m);
void jy_wsframe_write_head(uint8_t *out, const struct jy_msg *m);
/* Appends the whole frame. m may not point into out. */
void jy_wsframe_append(struct kg_buf *out, const struct jy_msg *m);

#endif

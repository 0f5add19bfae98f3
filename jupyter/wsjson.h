#ifndef JY_WSJSON_H
#define JY_WSJSON_H
/*
 * The older WebSocket framing, used when a client asks for no subprotocol: a message is a text frame
 * with one JSON object (header, parent_header, metadata, content, channel, buffers), or, when it has
 * buffers, a binary frame:
 *
 *   u32be n | u32be offset[0..n-1] | json | buffer...        n = 1 + number of buffers
 *
 * offset[i] is where part i starts; the last part ends with the frame. No part is reformatted on the
 * way through: inwards the members are cut out of the text, outwards the raw parts are spliced in.
 * Source: Jupyter Server documentation, "WebSocket kernel wire protocols"; jupyter_server 2.21
 * serialize_binary_message, deserialize_binary_message.
 */
#include <stdbool.h>

#include "jupyter/message.h"

/*
 * Reads a text or a binary frame and appends the same message to out as a v1 frame (jupyter/wsframe.h).
 * A missing channel is shell; a missing or null parent_header, metadata or content is {}. The header
 * must be an object with msg_id and msg_type. Returns 0; -EPROTO with *err naming the field at fault;
 * -EMSGSIZE for too many buffers; -ENOENT for a channel that does not exist. out is unchanged after a
 * failure.
 */
int jy_wsjson_decode_text(struct kg_buf *out, struct kg_span in, struct kg_err *err);
int jy_wsjson_decode_binary(struct kg_buf *out, struct kg_span in, struct kg_err *err);

/*
 * Appends the message in the older framing: text, or binary when it has buffers (*binary says which).
 * msg_id and msg_type stand at the top level too, since several clients read them there. Returns 0;
 * -EPROTO when a part is not valid JSON (one bad message would otherwise cost the client its
 * connection); -EMSGSIZE when it does not fit into 32-bit offsets. out is unchanged after a failure.
 */
int jy_wsjson_encode(struct kg_buf *out, bool *binary, const struct jy_msg *m, struct kg_err *err);

#endif

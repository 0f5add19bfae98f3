#ifndef KG_CORE_CLIENT_INFO_H
#define KG_CORE_CLIENT_INFO_H
/*
 * What a client is told of a kernel that is busy with a cell. A kernel answers one request after the other, so whoever opened its
 * notebook then would know nothing of it before the cell has ended: neither that it is busy nor what it is.
 */
#include "jupyter/message.h"
#include "kernelgw/core/client.h"

/* To a client that has just come: status busy, if the kernel is. */
void kg_client_tell_busy(struct kg_client *c);

/*
 * True: msg, a request of the client's on its way to a kernel that is busy, was a kernel_info_request, and is answered by what the kernel said
 * when it started. Statuses stand around the reply, as clients expect, and another one after them, since the kernel is as busy as before. To
 * this client alone.
 */
bool kg_client_answer_info(struct kg_client *c, const struct jy_msg *msg,
                           const struct jy_header *header);

#endif

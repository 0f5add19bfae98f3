#ifndef KG_CLI_RELAY_H
#define KG_CLI_RELAY_H
/*
 * A kernel's five ZeroMQ sockets on this machine, behind which stands a kernel of a server: what Jupyter's own clients send to
 * them goes there by a WebSocket, and back. Messages are signed anew on this side; ids, contents and buffers pass as they are.
 * Source: jupyter_client documentation, "Messaging in Jupyter".
 */
#include "base/err.h"
#include "base/span.h"
#include "jupyter/connection.h"

struct kg_relay;

/* Binds on 127.0.0.1, on free ports. kernel_name: for the connection file; may be "". */
int kg_relay_open(struct kg_relay **out, const char *kernel_id, const char *kernel_name,
                  struct kg_err *err);
void kg_relay_close(struct kg_relay *r); /* NULL is fine */
const struct jy_connection *kg_relay_connection(const struct kg_relay *r);

/* Waits until there is something to do, or timeout_ms have passed: 1 when fd can be read, else 0; -EINTR at a signal. connected:
 * requests are taken and heartbeats answered; else they wait. */
int kg_relay_wait(struct kg_relay *r, int fd, bool connected, int timeout_ms);
/* A client's next request as one v1 frame (jupyter/wsframe.h): 1 with *out, valid until the next call; 0 when there is none. What is
 * not signed with our key is dropped. */
int kg_relay_next(struct kg_relay *r, struct kg_span *out);
/* A message of the kernel's, as the server sent it: to all on iopub, else to who asked. One that was passed on already is not
 * passed on again. */
void kg_relay_pass(struct kg_relay *r, struct kg_span frame);

#endif

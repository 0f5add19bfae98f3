#ifndef KG_CLI_WS_H
#define KG_CLI_WS_H
/*
 * A client's end of a WebSocket, for a command that waits for it and for other descriptors by one poll. The connection, its TLS
 * and its proxies are libcurl's (whose own WebSockets Debian 12 does not build); the framing is here.
 * Source: RFC 6455.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "kernelgw/cli/call.h"

enum { KG_CLI_WS_MESSAGE_MAX = 512 << 20 };

struct kg_cli_ws {
    void *curl; /* NULL: not open */
    int fd;     /* to be polled for reading */
    struct kg_buf in;
    struct kg_buf message; /* whose frames have come so far */
    bool given;            /* it has been handed out whole */
    uint16_t close_code;   /* that the server gave, once it has closed; 0: none */
    char reason[124];
};

/*
 * path: below the server's URL. subprotocol: the only one offered, and required. 0; -ENOENT and the like with what the
 * server says when it refuses (kg_answer_err), -ECONNREFUSED, -EIO.
 */
int kg_cli_ws_open(struct kg_cli_ws *out, const struct kg_server *s, const char *path,
                   const char *subprotocol, struct kg_err *err);
/* Sends one binary message, waiting until the server takes it. -EPIPE when the connection is lost. */
int kg_cli_ws_send(struct kg_cli_ws *w, const uint8_t *data, size_t n, struct kg_err *err);
/*
 * Takes what has come, without waiting: 1 with one whole message in *out (its bytes are valid until the next call); 0 when
 * there is none yet; -EPIPE with *err when the server has closed or the connection is lost. Pings are answered.
 */
int kg_cli_ws_next(struct kg_cli_ws *w, struct kg_span *out, struct kg_err *err);
/* Says good-bye and closes. Calm when it is not open. */
void kg_cli_ws_close(struct kg_cli_ws *w);

#endif

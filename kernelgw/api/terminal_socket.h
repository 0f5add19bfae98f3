#ifndef KG_API_TERMINAL_SOCKET_H
#define KG_API_TERMINAL_SOCKET_H
/*
 * /terminals/websocket/{name}: terminado's messages, JSON lists in text frames. From the client ["stdin", text] and
 * ["set_size", rows, cols, ...]; to it ["setup", {}], ["stdout", text] and, when the shell has ended, ["disconnect", 1].
 * Source: terminado 0.18, terminado/websocket.py.
 */
#include "kernelgw/api/api.h"
#include "kernelgw/core/terminal.h"

void kg_terminal_socket_open(struct kg_api *api, struct kg_http *req, struct kg_terminal *t);

#endif

#ifndef KG_API_CHANNELS_H
#define KG_API_CHANNELS_H
/* GET /api/kernels/{id}/channels: a kernel's messages over a WebSocket, in either framing. */
#include "kernelgw/api/api.h"

kg_handler kg_channels_open;

#endif

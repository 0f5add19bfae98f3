#ifndef JY_ZMTP_ENDPOINT_H
#define JY_ZMTP_ENDPOINT_H
/* ZeroMQ's names for addresses. A pure function: no name is looked up. */
#include <sys/socket.h>

struct jy_endpoint {
    struct sockaddr_storage address;
    socklen_t len;
};

/* "ipc://PATH" (at most 107 bytes of it), "tcp://A.B.C.D:PORT" or "tcp://[IPV6]:PORT". 0 or -EINVAL. */
int jy_endpoint_parse(struct jy_endpoint *out, const char *text);

#endif

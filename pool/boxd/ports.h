#ifndef BD_PORTS_H
#define BD_PORTS_H
/* Lines of /proc/net/tcp and /proc/net/tcp6 (proc(5)). Pure. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bd_listener {
    uint16_t port;
    uid_t uid; /* of the socket, as the reader's user namespace names it */
    bool v4;   /* connecting to 127.0.0.1 reaches it */
    bool v6;   /* connecting to ::1 does */
};

/* False for a line that is no listening socket, or whose address loopback does not reach. */
bool bd_listener_parse(struct bd_listener *out, const char *line, bool v6);

#endif

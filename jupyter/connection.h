#ifndef JY_CONNECTION_H
#define JY_CONNECTION_H
/*
 * Connection files: where a kernel binds its five sockets and the key it signs with. With transport ipc,
 * `ip` is a path prefix and socket n stands at `<ip>-<port>`, as jupyter_client has it.
 * Source: jupyter_client documentation, "Connection files"; jupyter_client 8 connect.py.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum jy_transport { JY_IPC, JY_TCP };

enum jy_port {
    JY_PORT_SHELL,
    JY_PORT_IOPUB,
    JY_PORT_STDIN,
    JY_PORT_CONTROL,
    JY_PORT_HB,
    JY_PORT_COUNT
};

enum {
    JY_IPC_PATH_MAX = 107, /* sun_path without its NUL */
    JY_IP_SIZE = JY_IPC_PATH_MAX + 1,
    JY_ENDPOINT_SIZE = JY_IPC_PATH_MAX + 24, /* "tcp://[...]:65535", "ipc://..." */
    JY_KEY_SIZE = 129,
    JY_KERNEL_NAME_SIZE = 129,
    JY_CONNECTION_FILE_MAX = 64 * 1024,
};

struct jy_connection {
    enum jy_transport transport;
    char ip[JY_IP_SIZE]; /* address, or the path prefix for ipc */
    uint16_t port[JY_PORT_COUNT];
    char key[JY_KEY_SIZE]; /* may be "": nothing is signed */
    char signature_scheme[32];
    char kernel_name[JY_KERNEL_NAME_SIZE]; /* may be "" */
};

/* Ports 1 to 5 on ipc below prefix, with a fresh key. -ENAMETOOLONG when a socket's path would be
 * above JY_IPC_PATH_MAX bytes. */
int jy_connection_init_ipc(struct jy_connection *c, const char *prefix, struct kg_err *err);
/* tcp on ip, with a fresh key; ports stay 0 and are the caller's to fill. */
int jy_connection_init_tcp(struct jy_connection *c, const char *ip, struct kg_err *err);

/* Writes "ipc://path-1" or "tcp://127.0.0.1:5000" (IPv6 in brackets). -ENAMETOOLONG, -EINVAL (no port). */
int jy_connection_endpoint(char out[JY_ENDPOINT_SIZE], const struct jy_connection *c,
                           enum jy_port which, struct kg_err *err);
/* The ipc socket's path alone (endpoint without "ipc://"). */
int jy_connection_ipc_path(char out[JY_IP_SIZE], const struct jy_connection *c, enum jy_port which,
                           struct kg_err *err);

/* Appends the file's JSON. */
void jy_connection_json(struct kg_buf *out, const struct jy_connection *c);
/* Reads the file's JSON. Members it does not know are skipped. -EPROTO names the member at fault. */
int jy_connection_parse(struct jy_connection *out, struct kg_span json, struct kg_err *err);

/* Creates path with mode 0600 and writes it; a file that is there already is refused (-EEXIST), since
 * its mode and readers are somebody else's. On failure nothing is left behind. */
int jy_connection_write(const struct jy_connection *c, const char *path, struct kg_err *err);
/* Reads a regular file of at most JY_CONNECTION_FILE_MAX bytes. */
int jy_connection_read(struct jy_connection *out, const char *path, struct kg_err *err);

#endif

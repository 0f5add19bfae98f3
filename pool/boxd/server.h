#ifndef BD_SERVER_H
#define BD_SERVER_H
/*
 * boxd's socket: SEQPACKET, one JSON object a packet, only for the gateway's uid and root. Requests become
 * calls on bd_boxes, its answers and news become packets; a reply that hands over a link carries its
 * descriptor (SCM_RIGHTS).
 */
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "pool/boxd/boxes.h"

struct bd_server;

struct bd_server_config {
    uv_loop_t *loop;
    const char *path;
    uid_t gateway_uid;
    uint32_t max_memory_mb;
};

/* Binds and listens; a stale socket at path is replaced. Requests are answered once bd_server_serve is called. */
int bd_server_open(struct bd_server **out, const struct bd_server_config *config,
                   struct kg_err *err);
void bd_server_serve(struct bd_server *server, struct bd_boxes *boxes);
/* Closes every connection and removes the socket. */
void bd_server_close(struct bd_server *server);

/* What bd_boxes tells; user is the server. */
void bd_server_created(void *user, struct bd_ticket t, struct bd_box *box,
                       const struct kg_err *err);
void bd_server_destroyed(void *user, struct bd_ticket t);
void bd_server_exited(void *user, const struct bd_box *box, int status, uint64_t oom_kills);

#endif

#ifndef KG_POOL_BOXD_CLIENT_H
#define KG_POOL_BOXD_CLIENT_H
/*
 * The gateway's end of boxd's socket (docs/PROTOCOL.md, "boxd"): packets of JSON both ways, descriptors that
 * come with them, replies matched to requests by id, and a new connection whenever the old one is lost.
 */
#include <jansson.h>
#include <uv.h>

#include "base/err.h"
#include "pool/turn.h"

enum { PL_BOXD_PACKET_MAX = 64 * 1024 };

struct pl_boxd;

struct pl_boxd_events {
    void (*up)(void *user);
    /* The connection is lost or can't be had; once for each time. Requests under way have failed before. */
    void (*down)(void *user, const char *why);
    void (*event)(void *user, const json_t *event); /* borrowed */
};

/* reply is borrowed, with ok true; fd (or -1) is the callee's. err: what boxd or the connection said. */
typedef void pl_boxd_reply(void *user, const json_t *reply, int fd, const struct kg_err *err);

struct pl_boxd *pl_boxd_new(uv_loop_t *loop, const char *path, const struct pl_boxd_events *events,
                            void *user);
/* Begins to connect; up or down come later. */
void pl_boxd_start(struct pl_boxd *b, struct pl_turn *turn);
/* Takes req, sets its id and op. done comes once, later: -ENOTCONN without a connection. */
void pl_boxd_request(struct pl_boxd *b, const char *op, json_t *req, pl_boxd_reply *done,
                     void *user);
/* Requests under way end with -ECANCELED; then closed, and b is freed. */
void pl_boxd_close(struct pl_boxd *b, void (*closed)(void *user), void *user);

#endif

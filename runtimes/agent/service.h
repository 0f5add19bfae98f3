#ifndef KK_SERVICE_H
#define KK_SERVICE_H
/*
 * The box's service: a long-lived helper process (a database, a warm compiler) that programs and kernels talk to by a socket of
 * its own. It has ids of its own, so that user code can't reach it otherwise, and outlives runs. It says `ready` on descriptor
 * 3 when it serves. One that dies is started again: at once when it had served for a while, else when it is needed next.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "runtimes/agent/children.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/sandbox.h"

enum { KK_SERVICE_READY_MS = 30000 }; /* when service.start names no limit */

struct kk_service;

/* Somebody who can't go on without the service. done(w, why) comes from the loop once; why is NULL when it serves. */
struct kk_service_wait {
    struct kk_service_wait *next;
    void (*done)(struct kk_service_wait *w, const struct kg_err *why);
};

struct kk_service *kk_service_new(uv_loop_t *loop, const struct kk_options *options,
                                  const struct sock_fprog *strict, struct kk_link *link,
                                  struct kk_children *children);
void kk_service_free(struct kk_service *s); /* memory goes in the loop's close callbacks */

/* The op of docs/PROTOCOL.md: replies to request id when it serves, if it returns 0. */
int kk_service_start(struct kk_service *s, uint64_t id, const json_t *req, struct kg_err *err);

/* False when there is a service and it does not serve now. */
bool kk_service_settled(const struct kk_service *s);
/* Starts it again if it is down, and calls w->done later. Only when it is not settled. */
void kk_service_await(struct kk_service *s, struct kk_service_wait *w);
/* done will not come. */
void kk_service_forget(struct kk_service *s, struct kk_service_wait *w);

#endif

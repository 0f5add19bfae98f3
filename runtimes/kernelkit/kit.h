#ifndef KK_KIT_H
#define KK_KIT_H
/*
 * A kernel over an evaluator (docs/EVALUATORS.md): the agent is the Jupyter kernel, a child process runs the user's code.
 * Messages come from the link as v1 frames and go straight back into it; there are no sockets and no signatures. What needs
 * no evaluator (kernel_info, control) is answered at once, whatever runs. The kernel outlives its evaluator: one that dies is
 * told with the cell that was running, and a fresh one is started.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "runtimes/agent/children.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/sandbox.h"
#include "runtimes/agent/service.h"

enum {
    KK_KIT_QUEUE_MAX = 64 * 1024 * 1024, /* bytes of requests that wait */
    KK_KIT_READY_MS = 60000,             /* when kernel.start names no limit */
    KK_KIT_CONFIGURE_MS = 10000,
    KK_KIT_GRACE_MS = 1000, /* after a client's shutdown_request */
};

struct kk_kit;

struct kk_kit *kk_kit_new(uv_loop_t *loop, const struct kk_options *options,
                          const struct sock_fprog *strict, struct kk_link *link,
                          struct kk_children *children, struct kk_service *service);
void kk_kit_free(struct kk_kit *k);        /* memory goes in the loop's close callbacks */
bool kk_kit_alive(const struct kk_kit *k); /* there is a kernel, in whatever state */

/* The ops of docs/PROTOCOL.md. start, configure and stop reply to request id later, when they return 0. */
int kk_kit_start(struct kk_kit *k, uint64_t id, const json_t *req, struct kg_err *err);
int kk_kit_configure(struct kk_kit *k, uint64_t id, const json_t *req, struct kg_err *err);
int kk_kit_interrupt(struct kk_kit *k, struct kg_err *err);
int kk_kit_stop(struct kk_kit *k, uint64_t id, uint64_t grace_ms, struct kg_err *err);

/* A message for the kernel, as a v1 frame; dropped when there is none. */
void kk_kit_message(struct kk_kit *k, uint8_t channel, const uint8_t *frame, size_t n);
/* The link can take no more (true) or can again: the evaluator waits meanwhile. */
void kk_kit_hold(struct kk_kit *k, bool hold);

#endif

#ifndef KK_KERNEL_H
#define KK_KERNEL_H
/*
 * One stock kernel: started, waited for until it answers, relayed both ways without its messages being parsed, interrupted,
 * stopped, and told of when it ends by itself. Requests of the agent's own (kernel_info, warm-up, configure, shutdown) bear
 * a private mark in their msg_id; what answers them goes nowhere else.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/record.h"
#include "runtimes/agent/children.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/sandbox.h"

enum {
    KK_KERNEL_WAITING_MAX = 64 * 1024 * 1024, /* bytes that wait for the kernel to be ready */
    /* iopub is never left unread for longer, or while the gateway takes something: its kernel loses what its own queue has
     * no room for, and says nothing; what the link has no room for is told. */
    KK_KERNEL_HOLD_MS = 1000,
    KK_KERNEL_HOLD_SLOW_MS = 5000,
    KK_KERNEL_READY_MS = 60000, /* when kernel.start names no limit */
    KK_KERNEL_CONFIGURE_MS = 10000,
    KK_KERNEL_ATTEMPTS = 3, /* on tcp, where a port may be lost to somebody else */
};

struct kk_kernel;

struct kk_kernel *kk_kernel_new(uv_loop_t *loop, const struct kk_options *options,
                                const struct sock_fprog *strict, struct kk_link *link,
                                struct kk_children *children);
void kk_kernel_free(struct kk_kernel *k);        /* memory goes in the loop's close callbacks */
bool kk_kernel_alive(const struct kk_kernel *k); /* there is one, in whatever state */

/* The ops of docs/PROTOCOL.md. start, configure and stop reply to request id later, when they return 0. */
int kk_kernel_start(struct kk_kernel *k, uint64_t id, const json_t *req, struct kg_err *err);
int kk_kernel_configure(struct kk_kernel *k, uint64_t id, const json_t *req, struct kg_err *err);
int kk_kernel_interrupt(struct kk_kernel *k, struct kg_err *err);
int kk_kernel_stop(struct kk_kernel *k, uint64_t id, uint64_t grace_ms, struct kg_err *err);

/* A message for the kernel, as a v1 frame. Waits while the kernel starts; dropped when there is none. */
void kk_kernel_message(struct kk_kernel *k, uint8_t channel, const uint8_t *frame, size_t n);
/* The link can take no more (true) or can again. */
void kk_kernel_hold(struct kk_kernel *k, bool hold);

#endif

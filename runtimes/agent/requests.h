#ifndef KK_REQUESTS_H
#define KK_REQUESTS_H
/*
 * What the gateway asks for (docs/PROTOCOL.md, "Requests"): one function an op. Every REQ gets one REPLY.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/record.h"
#include "runtimes/agent/children.h"
#include "runtimes/agent/kernel.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/runner.h"
#include "runtimes/agent/service.h"
#include "runtimes/kernelkit/kit.h"

enum { KK_UPLOADS_MAX = 64 };

/* What requests act on; all borrowed. */
struct kk_parts {
    const struct kk_options *options;
    struct kk_link *link;
    struct kk_children *children;
    struct kk_runner *runner;
    struct kk_kernel *kernel;
    struct kk_service *service;
    struct kk_kit *kit;
};

struct kk_requests;

struct kk_requests *kk_requests_new(const struct kk_parts *parts);
void kk_requests_free(struct kk_requests *r);

/* A REQ or DATA record. Negative: the peer does not keep to the protocol. */
int kk_requests_take(struct kk_requests *r, const struct kg_rec *rec, const uint8_t *body,
                     struct kg_err *err);
/* The connection is gone: uploads that are not whole never will be. */
void kk_requests_drop_uploads(struct kk_requests *r);

#endif

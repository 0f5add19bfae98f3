#ifndef KK_SANDBOX_H
#define KK_SANDBOX_H
/*
 * The seccomp filters that user code starts with, on top of the box's own. The strict one refuses what no program or
 * notebook needs and what has led out of sandboxes before; clone3 answers ENOSYS, so that C libraries fall back to
 * clone, whose flags can be looked at. The watch one reports every write to descriptor 2 and every copy that is made of it, so that stderr and stdout keep
 * their order (runtimes/agent/tap.h).
 */
#include <linux/filter.h>

#include "base/err.h"

/* Builds the strict filter; the program lives until the process ends. Done before any fork. */
int kk_sandbox_build(struct sock_fprog *out, struct kg_err *err);
/* The watch filter: a constant. */
struct sock_fprog kk_sandbox_watch_filter(void);

/* For a child between fork and exec: no new privileges; then each filter that is not NULL, strict last. *listener
 * becomes the watch filter's descriptor, or -1 when the kernel has no such thing. Returns 0 or -errno. */
int kk_sandbox_enter(const struct sock_fprog *strict, const struct sock_fprog *watch,
                     int *listener);

#endif

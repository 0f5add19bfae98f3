#ifndef KK_RUNNER_H
#define KK_RUNNER_H
/*
 * Program runs: compile, then run, one at a time. Everything that a phase started is killed when its first process has
 * ended; then comes the exit, and nothing after it.
 */
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "runtimes/agent/children.h"
#include "runtimes/agent/link.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/sandbox.h"

enum {
    KK_PHASES_MAX = 8,
    KK_ARGV_MAX = 4096,
    KK_STDIN_MAX = 1024 * 1024, /* type-ahead */
};

struct kk_runner;

struct kk_runner *kk_runner_new(uv_loop_t *loop, const struct kk_options *options,
                                const struct sock_fprog *strict, struct kk_link *link,
                                struct kk_children *children);
void kk_runner_free(struct kk_runner *r); /* memory goes in the loop's close callbacks */
bool kk_runner_busy(const struct kk_runner *r);

/* Starts a run (docs/PROTOCOL.md, run.start) and replies to request id, in front of the run's first message. -EBUSY,
 * -EINVAL, or why the first process could not be started; then there is no run, no reply and no message. */
int kk_runner_start(struct kk_runner *r, uint64_t id, const json_t *req, struct kg_err *err);
/* Queues bytes for the run's stdin, and its end, which at a terminal is typed and ends nothing. -ENOSPC: more than KK_STDIN_MAX would wait; nothing is queued. -ESRCH:
 * no such run. -EPIPE: closed. */
int kk_runner_stdin(struct kk_runner *r, const char *run_id, const void *data, size_t n, bool eof,
                    struct kg_err *err);
/* Goes on with a run that pauses before a phase. -ESRCH: no such run. -EALREADY: it does not wait. */
int kk_runner_continue(struct kk_runner *r, const char *run_id, struct kg_err *err);
/* size: an object with rows and cols. -ESRCH: no such run. -ENOTTY: it has no terminal. -EINVAL: no such size. */
int kk_runner_resize(struct kk_runner *r, const char *run_id, const json_t *size,
                     struct kg_err *err);
/* signal: "INT", "TERM" or "KILL". reason: "stopped" or NULL. */
int kk_runner_signal(struct kk_runner *r, const char *run_id, const char *name, const char *reason,
                     struct kg_err *err);
/* The link can take no more (true) or can again: the program's output waits meanwhile. */
void kk_runner_hold(struct kk_runner *r, bool hold);

#endif

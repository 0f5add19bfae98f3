#ifndef KK_EVALUATOR_H
#define KK_EVALUATOR_H
/*
 * One evaluator's process (docs/EVALUATORS.md): its pipes, its lines, its text. What the lines mean is not known here; nor is
 * its end, which children.h tells.
 */
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"
#include "runtimes/agent/options.h"
#include "runtimes/agent/output.h"
#include "runtimes/agent/sandbox.h"

enum { KK_LINE_MAX = 64 * 1024 * 1024 };

struct kk_evaluator_config {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    char *const *argv;
    char *const *envp;
    const char *cwd;
    /* A whole line; valid during the call. Before it, kk_evaluator_drain makes the text that was written before it come. */
    void (*line)(void *user, struct kg_span line);
    void (*text)(void *user, enum kk_stream stream, const uint8_t *text, size_t n);
    /* It breaks the rules (a line above KK_LINE_MAX): no line comes after this. */
    void (*broken)(void *user, const char *why);
    void (*closed)(void *user); /* it will say nothing more; most likely it is ending */
    void *user;
};

struct kk_evaluator;

int kk_evaluator_open(struct kk_evaluator **out, const struct kk_evaluator_config *config,
                      struct kg_err *err);
void kk_evaluator_close(
    struct kk_evaluator *e); /* memory goes in the loop's close callbacks; NULL is fine */
pid_t kk_evaluator_pid(const struct kk_evaluator *e);

/* Sends a request; line breaks in it (JSON allows them between tokens) become spaces. -ENOSPC: more than it may
 * have to read; -EPIPE: it does not read any more. */
int kk_evaluator_send(struct kk_evaluator *e, struct kg_span json, struct kg_err *err);
/* Has it read all that was sent? */
bool kk_evaluator_has_read(const struct kk_evaluator *e);
/* End of file for its requests. */
void kk_evaluator_send_end(struct kk_evaluator *e);
/* All that it has written to 1 and 2 up to now is told. */
void kk_evaluator_drain(struct kk_evaluator *e);
/* Nothing is read while held, so that it waits when its pipes are full. */
void kk_evaluator_hold(struct kk_evaluator *e, bool hold);
/* It has ended, and so has all that could write in its place: what its pipes hold is told. */
void kk_evaluator_finish(struct kk_evaluator *e);

#endif

#ifndef KK_TAP_H
#define KK_TAP_H
/*
 * Reads a process's stdout and stderr pipes and hands their text on, in the order in which a single-threaded program
 * wrote it.
 *
 * Two pipes alone lose that order. So each write to descriptor 2 waits for us (a seccomp notification): we read all
 * that stdout holds first, then let it go on. After that, stderr is always read before stdout, and of stdout only as much
 * as was there before we looked at stderr. Without the kernel's help (no listener) the second half still applies.
 *
 * A terminal is one stream.
 */
#include <stdbool.h>
#include <uv.h>

#include "runtimes/agent/output.h"

struct kk_tap;

struct kk_tap_config {
    uv_loop_t *loop;
    int fds[KK_STREAMS]; /* read ends, taken; or -1 */
    bool terminal;       /* fds[0] is a terminal's master, whose other side somebody keeps open */
    int listener;        /* of the watch filter, taken; or -1 */
    /* The text of one message; as kk_output. */
    void (*emit)(void *user, enum kk_stream stream, const uint8_t *text, size_t n);
    /* n bytes of a stream are about to be handed on. Returns how many of them may be; fewer ends the tap. NULL: all. */
    size_t (*admit)(void *user, enum kk_stream stream, size_t n);
    void *user;
};

struct kk_tap *kk_tap_open(const struct kk_tap_config *config);
/* No reading while held, so the program waits when its pipes are full. */
void kk_tap_hold(struct kk_tap *t, bool hold);
/* Reads what the pipes hold now, held or not, and sends it; but for a character that has not come whole. */
void kk_tap_drain(struct kk_tap *t);
/* Reads what the pipes hold now, held or not, and sends all there is. Nothing is emitted after this. */
void kk_tap_finish(struct kk_tap *t);
/* Closes without another word; memory goes in the loop's close callbacks. NULL is fine. */
void kk_tap_close(struct kk_tap *t);

#endif

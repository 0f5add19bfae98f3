#ifndef KK_FEED_H
#define KK_FEED_H
/*
 * A program's stdin: bytes wait here until the pipe takes them, at most a limit of them. The end is passed on behind the
 * last byte.
 */
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

struct kk_feed;

struct kk_feed *kk_feed_new(uv_loop_t *loop, size_t max);
void kk_feed_free(struct kk_feed *f); /* memory goes in the loop's close callback; NULL is fine */
/* The pipe's write end, taken; what waits begins to flow. */
void kk_feed_attach(struct kk_feed *f, int fd);
/* -ENOSPC or -EPIPE (ended, or nobody reads any more); nothing is queued then. */
int kk_feed_add(struct kk_feed *f, const void *data, size_t n, bool eof, struct kg_err *err);

/* Bytes that the other side has not read yet, those in the pipe included. */
size_t kk_feed_unread(const struct kk_feed *f);
bool kk_feed_dead(const struct kk_feed *f); /* nobody reads any more */

#endif

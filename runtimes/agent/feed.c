#include "runtimes/agent/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"

struct kk_feed {
    uv_loop_t *loop;
    uv_poll_t poll;
    struct kg_buf waiting;
    size_t sent; /* of waiting */
    size_t max;
    int fd;
    bool attached;
    bool eof;  /* nothing may be added */
    bool dead; /* nobody reads any more */
};

static void shut(struct kk_feed *f)
{
    if (f->fd < 0)
        return;
    uv_poll_stop(&f->poll);
    close(f->fd);
    f->fd = -1;
    kg_buf_release(&f->waiting);
    f->sent = 0;
}

static void on_writable(uv_poll_t *poll, int status, int events);

static void pump(struct kk_feed *f)
{
    while (f->fd >= 0 && f->sent < f->waiting.len) {
        ssize_t n = write(f->fd, f->waiting.data + f->sent, f->waiting.len - f->sent);
        if (n > 0) {
            f->sent += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            uv_poll_start(&f->poll, UV_WRITABLE, on_writable);
            return;
        } else if (n < 0 && errno != EINTR) {
            f->dead = true; /* EPIPE: the program closed its stdin */
            shut(f);
            return;
        }
    }
    if (f->fd < 0)
        return;
    kg_buf_clear(&f->waiting);
    f->sent = 0;
    if (uv_is_active((uv_handle_t *)&f->poll))
        uv_poll_stop(&f->poll);
    if (f->eof)
        shut(f);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
    struct kk_feed *f = poll->data;
    (void)status;
    (void)events;
    pump(f);
}

struct kk_feed *kk_feed_new(uv_loop_t *loop, size_t max)
{
    struct kk_feed *f = kg_calloc(1, sizeof *f);
    f->loop = loop;
    f->max = max;
    f->fd = -1;
    return f;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void kk_feed_free(struct kk_feed *f)
{
    if (!f)
        return;
    shut(f);
    kg_buf_release(&f->waiting);
    if (f->attached)
        uv_close((uv_handle_t *)&f->poll, on_closed);
    else
        free(f);
}

void kk_feed_attach(struct kk_feed *f, int fd)
{
    f->fd = fd;
    f->attached = true;
    uv_poll_init(f->loop, &f->poll, fd);
    f->poll.data = f;
    pump(f);
}

int kk_feed_add(struct kk_feed *f, const void *data, size_t n, bool eof, struct kg_err *err)
{
    if (f->eof || f->dead)
        return kg_err_set(err, -EPIPE, "stdin is closed");
    if (f->waiting.len - f->sent + n > f->max)
        return kg_err_set(err, -ENOSPC, "more than %zu bytes wait for the program to read them",
                          f->max);
    kg_buf_drop(&f->waiting, f->sent);
    f->sent = 0;
    kg_buf_add(&f->waiting, data, n);
    f->eof = eof;
    pump(f);
    return 0;
}

size_t kk_feed_unread(const struct kk_feed *f)
{
    int in_pipe = 0;
    if (f->fd < 0 || ioctl(f->fd, FIONREAD, &in_pipe) < 0 || in_pipe < 0)
        in_pipe = 0;
    return f->waiting.len - f->sent + (size_t)in_pipe;
}

bool kk_feed_dead(const struct kk_feed *f)
{
    return f->dead;
}

#include "runtimes/agent/tap.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    READ_SIZE = 64 * 1024,
    NOTICES_A_TURN = 64,
    TERMINAL_A_TURN = 256 * 1024, /* more than a terminal holds */
};

/* Sources of wakes: the two pipes and the listener. */
struct source {
    struct kk_tap *tap;
    uv_poll_t poll;
    int fd; /* -1: at its end */
};

struct kk_tap {
    struct kk_tap_config config;
    struct source pipes[KK_STREAMS];
    struct source listener;
    uv_timer_t merge;
    struct kk_output output;
    bool held;
    bool cut;  /* takes no more text: a limit was met */
    bool over; /* emits nothing any more */
    int closing;
    uint8_t scratch[READ_SIZE];
};

static void on_pipe(uv_poll_t *poll, int status, int events);
static void on_notice(uv_poll_t *poll, int status, int events);

static void emit(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kk_tap *t = user;
    if (!t->over)
        t->config.emit(t->config.user, stream, text, n);
}

static void watch(struct source *s, uv_poll_cb cb)
{
    if (s->fd >= 0 && !s->tap->held && !s->tap->over)
        uv_poll_start(&s->poll, UV_READABLE | UV_DISCONNECT, cb);
}

static void source_end(struct source *s)
{
    if (s->fd < 0)
        return;
    uv_poll_stop(&s->poll);
    close(s->fd);
    s->fd = -1;
}

/* How much a pipe holds. */
static size_t held_by(const struct source *s)
{
    int n = 0;
    if (s->fd < 0 || ioctl(s->fd, FIONREAD, &n) < 0 || n < 0)
        return 0;
    return (size_t)n;
}

static void hand_on(struct kk_tap *t, enum kk_stream stream, size_t n)
{
    if (t->cut)
        return;
    size_t take = t->config.admit ? t->config.admit(t->config.user, stream, n) : n;
    kk_output_add(&t->output, stream, t->scratch, take, kg_clock_ms());
    t->cut = take < n;
}

/* Reads n bytes that are known to be there. */
static void read_pipe(struct kk_tap *t, enum kk_stream stream, size_t n)
{
    struct source *s = &t->pipes[stream];
    while (n > 0 && s->fd >= 0) {
        ssize_t got = read(s->fd, t->scratch, n < READ_SIZE ? n : READ_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return; /* user code reads its own pipe: its text is its own to lose */
        if (got <= 0) {
            source_end(s);
            return;
        }
        hand_on(t, stream, (size_t)got);
        n -= (size_t)got;
    }
}

/* Everything that was written up to now, in order: stdout's fill is looked at before stderr is read, since what came
 * to stdout later may belong behind a stderr that we have not seen. */
static void read_both(struct kk_tap *t)
{
    if (t->config.terminal) {
        /* how much one holds is not known before it is read: a part is still on its way inside the kernel */
        read_pipe(t, KK_STDOUT, TERMINAL_A_TURN);
        return;
    }
    size_t out = held_by(&t->pipes[KK_STDOUT]);
    size_t err = held_by(&t->pipes[KK_STDERR]);
    read_pipe(t, KK_STDERR, err);
    read_pipe(t, KK_STDOUT, out);
}

static void turn_output(struct kk_tap *t);

static void on_merge(uv_timer_t *timer)
{
    turn_output(timer->data);
}

static void turn_output(struct kk_tap *t)
{
    uint64_t wait = kk_output_turn(&t->output, kg_clock_ms());
    if (wait)
        uv_timer_start(&t->merge, on_merge, wait, 0);
}

static void on_pipe(uv_poll_t *poll, int status, int events)
{
    struct source *s = poll->data;
    struct kk_tap *t = s->tap;
    read_both(t);
    /* A hang-up means that no writer is left, so empty is empty for good. */
    if (status < 0 || ((events & UV_DISCONNECT) && held_by(s) == 0))
        source_end(s);
    turn_output(t);
}

static bool notice_waits(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

/* Answers the program's writes to stderr: what stdout holds was written before. */
static void on_notice(uv_poll_t *poll, int status, int events)
{
    struct source *s = poll->data;
    struct kk_tap *t = s->tap;
    if (status < 0 || (events & UV_DISCONNECT)) {
        source_end(s); /* nobody with that filter is left */
        return;
    }
    for (int i = 0; i < NOTICES_A_TURN && s->fd >= 0 && notice_waits(s->fd); i++) {
        /* The kernel's structs may grow; it insists on zeroes. */
        union {
            struct seccomp_notif notif;
            uint8_t room[256];
        } in;
        memset(&in, 0, sizeof in);
        if (ioctl(s->fd, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
            break; /* its thread was killed meanwhile */
        read_both(t);
        struct seccomp_notif_resp go_on = {.id = in.notif.id,
                                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        if (ioctl(s->fd, SECCOMP_IOCTL_NOTIF_SEND, &go_on) < 0 && errno != ENOENT)
            break;
    }
    turn_output(t);
}

static void source_open(struct source *s, struct kk_tap *t, int fd)
{
    s->tap = t;
    s->fd = fd;
    if (fd >= 0)
        uv_poll_init(t->config.loop, &s->poll, fd);
    s->poll.data = s;
}

static void watch_all(struct kk_tap *t)
{
    for (int i = 0; i < KK_STREAMS; i++)
        watch(&t->pipes[i], on_pipe);
    watch(&t->listener, on_notice);
}

struct kk_tap *kk_tap_open(const struct kk_tap_config *config)
{
    struct kk_tap *t = kg_calloc(1, sizeof *t);
    t->config = *config;
    t->output.emit = emit;
    t->output.user = t;
    for (int i = 0; i < KK_STREAMS; i++)
        source_open(&t->pipes[i], t, config->fds[i]);
    source_open(&t->listener, t, config->listener);
    uv_timer_init(config->loop, &t->merge);
    t->merge.data = t;
    t->closing = 1 + (config->fds[0] >= 0) + (config->fds[1] >= 0) + (config->listener >= 0);
    watch_all(t);
    return t;
}

void kk_tap_hold(struct kk_tap *t, bool hold)
{
    if (t->held == hold)
        return;
    t->held = hold;
    if (!hold) {
        watch_all(t);
        return;
    }
    struct source *all[] = {&t->pipes[0], &t->pipes[1], &t->listener};
    for (size_t i = 0; i < KG_COUNT(all); i++)
        if (all[i]->fd >= 0)
            uv_poll_stop(&all[i]->poll);
}

void kk_tap_drain(struct kk_tap *t)
{
    read_both(t);
    kk_output_flush(&t->output, kg_clock_ms());
    uv_timer_stop(&t->merge);
}

void kk_tap_finish(struct kk_tap *t)
{
    read_both(t);
    kk_output_end(&t->output, kg_clock_ms());
    t->over = true;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_tap *t = h->type == UV_TIMER ? h->data : ((struct source *)h->data)->tap;
    if (--t->closing == 0) {
        kk_output_release(&t->output);
        free(t);
    }
}

void kk_tap_close(struct kk_tap *t)
{
    if (!t)
        return;
    t->over = true;
    struct source *all[] = {&t->pipes[0], &t->pipes[1], &t->listener};
    for (size_t i = 0; i < KG_COUNT(all); i++) {
        source_end(all[i]);
        if (all[i]->poll.type == UV_POLL)
            uv_close((uv_handle_t *)&all[i]->poll, on_closed);
    }
    uv_close((uv_handle_t *)&t->merge, on_closed);
}

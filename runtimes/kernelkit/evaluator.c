#include "runtimes/kernelkit/evaluator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/agent/feed.h"
#include "runtimes/agent/spawn.h"
#include "runtimes/agent/tap.h"
#include "runtimes/kernelkit/lines.h"

enum { READ_SIZE = 64 * 1024, READS_A_TURN = 16, WAITING_MAX = 2 * KK_LINE_MAX };

struct kk_evaluator {
    struct kk_evaluator_config config;
    pid_t pid;
    struct kk_tap *tap;
    struct kk_feed *feed; /* to descriptor 4 */
    uv_poll_t poll;       /* of descriptor 3 */
    int fd;               /* -1: at its end */
    bool held;
    bool broken;
    struct kk_lines lines;
};

/* In the order of the evaluator's descriptors 1 to 4. */
struct pipes {
    int ours[4], theirs[4];
};

static void pipes_close(struct pipes *p)
{
    for (int i = 0; i < 4; i++) {
        if (p->ours[i] >= 0)
            close(p->ours[i]);
        if (p->theirs[i] >= 0)
            close(p->theirs[i]);
    }
}

static int pipes_open(struct pipes *p, const struct kk_options *options, struct kg_err *err)
{
    *p = (struct pipes){{-1, -1, -1, -1}, {-1, -1, -1, -1}};
    for (int i = 0; i < 4; i++) {
        int fds[2];
        int ours = i == 3 ? 1 : 0; /* we write to its descriptor 4 alone */
        int rc = kk_pipe(fds, ours, options);
        if (rc < 0) {
            pipes_close(p);
            return kg_err_errno(err, -rc, "open the evaluator's pipes");
        }
        p->ours[i] = fds[ours];
        p->theirs[i] = fds[!ours];
    }
    return 0;
}

static void end_lines(struct kk_evaluator *e)
{
    if (e->fd < 0)
        return;
    uv_poll_stop(&e->poll);
    close(e->fd);
    e->fd = -1;
}

static void hand_on(struct kk_evaluator *e)
{
    struct kg_span line;
    int rc = 0;
    while (!e->broken && (rc = kk_lines_next(&e->lines, &line)) > 0)
        e->config.line(e->config.user, line);
    if (rc < 0 && !e->broken) {
        e->broken = true;
        e->config.broken(e->config.user, "the evaluator wrote a line of more than 64 MiB");
    }
}

/* Reads once. Returns how many bytes there were, 0 at the end, -EAGAIN when there are none now. */
static ssize_t read_lines(struct kk_evaluator *e)
{
    ssize_t n;
    uint8_t *room = kk_lines_room(&e->lines, READ_SIZE);
    while ((n = read(e->fd, room, READ_SIZE)) < 0 && errno == EINTR) {}
    if (n < 0 && errno == EAGAIN)
        return -EAGAIN;
    if (n <= 0) {
        end_lines(e);
        e->config.closed(e->config.user);
        return 0;
    }
    kk_lines_added(&e->lines, (size_t)n);
    hand_on(e);
    return n;
}

static void on_lines(uv_poll_t *poll, int status, int events)
{
    struct kk_evaluator *e = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < READS_A_TURN && !e->held && e->fd >= 0; i++)
        if (read_lines(e) < READ_SIZE)
            return;
}

static void watch(struct kk_evaluator *e)
{
    if (e->fd >= 0)
        uv_poll_start(&e->poll, UV_READABLE | UV_DISCONNECT, on_lines);
}

static pid_t spawn(const struct kk_evaluator_config *c, const struct pipes *p, int *listener,
                   struct kg_err *err)
{
    kg_autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        return kg_err_errno(err, errno, "open /dev/null");
    struct kk_spawn s = {
        .options = c->options,
        .strict = c->options->drop ? c->strict : NULL,
        .watch_stderr = true,
        .argv = c->argv,
        .envp = c->envp,
        .cwd = c->cwd,
        .fds = {null, p->theirs[0], p->theirs[1], p->theirs[2], p->theirs[3]},
        .fd_count = 5,
        .umask = 022,
    };
    return kk_spawn(&s, listener, err);
}

int kk_evaluator_open(struct kk_evaluator **out, const struct kk_evaluator_config *config,
                      struct kg_err *err)
{
    struct pipes p;
    int listener = -1;
    int rc = pipes_open(&p, config->options, err);
    if (rc < 0)
        return rc;
    pid_t pid = spawn(config, &p, &listener, err);
    if (pid < 0) {
        pipes_close(&p);
        return pid;
    }
    struct kk_evaluator *e = kg_calloc(1, sizeof *e);
    e->config = *config;
    e->pid = pid;
    e->lines.max = KK_LINE_MAX;
    e->tap = kk_tap_open(&(struct kk_tap_config){
        .loop = config->loop,
        .fds = {kg_steal_fd(&p.ours[0]), kg_steal_fd(&p.ours[1])},
        .listener = listener,
        .emit = config->text,
        .user = config->user,
    });
    e->fd = kg_steal_fd(&p.ours[2]);
    uv_poll_init(config->loop, &e->poll, e->fd);
    e->poll.data = e;
    e->feed = kk_feed_new(config->loop, WAITING_MAX);
    kk_feed_attach(e->feed, kg_steal_fd(&p.ours[3]));
    pipes_close(&p);
    watch(e);
    *out = e;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_evaluator *e = h->data;
    kk_lines_release(&e->lines);
    free(e);
}

void kk_evaluator_close(struct kk_evaluator *e)
{
    if (!e)
        return;
    e->broken = true;
    end_lines(e);
    kk_tap_close(e->tap);
    kk_feed_free(e->feed);
    uv_close((uv_handle_t *)&e->poll, on_closed);
}

pid_t kk_evaluator_pid(const struct kk_evaluator *e)
{
    return e->pid;
}

int kk_evaluator_send(struct kk_evaluator *e, struct kg_span json, struct kg_err *err)
{
    kg_autobuf line = {0};
    kg_buf_add(&line, json.data, json.len);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n' || line.data[i] == '\r')
            line.data[i] = ' ';
    kg_buf_add_char(&line, '\n');
    int rc = kk_feed_add(e->feed, line.data, line.len, false, err);
    if (rc == -ENOSPC)
        return kg_err_set(err, rc, "the request is too large for the evaluator");
    if (rc < 0 || kk_feed_dead(e->feed))
        return kg_err_set(err, -EPIPE, "the evaluator does not read its requests any more");
    return 0;
}

bool kk_evaluator_has_read(const struct kk_evaluator *e)
{
    return kk_feed_unread(e->feed) == 0;
}

void kk_evaluator_send_end(struct kk_evaluator *e)
{
    struct kg_err err = {0};
    kk_feed_add(e->feed, NULL, 0, true, &err); /* what fails is closed already */
}

void kk_evaluator_drain(struct kk_evaluator *e)
{
    kk_tap_drain(e->tap);
}

void kk_evaluator_hold(struct kk_evaluator *e, bool hold)
{
    if (e->held == hold)
        return;
    e->held = hold;
    kk_tap_hold(e->tap, hold);
    if (hold && e->fd >= 0)
        uv_poll_stop(&e->poll);
    else if (!hold)
        watch(e);
}

void kk_evaluator_finish(struct kk_evaluator *e)
{
    while (e->fd >= 0 && read_lines(e) > 0) {}
    kk_tap_finish(e->tap);
}

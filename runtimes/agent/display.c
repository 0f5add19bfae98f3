#include "runtimes/agent/display.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { READ_SIZE = 64 * 1024 };

struct kk_display {
    struct kk_display_config config;
    uv_poll_t poll;
    struct kg_buf line;
    bool held;
};

static void on_readable(uv_poll_t *poll, int status, int events);

int kk_display_pair(int *ours, int *theirs)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *ours = fds[0];
    *theirs = fds[1];
    return 0;
}

json_t *kk_display_content(struct kg_span line, const char **type, struct kg_err *err)
{
    json_t *in = json_loadb((const char *)line.data, line.len,
                            JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *data = json_object_get(in, "data");
    json_t *metadata = json_object_get(in, "metadata");
    json_t *id = json_object_get(in, "display_id");
    bool update = json_is_true(json_object_get(in, "update"));
    json_t *out = NULL;
    if (json_object_size(data) == 0)
        kg_err_set(err, -EINVAL,
                   "a display is a line of JSON like {\"data\":{\"text/html\":\"...\"}}");
    else if (metadata && !json_is_object(metadata))
        kg_err_set(err, -EINVAL, "metadata must be an object");
    else if ((id && !json_is_string(id)) || (update && !id))
        kg_err_set(err, -EINVAL, "display_id must be a string, and update needs one");
    else
        out = json_pack("{s:O,s:o,s:{s:O*}}", "data", data, "metadata",
                        metadata ? json_incref(metadata) : json_object(), "transient", "display_id",
                        id);
    *type = update ? "update_display_data" : "display_data";
    json_decref(in);
    return out;
}

static void end(struct kk_display *d)
{
    if (d->config.fd < 0)
        return;
    uv_poll_stop(&d->poll);
    close(d->config.fd);
    d->config.fd = -1;
    kg_buf_release(&d->line);
}

static void take_line(struct kk_display *d, struct kg_span line)
{
    struct kg_err err;
    const char *type;
    json_t *content = kk_display_content(line, &type, &err);
    d->config.before(d->config.user);
    if (content) {
        char *text = json_dumps(content, JSON_COMPACT);
        d->config.show(d->config.user, type, kg_span_str(text), line.len);
        free(text);
        json_decref(content);
    } else {
        d->config.refuse(d->config.user, err.text);
    }
    /* who does not read its answers gets no more of them, and none is waited for */
    ssize_t n = d->config.fd >= 0 ? send(d->config.fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    (void)n;
}

static void take_lines(struct kk_display *d)
{
    size_t at = 0;
    while (d->config.fd >= 0) {
        const uint8_t *from = d->line.data + at;
        const uint8_t *stop = d->line.len > at ? memchr(from, '\n', d->line.len - at) : NULL;
        if (!stop)
            break;
        size_t n = (size_t)(stop - from);
        take_line(d, kg_span_of(from, n));
        at += n + 1;
    }
    if (d->config.fd < 0)
        return;
    kg_buf_drop(&d->line, at);
    if (d->line.len > KK_DISPLAY_LINE_MAX) {
        d->config.refuse(d->config.user, "a display of more than 8 MiB: no more are taken");
        end(d);
    }
}

static void read_all(struct kk_display *d)
{
    while (d->config.fd >= 0) {
        uint8_t *room = kg_buf_reserve(&d->line, READ_SIZE);
        ssize_t n = read(d->config.fd, room, READ_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            end(d);
            return;
        }
        d->line.len += (size_t)n;
        take_lines(d);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    read_all(poll->data);
}

static void watch(struct kk_display *d)
{
    if (d->config.fd >= 0 && !d->held)
        uv_poll_start(&d->poll, UV_READABLE, on_readable);
}

struct kk_display *kk_display_open(const struct kk_display_config *config)
{
    struct kk_display *d = kg_calloc(1, sizeof *d);
    d->config = *config;
    uv_poll_init(config->loop, &d->poll, config->fd);
    d->poll.data = d;
    watch(d);
    return d;
}

void kk_display_hold(struct kk_display *d, bool hold)
{
    d->held = hold;
    if (!hold)
        watch(d);
    else if (d->config.fd >= 0)
        uv_poll_stop(&d->poll);
}

void kk_display_finish(struct kk_display *d)
{
    read_all(d);
}

static void on_closed(uv_handle_t *h)
{
    struct kk_display *d = h->data;
    kg_buf_release(&d->line);
    free(d);
}

void kk_display_close(struct kk_display *d)
{
    if (!d)
        return;
    end(d);
    uv_close((uv_handle_t *)&d->poll, on_closed);
}

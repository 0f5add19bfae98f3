/*
 * libwebsockets 4.1.6 as a guest of our loop: made, and taken down.
 *
 * It closes the descriptor that wakes it (an eventfd) twice: lws_plat_pipe_close() at once, and __lws_close_free_wsi_final() when
 * its handle is closed, at the end of that turn. Whatever the process has opened in between has the number by then, and
 * loses it: a box's connection, a file that is being written. (libuv calls abort() on a descriptor that is gone under its
 * handle, or waits for it for ever.) So the number is taken at once by one that nobody misses; and until it is, lower ones are free, which any
 * thread that opens something gets first.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/net/impl.h"

enum {
    /* libwebsockets allots and clears 16 bytes for every descriptor that the process might have. */
    LWS_FDS_MAX = 65536,
    LWS_BUFFER_BYTES =
        256 * 1024, /* one for all sockets; a read of a big message takes this much */
};

static void on_lws_log(int level, const char *line)
{
    /* Its levels say little (a normal adoption is an error to it): for those who look for something. */
    (void)level;
    kg_log(KG_DEBUG, "net", "libwebsockets", "text=\"%.*s\"", (int)strcspn(line, "\n"), line);
}

/* Poll handles of a loop, in the order in which they were made. */
struct polls {
    size_t count;
    int last_fd;
};

static void see_poll(uv_handle_t *handle, void *user)
{
    struct polls *p = user;
    uv_os_fd_t fd;
    if (handle->type != UV_POLL || uv_fileno(handle, &fd) < 0)
        return;
    p->count++;
    p->last_fd = fd;
}

static void hold_low(struct kg_net *n)
{
    for (size_t i = 0; i < KG_COUNT(n->low_fds); i++)
        n->low_fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void guest_release(struct kg_net *n)
{
    for (size_t i = 0; i < KG_COUNT(n->low_fds); i++) {
        if (n->low_fds[i] >= 0)
            close(n->low_fds[i]);
        n->low_fds[i] = -1;
    }
}

int guest_open(struct kg_net *n, struct kg_err *err)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    struct rlimit old, cut;
    getrlimit(RLIMIT_NOFILE, &old);
    cut = old;
    if (cut.rlim_cur > LWS_FDS_MAX)
        cut.rlim_cur = LWS_FDS_MAX;
    n->fd_limit = (int)cut.rlim_cur;
    void *loops[1] = {n->config.loop};
    n->protocols[0] = ws_protocol();
    uint64_t tls = n->config.tls_cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0;
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_VALIDATE_UTF8 | tls,
        .foreign_loops = loops,
        .pt_serv_buf_size = LWS_BUFFER_BYTES,
        .pcontext = &n->lws,
        .user = n,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    /* Without the TLS option of the context: this end is plain, and a vhost with it loads all CAs. */
    struct lws_context_creation_info plain = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "plain",
        .protocols = n->protocols,
    };
    hold_low(n);
    struct polls before = {0}, after = {0};
    uv_walk(n->config.loop, see_poll, &before);
    setrlimit(RLIMIT_NOFILE, &cut);
    n->lws = lws_create_context(&info);
    n->vhost = n->lws ? lws_create_vhost(n->lws, &plain) : NULL;
    setrlimit(RLIMIT_NOFILE, &old);
    uv_walk(n->config.loop, see_poll, &after);
    n->wake_fd = after.count > before.count ? after.last_fd : -1;
    if (!n->vhost)
        return kg_err_set(err, -EIO,
                          "libwebsockets did not start (is libwebsockets-evlib-uv installed?)");
    return 0;
}

void guest_destroy(struct kg_net *n)
{
    bool first = n->lws_going == 0;
    if (first)
        guest_release(n);
    lws_context_destroy(n->lws);
    if (!first || n->wake_fd < 0)
        return;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int held = fcntl(null, F_DUPFD_CLOEXEC, n->wake_fd); /* for libwebsockets to close */
    if (held != n->wake_fd) {
        kg_log(KG_WARN, "net", "the guest's descriptor is another's", "fd=%d", n->wake_fd);
        close(held);
    }
    close(null);
}

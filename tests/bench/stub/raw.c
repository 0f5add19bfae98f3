#include "tests/bench/stub/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum { GREETING = 64, F_MORE = 1, F_LONG = 2, F_COMMAND = 4, SEND_BUFFER = 4 * 1024 * 1024 };

static int listen_unix(struct st_raw *r, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    snprintf(r->path, sizeof r->path, "%s", path);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    return bind(r->listener, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

static int listen_tcp(struct st_raw *r, const char *where)
{
    char ip[64];
    unsigned port;
    int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET};
    if (sscanf(where, "%63[^:]:%u", ip, &port) != 2 || inet_pton(AF_INET, ip, &a.sin_addr) != 1)
        return -EINVAL;
    a.sin_port = htons((uint16_t)port);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(r->listener, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

int st_raw_open(struct st_raw *r, const char *address, struct kg_err *err)
{
    int rc = strncmp(address, "ipc://", 6) == 0 ? listen_unix(r, address + 6)
                                                : listen_tcp(r, address + 6);
    if (rc == 0 && listen(r->listener, 64) < 0)
        rc = -errno;
    if (rc < 0)
        return kg_err_errno(err, -rc, "listen on %s", address);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = r->listener};
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->listener, &ev);
    return 0;
}

void st_raw_close(struct st_raw *r)
{
    for (size_t i = 0; i < r->peers; i++)
        close(r->peer[i]);
    close(r->listener);
    close(r->epoll);
    if (r->path[0])
        unlink(r->path);
    kg_buf_release(&r->out);
}

void st_raw_frame(struct kg_buf *out, const void *data, size_t n, bool more)
{
    uint8_t head[9] = {more ? F_MORE : 0, (uint8_t)n};
    size_t head_len = 2;
    if (n > 255) {
        head[0] |= F_LONG;
        for (int i = 0; i < 8; i++)
            head[1 + i] = (uint8_t)(n >> (56 - 8 * i));
        head_len = 9;
    }
    kg_buf_add(out, head, head_len);
    kg_buf_add(out, data, n);
}

static bool read_all(int fd, void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = recv(fd, p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* One short frame of a subscriber: its commands and subscriptions are never longer. */
static bool read_frame(int fd, uint8_t *flags, uint8_t body[255], size_t *n)
{
    uint8_t head[2];
    if (!read_all(fd, head, 2) || head[0] & F_LONG)
        return false;
    *flags = head[0];
    *n = head[1];
    return read_all(fd, body, *n);
}

/* The peers are this machine's own, and quick: a handshake that takes over a second is given up. */
static bool shake_hands(int fd)
{
    uint8_t greeting[GREETING] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    uint8_t theirs[GREETING];
    static const char ready[] = "\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB";
    uint8_t flags;
    uint8_t body[255];
    size_t n;
    struct timeval limit = {.tv_sec = 1};
    struct timeval none = {0};
    int size = SEND_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (!write_all(fd, greeting, sizeof greeting) || !read_all(fd, theirs, sizeof theirs) ||
        theirs[0] != 0xff || memcmp(theirs + 12, "NULL", 5) != 0 ||
        !write_all(fd, ready, sizeof ready - 1) || !read_frame(fd, &flags, body, &n) ||
        !(flags & F_COMMAND))
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    return true;
}

static void take_connection(struct st_raw *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    int on = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on); /* fails on ipc, where it isn't needed */
    if (r->peers == ST_RAW_PEERS || !shake_hands(fd)) {
        close(fd);
        return;
    }
    r->peer[r->peers++] = fd;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void drop(struct st_raw *r, int fd)
{
    for (size_t i = 0; i < r->peers; i++) {
        if (r->peer[i] == fd) {
            r->peer[i] = r->peer[--r->peers];
            close(fd);
            return;
        }
    }
}

void st_raw_serve(struct st_raw *r, void (*subscribed)(void *user, const void *topic, size_t n),
                  void *user)
{
    struct epoll_event ev[8];
    int count;
    while ((count = epoll_wait(r->epoll, ev, 8, 0)) > 0) {
        for (int i = 0; i < count; i++) {
            uint8_t flags;
            uint8_t body[255];
            size_t n;
            if (ev[i].data.fd == r->listener)
                take_connection(r);
            else if (!read_frame(ev[i].data.fd, &flags, body, &n))
                drop(r, ev[i].data.fd);
            else if (!(flags & F_COMMAND) && n > 0 && body[0] == 1)
                subscribed(user, body + 1, n - 1);
        }
    }
}

void st_raw_write(struct st_raw *r, const void *data, size_t n)
{
    for (size_t i = r->peers; i-- > 0;)
        if (!write_all(r->peer[i], data, n))
            drop(r, r->peer[i]);
}

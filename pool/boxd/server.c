#include "pool/boxd/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/limits.h"
#include "pool/boxd/nets.h"
#include "pool/boxd/request.h"

struct packet {
    struct packet *next;
    struct kg_buf bytes;
    int fd; /* sent along; -1 none */
};

struct connection {
    struct bd_server *server;
    struct connection *next;
    uint64_t number;
    int fd;
    uv_poll_t poll;
    struct packet *first; /* not sent yet */
    struct packet **last;
    size_t unsent;
    char owner[KG_UUID_SIZE]; /* who it is, if it has said so by a ping */
    bool broken;              /* closed as soon as nobody up the stack uses it */
};

struct bd_server {
    struct bd_server_config config;
    char *path;
    struct bd_boxes *boxes;
    int fd;
    uv_poll_t poll;
    struct connection *connections;
    size_t count;
    uint64_t next_number;
    char *
        in; /* BD_PACKET_MAX + 1 bytes, shared by all: a packet is handled before the next is read */
    bool closed;
};

static void connection_ready(uv_poll_t *poll, int status, int events);

static void connection_closed(uv_handle_t *handle)
{
    free(kg_container_of((uv_poll_t *)handle, struct connection, poll));
}

static void packet_free(struct packet *p)
{
    kg_buf_release(&p->bytes);
    kg_cleanup_close(&p->fd);
    free(p);
}

static void connection_close(struct connection *c)
{
    struct connection **at = &c->server->connections;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->server->count--;
    bd_boxes_asker_gone(c->server->boxes, c->number);
    for (struct packet *p = c->first, *next; p; p = next) {
        next = p->next;
        packet_free(p);
    }
    uv_poll_stop(&c->poll);
    close(c->fd);
    uv_close((uv_handle_t *)&c->poll, connection_closed);
}

/* 0 sent, -EAGAIN later, else broken. */
static int send_packet(int to, const struct packet *p)
{
    struct iovec bytes = {.iov_base = p->bytes.data, .iov_len = p->bytes.len};
    struct msghdr msg = {.msg_iov = &bytes, .msg_iovlen = 1};
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
    if (p->fd >= 0) {
        msg.msg_control = room;
        msg.msg_controllen = sizeof(room);
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &p->fd, sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static void watch(struct connection *c)
{
    uv_poll_start(&c->poll, UV_READABLE | (c->first ? UV_WRITABLE : 0), connection_ready);
}

static void flush(struct connection *c)
{
    while (c->first && !c->broken) {
        struct packet *p = c->first;
        int rc = send_packet(c->fd, p);
        if (rc == -EAGAIN)
            break;
        if (rc < 0) {
            c->broken = true;
            break;
        }
        c->first = p->next;
        if (!c->first)
            c->last = &c->first;
        c->unsent -= p->bytes.len;
        packet_free(p);
    }
    watch(c);
}

/* Takes the bytes; fd is borrowed and sent as a descriptor of its own. */
static void reply(struct connection *c, struct kg_buf *bytes, int fd)
{
    struct packet *p = kg_calloc(1, sizeof(*p));
    p->bytes = *bytes;
    *bytes = (struct kg_buf){0};
    p->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    c->unsent += p->bytes.len;
    *c->last = p;
    c->last = &p->next;
    if (c->unsent > BD_UNSENT_MAX) {
        kg_log(KG_WARN, "boxd", "peer doesn't read its replies", "unsent=%zu", c->unsent);
        c->broken = true;
    }
    flush(c);
    if (c->broken)
        shutdown(c->fd,
                 SHUT_RDWR); /* wakes connection_ready, which closes: the caller may still use c */
}

static struct connection *find(const struct bd_server *server, uint64_t number)
{
    for (struct connection *c = server->connections; c; c = c->next)
        if (c->number == number)
            return c->broken ? NULL : c;
    return NULL;
}

static void ok_begin(struct kg_json *j, struct kg_buf *out, int64_t id)
{
    kg_json_init(j, out);
    kg_json_object_begin(j);
    kg_json_kint(j, "id", id);
    kg_json_kbool(j, "ok", true);
}

static void reply_ok(struct connection *c, int64_t id)
{
    struct kg_json j;
    struct kg_buf out = {0};
    ok_begin(&j, &out, id);
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

static void reply_error(struct connection *c, int64_t id, const struct kg_err *err)
{
    struct kg_json j;
    struct kg_buf out = {0};
    const char *code = strerrorname_np(-err->code);
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_kint(&j, "id", id);
    kg_json_kbool(&j, "ok", false);
    kg_json_kstr(&j, "code", code ? code : "EIO");
    kg_json_kstr(&j, "error", err->text);
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

/* The reply to create and attach, which carries the link. */
static void reply_link(struct connection *c, int64_t id, struct bd_box *box)
{
    struct kg_json j;
    struct kg_buf out = {0};
    struct kg_err err = {0};
    struct bd_box_info info = bd_box_info(box);
    int fd = bd_box_link(box, &err);
    if (fd < 0) {
        reply_error(c, id, &err);
        return;
    }
    ok_begin(&j, &out, id);
    kg_json_kint(&j, "pid", info.pid);
    kg_json_kint(&j, "uid", info.uid);
    kg_json_object_end(&j);
    reply(c, &out, fd);
}

/* Whether that gateway is connected. */
static bool is_here(const struct bd_server *server, const char *owner)
{
    for (const struct connection *c = server->connections; c; c = c->next)
        if (strcmp(c->owner, owner) == 0)
            return true;
    return false;
}

static void reply_list(struct connection *c, const struct bd_request *r)
{
    struct bd_box *list[BD_LIST_PAGE];
    struct kg_json j;
    struct kg_buf out = {0};
    bool more;
    size_t n = bd_boxes_list(c->server->boxes, r->after, list, BD_LIST_PAGE, &more);
    ok_begin(&j, &out, r->id);
    kg_json_key(&j, "boxes");
    kg_json_array_begin(&j);
    for (size_t i = 0; i < n; i++) {
        struct bd_box_info info = bd_box_info(list[i]);
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "box", info.id);
        kg_json_kstr(&j, "image", info.image);
        kg_json_kint(&j, "pid", info.pid);
        kg_json_kint(&j, "uid", info.uid);
        kg_json_kstr(&j, "owner", info.owner);
        kg_json_kbool(&j, "owner_here", is_here(c->server, info.owner));
        kg_json_kint(&j, "age_ms", (int64_t)info.age_ms);
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    kg_json_kbool(&j, "more", more);
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

static void reply_stats(struct connection *c, int64_t id, const struct bd_stats *s)
{
    struct kg_json j;
    struct kg_buf out = {0};
    ok_begin(&j, &out, id);
    kg_json_kint(&j, "memory_bytes", (int64_t)s->memory_bytes);
    kg_json_kint(&j, "memory_peak_bytes", (int64_t)s->memory_peak_bytes);
    kg_json_kint(&j, "oom_kills", (int64_t)s->oom_kills);
    kg_json_kint(&j, "pids", (int64_t)s->pids);
    kg_json_kint(&j, "cpu_ms", (int64_t)s->cpu_ms);
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

static void reply_ping(struct connection *c, const struct bd_request *r)
{
    if (r->owner[0])
        memcpy(c->owner, r->owner, sizeof(c->owner));
    struct kg_json j;
    struct kg_buf out = {0};
    ok_begin(&j, &out, r->id);
    kg_json_kstr(&j, "version", KERNELGW_VERSION);
    kg_json_kint(&j, "boxes", (int64_t)bd_boxes_count(c->server->boxes));
    kg_json_kbool(&j, "outside", bd_boxes_outside(c->server->boxes));
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

static void handle_living(struct connection *c, const struct bd_request *r)
{
    struct kg_err err = {0};
    struct bd_stats stats = {0};
    struct bd_box *box = bd_box_find(c->server->boxes, r->box, &err);
    int rc = box ? 0 : err.code;
    if (rc == 0 && r->op == BD_SET_LIMITS)
        rc = bd_box_limits(box, r, &err);
    else if (rc == 0 && r->op == BD_STATS)
        rc = bd_box_stats(box, &stats, &err);
    if (rc < 0)
        reply_error(c, r->id, &err);
    else if (r->op == BD_ATTACH)
        reply_link(c, r->id, box);
    else if (r->op == BD_STATS)
        reply_stats(c, r->id, &stats);
    else
        reply_ok(c, r->id);
}

static void reply_nets(struct connection *c, const struct bd_request *r)
{
    struct bd_net *list[BD_LIST_PAGE];
    struct kg_json j;
    struct kg_buf out = {0};
    bool more;
    size_t n = bd_nets_list(c->server->boxes, r->after, list, BD_LIST_PAGE, &more);
    ok_begin(&j, &out, r->id);
    kg_json_key(&j, "nets");
    kg_json_array_begin(&j);
    for (size_t i = 0; i < n; i++) {
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "net", list[i]->id);
        kg_json_kstr(&j, "owner", list[i]->owner);
        kg_json_kbool(&j, "owner_here", is_here(c->server, list[i]->owner));
        kg_json_kint(&j, "boxes", (int64_t)bd_net_boxes(c->server->boxes, list[i]->id));
        kg_json_kint(&j, "age_ms", (int64_t)(kg_clock_ms() - list[i]->made_ms));
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    kg_json_kbool(&j, "more", more);
    kg_json_object_end(&j);
    reply(c, &out, -1);
}

static int reply_ports(struct connection *c, int64_t id, struct bd_net *net, struct kg_err *err)
{
    struct bd_net_port ports[BD_PORTS_MAX];
    struct kg_json j;
    struct kg_buf out = {0};
    int n = bd_net_ports(c->server->boxes, net, ports, BD_PORTS_MAX, err);
    if (n < 0)
        return n;
    ok_begin(&j, &out, id);
    kg_json_key(&j, "ports");
    kg_json_array_begin(&j);
    for (int i = 0; i < n; i++) {
        kg_json_object_begin(&j);
        kg_json_kint(&j, "port", ports[i].port);
        kg_json_kbool(&j, "v4", ports[i].v4);
        kg_json_kbool(&j, "v6", ports[i].v6);
        kg_json_key(&j, "box");
        kg_json_str(&j, ports[i].box[0] ? ports[i].box : NULL);
        kg_json_object_end(&j);
    }
    kg_json_array_end(&j);
    kg_json_object_end(&j);
    reply(c, &out, -1);
    return 0;
}

static int reply_socket(struct connection *c, int64_t id, struct bd_net *net, struct kg_err *err)
{
    struct kg_json j;
    struct kg_buf out = {0};
    kg_autoclose int fd = bd_net_socket(c->server->boxes, net, err);
    if (fd < 0)
        return fd;
    ok_begin(&j, &out, id);
    kg_json_object_end(&j);
    reply(c, &out, fd);
    return 0;
}

static void handle_net(struct connection *c, const struct bd_request *r)
{
    struct kg_err err = {0};
    struct bd_boxes *boxes = c->server->boxes;
    struct bd_net *net = NULL;
    int rc = 0;
    bool replied = false;
    if (r->op == BD_NET_CREATE)
        rc = bd_net_create(boxes, r, &err);
    else if (r->op == BD_NET_DESTROY)
        bd_net_destroy(boxes, r->net);
    else if (!(net = bd_net_find(boxes, r->net, &err)))
        rc = err.code;
    if (rc == 0 && r->op == BD_NET_NAMES)
        rc = bd_net_set_names(boxes, net, &r->names, &err);
    if (rc == 0 && (r->op == BD_NET_PORTS || r->op == BD_NET_SOCKET)) {
        rc = r->op == BD_NET_PORTS ? reply_ports(c, r->id, net, &err)
                                   : reply_socket(c, r->id, net, &err);
        replied = rc == 0;
    }
    if (rc < 0)
        reply_error(c, r->id, &err);
    else if (!replied)
        reply_ok(c, r->id);
}

static void handle(struct connection *c, const char *text, size_t n)
{
    struct bd_request r;
    struct kg_err err = {0};
    struct bd_ticket t = {.connection = c->number};
    if (bd_request_parse(&r, text, n, c->server->config.max_memory_mb, &err) < 0) {
        reply_error(c, r.id, &err);
        return;
    }
    t.request = r.id;
    switch (r.op) {
    case BD_CREATE:
        if (bd_box_create(c->server->boxes, &r, t, &err) < 0)
            reply_error(c, r.id, &err);
        break;
    case BD_DESTROY:
        if (bd_box_destroy(c->server->boxes, r.box, t) < 0)
            reply_ok(c, r.id); /* there is none, which is what was asked for */
        break;
    case BD_LIST: reply_list(c, &r); break;
    case BD_PING: reply_ping(c, &r); break;
    case BD_ATTACH:
    case BD_SET_LIMITS:
    case BD_STATS: handle_living(c, &r); break;
    case BD_NET_LIST: reply_nets(c, &r); break;
    case BD_NET_CREATE:
    case BD_NET_DESTROY:
    case BD_NET_NAMES:
    case BD_NET_PORTS:
    case BD_NET_SOCKET: handle_net(c, &r); break;
    }
}

static void read_packets(struct connection *c)
{
    struct bd_server *server = c->server;
    for (int i = 0; i < 16 && !c->broken; i++) { /* others have their turn, too */
        struct iovec bytes = {.iov_base = server->in, .iov_len = BD_PACKET_MAX};
        /* Without room for control data, descriptors that a peer sends are dropped by the kernel. */
        struct msghdr msg = {.msg_iov = &bytes, .msg_iovlen = 1};
        ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            c->broken = true;
            return;
        }
        if (msg.msg_flags & MSG_TRUNC) {
            struct kg_err err = {0};
            kg_err_set(&err, -EMSGSIZE, "a request may have %d bytes", BD_PACKET_MAX);
            reply_error(c, 0, &err);
            continue;
        }
        handle(c, server->in, (size_t)n);
    }
}

static void connection_ready(uv_poll_t *poll, int status, int events)
{
    struct connection *c = kg_container_of(poll, struct connection, poll);
    if (status < 0)
        c->broken = true;
    if (events & UV_WRITABLE)
        flush(c);
    if (events & UV_READABLE)
        read_packets(c);
    if (c->broken)
        connection_close(c);
}

static void accept_one(uv_poll_t *poll, int status, int events)
{
    struct bd_server *server = poll->data;
    (void)events;
    kg_autoclose int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (fd < 0 || status < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return;
    if (peer.uid != server->config.gateway_uid && peer.uid != 0) {
        kg_log(KG_WARN, "boxd", "peer refused", "uid=%u pid=%d", peer.uid, peer.pid);
        return;
    }
    if (server->count >= BD_CONNECTIONS_MAX) {
        kg_log(KG_WARN, "boxd", "too many connections", "count=%zu", server->count);
        return;
    }
    struct connection *c = kg_calloc(1, sizeof(*c));
    if (uv_poll_init(server->config.loop, &c->poll, fd) < 0) {
        free(c);
        return;
    }
    c->server = server;
    c->number = ++server->next_number;
    c->fd = kg_steal_fd(&fd);
    c->last = &c->first;
    c->next = server->connections;
    server->connections = c;
    server->count++;
    watch(c);
}

/* Only what the file system knows as a socket is removed: a mistyped --socket costs nobody a file. */
static int remove_stale(const char *path, struct kg_err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : kg_err_errno(err, errno, "look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return kg_err_set(err, -EEXIST, "%s is there and is not a socket", path);
    return unlink(path) < 0 ? kg_err_errno(err, errno, "remove the old socket %s", path) : 0;
}

int bd_server_open(struct bd_server **out, const struct bd_server_config *config,
                   struct kg_err *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(config->path) >= sizeof(to.sun_path))
        return kg_err_set(err, -ENAMETOOLONG, "the socket's path %s is longer than %zu bytes",
                          config->path, sizeof(to.sun_path) - 1);
    memcpy(to.sun_path, config->path, strlen(config->path) + 1);
    int rc = remove_stale(config->path, err);
    if (rc < 0)
        return rc;
    kg_autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return kg_err_errno(err, errno, "make the socket %s", config->path);
    mode_t old = umask(0177); /* nobody comes in before the owner is set */
    rc = bind(fd, (struct sockaddr *)&to, sizeof(to));
    int saved = errno;
    umask(old);
    if (rc < 0)
        return kg_err_errno(err, saved, "bind the socket %s", config->path);
    if (chown(config->path, config->gateway_uid, (gid_t)-1) < 0 || listen(fd, 16) < 0)
        return kg_err_errno(err, errno, "open the socket %s to the gateway", config->path);
    struct bd_server *server = kg_calloc(1, sizeof(*server));
    server->config = *config;
    server->path = kg_strdup(config->path);
    server->in = kg_malloc(BD_PACKET_MAX);
    server->fd = kg_steal_fd(&fd);
    *out = server;
    return 0;
}

void bd_server_serve(struct bd_server *server, struct bd_boxes *boxes)
{
    server->boxes = boxes;
    uv_poll_init(server->config.loop, &server->poll, server->fd);
    server->poll.data = server;
    uv_poll_start(&server->poll, UV_READABLE, accept_one);
}

static void server_closed(uv_handle_t *handle)
{
    struct bd_server *server = handle->data;
    free(server->in);
    free(server->path);
    free(server);
}

void bd_server_close(struct bd_server *server)
{
    while (server->connections)
        connection_close(server->connections);
    unlink(server->path);
    uv_poll_stop(&server->poll);
    close(server->fd);
    uv_close((uv_handle_t *)&server->poll, server_closed);
}

void bd_server_created(void *user, struct bd_ticket t, struct bd_box *box, const struct kg_err *err)
{
    struct connection *c = find(user, t.connection);
    if (c && box)
        reply_link(c, t.request, box);
    else if (c)
        reply_error(c, t.request, err);
    else if (box)
        bd_box_unwanted(box);
}

void bd_server_destroyed(void *user, struct bd_ticket t)
{
    struct connection *c = find(user, t.connection);
    if (c)
        reply_ok(c, t.request);
}

void bd_server_exited(void *user, const struct bd_box *box, int status, uint64_t oom_kills)
{
    const struct bd_server *server = user;
    struct bd_box_info info = bd_box_info(box);
    for (struct connection *c = server->connections; c; c = c->next) {
        struct kg_json j;
        struct kg_buf out = {0};
        kg_json_init(&j, &out);
        kg_json_object_begin(&j);
        kg_json_kstr(&j, "event", "exit");
        kg_json_kstr(&j, "box", info.id);
        kg_json_key(&j, "status");
        status < 0 ? kg_json_null(&j) : kg_json_int(&j, status);
        kg_json_kint(&j, "oom_kills", (int64_t)oom_kills);
        kg_json_object_end(&j);
        reply(c, &out, -1);
    }
}

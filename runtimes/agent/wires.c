#include "runtimes/agent/wires.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"

/* How often to look whether a socket has appeared and somebody listens. */
enum { LOOK_MS = 2 };

struct wire {
    struct kk_wires *wires;
    uint8_t channel;
    enum jy_port port;
    struct jy_zmtp *sock;
    bool connected;
};

struct kk_wires {
    const struct kk_options *options;
    struct kk_wires_events events;
    void *user;
    struct jy_connection connection;
    struct jy_key *key;
    bool verify;
    char *file;
    struct wire wires[KG_CH_COUNT];
    uv_timer_t look;
    uint64_t bad_signatures;
    bool closed;
    struct kg_span frames[JY_FRAMES_MAX];
};

static const enum jy_port ports[KG_CH_COUNT] = {
    [KG_CH_SHELL] = JY_PORT_SHELL,
    [KG_CH_CONTROL] = JY_PORT_CONTROL,
    [KG_CH_STDIN] = JY_PORT_STDIN,
    [KG_CH_IOPUB] = JY_PORT_IOPUB,
};

static void on_received(void *user, const struct kg_span *frames, size_t count)
{
    struct wire *wire = user;
    struct kk_wires *w = wire->wires;
    struct jy_wire parsed;
    struct kg_err err = {0};
    if (w->closed)
        return;
    if (jy_wire_parse(&parsed, wire->channel, frames, count, &err) < 0) {
        /* Also what an XPUB sends to greet, should it have no Jupyter form. */
        kg_log(KG_DEBUG, "agent", "odd message from the kernel", "channel=%s error=\"%s\"",
               kg_channel_name(wire->channel), err.text);
        return;
    }
    if (w->verify && jy_key_verify(w->key, &parsed, &err) < 0) {
        w->events.bad_signature(w->user, wire->channel, ++w->bad_signatures);
        return;
    }
    w->events.received(w->user, &parsed);
}

/* Opens the kernel's socket if it is there, as a place only: 1 with *out, 0 when there is none yet. */
static int find_socket(struct kk_wires *w, const struct wire *wire, int *out, struct kg_err *err)
{
    char path[JY_IP_SIZE];
    int rc = jy_connection_ipc_path(path, &w->connection, wire->port, err);
    if (rc < 0)
        return rc;
    kg_autoclose int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : kg_err_errno(err, errno, "open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
        return kg_err_set(err, -ENOTSOCK, "%s is no socket", path);
    *out = kg_steal_fd(&fd);
    return 1;
}

static int connect_wire(struct kk_wires *w, struct wire *wire, struct kg_err *err)
{
    char endpoint[JY_ENDPOINT_SIZE];
    kg_autoclose int place = -1; /* what the socket's name stood for when we looked */
    int rc;
    if (w->connection.transport == JY_IPC) {
        rc = find_socket(w, wire, &place, err);
        if (rc <= 0)
            return rc;
        snprintf(endpoint, sizeof endpoint, "ipc:///proc/self/fd/%d", place);
    } else {
        rc = jy_connection_endpoint(endpoint, &w->connection, wire->port, err);
        if (rc < 0)
            return rc;
    }
    rc = jy_zmtp_connect(wire->sock, endpoint, err);
    if (rc < 0)
        return rc;
    wire->connected = true;
    return 1;
}

static void on_look(uv_timer_t *timer)
{
    struct kk_wires *w = timer->data;
    int left = 0;
    kk_user_begin(w->options);
    for (int i = 0; i < KG_CH_COUNT; i++) {
        struct kg_err err = {0};
        struct wire *wire = &w->wires[i];
        if (!wire->connected && connect_wire(w, wire, &err) < 0)
            kg_log(KG_DEBUG, "agent", "can't connect to the kernel", "error=\"%s\"", err.text);
        left += !wire->connected;
    }
    kk_user_end(w->options);
    if (left)
        return;
    uv_timer_stop(timer);
    w->events.connected(w->user);
}

/* Five free ports. Somebody else may take one before the kernel does; then the kernel's start fails and is tried again. */
static int pick_ports(struct jy_connection *c, struct kg_err *err)
{
    int fds[JY_PORT_COUNT];
    int n = 0;
    int rc = 0;
    for (; n < JY_PORT_COUNT && rc == 0; n++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof a;
        fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[n] < 0 || bind(fds[n], (struct sockaddr *)&a, sizeof a) < 0 ||
            getsockname(fds[n], (struct sockaddr *)&a, &size) < 0)
            rc = -errno;
        c->port[n] = ntohs(a.sin_port);
    }
    while (n-- > 0)
        if (fds[n] >= 0)
            close(fds[n]);
    return rc < 0 ? kg_err_errno(err, -rc, "find free ports") : 0;
}

static int make_connection(struct kk_wires *w, enum jy_transport transport, struct kg_err *err)
{
    char tag[17];
    kg_random_hex(tag, 8);
    int rc;
    if (transport == JY_IPC) {
        kg_autofree char *prefix = kg_asprintf("%s/k%.8s", w->options->kernel_dir, tag);
        rc = jy_connection_init_ipc(&w->connection, prefix, err);
    } else {
        rc = jy_connection_init_tcp(&w->connection, "127.0.0.1", err);
        if (rc == 0)
            rc = pick_ports(&w->connection, err);
    }
    if (rc < 0)
        return rc;
    rc = jy_key_new(&w->key, "hmac-sha256", kg_span_str(w->connection.key), err);
    if (rc < 0)
        return rc;
    char *path = kg_asprintf("%s/kernel-%s.json", w->options->kernel_dir, tag);
    kk_user_begin(w->options);
    rc = jy_connection_write(&w->connection, path, err);
    kk_user_end(w->options);
    if (rc < 0)
        free(path);
    else
        w->file = path;
    return rc;
}

static int open_sockets(struct kk_wires *w, uv_loop_t *loop, struct kg_err *err)
{
    char identity[33];
    kg_random_hex(identity, 16);
    for (int i = 0; i < KG_CH_COUNT; i++) {
        struct wire *wire = &w->wires[i];
        bool sub = i == KG_CH_IOPUB;
        struct jy_zmtp_config config = {
            .type = sub ? JY_ZMTP_SUB : JY_ZMTP_DEALER,
            /* The kernel finds the asker's stdin by the identity that its shell has. */
            .identity = sub ? (struct kg_span){0} : kg_span_str(identity),
            .frames_max = JY_FRAMES_MAX,
            .received = on_received,
            .user = wire,
        };
        int rc = jy_zmtp_open(&wire->sock, loop, &config, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int kk_wires_open(struct kk_wires **out, uv_loop_t *loop, const struct kk_options *options,
                  enum jy_transport transport, const struct kk_wires_events *events, void *user,
                  struct kg_err *err)
{
    struct kk_wires *w = kg_calloc(1, sizeof *w);
    w->options = options;
    w->events = *events;
    w->user = user;
    w->verify = transport == JY_TCP;
    uv_timer_init(loop, &w->look);
    w->look.data = w;
    for (int i = 0; i < KG_CH_COUNT; i++)
        w->wires[i] = (struct wire){.wires = w, .channel = (uint8_t)i, .port = ports[i]};
    int rc = make_connection(w, transport, err);
    if (rc == 0)
        rc = open_sockets(w, loop, err);
    if (rc < 0) {
        kk_wires_close(w);
        return rc;
    }
    uv_timer_start(&w->look, on_look, 0, LOOK_MS);
    *out = w;
    return 0;
}

const char *kk_wires_file(const struct kk_wires *w)
{
    return w->file;
}

int kk_wires_send(struct kk_wires *w, const struct jy_msg *m, struct kg_err *err)
{
    char signature[JY_SIGNATURE_SIZE];
    if (m->channel == KG_CH_IOPUB || m->channel >= KG_CH_COUNT)
        return kg_err_set(err, -EINVAL, "nothing can be sent on iopub");
    jy_key_sign(w->key, m, signature);
    size_t n = jy_wire_frames(w->frames, m, signature);
    return jy_zmtp_send(w->wires[m->channel].sock, w->frames, n, err);
}

void kk_wires_hold(struct kk_wires *w, bool hold)
{
    struct jy_zmtp *iopub = w->wires[KG_CH_IOPUB].sock;
    if (hold)
        jy_zmtp_pause(iopub);
    else
        jy_zmtp_resume(iopub);
}

bool kk_wires_ended(const struct kk_wires *w)
{
    for (int i = 0; i < KG_CH_COUNT; i++)
        if (jy_zmtp_connected(w->wires[i].sock))
            return false;
    return true;
}

static void remove_files(struct kk_wires *w)
{
    kk_user_begin(w->options);
    if (w->file)
        unlink(w->file);
    for (int port = 0; port < JY_PORT_COUNT && w->connection.transport == JY_IPC; port++) {
        char path[JY_IP_SIZE];
        if (jy_connection_ipc_path(path, &w->connection, (enum jy_port)port, NULL) == 0)
            unlink(path);
    }
    kk_user_end(w->options);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void kk_wires_close(struct kk_wires *w)
{
    if (!w)
        return;
    w->closed = true;
    remove_files(w);
    for (int i = 0; i < KG_CH_COUNT; i++)
        jy_zmtp_close(w->wires[i].sock);
    jy_key_free(w->key);
    free(w->file);
    uv_close((uv_handle_t *)&w->look, on_closed);
}

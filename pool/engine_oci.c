#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd_client.h"
#include "pool/engine.h"

enum {
    TMP_INODES_PER_MB = 256, /* 4 KiB a file: as many as would fill it with small ones */
    TMP_INODES_MAX = 4 * 1024 * 1024,
    LIST_MAX = 65536,
};

struct engine {
    struct pl_engine base;
    struct pl_boxd *boxd;
    char *owner;
    void (*closed)(void *user);
    void *closed_user;
};

/* One operation: what to call when boxd has answered. */
struct op {
    struct engine *engine;
    union {
        pl_engine_made *made;
        pl_engine_done *done;
        pl_engine_listed *listed;
        pl_stats_done *stats;
        pl_ports_done *ports;
        pl_socket_done *socket;
    };
    void *user;
    bool nets; /* a list of networks, not of boxes */
    struct pl_listed *boxes;
    size_t count;
};

static struct engine *engine_of(struct pl_engine *base)
{
    return kg_container_of(base, struct engine, base);
}

static struct op *op_new(struct pl_engine *base, void *user)
{
    struct op *op = kg_calloc(1, sizeof *op);
    op->engine = engine_of(base);
    op->user = user;
    return op;
}

static void op_free(struct op *op)
{
    free(op->boxes);
    free(op);
}

static void on_created(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct op *op = user;
    struct kg_err bad = {0};
    json_t *uid = json_object_get(reply, "uid");
    if (err) {
        op->made(op->user, NULL, err);
    } else if (fd < 0 || !json_is_integer(uid)) {
        kg_err_set(&bad, -EREMOTEIO, "boxd's reply lacks the box's %s", fd < 0 ? "socket" : "uid");
        if (fd >= 0)
            close(fd);
        op->made(op->user, NULL, &bad);
    } else {
        struct pl_made made = {
            .listen_fd = fd,
            .uid = (uid_t)json_integer_value(uid),
            .pid = (pid_t)json_integer_value(json_object_get(reply, "pid")),
        };
        op->made(op->user, &made, NULL);
    }
    op_free(op);
}

static void oci_create(struct pl_engine *base, const struct pl_box_spec *spec, pl_engine_made *done,
                       void *user)
{
    struct op *op = op_new(base, user);
    op->made = done;
    json_t *req = json_object();
    json_object_set_new(req, "box", json_string(spec->id));
    json_object_set_new(req, "image", json_string(spec->image ? spec->image : ""));
    json_object_set_new(req, "memory_mb", json_integer(spec->limits.memory_mb));
    json_object_set_new(req, "cpu", json_real(spec->limits.cpu_milli / 1000.0));
    json_object_set_new(req, "pids", json_integer(spec->limits.pids));
    if (spec->limits.cpu_weight)
        json_object_set_new(req, "weight", json_integer(spec->limits.cpu_weight));
    json_object_set_new(req, "tmp_mb", json_integer(spec->limits.tmp_mb));
    json_int_t inodes = (json_int_t)spec->limits.tmp_mb * TMP_INODES_PER_MB;
    json_object_set_new(req, "tmp_inodes",
                        json_integer(inodes < TMP_INODES_MAX ? inodes : TMP_INODES_MAX));
    json_object_set_new(req, "owner", json_string(op->engine->owner));
    if (spec->net)
        json_object_set_new(req, "net", json_string(spec->net));
    pl_boxd_request(op->engine->boxd, "create", req, on_created, op);
}

static void oci_attach(struct pl_engine *base, const char *box, pl_engine_made *done, void *user)
{
    struct op *op = op_new(base, user);
    op->made = done;
    json_t *req = json_object();
    json_object_set_new(req, "box", json_string(box));
    pl_boxd_request(op->engine->boxd, "attach", req, on_created, op);
}

static void on_done(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct op *op = user;
    (void)reply;
    if (fd >= 0)
        close(fd);
    op->done(op->user, err);
    op_free(op);
}

static void oci_destroy(struct pl_engine *base, const char *box, pl_engine_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->done = done;
    json_t *req = json_object();
    json_object_set_new(req, "box", json_string(box));
    pl_boxd_request(op->engine->boxd, "destroy", req, on_done, op);
}

static void ask_list(struct op *op);

static int add_listed(struct op *op, const json_t *item, struct kg_err *err)
{
    const char *id = json_string_value(json_object_get(item, op->nets ? "net" : "box"));
    const char *owner = json_string_value(json_object_get(item, "owner"));
    if (!id || strlen(id) >= sizeof op->boxes->id)
        return kg_err_set(err, -EREMOTEIO, "boxd's list has an entry without a proper id");
    if (op->count >= LIST_MAX)
        return kg_err_set(err, -EREMOTEIO, "boxd's list has no end");
    if (op->count > 0 && strcmp(id, op->boxes[op->count - 1].id) <= 0)
        return kg_err_set(err, -EREMOTEIO, "boxd's list is not in order");
    if ((op->count & (op->count - 1)) == 0) /* full at each power of two */
        op->boxes = kg_realloc(op->boxes, (op->count ? op->count * 2 : 1) * sizeof *op->boxes);
    struct pl_listed *one = &op->boxes[op->count++];
    snprintf(one->id, sizeof one->id, "%s", id);
    snprintf(one->owner, sizeof one->owner, "%s", owner ? owner : "");
    one->owner_here = json_is_true(json_object_get(item, "owner_here"));
    json_int_t age = json_integer_value(json_object_get(item, "age_ms"));
    one->age_ms = age > 0 ? (uint64_t)age : 0;
    return 0;
}

static void on_list(void *user, const json_t *reply, int fd, const struct kg_err *failed)
{
    struct op *op = user;
    struct kg_err err = {0};
    json_t *page = json_object_get(reply, op->nets ? "nets" : "boxes");
    size_t before = op->count;
    if (fd >= 0)
        close(fd);
    if (failed)
        err = *failed;
    for (size_t i = 0; !err.code && i < json_array_size(page); i++)
        add_listed(op, json_array_get(page, i), &err);
    if (!err.code && json_is_true(json_object_get(reply, "more"))) {
        if (op->count > before) {
            ask_list(op);
            return;
        }
        kg_err_set(&err, -EREMOTEIO, "boxd's list has an empty page");
    }
    if (err.code)
        op->listed(op->user, NULL, 0, &err);
    else
        op->listed(op->user, op->boxes, op->count, NULL);
    op_free(op);
}

static void ask_list(struct op *op)
{
    json_t *req = json_object();
    if (op->count)
        json_object_set_new(req, "after", json_string(op->boxes[op->count - 1].id));
    pl_boxd_request(op->engine->boxd, op->nets ? "net.list" : "list", req, on_list, op);
}

static void oci_list(struct pl_engine *base, pl_engine_listed *done, void *user)
{
    struct op *op = op_new(base, user);
    op->listed = done;
    ask_list(op);
}

static void oci_limits(struct pl_engine *base, const char *box, const struct pl_limits *limits,
                       pl_engine_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->done = done;
    json_t *req = json_object();
    json_object_set_new(req, "box", json_string(box));
    if (limits->cpu_milli)
        json_object_set_new(req, "cpu", json_real(limits->cpu_milli / 1000.0));
    if (limits->memory_mb)
        json_object_set_new(req, "memory_mb", json_integer(limits->memory_mb));
    if (limits->cpu_weight)
        json_object_set_new(req, "weight", json_integer(limits->cpu_weight));
    if (limits->pids)
        json_object_set_new(req, "pids", json_integer(limits->pids));
    pl_boxd_request(op->engine->boxd, "limits", req, on_done, op);
}

static uint64_t number(const json_t *reply, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(reply, key));
    return v > 0 ? (uint64_t)v : 0;
}

static void on_stats(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct op *op = user;
    if (fd >= 0)
        close(fd);
    struct pl_stats stats = {
        .memory_bytes = number(reply, "memory_bytes"),
        .memory_peak_bytes = number(reply, "memory_peak_bytes"),
        .oom_kills = number(reply, "oom_kills"),
        .pids = number(reply, "pids"),
        .cpu_ms = number(reply, "cpu_ms"),
    };
    op->stats(op->user, err ? NULL : &stats, err);
    op_free(op);
}

static void oci_stats(struct pl_engine *base, const char *box, pl_stats_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->stats = done;
    json_t *req = json_object();
    json_object_set_new(req, "box", json_string(box));
    pl_boxd_request(op->engine->boxd, "stats", req, on_stats, op);
}

static json_t *about(const char *net)
{
    json_t *req = json_object();
    json_object_set_new(req, "net", json_string(net));
    return req;
}

static void net_create(struct pl_engine *base, const char *net, const char *box,
                       pl_engine_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->done = done;
    json_t *req = about(net);
    json_object_set_new(req, "owner", json_string(op->engine->owner));
    if (box)
        json_object_set_new(req, "box", json_string(box));
    pl_boxd_request(op->engine->boxd, "net.create", req, on_done, op);
}

static void net_destroy(struct pl_engine *base, const char *net, pl_engine_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->done = done;
    pl_boxd_request(op->engine->boxd, "net.destroy", about(net), on_done, op);
}

static void net_list(struct pl_engine *base, pl_engine_listed *done, void *user)
{
    struct op *op = op_new(base, user);
    op->listed = done;
    op->nets = true;
    ask_list(op);
}

static void net_names(struct pl_engine *base, const char *net, json_t *names, pl_engine_done *done,
                      void *user)
{
    struct op *op = op_new(base, user);
    op->done = done;
    json_t *req = about(net);
    json_object_set(req, "names", names);
    pl_boxd_request(op->engine->boxd, "net.names", req, on_done, op);
}

static void on_ports(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct op *op = user;
    const json_t *list = json_object_get(reply, "ports");
    size_t n = json_array_size(list);
    kg_autofree struct pl_port *ports = kg_calloc(n ? n : 1, sizeof *ports);
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        const char *box = json_string_value(json_object_get(one, "box"));
        ports[i] = (struct pl_port){.port = (uint16_t)number(one, "port"),
                                    .v4 = json_is_true(json_object_get(one, "v4")),
                                    .v6 = json_is_true(json_object_get(one, "v6")),
                                    .box = box ? box : ""};
    }
    op->ports(op->user, ports, n, err);
    op_free(op);
}

static void net_ports(struct pl_engine *base, const char *net, pl_ports_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->ports = done;
    pl_boxd_request(op->engine->boxd, "net.ports", about(net), on_ports, op);
}

static void on_socket(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct op *op = user;
    struct kg_err bad = {0};
    (void)reply;
    if (!err && fd < 0) {
        kg_err_set(&bad, -EREMOTEIO, "boxd's reply lacks the socket");
        err = &bad;
    }
    op->socket(op->user, fd, err);
    op_free(op);
}

static void net_socket(struct pl_engine *base, const char *net, pl_socket_done *done, void *user)
{
    struct op *op = op_new(base, user);
    op->socket = done;
    pl_boxd_request(op->engine->boxd, "net.socket", about(net), on_socket, op);
}

static const struct pl_net_ops net_ops = {
    .create = net_create,
    .destroy = net_destroy,
    .list = net_list,
    .names = net_names,
    .ports = net_ports,
    .socket = net_socket,
};

static void on_introduced(void *user, const json_t *reply, int fd, const struct kg_err *err)
{
    struct engine *e = user;
    if (!err) /* else the connection was lost: it is said again on the next one */
        e->base.outside = json_is_true(json_object_get(reply, "outside"));
    if (fd >= 0)
        close(fd);
}

/* Says who we are first of all, so that another gateway that starts knows our boxes for somebody's. */
static void on_up(void *user)
{
    struct engine *e = user;
    pl_boxd_request(e->boxd, "ping", json_pack("{s:s}", "owner", e->owner), on_introduced, e);
    e->base.events->up(e->base.user);
}

static void on_down(void *user, const char *why)
{
    struct engine *e = user;
    e->base.events->down(e->base.user, why);
}

static void on_event(void *user, const json_t *event)
{
    struct engine *e = user;
    const char *name = json_string_value(json_object_get(event, "event"));
    const char *box = json_string_value(json_object_get(event, "box"));
    if (!name || strcmp(name, "exit") != 0 || !box)
        return; /* of a later version */
    json_int_t status = json_integer_value(json_object_get(event, "status"));
    e->base.events->exit(e->base.user, box, (int)status, number(event, "oom_kills") > 0);
}

static const struct pl_boxd_events boxd_events = {.up = on_up, .down = on_down, .event = on_event};

static void oci_start(struct pl_engine *base)
{
    pl_boxd_start(engine_of(base)->boxd, base->turn);
}

static void on_closed(void *user)
{
    struct engine *e = user;
    void (*closed)(void *user) = e->closed;
    void *closed_user = e->closed_user;
    free(e->owner);
    free(e);
    closed(closed_user);
}

static void oci_close(struct pl_engine *base, void (*closed)(void *user), void *user)
{
    struct engine *e = engine_of(base);
    e->closed = closed;
    e->closed_user = user;
    pl_boxd_close(e->boxd, on_closed, e);
}

static const struct pl_engine_ops oci_ops = {
    .name = "oci",
    .caps = PL_ENGINE_LIMITS,
    .start = oci_start,
    .create = oci_create,
    .attach = oci_attach,
    .destroy = oci_destroy,
    .list = oci_list,
    .limits = oci_limits,
    .stats = oci_stats,
    .nets = &net_ops,
    .close = oci_close,
};

struct pl_engine *pl_engine_oci_new(uv_loop_t *loop, const char *boxd, const char *owner)
{
    struct engine *e = kg_calloc(1, sizeof *e);
    e->base.ops = &oci_ops;
    e->owner = kg_strdup(owner);
    e->boxd = pl_boxd_new(loop, boxd, &boxd_events, e);
    return &e->base;
}

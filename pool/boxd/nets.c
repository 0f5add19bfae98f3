#include "pool/boxd/nets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/files.h"
#include "pool/boxd/netns.h"
#include "pool/boxd/outside.h"

enum { FILE_BYTES_MAX = 65536 };

static char *file_of(const struct bd_boxes *all, const char *id)
{
    return kg_asprintf("%s/net/%s", all->config.run_dir, id);
}

static int save(const struct bd_boxes *all, const struct bd_net *net, struct kg_err *err)
{
    kg_autofree char *path = file_of(all, net->id);
    kg_autobuf text = {0};
    struct kg_json j;
    kg_json_init(&j, &text);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "net", net->id);
    kg_json_kstr(&j, "owner", net->owner);
    kg_json_kstr(&j, "boot", all->boot);
    kg_json_kint(&j, "made_ms", (int64_t)net->made_ms);
    kg_json_key(&j, "names");
    kg_json_array_begin(&j);
    const char *at = net->names.text;
    for (size_t i = 0; i < net->names.count; i++, at += strlen(at) + 1)
        kg_json_str(&j, at);
    kg_json_array_end(&j);
    kg_json_object_end(&j);
    return bd_file_replace(path, text.data, text.len, 0600, err);
}

static int by_id(const struct bd_net *a, const struct bd_net *b)
{
    return strcmp(a->id, b->id);
}

static struct bd_net *add(struct bd_boxes *all, const char *id, const char *owner)
{
    struct bd_net *net = kg_calloc(1, sizeof(*net));
    memcpy(net->id, id, strlen(id) + 1);
    memcpy(net->owner, owner, strlen(owner) + 1);
    net->fd = -1;
    net->made_ms = kg_clock_ms();
    HASH_ADD_STR(all->nets, id, net);
    return net;
}

/* A living box of the network, but not `but`. */
static struct bd_box *box_of(const struct bd_boxes *all, const char *id, const struct bd_box *but)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i] != but && strcmp(all->list[i]->state.net, id) == 0)
            return all->list[i];
    return NULL;
}

size_t bd_net_boxes(const struct bd_boxes *all, const char *id)
{
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++)
        n += strcmp(all->list[i]->state.net, id) == 0;
    return n;
}

/* What a network has beside loopback: a way out, if this boxd gives any. Once for each namespace. */
static int furnish(const struct bd_boxes *all, const struct bd_net *net, struct kg_err *err)
{
    return all->outside ? bd_outside_attach(all->outside, net->fd, err) : 0;
}

static int make_namespace(const struct bd_boxes *all, struct bd_net *net, struct kg_err *err)
{
    net->fd = bd_netns_new(all->home_netns, err);
    int rc = net->fd < 0 ? net->fd : furnish(all, net, err);
    if (rc < 0) {
        kg_cleanup_close(&net->fd);
        net->fd = -1;
    }
    return rc;
}

static int load(struct bd_boxes *all, const char *path, const char *id, struct kg_err *err)
{
    kg_autobuf text = {0};
    int rc = bd_file_read(&text, path, FILE_BYTES_MAX, err);
    if (rc < 0)
        return rc;
    json_t *doc = json_loadb(kg_buf_cstr(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name, *owner, *boot;
    json_int_t made;
    json_t *names;
    struct bd_names list;
    if (json_unpack(doc, "{s:s,s:s,s:s,s:I,s:o}", "net", &name, "owner", &owner, "boot", &boot,
                    "made_ms", &made, "names", &names) < 0 ||
        strcmp(name, id) != 0 || !kg_is_uuid(owner) || made < 0)
        rc = kg_err_set(err, -EPROTO, "it can't be understood");
    else if (strcmp(boot, all->boot) != 0)
        rc = kg_err_set(err, -ESRCH, "it is of an earlier boot");
    else
        rc = bd_names_read(&list, names, err);
    if (rc == 0) {
        struct bd_net *net = add(all, id, owner);
        const struct bd_box *box = box_of(all, id, NULL);
        net->made_ms = (uint64_t)made;
        net->names = list;
        if (box && box->netns_fd >= 0)
            net->fd = fcntl(box->netns_fd, F_DUPFD_CLOEXEC, 3);
        struct kg_err why = {0};
        if (net->fd >= 0 && furnish(all, net, &why) < 0) /* its programs go on without */
            kg_log(KG_ERROR, "boxd", "network has no way to the outside", "net=%.12s why=\"%s\"",
                   id, why.text);
    }
    json_decref(doc);
    return rc;
}

int bd_nets_open(struct bd_boxes *all, struct kg_err *err)
{
    kg_autofree char *dir_path = kg_asprintf("%s/net", all->config.run_dir);
    int rc = bd_dir_make(dir_path, 0700, 0, 0, err);
    if (rc < 0)
        return rc;
    DIR *dir = opendir(dir_path);
    const struct dirent *e;
    if (!dir)
        return kg_err_errno(err, errno, "open %s", dir_path);
    while ((e = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): one thread
        struct kg_err why = {0};
        if (e->d_name[0] == '.')
            continue;
        kg_autofree char *path = kg_asprintf("%s/%s", dir_path, e->d_name);
        if (bd_is_box_id(e->d_name) && load(all, path, e->d_name, &why) == 0)
            continue;
        kg_log(KG_INFO, "boxd", "network of an earlier boxd is forgotten", "net=%.12s why=\"%s\"",
               e->d_name, why.text);
        unlink(path);
    }
    closedir(dir);
    return 0;
}

static void forget(struct bd_boxes *all, struct bd_net *net)
{
    HASH_DEL(all->nets, net);
    kg_cleanup_close(&net->fd);
    free(net);
}

void bd_nets_free(struct bd_boxes *all)
{
    struct bd_net *net, *next;
    HASH_ITER(hh, all->nets, net, next)
        forget(all, net);
}

struct bd_net *bd_net_find(struct bd_boxes *all, const char *id, struct kg_err *err)
{
    struct bd_net *net = NULL;
    HASH_FIND_STR(all->nets, id, net);
    if (!net)
        kg_err_set(err, -ENOENT, "there is no network %s", id);
    return net;
}

/* The network takes over the box's namespace. */
static int take_box(struct bd_boxes *all, struct bd_net *net, const char *id, struct kg_err *err)
{
    struct bd_box *box = bd_box_find(all, id, err);
    if (!box)
        return err->code;
    if (box->state.net[0] && strcmp(box->state.net, net->id) != 0)
        return kg_err_set(err, -EEXIST, "box %s is in another network", id);
    if (box_of(all, net->id, box))
        return kg_err_set(err, -EEXIST, "network %s has boxes already", net->id);
    if (box->state.net[0] && net->fd >= 0)
        return 0; /* asked again: it is this box's namespace already */
    int fd = fcntl(box->netns_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return kg_err_errno(err, errno, "keep the namespace of box %s", id);
    kg_cleanup_close(&net->fd);
    net->fd = fd;
    int rc = furnish(all, net, err);
    if (rc < 0)
        return rc;
    memcpy(box->state.net, net->id, sizeof(box->state.net));
    rc = bd_box_save(box, err);
    return rc < 0 ? rc : bd_box_tell_names(box, net, err);
}

int bd_net_create(struct bd_boxes *all, const struct bd_request *r, struct kg_err *err)
{
    struct bd_net *net = bd_net_find(all, r->net, NULL);
    if (all->stopping)
        return kg_err_set(err, -ESHUTDOWN, "boxd is going down");
    bool fresh = !net;
    if (fresh && HASH_COUNT(all->nets) >= BD_NETS_MAX)
        return kg_err_set(err, -EAGAIN, "there are %d networks already, as many as may be",
                          BD_NETS_MAX);
    if (fresh)
        net = add(all, r->net, r->owner);
    int rc = r->box[0] ? take_box(all, net, r->box, err) : 0;
    if (rc == 0 && net->fd < 0)
        rc = make_namespace(all, net, err);
    if (rc == 0) {
        memcpy(net->owner, r->owner, sizeof(net->owner));
        rc = save(all, net, err);
    }
    if (rc < 0 && fresh)
        forget(all, net);
    return rc;
}

void bd_net_destroy(struct bd_boxes *all, const char *id)
{
    struct bd_net *net = bd_net_find(all, id, NULL);
    if (!net)
        return;
    kg_autofree char *path = file_of(all, id);
    unlink(path);
    forget(all, net);
}

int bd_net_join(struct bd_boxes *all, struct bd_net *net, struct kg_err *err)
{
    int rc = net->fd < 0 ? make_namespace(all, net, err) : 0;
    if (rc < 0)
        return rc;
    int fd = fcntl(net->fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? kg_err_errno(err, errno, "join network %s", net->id) : fd;
}

int bd_box_tell_names(const struct bd_box *box, const struct bd_net *net, struct kg_err *err)
{
    kg_autofree char *path = kg_asprintf("%s/link/hosts", box->dir);
    kg_autobuf text = {0};
    kg_buf_add_str(&text, "127.0.0.1 localhost box\n::1 localhost ip6-localhost\n");
    const char *at = net ? net->names.text : NULL;
    for (size_t i = 0; net && i < net->names.count; i++, at += strlen(at) + 1)
        kg_buf_printf(&text, "127.0.0.1 %s\n", at);
    return bd_file_replace(path, text.data, text.len, 0644, err);
}

int bd_net_set_names(struct bd_boxes *all, struct bd_net *net, const struct bd_names *names,
                     struct kg_err *err)
{
    net->names = *names;
    int rc = save(all, net, err);
    for (size_t i = 0; i < all->count && rc == 0; i++)
        if (all->list[i]->phase != BD_ENDING && strcmp(all->list[i]->state.net, net->id) == 0)
            rc = bd_box_tell_names(all->list[i], net, err);
    return rc;
}

int bd_net_socket(struct bd_boxes *all, struct bd_net *net, struct kg_err *err)
{
    if (net->fd < 0)
        return kg_err_set(err, -ECONNREFUSED, "nothing runs in network %s", net->id);
    return bd_netns_socket(net->fd, all->home_netns, err);
}

static const char *box_of_uid(const struct bd_boxes *all, const struct bd_net *net, uid_t uid)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct bd_state *s = &all->list[i]->state;
        if (strcmp(s->net, net->id) == 0 && uid >= s->first_id &&
            uid - s->first_id < BD_IDS_PER_BOX)
            return s->box;
    }
    return "";
}

static size_t add_ports(const struct bd_boxes *all, const struct bd_net *net, char *text, bool v6,
                        struct bd_net_port *out, size_t n, size_t room)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct bd_listener l;
        size_t i = 0;
        if (!bd_listener_parse(&l, line, v6))
            continue;
        while (i < n && out[i].port != l.port)
            i++;
        if (i == n && n == room)
            break;
        if (i == n)
            out[n++] = (struct bd_net_port){.port = l.port, .box = box_of_uid(all, net, l.uid)};
        out[i].v4 |= l.v4;
        out[i].v6 |= l.v6;
    }
    return n;
}

int bd_net_ports(struct bd_boxes *all, struct bd_net *net, struct bd_net_port *out, size_t room,
                 struct kg_err *err)
{
    size_t n = 0;
    if (net->fd < 0 || !box_of(all, net->id, NULL))
        return 0;
    for (int v6 = 0; v6 < 2; v6++) {
        kg_autobuf text = {0};
        int rc = bd_netns_listeners(&text, net->fd, all->home_netns, v6, err);
        if (rc < 0)
            return rc;
        kg_buf_add_char(&text, '\0');
        n = add_ports(all, net, (char *)text.data, v6, out, n, room);
    }
    return (int)n;
}

size_t bd_nets_list(struct bd_boxes *all, const char *after, struct bd_net **out, size_t max,
                    bool *more)
{
    size_t n = 0;
    *more = false;
    HASH_SORT(all->nets, by_id);
    for (struct bd_net *net = all->nets; net; net = net->hh.next) {
        if (strcmp(net->id, after) <= 0)
            continue;
        if (n == max) {
            *more = true;
            break;
        }
        out[n++] = net;
    }
    return n;
}

#include "kernelgw/core/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/client.h"
#include "kernelgw/core/keep_workspace.h"
#include "kernelgw/core/names.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/session.h"
#include "kernelgw/core/terminal.h"
#include "kernelgw/core/workspace.h"

#define KEPT_NO_BOX "none" /* it was being started */

enum { KEEP_VERSION = 1 };

static const char *const folders[] = {"kernels", "runs", "workspaces"};

static char *file_of(const struct kg_core *core, const char *folder, const char *id)
{
    return kg_asprintf("%s/%s/%s.json", core->config.state_dir, folder, id);
}

static char *sessions_file(const struct kg_core *core)
{
    return kg_asprintf("%s/sessions.json", core->config.state_dir);
}

int kg_keep_open(struct kg_core *core, struct kg_err *err)
{
    if (!core->config.state_dir)
        return 0;
    for (size_t i = 0; i < KG_COUNT(folders); i++) {
        kg_autofree char *dir = kg_asprintf("%s/%s", core->config.state_dir, folders[i]);
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            return kg_err_errno(err, errno, "make the folder %s", dir);
    }
    return 0;
}

int kg_keep_owner(struct kg_core *core, struct kg_err *err)
{
    kg_uuid4(core->owner);
    if (!core->config.state_dir)
        return 0;
    kg_autofree char *path = kg_asprintf("%s/owner", core->config.state_dir);
    kg_autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char kept[KG_UUID_SIZE] = "";
    if (fd < 0)
        return kg_err_errno(err, errno, "open %s", path);
    if (read(fd, kept, KG_UUID_LEN) == KG_UUID_LEN && kg_is_uuid(kept))
        memcpy(core->owner, kept, sizeof kept);
    else if (ftruncate(fd, 0) < 0 || pwrite(fd, core->owner, KG_UUID_LEN, 0) != KG_UUID_LEN)
        return kg_err_errno(err, errno, "write %s", path);
    return 0;
}

static void complain(const char *path)
{
    kg_log(KG_ERROR, "keep", "state could not be written", "file=%s error=\"%s\"", path,
           strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
}

void kg_keep_write(const char *path, json_t *doc)
{
    kg_autofree char *text = json_dumps(doc, JSON_COMPACT);
    kg_autofree char *beside = kg_asprintf("%s.new", path);
    json_decref(doc);
    kg_autoclose int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = text ? strlen(text) : 0;
    if (fd < 0 || write(fd, text, n) != (ssize_t)n || rename(beside, path) < 0) {
        complain(path);
        unlink(beside);
    }
}

/* {"workspace":{"owner","name","net","aliases"}}, net and aliases only for who is in its network. */
static void add_workspace(json_t *doc, struct kg_workspace *w, bool networked, json_t *aliases)
{
    if (!w)
        return;
    json_t *its = json_pack("{s:s,s:s}", "owner", w->owner, "name", w->name);
    if (networked) {
        json_object_set_new(its, "net", json_string(pl_net_id(kg_workspace_net(w))));
        if (aliases)
            json_object_set(its, "aliases", aliases);
    }
    json_object_set_new(doc, "workspace", its);
}

struct its_workspace {
    const char *owner, *name, *net; /* NULL: none */
    json_t *aliases;
};

static struct its_workspace read_workspace(const json_t *doc)
{
    const json_t *its = json_object_get(doc, "workspace");
    struct its_workspace w = {.owner = json_string_value(json_object_get(its, "owner")),
                              .name = json_string_value(json_object_get(its, "name")),
                              .net = json_string_value(json_object_get(its, "net")),
                              .aliases = json_object_get(its, "aliases")};
    bool good = w.owner && w.name && kg_workspace_name_ok(w.name) &&
                (!w.net || (strlen(w.net) == 32 && strspn(w.net, "0123456789abcdef") == 32)) &&
                kg_aliases_check(w.aliases, "aliases", NULL) == 0;
    return good ? w : (struct its_workspace){0};
}

static json_t *clients_of(const struct kg_kernel *k)
{
    json_t *list = json_array();
    const struct kg_client *c;
    DL_FOREACH(k->clients, c)
        if (c->session_id[0] && !c->numbered)
            json_array_append_new(list, json_pack("{s:s,s:I}", "session_id", c->session_id, "seq",
                                                  (json_int_t)c->reader.confirmed.seq));
    return list;
}

/* Changes with what the file says and can change while the kernel has its box. */
static uint64_t mark_of(const struct kg_kernel *k)
{
    uint64_t mark = 1;
    const struct kg_client *c;
    DL_FOREACH(k->clients, c)
        mark = mark * 31 + c->reader.id * 7 + c->reader.confirmed.seq;
    return mark;
}

void kg_keep_kernel(struct kg_kernel *k)
{
    bool starts = k->promised && k->state == KG_K_STARTING;
    if (!k->core->config.state_dir || (!k->box && !starts) || k->deleted)
        return;
    uint64_t mark = mark_of(k);
    const char *box = k->box ? pl_box_id(k->box) : KEPT_NO_BOX;
    if (strcmp(k->kept_box, box) == 0 && k->kept_mark == mark)
        return;
    snprintf(k->kept_box, sizeof k->kept_box, "%s", box);
    k->kept_mark = mark;
    json_t *doc =
        json_pack("{s:i,s:s,s:s,s:s,s:I,s:O*,s:s*,s:{s:i,s:i,s:i,s:i},s:o}", "version",
                  KEEP_VERSION, "id", k->id, "runtime", k->runtime->name, "box", box, "number_base",
                  (json_int_t)k->number_base, "env", k->env, "cwd", k->cwd, "limits", "memory_mb",
                  (int)k->limits.memory_mb, "cpu_milli", (int)k->limits.cpu_milli, "pids",
                  (int)k->limits.pids, "tmp_mb", (int)k->limits.tmp_mb, "clients", clients_of(k));
    if (k->info)
        json_object_set(doc, "info", k->info);
    if (k->owner)
        json_object_set_new(doc, "owner", json_string(k->owner));
    add_workspace(doc, k->workspace, k->networked, k->aliases);
    kg_autofree char *path = file_of(k->core, "kernels", k->id);
    kg_keep_write(path, doc);
}

void kg_keep_forget(struct kg_kernel *k)
{
    if (!k->core->config.state_dir)
        return;
    kg_autofree char *path = file_of(k->core, "kernels", k->id);
    k->kept_box[0] = 0;
    unlink(path);
}

void kg_keep_run(const struct kg_run *r)
{
    if (!r->core->config.state_dir || !r->box || r->deleted)
        return;
    const struct kg_wish *w = &r->spec.wish;
    json_t *doc = json_pack(
        "{s:i,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:i,s:[i,i,i]}", "version", KEEP_VERSION, "id", r->id,
        "runtime", r->spec.runtime->name, "box", pl_box_id(r->box), "session", r->spec.session,
        "entry", r->spec.entry, "created_us", (json_int_t)r->created_us, "started_us",
        (json_int_t)r->started_us, "input_ended", r->input_ended, "wall_s", (int)r->spec.wall_s,
        "wish", (int)w->memory_mb, (int)w->cpu_milli, (int)w->pids);
    if (r->spec.terminal)
        json_object_set_new(doc, "terminal", json_string(r->spec.terminal));
    if (r->spec.owner)
        json_object_set_new(doc, "owner", json_string(r->spec.owner));
    json_object_set_new(doc, "box_seq", json_integer((json_int_t)r->box_seq));
    if (r->spec.tty.on)
        json_object_set_new(
            doc, "tty",
            json_pack("{s:i,s:i}", "rows", (int)r->spec.tty.rows, "cols", (int)r->spec.tty.cols));
    add_workspace(doc, r->workspace, r->spec.network, r->spec.aliases);
    kg_autofree char *path = file_of(r->core, "runs", r->id);
    kg_keep_write(path, doc);
}

void kg_keep_forget_run(const struct kg_run *r)
{
    if (!r->core->config.state_dir)
        return;
    kg_autofree char *path = file_of(r->core, "runs", r->id);
    unlink(path);
}

void kg_keep_sessions(struct kg_core *core)
{
    if (!core->config.state_dir || core->leaving)
        return;
    json_t *list = json_array();
    for (const struct kg_session *s = core->sessions; s; s = s->hh.next)
        if (s->kernel)
            json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "id", s->id, "owner",
                                                  s->owner, "path", s->path, "name", s->name,
                                                  "type", s->type, "kernel", s->kernel->id));
    kg_autofree char *path = sessions_file(core);
    kg_keep_write(path, list);
}

static void restore_clients(struct kg_kernel *k, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *session = json_string_value(json_object_get(one, "session_id"));
        json_int_t seq = json_integer_value(json_object_get(one, "seq"));
        if (session && session[0] && seq >= 0)
            kg_client_restore(k, session, (uint64_t)seq);
    }
}

static int load_kernel(struct kg_core *core, const char *path, struct kg_err *err)
{
    json_error_t at;
    json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!doc)
        return kg_err_set(err, -EINVAL, "line %d: %s", at.line, at.text);
    const char *id = NULL, *runtime = NULL, *box = NULL, *cwd = NULL;
    json_int_t base = 0;
    int version = 0, memory = 0, cpu = 0, pids = 0, tmp = 0;
    json_t *env = NULL, *clients = NULL;
    int rc = json_unpack_ex(doc, &at, 0, "{s:i,s:s,s:s,s:s,s:I,s?o,s?s,s:{s:i,s:i,s:i,s:i},s:o}",
                            "version", &version, "id", &id, "runtime", &runtime, "box", &box,
                            "number_base", &base, "env", &env, "cwd", &cwd, "limits", "memory_mb",
                            &memory, "cpu_milli", &cpu, "pids", &pids, "tmp_mb", &tmp, "clients",
                            &clients);
    if (rc < 0)
        rc = kg_err_set(err, -EINVAL, "%s", at.text);
    else if (version != KEEP_VERSION)
        rc = kg_err_set(err, -EINVAL, "version %d is not known here", version);
    struct kg_kernel *k = NULL;
    if (rc == 0) {
        struct kg_kernel_kept kept = {
            .id = id,
            .runtime = runtime,
            .box = box && strcmp(box, KEPT_NO_BOX) != 0 ? box : NULL,
            .number_base = base > 0 ? (uint64_t)base : 0,
            .env = json_is_object(env) ? env : NULL,
            .cwd = cwd,
            .limits = {(uint32_t)memory, (uint32_t)cpu, (uint32_t)pids, (uint32_t)tmp},
        };
        struct its_workspace w = read_workspace(doc);
        kept.owner = w.owner ? w.owner : json_string_value(json_object_get(doc, "owner"));
        kept.session = w.name;
        kept.net = w.net;
        kept.aliases = w.aliases;
        kept.info = json_object_get(doc, "info");
        rc = kg_kernel_adopt(core, &kept, &k, err);
    }
    if (rc == 0)
        restore_clients(k, clients);
    json_decref(doc);
    return rc;
}

static int load_run(struct kg_core *core, const char *path, struct kg_err *err)
{
    json_error_t at;
    json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
    if (!doc)
        return kg_err_set(err, -EINVAL, "line %d: %s", at.line, at.text);
    const char *runtime = NULL, *session = NULL, *entry = NULL;
    json_int_t created = 0, started = 0;
    int version = 0, wall = 0, ended = 0, memory = 0, cpu = 0, pids = 0;
    struct kg_run_kept kept = {0};
    int rc = json_unpack_ex(doc, &at, 0, "{s:i,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:i,s:[i,i,i]}",
                            "version", &version, "id", &kept.id, "runtime", &runtime, "box",
                            &kept.box, "session", &session, "entry", &entry, "created_us", &created,
                            "started_us", &started, "input_ended", &ended, "wall_s", &wall, "wish",
                            &memory, &cpu, &pids);
    const char *terminal = json_string_value(json_object_get(doc, "terminal"));
    const struct kg_runtime *rt = rc == 0 ? kg_runtimes_find(&core->runtimes, runtime) : NULL;
    if (rc < 0)
        rc = kg_err_set(err, -EINVAL, "%s", at.text);
    else if (version != KEEP_VERSION)
        rc = kg_err_set(err, -EINVAL, "version %d is not known here", version);
    else if (!rt || !rt->program)
        rc = kg_err_set(err, -ENOENT, "no runtime %.60s runs programs here", runtime);
    else if (!kg_is_uuid(kept.id) || kg_run_find(core, kept.id) || wall < (terminal ? 0 : 1))
        rc = kg_err_set(err, -EINVAL, "an id or a time that can't be");
    else if (terminal && (!core->config.terminals || !kg_terminal_name_ok(terminal)))
        rc = kg_err_set(err, -ENOENT, "there are no terminals here");
    if (rc == 0) {
        struct kg_run_spec spec = {.session = kg_strdup(session),
                                   .runtime = rt,
                                   .entry = kg_strdup(entry),
                                   .wall_s = (uint32_t)wall,
                                   .wish = {.memory_mb = (uint32_t)memory,
                                            .cpu_milli = (uint32_t)cpu,
                                            .pids = (uint32_t)pids}};
        spec.terminal = terminal ? kg_strdup(terminal) : NULL;
        kg_tty_parse(&spec.tty, json_object_get(doc, "tty"), false, NULL);
        struct its_workspace w = read_workspace(doc);
        const char *owner = w.owner ? w.owner : json_string_value(json_object_get(doc, "owner"));
        spec.owner = owner ? kg_strdup(owner) : NULL;
        spec.network = w.net != NULL;
        spec.aliases = json_incref(w.aliases);
        kept.net = w.net;
        json_int_t box_seq = json_integer_value(json_object_get(doc, "box_seq"));
        kept.box_seq = box_seq > 0 ? (uint64_t)box_seq : 0;
        kept.created_us = created;
        kept.started_us = started;
        kept.input_ended = ended;
        kg_run_adopt(core, &kept, &spec);
        if (terminal)
            kg_terminal_adopt(core, kg_run_find(core, kept.id));
    }
    json_decref(doc);
    return rc;
}

static void load_sessions(struct kg_core *core)
{
    kg_autofree char *path = sessions_file(core);
    json_t *list = json_load_file(path, 0, NULL);
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *id, *where, *name, *type, *kernel;
        if (json_unpack(one, "{s:s,s:s,s:s,s:s,s:s}", "id", &id, "path", &where, "name", &name,
                        "type", &type, "kernel", &kernel) < 0)
            continue;
        struct kg_kernel *k = kg_kernel_find(core, kernel);
        const char *owner = json_string_value(json_object_get(one, "owner"));
        if (k && kg_is_uuid(id) && !kg_session_find(core, id))
            kg_session_restore(core, owner ? owner : k->owner, id, where, name, type, k);
    }
    json_decref(list);
}

static void load_folder(struct kg_core *core, const char *folder,
                        int (*load)(struct kg_core *core, const char *path, struct kg_err *err))
{
    kg_autofree char *dir = kg_asprintf("%s/%s", core->config.state_dir, folder);
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        const char *end = strrchr(name, '.');
        if (name[0] != '.' && end) {
            struct kg_err err = {0};
            kg_autofree char *path = kg_asprintf("%s/%s", dir, name);
            int rc = strcmp(end, ".json") == 0
                         ? load(core, path, &err)
                         : kg_err_set(&err, -EINVAL, "half written by a server that was killed");
            if (rc < 0) {
                kg_log(KG_WARN, "keep", "not taken over", "file=%s why=\"%s\"", path, err.text);
                unlink(path);
            }
        }
        free(names[i]);
    }
    free(names);
}

void kg_keep_load(struct kg_core *core)
{
    if (!core->config.state_dir)
        return;
    kg_keep_load_accounts(core);
    kg_keep_load_workspaces(core);
    load_folder(core, "kernels", load_kernel);
    load_folder(core, "runs", load_run);
    load_sessions(core);
}

/*
 * What the next server needs to go on with the runs of this one, in a folder below the state folder: for each run a file that says
 * what was asked and how far it is, and a copy of its document. Not flushed to the disk: boxes don't outlive the machine either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/headless/inside.h"

void kg_nb_keep_open(struct kg_nbruns *all)
{
    struct kg_err err = {0};
    const char *state = all->core->config.state_dir;
    kg_autofree char *dir = state ? kg_asprintf("%s/notebooks", state) : NULL;
    if (!dir)
        return;
    if ((mkdir(dir, 0700) < 0 && errno != EEXIST) || nb_root_open(&all->kept, dir, &err) < 0)
        kg_log(KG_ERROR, "notebook", "state can't be kept", "dir=%s", dir);
}

static int write_plain(const struct nb_root *root, const char *id, const char *ending,
                       const void *data, size_t n)
{
    char name[64];
    char beside[72];
    snprintf(name, sizeof name, "%s.%s", id, ending);
    snprintf(beside, sizeof beside, "%s.new", name);
    kg_autoclose int fd =
        openat(root->fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < n;) {
        ssize_t rc = write(fd, (const char *)data + done, n - done);
        if (rc < 0 && errno != EINTR)
            return -errno;
        done += rc > 0 ? (size_t)rc : 0;
    }
    return renameat(root->fd, beside, root->fd, name) < 0 ? -errno : 0;
}

int kg_nb_keep_copy(const struct kg_nbrun *r, const struct kg_buf *bytes, struct kg_err *err)
{
    const struct nb_root *root = r->store.kept;
    int rc = root ? write_plain(root, r->id, "ipynb", bytes->data, bytes->len) : 0;
    return rc < 0 ? kg_err_errno(err, -rc, "write the copy in the state folder") : 0;
}

/* The part of msg_ids that the copy does not cover. */
static json_t *ids_left(const struct kg_nbrun *r)
{
    json_t *left = json_object();
    const char *index;
    json_t *id;
    json_object_foreach(r->msg_ids, index, id)
        if (strtoul(index, NULL, 10) >= r->covered)
            json_object_set(left, index, id);
    return left;
}

static json_t *entry_of(const struct kg_nbrun *r)
{
    const struct kg_nbrun_spec *s = &r->spec;
    bool begun = r->started_us != 0; /* of others only what was asked is to be known */
    json_t *entry = json_pack(
        "{s:s,s:s*,s:s*,s:O*,s:O*,s:O*,s:I,s:b,s:b,s:b,s:b,s:s,s:I,s:I}", "owner", s->owner, "path",
        s->path, "output_path", s->output_path, "parameters", s->parameters, "env", s->env, "own",
        s->own, "timeout_ms", (json_int_t)s->timeout_ms, "allow_errors", s->allow_errors,
        "keep_kernel", s->keep_kernel, "in_place", s->in_place, "record_timing", s->record_timing,
        "kernel", r->runtime->name, "created_us", (json_int_t)r->created_us, "started_us",
        (json_int_t)r->started_us);
    json_t *now =
        json_pack("{s:s*,s:s,s:b,s:s,s:s,s:I,s:I,s:o}", "target", r->store.path, "hash",
                  r->store.hash, "is_new", r->store.is_new, "kernel_id", begun ? r->kernel_id : "",
                  "session_id", begun ? r->session_id : "", "covered", (json_int_t)r->covered,
                  "covered_done", (json_int_t)r->covered_done, "msg_ids", ids_left(r));
    json_object_update(entry, now);
    json_decref(now);
    return entry;
}

void kg_nb_keep(const struct kg_nbrun *r)
{
    const struct nb_root *root = r->all->kept;
    if (!root || (r->outcome && !r->left))
        return;
    json_t *entry = entry_of(r);
    kg_autofree char *text = json_dumps(entry, JSON_COMPACT);
    int rc = text ? write_plain(root, r->id, "json", text, strlen(text)) : -EINVAL;
    if (rc < 0)
        kg_log(KG_ERROR, "notebook", "state could not be written", "id=%s error=%d", r->id, rc);
    json_decref(entry);
}

static void forget(const struct kg_nbrun *r, const char *ending)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", r->id, ending);
    unlinkat(r->all->kept->fd, name, 0);
}

void kg_nb_keep_ended(const struct kg_nbrun *r)
{
    static const char *const over[] = {"parameters", "env", "own", "msg_ids"};
    if (!r->all->kept)
        return;
    json_t *entry = entry_of(r);
    json_t *end = kg_nb_ended_entry(r);
    for (size_t i = 0; i < KG_COUNT(over); i++)
        json_object_del(entry, over[i]); /* of use to nobody now, and env may hold secrets */
    json_object_update(entry, end);
    kg_autofree char *text = json_dumps(entry, JSON_COMPACT);
    int rc = text ? write_plain(r->all->kept, r->id, "json", text, strlen(text)) : -EINVAL;
    if (rc < 0)
        kg_log(KG_ERROR, "notebook", "state could not be written", "id=%s error=%d", r->id, rc);
    if (rc < 0 || !r->nb)
        forget(r, "ipynb");
    json_decref(end);
    json_decref(entry);
}

void kg_nb_keep_whole(const struct kg_nbrun *r)
{
    kg_autobuf bytes = {0};
    struct kg_err err = {0};
    if (!r->all->kept)
        return;
    kg_nb_write_now(r, &bytes);
    if (kg_nb_keep_copy(r, &bytes, &err) < 0)
        kg_log(KG_ERROR, "notebook", "state could not be written", "id=%s why=\"%s\"", r->id,
               err.text);
    else
        kg_nb_keep(r);
}

void kg_nb_keep_forget(const struct kg_nbrun *r)
{
    if (!r->all->kept)
        return;
    forget(r, "json");
    forget(r, "ipynb");
}

#include "kernelgw/core/keep_workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/keep_files.h"

enum { KEEP_VERSION = 1, JSON_BYTES_MAX = 64 << 20 };

/* One workspace to be written, or (workspace NULL) one that has ended and whose folder is to go. */
struct kg_keep_job {
    struct kg_keep_job *prev, *next;
    uv_work_t work;
    uv_sem_t done;
    struct kg_core
        *core; /* NULL: the server has ended meanwhile, and waits for nothing but the thread */
    struct kg_workspace *workspace; /* once the thread has it: to be compared alone */
    char *dir;
    struct kg_kept_files files;
    struct kg_keep_wait *waits;
};

static char *dir_of(const struct kg_workspace *w)
{
    char hash[KG_HASH_SIZE];
    kg_hash_bytes(hash, w->key, strlen(w->key));
    return kg_asprintf("%s/workspaces/%s", w->core->config.state_dir, hash);
}

static bool is_kept(const struct kg_workspace *w)
{
    return w->core->config.state_dir && !w->passing && !w->core->keep_loading;
}

/* Changes with what is written down of it. */
static uint64_t mark_of(const struct kg_workspace *w)
{
    bool bound = w->attached || w->lost_ms;
    return ((w->files.revision * 31 + w->cpu_ms) * 31 + w->output_bytes) * 2 + bound + 1;
}

static char *text_of(const struct kg_workspace *w)
{
    json_t *files = json_array();
    for (const struct kg_file *f = w->files.table; f; f = f->hh.next)
        json_array_append_new(files, json_pack("{s:s,s:s,s:b,s:I}", "path", f->path, "hash",
                                               f->hash, "executable", (f->mode & 0100) != 0,
                                               "modified_us", (json_int_t)f->modified_us));
    json_t *doc = json_pack(
        "{s:i,s:s,s:s,s:I,s:I,s:I,s:b,s:I,s:o}", "version", KEEP_VERSION, "owner", w->owner, "name",
        w->name, "created_us", (json_int_t)w->created_us, "cpu_ms", (json_int_t)w->cpu_ms,
        "output_bytes", (json_int_t)w->output_bytes, "bound", w->attached || w->lost_ms, "revision",
        (json_int_t)w->files.revision, "files", files);
    char *text = json_dumps(doc, JSON_COMPACT);
    json_decref(doc);
    return text;
}

/* Takes what is to be written as it is now: from here on the thread needs nothing of the workspace. */
static void snapshot(struct kg_keep_job *job)
{
    struct kg_workspace *w = job->workspace;
    w->keep_job = NULL;
    w->kept_mark = mark_of(w);
    job->files.text = text_of(w);
    if (w->kept_files == w->files.revision)
        return; /* the contents are there already */
    w->kept_files = w->files.revision;
    job->files.all = true;
    job->files.items = kg_calloc(HASH_COUNT(w->files.table) + 1, sizeof *job->files.items);
    for (const struct kg_file *f = w->files.table; f; f = f->hh.next) {
        struct kg_kept_file *k = &job->files.items[job->files.count++];
        memcpy(k->hash, f->hash, sizeof k->hash);
        k->data = kg_blob_ref(f->data);
    }
}

static void work(uv_work_t *work)
{
    struct kg_keep_job *job = work->data;
    if (job->files.text)
        kg_kept_write(job->dir, &job->files);
    else
        kg_kept_remove(job->dir);
    uv_sem_post(&job->done);
}

static void job_free(struct kg_keep_job *job)
{
    while (job->waits) {
        struct kg_keep_wait *wait = job->waits;
        kg_keep_wait_cancel(wait);
        wait->done(wait->user);
    }
    for (size_t i = 0; i < job->files.count; i++)
        kg_blob_unref(job->files.items[i].data);
    free(job->files.items);
    free(job->files.text);
    free(job->dir);
    free(job);
}

static void begin_next(struct kg_core *core);

static void worked(uv_work_t *work, int status)
{
    struct kg_keep_job *job = work->data;
    struct kg_core *core = job->core;
    (void)status; /* never cancelled */
    uv_sem_destroy(&job->done);
    job_free(job);
    if (!core)
        return;
    core->keeping = NULL;
    begin_next(core);
}

/* One at a time: contents of documents are read and written on the same few threads. */
static void begin_next(struct kg_core *core)
{
    struct kg_keep_job *job = core->keep_jobs;
    if (!job || core->keeping)
        return;
    DL_DELETE(core->keep_jobs, job);
    core->keeping = job;
    if (job->workspace)
        snapshot(job);
    job->work.data = job;
    uv_sem_init(&job->done, 0);
    uv_queue_work(core->loop, &job->work, work, worked);
}

static struct kg_keep_job *job_new(struct kg_workspace *w)
{
    struct kg_keep_job *job = kg_calloc(1, sizeof *job);
    job->core = w->core;
    job->dir = dir_of(w);
    DL_APPEND(w->core->keep_jobs, job);
    return job;
}

void kg_keep_workspace(struct kg_workspace *w)
{
    if (!is_kept(w) || w->ending || w->keep_job || w->kept_mark == mark_of(w))
        return;
    w->keep_job = job_new(w);
    w->keep_job->workspace = w;
    begin_next(w->core);
}

bool kg_keep_workspace_wait(struct kg_workspace *w, struct kg_keep_wait *wait,
                            void (*done)(void *user), void *user)
{
    struct kg_core *core = w->core;
    kg_keep_workspace(w);
    struct kg_keep_job *job = w->keep_job;
    if (!job && core->keeping && core->keeping->workspace == w)
        job = core->keeping;
    if (!job)
        return false;
    *wait = (struct kg_keep_wait){.job = job, .done = done, .user = user};
    DL_APPEND(job->waits, wait);
    return true;
}

void kg_keep_wait_cancel(struct kg_keep_wait *wait)
{
    if (!wait->job)
        return;
    DL_DELETE(wait->job->waits, wait);
    wait->job = NULL;
}

void kg_keep_forget_workspace(struct kg_workspace *w)
{
    if (!is_kept(w))
        return;
    if (w->keep_job) {
        DL_DELETE(w->core->keep_jobs, w->keep_job);
        job_free(kg_steal(&w->keep_job));
    }
    if (w->kept_mark == 0)
        return; /* it was never written */
    job_new(w);
    begin_next(w->core);
}

void kg_keep_flush_workspaces(struct kg_core *core)
{
    if (core->keeping) {
        uv_sem_wait(&core->keeping->done);
        uv_sem_post(&core->keeping->done);
        core->keeping->core = NULL;
        core->keeping = NULL;
    }
    while (core->keep_jobs) {
        struct kg_keep_job *job = core->keep_jobs;
        DL_DELETE(core->keep_jobs, job);
        if (job->workspace) {
            snapshot(job);
            kg_kept_write(job->dir, &job->files);
        } else {
            kg_kept_remove(job->dir);
        }
        job_free(job);
    }
}

/* --- at the start --- */

static void load_file(struct kg_workspace *w, int dir, const json_t *one)
{
    const char *path = json_string_value(json_object_get(one, "path"));
    const char *hash = json_string_value(json_object_get(one, "hash"));
    struct kg_err err = {0};
    struct kg_blob *data = path && hash ? kg_kept_read(dir, hash, &err) : NULL;
    if (data && kg_files_put(&w->files, path, data, hash,
                             json_is_true(json_object_get(one, "executable")), &err) == 0)
        kg_files_date(&w->files, path, json_integer_value(json_object_get(one, "modified_us")));
    else
        kg_log(KG_WARN, "keep", "a session's file is lost", "session=\"%s\" path=\"%s\" why=\"%s\"",
               w->name, path ? path : "", err.text);
    kg_blob_unref(data);
}

static int load_one(struct kg_core *core, int dir, struct kg_err *err)
{
    kg_autofree char *text = kg_kept_text(dir, JSON_BYTES_MAX, err);
    json_t *doc = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *owner = json_string_value(json_object_get(doc, "owner"));
    const char *name = json_string_value(json_object_get(doc, "name"));
    json_int_t cpu = json_integer_value(json_object_get(doc, "cpu_ms"));
    json_int_t output = json_integer_value(json_object_get(doc, "output_bytes"));
    struct kg_workspace *w = NULL;
    int rc = text ? 0 : err->code;
    if (rc == 0 && (!owner || !name || !kg_workspace_name_ok(name) ||
                    json_integer_value(json_object_get(doc, "version")) != KEEP_VERSION))
        rc = kg_err_set(err, -EINVAL, "what was kept of it is not whole");
    if (rc == 0 && !(w = kg_workspace_get(core, owner, name, false, err)))
        rc = err->code;
    if (rc == 0) {
        size_t i;
        json_t *one;
        w->created_us = json_integer_value(json_object_get(doc, "created_us"));
        w->cpu_ms = cpu > 0 ? (uint64_t)cpu : 0;
        w->output_bytes = output > 0 ? (uint64_t)output : 0;
        json_array_foreach(json_object_get(doc, "files"), i, one)
            load_file(w, dir, one);
        json_int_t revision = json_integer_value(json_object_get(doc, "revision"));
        if (revision > 0 && (uint64_t)revision > w->files.revision)
            w->files.revision =
                (uint64_t)revision; /* numbers that clients have seen don't come again */
        if (json_is_true(json_object_get(doc, "bound")))
            kg_workspace_was_bound(w);
        w->kept_mark = mark_of(w);
        w->kept_files = w->files.revision;
    }
    json_decref(doc);
    return rc;
}

void kg_keep_load_workspaces(struct kg_core *core)
{
    kg_autofree char *path = kg_asprintf("%s/workspaces", core->config.state_dir);
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    core->keep_loading = true;
    for (int i = 0; i < n; i++) {
        struct kg_err err = {0};
        kg_autofree char *dir = kg_asprintf("%s/%s", path, names[i]->d_name);
        kg_autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int rc = names[i]->d_name[0] != '.' && fd >= 0 ? load_one(core, fd, &err) : 0;
        if (rc == -ENOENT) /* the server was killed before it was there, or while it went */
            kg_kept_remove(dir);
        else if (rc < 0)
            kg_log(KG_WARN, "keep", "a session was not taken over", "folder=%s why=\"%s\"", dir,
                   err.text);
        free(names[i]);
    }
    free(names);
    core->keep_loading = false;
}

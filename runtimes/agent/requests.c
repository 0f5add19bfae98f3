#include "runtimes/agent/requests.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "runtimes/agent/changes.h"
#include "runtimes/agent/files.h"
#include "runtimes/agent/reply.h"

/* A request whose DATA is still coming. */
struct upload {
    struct upload *next;
    uint64_t id;
    struct kk_file *file; /* files.put */
    char *run_id;         /* run.stdin */
    bool eof;
    struct kg_buf bytes;
};

/* An op's function replies itself, now or later, and returns 0; or it returns a negative code and has not replied. */
typedef int op_fn(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err);

/* A request that waits for the box's service to be there again. */
struct deferred {
    struct kk_service_wait wait;
    struct deferred *next;
    struct kk_requests *requests;
    uint64_t id;
    op_fn *fn;
    json_t *req;
};

struct kk_requests {
    struct kk_parts parts;
    struct deferred *deferred;
    struct upload *uploads;
    size_t upload_count;
    struct kk_changes *changes;
};

static void upload_free(struct upload *u)
{
    kk_file_abandon(u->file);
    kg_buf_release(&u->bytes);
    free(u->run_id);
    free(u);
}

/* NULL when there are too many. */
static struct upload *upload_new(struct kk_requests *r, uint64_t id, struct kg_err *err)
{
    if (r->upload_count >= KK_UPLOADS_MAX) {
        kg_err_set(err, -EBUSY, "%d uploads are under way", KK_UPLOADS_MAX);
        return NULL;
    }
    struct upload *u = kg_calloc(1, sizeof *u);
    u->id = id;
    u->next = r->uploads;
    r->uploads = u;
    r->upload_count++;
    return u;
}

static struct upload *upload_unlink(struct kk_requests *r, uint64_t id)
{
    for (struct upload **at = &r->uploads; *at; at = &(*at)->next) {
        struct upload *u = *at;
        if (u->id != id)
            continue;
        *at = u->next;
        r->upload_count--;
        return u;
    }
    return NULL;
}

void kk_requests_drop_uploads(struct kk_requests *r)
{
    while (r->uploads) {
        struct upload *u = r->uploads;
        struct kg_err err = {.code = -ECONNRESET, .text = "the link was lost during the upload"};
        r->uploads = u->next;
        kk_reply_error(r->parts.link, u->id, &err);
        upload_free(u);
    }
    r->upload_count = 0;
}

/* NULL for what is no string, and for one that C would take for a shorter one. */
static const char *text_of(const json_t *req, const char *key)
{
    const json_t *v = json_object_get(req, key);
    const char *text = json_string_value(v);
    return text && strlen(text) == json_string_length(v) ? text : NULL;
}

static int op_ping(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    (void)req;
    (void)err;
    kk_reply_ok(r->parts.link, id);
    return 0;
}

static int op_stats(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    (void)req;
    (void)err;
    struct kk_stats s = kk_children_stats(r->parts.children);
    struct kk_reply reply;
    kk_reply_begin(&reply, id);
    kg_json_kint(&reply.json, "rss_kb", (int64_t)s.rss_kb);
    kg_json_kint(&reply.json, "processes", (int64_t)s.processes);
    kg_json_kint(&reply.json, "cpu_ms", (int64_t)s.cpu_ms);
    kk_reply_send(&reply, r->parts.link);
    return 0;
}

static int op_run_start(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (kk_kernel_alive(r->parts.kernel) || kk_kit_alive(r->parts.kit))
        return kg_err_set(err, -EBUSY, "a kernel lives in this box");
    return kk_runner_start(r->parts.runner, id, req, err);
}

static int op_run_stdin(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    struct upload *u = upload_new(r, id, err);
    if (!u)
        return err->code;
    const char *run_id = text_of(req, "run_id");
    u->run_id = kg_strdup(run_id ? run_id : "");
    u->eof = json_is_true(json_object_get(req, "eof"));
    return 0;
}

static int op_run_signal(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    int rc = kk_runner_signal(r->parts.runner, text_of(req, "run_id"), text_of(req, "signal"),
                              text_of(req, "reason"), err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static int op_run_continue(struct kk_requests *r, uint64_t id, const json_t *req,
                           struct kg_err *err)
{
    int rc = kk_runner_continue(r->parts.runner, text_of(req, "run_id"), err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static int op_run_resize(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    int rc = kk_runner_resize(r->parts.runner, text_of(req, "run_id"), req, err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static int op_files_put(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    const json_t *mode = json_object_get(req, "mode");
    const json_t *size = json_object_get(req, "size");
    struct kk_file *file;
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return kg_err_set(err, -EINVAL, "size must be a number of bytes");
    int rc = kk_file_open(&file, r->parts.options, text_of(req, "path"),
                          json_is_integer(mode) ? (mode_t)json_integer_value(mode) : 0644,
                          (uint64_t)json_integer_value(size), err);
    if (rc < 0)
        return rc;
    struct upload *u = upload_new(r, id, err);
    if (!u) {
        kk_file_abandon(file);
        return err->code;
    }
    kk_file_set_mtime(file, json_integer_value(json_object_get(req, "mtime_ms")));
    u->file = file;
    return 0;
}

static int op_files_mark(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    (void)req;
    int rc = kk_changes_mark(r->changes, err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static int op_files_changed(struct kk_requests *r, uint64_t id, const json_t *req,
                            struct kg_err *err)
{
    struct kk_reply reply;
    (void)req;
    kk_reply_begin(&reply, id);
    int rc = kk_changes_list(r->changes, &reply.json, err);
    if (rc == 0)
        kk_reply_send(&reply, r->parts.link);
    else
        kg_buf_release(&reply.body);
    return rc;
}

static int op_files_get(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    json_int_t offset = json_integer_value(json_object_get(req, "offset"));
    struct kk_piece piece;
    kg_autobuf bytes = {0};
    if (offset < 0)
        return kg_err_set(err, -EINVAL, "offset is negative");
    int rc = kk_changes_read(r->parts.options, text_of(req, "path"), (uint64_t)offset, &bytes,
                             &piece, err);
    if (rc < 0)
        return rc;
    size_t n = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    kg_autofree char *text = kg_malloc(n);
    sodium_bin2base64(text, n, bytes.data, bytes.len, sodium_base64_VARIANT_ORIGINAL);
    struct kk_reply reply;
    kk_reply_begin(&reply, id);
    kg_json_kint(&reply.json, "size", (int64_t)piece.size);
    kg_json_kstr(&reply.json, "stamp", piece.stamp);
    kg_json_kstr(&reply.json, "base64", text);
    kk_reply_send(&reply, r->parts.link);
    return 0;
}

static int op_files_clear(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    bool all = json_is_true(json_object_get(req, "all"));
    int rc = kk_files_clear(r->parts.options, all, err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static int op_kernel_start(struct kk_requests *r, uint64_t id, const json_t *req,
                           struct kg_err *err)
{
    if (kk_runner_busy(r->parts.runner))
        return kg_err_set(err, -EBUSY, "a program runs in this box");
    if (kk_kernel_alive(r->parts.kernel) || kk_kit_alive(r->parts.kit))
        return kg_err_set(err, -EBUSY, "a kernel lives here already");
    if (json_is_true(json_object_get(req, "evaluator")))
        return kk_kit_start(r->parts.kit, id, req, err);
    return kk_kernel_start(r->parts.kernel, id, req, err);
}

static int op_kernel_configure(struct kk_requests *r, uint64_t id, const json_t *req,
                               struct kg_err *err)
{
    if (kk_kit_alive(r->parts.kit))
        return kk_kit_configure(r->parts.kit, id, req, err);
    return kk_kernel_configure(r->parts.kernel, id, req, err);
}

static int op_kernel_interrupt(struct kk_requests *r, uint64_t id, const json_t *req,
                               struct kg_err *err)
{
    (void)req;
    int rc = kk_kit_alive(r->parts.kit) ? kk_kit_interrupt(r->parts.kit, err)
                                        : kk_kernel_interrupt(r->parts.kernel, err);
    if (rc == 0)
        kk_reply_ok(r->parts.link, id);
    return rc;
}

static void deferred_free(struct deferred *d)
{
    LL_DELETE(d->requests->deferred, d);
    json_decref(d->req);
    free(d);
}

static void drop_deferred(struct kk_requests *r, op_fn *fn, struct kg_err *why)
{
    struct deferred *d, *next;
    LL_FOREACH_SAFE(r->deferred, d, next)
    {
        if (d->fn != fn)
            continue;
        kk_service_forget(r->parts.service, &d->wait);
        kk_reply_error(r->parts.link, d->id, why);
        deferred_free(d);
    }
}

static void on_service(struct kk_service_wait *w, const struct kg_err *why)
{
    struct deferred *d = (struct deferred *)w;
    struct kg_err failure = why ? *why : (struct kg_err){0};
    if (why || d->fn(d->requests, d->id, d->req, &failure) < 0)
        kk_reply_error(d->requests->parts.link, d->id, &failure);
    deferred_free(d);
}

static void defer(struct kk_requests *r, uint64_t id, op_fn *fn, json_t *req)
{
    struct deferred *d = kg_calloc(1, sizeof *d);
    *d = (struct deferred){
        .wait = {.done = on_service}, .requests = r, .id = id, .fn = fn, .req = json_incref(req)};
    LL_PREPEND(r->deferred, d);
    kk_service_await(r->parts.service, &d->wait);
}

static int op_service_start(struct kk_requests *r, uint64_t id, const json_t *req,
                            struct kg_err *err)
{
    return kk_service_start(r->parts.service, id, req, err);
}

static int op_kernel_stop(struct kk_requests *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    struct kg_err stopped = {.code = -ECANCELED, .text = "the kernel was stopped before it began"};
    drop_deferred(r, op_kernel_start, &stopped);
    json_int_t grace = json_integer_value(json_object_get(req, "grace_ms"));
    uint64_t grace_ms = grace > 0 ? (uint64_t)grace : 0;
    if (kk_kit_alive(r->parts.kit))
        return kk_kit_stop(r->parts.kit, id, grace_ms, err);
    return kk_kernel_stop(r->parts.kernel, id, grace_ms, err);
}

static const struct {
    const char *name;
    op_fn *fn;
    bool needs_service; /* waits for it, if the box has one */
} ops[] = {
    {"service.start", op_service_start, false},
    {"kernel.start", op_kernel_start, true},
    {"kernel.configure", op_kernel_configure, false},
    {"kernel.interrupt", op_kernel_interrupt, false},
    {"kernel.stop", op_kernel_stop, false},
    {"run.start", op_run_start, true},
    {"run.stdin", op_run_stdin, false},
    {"run.signal", op_run_signal, false},
    {"run.continue", op_run_continue, false},
    {"run.resize", op_run_resize, false},
    {"files.put", op_files_put, false},
    {"files.clear", op_files_clear, false},
    {"files.mark", op_files_mark, false},
    {"files.changed", op_files_changed, false},
    {"files.get", op_files_get, false},
    {"stats", op_stats, false},
    {"ping", op_ping, false},
};

static int take_req(struct kk_requests *r, const uint8_t *body, size_t n, struct kg_err *err)
{
    json_error_t why;
    json_t *req = json_loadb((const char *)body, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    json_t *id_value = json_object_get(req, "id");
    const char *name = text_of(req, "op");
    if (!json_is_integer(id_value) || !name) {
        json_decref(req);
        return kg_err_set(err, -EPROTO, "a request without id and op");
    }
    uint64_t id = (uint64_t)json_integer_value(id_value);
    struct kg_err failure = {0};
    int rc = kg_err_set(&failure, -ENOSYS, "no such op: %.60s", name);
    for (size_t i = 0; i < KG_COUNT(ops); i++) {
        if (strcmp(ops[i].name, name) != 0)
            continue;
        bool wait = ops[i].needs_service && !kk_service_settled(r->parts.service);
        if (wait)
            defer(r, id, ops[i].fn, req);
        rc = wait ? 0 : ops[i].fn(r, id, req, &failure);
    }
    if (rc < 0)
        kk_reply_error(r->parts.link, id, &failure);
    json_decref(req);
    return 0;
}

/* The last bytes are there. Returns 0 when it was done. */
static int upload_finish(struct kk_requests *r, struct upload *u, struct kg_err *err)
{
    if (u->file)
        return kk_file_finish(kg_steal(&u->file), err);
    return kk_runner_stdin(r->parts.runner, u->run_id, u->bytes.data, u->bytes.len, u->eof, err);
}

static void take_data(struct kk_requests *r, const struct kg_rec *rec, const uint8_t *body)
{
    struct upload *u = upload_unlink(r, rec->seq);
    if (!u)
        return; /* its request was refused; the gateway did not know yet */
    struct kg_err err = {0};
    int rc = 0;
    if (u->file)
        rc = kk_file_write(u->file, body, rec->body_len, &err);
    else if (u->bytes.len + rec->body_len > KK_STDIN_MAX)
        rc = kg_err_set(&err, -ENOSPC, "more than %d bytes for stdin at once", KK_STDIN_MAX);
    else
        kg_buf_add(&u->bytes, body, rec->body_len);
    bool last = rec->flags & KG_REC_F_END;
    if (rc == 0 && !last) {
        u->next = r->uploads;
        r->uploads = u;
        r->upload_count++;
        return;
    }
    if (rc == 0)
        rc = upload_finish(r, u, &err);
    if (rc < 0)
        kk_reply_error(r->parts.link, u->id, &err);
    else
        kk_reply_ok(r->parts.link, u->id);
    upload_free(u);
}

int kk_requests_take(struct kk_requests *r, const struct kg_rec *rec, const uint8_t *body,
                     struct kg_err *err)
{
    if (rec->type == KG_REC_REQ)
        return take_req(r, body, rec->body_len, err);
    take_data(r, rec, body);
    return 0;
}

struct kk_requests *kk_requests_new(const struct kk_parts *parts)
{
    struct kk_requests *r = kg_calloc(1, sizeof *r);
    r->parts = *parts;
    r->changes = kk_changes_new(parts->options);
    return r;
}

void kk_requests_free(struct kk_requests *r)
{
    if (!r)
        return;
    while (r->uploads) {
        struct upload *u = r->uploads;
        r->uploads = u->next;
        upload_free(u);
    }
    while (r->deferred) {
        kk_service_forget(r->parts.service, &r->deferred->wait);
        deferred_free(r->deferred);
    }
    kk_changes_free(r->changes);
    free(r);
}

#include "kernelgw/core/files.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/run_spec.h"

void kg_hash_bytes(char out[KG_HASH_SIZE], const void *data, size_t n)
{
    uint8_t sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, data, n);
    sodium_bin2hex(out, KG_HASH_SIZE, sum, sizeof sum);
}

void kg_files_init(struct kg_files *f, struct kg_core *core, struct kg_account *account)
{
    *f = (struct kg_files){.core = core, .account = account};
}

static void drop(struct kg_files *f, struct kg_file *file)
{
    HASH_DEL(f->table, file);
    f->bytes -= file->data->len;
    f->core->files_bytes -= file->data->len;
    f->account->files_bytes -= file->data->len;
    f->account->files--;
    kg_blob_unref(file->data);
    free(file);
}

void kg_files_release(struct kg_files *f)
{
    struct kg_file *file, *next;
    HASH_ITER(hh, f->table, file, next)
        drop(f, file);
}

static struct kg_file *find(const struct kg_files *f, const char *path, size_t n)
{
    struct kg_file *file = NULL;
    HASH_FIND(hh, f->table, path, n, file);
    return file;
}

const struct kg_file *kg_files_find(const struct kg_files *f, const char *path)
{
    return find(f, path, strlen(path));
}

/* The file that stands where path wants a folder, or below path where it wants to be a file; NULL: none. */
static const struct kg_file *in_the_way(const struct kg_files *f, const char *path)
{
    for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        const struct kg_file *file = find(f, path, (size_t)(at - path));
        if (file)
            return file;
    }
    size_t n = strlen(path);
    for (const struct kg_file *file = f->table; file; file = file->hh.next)
        if (strncmp(file->path, path, n) == 0 && file->path[n] == '/')
            return file;
    return NULL;
}

int kg_files_may_put(const struct kg_files *f, const char *path, uint64_t n, struct kg_err *err)
{
    const struct kg_core_config *c = &f->core->config;
    const struct kg_file *old = kg_files_find(f, path);
    uint64_t most = (uint64_t)c->session_files_mb << 20;
    uint64_t all = (uint64_t)c->files_total_mb << 20;
    uint64_t had = old ? old->data->len : 0;
    if (!kg_run_path_ok(path, strlen(path)))
        return kg_err_set(err, -EINVAL,
                          "\"%.100s\" is no path for a file: it must be relative, of at most 64 "
                          "parts, none of them empty, . or ..",
                          path);
    if (!old && HASH_COUNT(f->table) >= c->session_files)
        return kg_err_set(err, -ENOSPC, "the session has %u files, as many as it may",
                          c->session_files);
    if (n > most || f->bytes - had > most - n)
        return kg_err_set(err, -ENOSPC,
                          "%.100s: %llu bytes, and the session's files may have %u MB together",
                          path, (unsigned long long)n, c->session_files_mb);
    if (n > all || f->core->files_bytes - had > all - n)
        return kg_err_set(err, -EAGAIN, "the server has no room for more files of sessions (%u MB)",
                          c->files_total_mb);
    return kg_account_may_store(f->account, old != NULL, had, n, err);
}

int kg_files_put(struct kg_files *f, const char *path, struct kg_blob *data, const char *hash,
                 bool executable, struct kg_err *err)
{
    int rc = kg_files_may_put(f, path, data->len, err);
    struct kg_file *old = find(f, path, strlen(path));
    const struct kg_file *other = rc < 0 || old ? NULL : in_the_way(f, path);
    if (other)
        rc = kg_err_set(err, -EINVAL, "%.100s can't be beside the file %.100s", path, other->path);
    if (rc < 0)
        return rc;
    if (old)
        drop(f, old);
    size_t n = strlen(path) + 1;
    struct kg_file *file = kg_calloc(1, sizeof *file + n);
    memcpy(file->path, path, n);
    file->data = kg_blob_ref(data);
    snprintf(file->hash, sizeof file->hash, "%s", hash);
    file->mode = executable ? 0755 : 0644;
    file->revision = ++f->revision;
    file->modified_us = kg_clock_wall_us();
    HASH_ADD(hh, f->table, path, n - 1, file);
    f->bytes += data->len;
    f->core->files_bytes += data->len;
    f->account->files_bytes += data->len;
    f->account->files++;
    return 0;
}

void kg_files_date(struct kg_files *f, const char *path, int64_t modified_us)
{
    struct kg_file *file = find(f, path, strlen(path));
    if (file)
        file->modified_us = modified_us;
}

bool kg_files_remove(struct kg_files *f, const char *path)
{
    struct kg_file *file = find(f, path, strlen(path));
    if (!file)
        return false;
    drop(f, file);
    f->revision++;
    return true;
}

void kg_file_model(const struct kg_file *file, struct kg_json *j)
{
    char when[KG_ISO_SIZE];
    kg_clock_iso(when, file->modified_us);
    kg_json_kstr(j, "path", file->path);
    kg_json_kint(j, "size", (int64_t)file->data->len);
    kg_json_kstr(j, "hash", file->hash);
    kg_json_kstr(j, "modified", when);
    kg_json_kbool(j, "executable", file->mode & 0100);
}

static int by_path(const struct kg_file *a, const struct kg_file *b)
{
    return strcmp(a->path, b->path);
}

void kg_files_model(struct kg_files *f, struct kg_json *j)
{
    HASH_SORT(f->table, by_path);
    kg_json_object_begin(j);
    kg_json_kint(j, "revision", (int64_t)f->revision);
    kg_json_kint(j, "bytes", (int64_t)f->bytes);
    kg_json_kint(j, "limit_bytes", (int64_t)f->core->config.session_files_mb << 20);
    kg_json_kint(j, "limit_files", f->core->config.session_files);
    kg_json_key(j, "files");
    kg_json_array_begin(j);
    for (const struct kg_file *file = f->table; file; file = file->hh.next) {
        kg_json_object_begin(j);
        kg_file_model(file, j);
        kg_json_object_end(j);
    }
    kg_json_array_end(j);
    kg_json_object_end(j);
}

void kg_files_summary(const struct kg_files *f, struct kg_json *j)
{
    kg_json_object_begin(j);
    kg_json_kint(j, "revision", (int64_t)f->revision);
    kg_json_kint(j, "count", HASH_COUNT(f->table));
    kg_json_kint(j, "bytes", (int64_t)f->bytes);
    kg_json_object_end(j);
}

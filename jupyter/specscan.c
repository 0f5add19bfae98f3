/* Kernelspecs on disk: reading directories, and opening resources without leaving them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "jupyter/kernelspec.h"

enum { RESOURCES_MAX = 64 };

static int read_file(struct kg_buf *out, int dir, const char *name, struct kg_err *err)
{
    kg_autoclose int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "open %s", name);
    if (!S_ISREG(st.st_mode))
        return kg_err_set(err, -EINVAL, "%s is no regular file", name);
    for (;;) {
        ssize_t got = read(fd, kg_buf_reserve(out, 4096), 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kg_err_errno(err, errno, "read %s", name);
        if (got == 0)
            return 0;
        out->len += (size_t)got;
        if (out->len > JY_KERNEL_JSON_MAX)
            return kg_err_set(err, -EFBIG, "%s is above %d bytes", name, JY_KERNEL_JSON_MAX);
    }
}

static void put_resource(json_t *resources, const char *name, const char *file, size_t key_len)
{
    kg_autofree char *url = kg_asprintf("/kernelspecs/%s/%s", name, file);
    kg_autofree char *key = kg_strndup(file, key_len);
    json_object_set_new(resources, key, json_string(url));
}

static bool is_resource(const char *file)
{
    return strncmp(file, "logo-", 5) == 0 || strcmp(file, "kernel.js") == 0 ||
           strcmp(file, "kernel.css") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted so that the outcome doesn't hang on the file system. */
struct names {
    char **at;
    size_t count;
};

static void names_release(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->at[i]);
    free(n->at);
}

static int names_of(struct names *out, int dir, bool (*want)(const char *name), size_t max)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        return -saved;
    }
    struct dirent *e;
    while (out->count < max && (e = readdir(d))) {
        if (!want(e->d_name))
            continue;
        out->at = kg_realloc(out->at, (out->count + 1) * sizeof *out->at);
        out->at[out->count++] = kg_strdup(e->d_name);
    }
    closedir(d);
    if (out->count)
        qsort(out->at, out->count, sizeof *out->at, by_text);
    return 0;
}

/* As jupyter_server lists them: kernel.js and kernel.css by their names, logo-* without extension. */
static json_t *list_resources(int dir, const char *name)
{
    json_t *resources = json_object();
    struct names files = {0};
    names_of(&files, dir, is_resource, RESOURCES_MAX);
    for (size_t i = 0; i < files.count; i++) {
        const char *file = files.at[i];
        if (!jy_kernelspec_name_ok(file)) /* it would have to be quoted in the URL */
            continue;
        const char *dot = strrchr(file, '.');
        bool logo = file[0] == 'l';
        put_resource(resources, name, file, logo && dot ? (size_t)(dot - file) : strlen(file));
    }
    names_release(&files);
    return resources;
}

static bool is_utf8(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0, len; i < n; i += len)
        if ((len = kg_utf8_char((const uint8_t *)s + i, n - i)) == 0)
            return false;
    return true;
}

/* Reads one directory. Returns 1 when it is no kernelspec at all. */
static int read_spec(struct jy_kernelspecs *out, const char *name, const char *path,
                     struct kg_err *err)
{
    kg_autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOTDIR ? 1 : kg_err_errno(err, errno, "open");
    if (faccessat(dir, "kernel.json", F_OK, 0) < 0 && errno == ENOENT)
        return 1;
    if (!is_utf8(path))
        return kg_err_set(err, -EILSEQ, "path is no UTF-8");
    kg_autobuf text = {0};
    int rc = read_file(&text, dir, "kernel.json", err);
    if (rc < 0)
        return rc;
    json_t *spec = NULL;
    rc = jy_kernelspec_parse(&spec, kg_span_of(text.data, text.len), err);
    if (rc < 0)
        return rc;
    kg_autofree char *lower = kg_strdup(name);
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    if (json_string_length(json_object_get(spec, "display_name")) == 0)
        json_object_set_new(spec, "display_name", json_string(name));
    json_t *resources = list_resources(dir, lower);
    jy_kernelspecs_put(out, lower, path, spec, resources);
    json_decref(spec);
    json_decref(resources);
    return 0;
}

struct scan {
    struct jy_kernelspecs *out;
    void (*warn)(void *user, const char *dir, const char *why);
    void *user;
};

static void told(const struct scan *s, const char *dir, const char *why)
{
    if (s->warn)
        s->warn(s->user, dir, why);
}

static bool any_name(const char *name)
{
    return name[0] != '.';
}

static void scan_dir(const struct scan *s, const char *kernels)
{
    kg_autoclose int dir = open(kernels, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            told(s, kernels, strerrordesc_np(errno));
        return;
    }
    struct names names = {0};
    int rc = names_of(&names, dir, any_name, JY_KERNELSPECS_MAX);
    if (rc < 0)
        told(s, kernels, strerrordesc_np(-rc));
    for (size_t i = 0; i < names.count && s->out->count < JY_KERNELSPECS_MAX; i++) {
        const char *name = names.at[i];
        struct kg_err err = {0};
        kg_autofree char *path = kg_asprintf("%s/%s", kernels, name);
        if (!jy_kernelspec_name_ok(name)) {
            kg_autofree char *json = kg_asprintf("%s/kernel.json", path);
            if (access(json, F_OK) == 0)
                told(s, path, "name has other characters than [a-zA-Z0-9._-]");
        } else if (!jy_kernelspecs_find(s->out, name) && read_spec(s->out, name, path, &err) < 0) {
            told(s, path, err.text);
        }
    }
    names_release(&names);
}

void jy_kernelspecs_scan(struct jy_kernelspecs *out, const struct jy_spec_path *path,
                         void (*warn)(void *user, const char *dir, const char *why), void *user)
{
    *out = (struct jy_kernelspecs){0};
    const struct scan s = {out, warn, user};
    for (size_t i = 0; i < path->count; i++)
        scan_dir(&s, path->dirs[i]);
}

static bool resource_name_ok(const char *name)
{
    if (strlen(name) > 1024)
        return false;
    for (const char *part = name;; part = strchr(part, '/') + 1) {
        if (part[0] == 0 || part[0] == '/' || part[0] == '.')
            return false; /* an empty part, "..", or a hidden file */
        if (!strchr(part, '/'))
            return true;
    }
}

/* One part after the other, following no link. (openat2 would do it in one call, where there is one.) */
static int open_beneath(int dir, const char *name)
{
    int at = dup(dir);
    while (at >= 0) {
        size_t n = strcspn(name, "/");
        kg_autofree char *part = kg_strndup(name, n);
        int flags = name[n] ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        int next = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
        if (name[n] == 0)
            break;
        name += n + 1;
    }
    return at;
}

int jy_kernelspec_open_resource(const struct jy_kernelspec *k, const char *name, int *fd,
                                size_t *size, struct kg_err *err)
{
    if (!resource_name_ok(name))
        return kg_err_set(err, -EACCES, "kernelspec %s: this file is not served", k->name);
    if (k->dir[0] == 0)
        return kg_err_set(err, -ENOENT, "kernelspec %s has no files", k->name);
    kg_autoclose int dir = open(k->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    kg_autoclose int file = dir < 0 ? -1 : open_beneath(dir, name);
    if (file < 0) {
        int why = errno;
        if (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG)
            return kg_err_set(err, -ENOENT, "kernelspec %s has no file %.200s", k->name, name);
        return kg_err_set(err, -EACCES, "kernelspec %s: file %.200s is not served: %s", k->name,
                          name, strerrordesc_np(why));
    }
    struct stat st;
    if (fstat(file, &st) < 0)
        return kg_err_errno(err, errno, "kernelspec %s", k->name);
    if (!S_ISREG(st.st_mode))
        return kg_err_set(err, S_ISDIR(st.st_mode) ? -ENOENT : -EACCES,
                          "kernelspec %s: %.200s is no regular file", k->name, name);
    *size = (size_t)st.st_size;
    *fd = kg_steal_fd(&file);
    return 0;
}

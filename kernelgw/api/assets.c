#include "kernelgw/api/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* A build has about a hundred files of 4 MB together. */
enum { FILES_MAX = 4096, BYTES_MAX = 64 * 1024 * 1024 };

struct kg_assets {
    struct kg_asset *list; /* by name */
    size_t count, cap, bytes;
};

static const char *type_of(const char *name)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".webmanifest", "application/manifest+json"},
    };
    size_t n = strlen(name);
    for (size_t i = 0; i < KG_COUNT(types); i++) {
        size_t m = strlen(types[i].suffix);
        if (n > m && strcmp(name + n - m, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* FNV-1a: it has only to change when the bytes do. */
static void make_etag(char out[32], const struct kg_buf *data, enum kg_coding coding)
{
    static const char *const mark[] = {"", "-gz", "-br"};
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < data->len; i++)
        hash = (hash ^ data->data[i]) * 0x100000001b3;
    snprintf(out, 32, "\"%016" PRIx64 "%s\"", hash, mark[coding]);
}

static int read_file(struct kg_buf *out, int dir_fd, const char *name, size_t room,
                     struct kg_err *err)
{
    kg_autoclose int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "open %s", name);
    if ((uint64_t)st.st_size > room)
        return kg_err_set(err, -EFBIG, "the client's files are larger than %d bytes together",
                          BYTES_MAX);
    for (;;) {
        uint8_t *at = kg_buf_reserve(out, 64 * 1024);
        ssize_t n = read(fd, at, 64 * 1024);
        if (n < 0)
            return kg_err_errno(err, errno, "read %s", name);
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        if (out->len > room)
            return kg_err_set(err, -EFBIG, "%s grows while it is read", name);
    }
}

/* The asset of this name, which is made when it is new. */
static struct kg_asset *place(struct kg_assets *a, const char *name, size_t n)
{
    for (size_t i = 0; i < a->count; i++)
        if (strlen(a->list[i].name) == n && memcmp(a->list[i].name, name, n) == 0)
            return &a->list[i];
    if (a->count == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 64;
        a->list = kg_realloc(a->list, a->cap * sizeof *a->list);
    }
    struct kg_asset *asset = &a->list[a->count++];
    *asset = (struct kg_asset){.name = kg_strndup(name, n)};
    asset->type = type_of(asset->name);
    return asset;
}

static int add_file(struct kg_assets *a, int dir_fd, const char *prefix, const char *file,
                    struct kg_err *err)
{
    enum kg_coding coding = KG_CODING_NONE;
    kg_autofree char *name = kg_asprintf("%s%s", prefix, file);
    size_t n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
        coding = KG_CODING_GZIP;
    else if (n > 3 && strcmp(name + n - 3, ".br") == 0)
        coding = KG_CODING_BROTLI;
    if (a->count >= FILES_MAX)
        return kg_err_set(err, -EFBIG, "the client has more than %d files", FILES_MAX);
    struct kg_asset *asset = place(a, name, coding == KG_CODING_NONE ? n : n - 3);
    int rc = read_file(&asset->data[coding], dir_fd, file, BYTES_MAX - a->bytes, err);
    if (rc < 0)
        return rc;
    a->bytes += asset->data[coding].len;
    asset->there[coding] = true;
    make_etag(asset->etag[coding], &asset->data[coding], coding);
    return 0;
}

static int add_folder(struct kg_assets *a, const char *path, const char *prefix, struct kg_err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return kg_err_errno(err, errno, "open %s", path);
    const struct dirent *e;
    int rc = 0;
    while (rc == 0 && (e = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        rc = add_file(a, dirfd(dir), prefix, e->d_name, err);
    }
    closedir(dir);
    return rc;
}

int kg_assets_load(struct kg_assets **out, const char *dir, struct kg_err *err)
{
    struct kg_assets *a = kg_calloc(1, sizeof *a);
    kg_autofree char *below = kg_asprintf("%s/assets", dir);
    int rc = add_folder(a, dir, "", err);
    if (rc == 0)
        rc = add_folder(a, below, "assets/", err);
    const struct kg_asset *index = rc == 0 ? kg_assets_find(a, "index.html") : NULL;
    if (rc == 0 && !index)
        rc = kg_err_set(err, -ENOENT, "there is no index.html");
    if (rc < 0) {
        kg_assets_free(a);
        return kg_err_wrap(err, "client %s", dir);
    }
    *out = a;
    return 0;
}

void kg_assets_free(struct kg_assets *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++) {
        free(a->list[i].name);
        for (int c = 0; c < KG_CODINGS; c++)
            kg_buf_release(&a->list[i].data[c]);
    }
    free(a->list);
    free(a);
}

const struct kg_asset *kg_assets_find(const struct kg_assets *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].there[KG_CODING_NONE] && strcmp(a->list[i].name, name) == 0)
            return &a->list[i];
    return NULL;
}

/* Is the weight among the parameters that begin at s (";q=0.5") above 0? */
static bool weight_above_0(const char *s, const char *end)
{
    for (; s < end; s++) {
        s += strspn(s, "; \t");
        if (end - s > 2 && (s[0] == 'q' || s[0] == 'Q') && s[1] == '=')
            return strtod(s + 2, NULL) > 0;
        s += strcspn(s, ";,");
    }
    return true;
}

bool kg_accepts_coding(const char *accept_encoding, const char *coding)
{
    bool any = false;
    for (const char *p = accept_encoding; *p;) {
        p += strspn(p, ", \t");
        const char *end = p + strcspn(p, ",");
        size_t n = strcspn(p, ",; \t");
        if (n == strlen(coding) && strncasecmp(p, coding, n) == 0)
            return weight_above_0(p + n, end);
        if (n == 1 && *p == '*')
            any = weight_above_0(p + n, end);
        p = end;
    }
    return any;
}

enum kg_coding kg_asset_coding(const struct kg_asset *asset, const char *accept_encoding)
{
    if (accept_encoding && asset->there[KG_CODING_BROTLI] &&
        kg_accepts_coding(accept_encoding, "br"))
        return KG_CODING_BROTLI;
    if (accept_encoding && asset->there[KG_CODING_GZIP] &&
        kg_accepts_coding(accept_encoding, "gzip"))
        return KG_CODING_GZIP;
    return KG_CODING_NONE;
}

/* /api/kernelspecs and the kernelspecs' resources. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernelgw/api/api.h"

/* The model with resource URLs below the base URL. A new reference. */
static json_t *model_of(const struct kg_api *api, const struct jy_kernelspec *k)
{
    json_t *model = jy_kernelspec_model(k);
    json_t *resources = json_object();
    const char *key;
    json_t *url;
    json_object_foreach(json_object_get(model, "resources"), key, url) {
        kg_autofree char *full = kg_asprintf("%s%s", kg_api_base_url(api), json_string_value(url));
        json_object_set_new(resources, key, json_string(full));
    }
    json_object_set_new(model, "resources", resources);
    return model;
}

static void reply(struct kg_api *api, struct kg_http *req, json_t *doc)
{
    kg_autobuf body = {0};
    kg_autofree char *text = json_dumps(doc, JSON_COMPACT);
    kg_buf_add_str(&body, text);
    json_decref(doc);
    kg_reply_polled(api, req, &body);
}

static void list(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    (void)args;
    const struct kg_core *core = kg_api_core(api);
    const struct jy_kernelspecs *specs = &core->runtimes.specs;
    json_t *all = json_object();
    for (size_t i = 0; i < specs->count; i++)
        json_object_set_new(all, specs->items[i].name, model_of(api, &specs->items[i]));
    const char *name = specs->count ? core->config.default_kernel : "";
    reply(api, req, json_pack("{s:s,s:o}", "default", name, "kernelspecs", all));
}

static const struct jy_kernelspec *find(struct kg_api *api, struct kg_http *req, const char *name)
{
    const struct jy_kernelspec *k = jy_kernelspecs_find(&kg_api_core(api)->runtimes.specs, name);
    if (!k)
        kg_reply_error(api, req, 404, NULL, "Kernel spec %.100s not found", name);
    return k;
}

static void get(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    const struct jy_kernelspec *k = find(api, req, args->value[0]);
    if (k)
        reply(api, req, model_of(api, k));
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".png", "image/png"},
                 {".svg", "image/svg+xml"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"}};
    for (size_t i = 0; i < KG_COUNT(types); i++) {
        size_t n = strlen(name);
        size_t e = strlen(types[i].ending);
        if (n > e && strcmp(name + n - e, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static int read_all(int fd, uint8_t *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = read(fd, to + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO;
        got += (size_t)r;
    }
    return 0;
}

static void resource(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    enum { RESOURCE_BYTES_MAX = 4 << 20 };
    const struct jy_kernelspec *k = find(api, req, args->value[0]);
    if (!k)
        return;
    kg_autoclose int fd = -1;
    size_t size = 0;
    struct kg_err err;
    if (jy_kernelspec_open_resource(k, args->value[1], &fd, &size, &err) < 0) {
        kg_reply_err(api, req, &err);
        return;
    }
    if (size > RESOURCE_BYTES_MAX) {
        kg_reply_error(api, req, 403, NULL,
                       "the file is larger than a kernelspec's resource may be");
        return;
    }
    kg_autofree uint8_t *data = kg_malloc(size);
    if (read_all(fd, data, size) < 0) {
        kg_reply_error(api, req, 500, NULL, "the file could not be read");
        return;
    }
    const struct kg_http_header headers[] = {{"Cache-Control", "max-age=3600"}};
    kg_reply_bytes(api, req, 200, type_of(args->value[1]), data, size, headers, KG_COUNT(headers));
}

const struct kg_route kg_routes_kernelspecs[] = {
    {"GET", "/api/kernelspecs", list, 0},
    {"GET", "/api/kernelspecs/{name}", get, 0},
    {"GET", "/kernelspecs/{name}/{file*}", resource, 0},
    {NULL, NULL, NULL, 0},
};

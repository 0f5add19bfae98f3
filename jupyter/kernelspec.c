/* The text of a kernel.json, and the set of kernelspecs. What touches disks is in specscan.c. */
#include "jupyter/kernelspec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"

bool jy_kernelspec_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || !(isalnum(c) || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

/* The string member name, or fallback; NULL with *err for another type. */
static const char *text_or(const json_t *o, const char *name, const char *fallback,
                           struct kg_err *err)
{
    const json_t *v = json_object_get(o, name);
    if (!v || json_is_null(v))
        return fallback;
    if (!json_is_string(v)) {
        kg_err_set(err, -EPROTO, "%s is no string", name);
        return NULL;
    }
    return json_string_value(v);
}

static int check_argv(const json_t *argv, struct kg_err *err)
{
    if (!json_is_array(argv))
        return kg_err_set(err, -EPROTO, "argv is no array");
    if (json_array_size(argv) == 0)
        return kg_err_set(err, -EPROTO, "argv is empty");
    for (size_t i = 0; i < json_array_size(argv); i++)
        if (!json_is_string(json_array_get(argv, i)))
            return kg_err_set(err, -EPROTO, "argv[%zu] is no string", i);
    if (json_string_length(json_array_get(argv, 0)) == 0)
        return kg_err_set(err, -EPROTO, "argv[0] is empty");
    return 0;
}

static int check_env(json_t *env, struct kg_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(env, key, value) {
        if (key[0] == 0 || strchr(key, '='))
            return kg_err_set(err, -EPROTO, "env has the name \"%.64s\"", key);
        if (!json_is_string(value))
            return kg_err_set(err, -EPROTO, "env %.64s is no string", key);
    }
    return 0;
}

/* A borrowed object member, or NULL when absent; *bad is set for another type. */
static json_t *object_member(const json_t *o, const char *name, bool *bad, struct kg_err *err)
{
    json_t *v = json_object_get(o, name);
    if (!v || json_is_null(v))
        return NULL;
    if (json_is_object(v))
        return v;
    kg_err_set(err, -EPROTO, "%s is no object", name);
    *bad = true;
    return NULL;
}

static json_t *own_or_empty(json_t *v)
{
    return v ? json_incref(v) : json_object();
}

static int spec_from(json_t **out, json_t *o, struct kg_err *err)
{
    if (!json_is_object(o))
        return kg_err_set(err, -EPROTO, "kernel.json is no object");
    json_t *argv = json_object_get(o, "argv");
    int rc = check_argv(argv, err);
    if (rc < 0)
        return rc;
    bool bad = false;
    json_t *env = object_member(o, "env", &bad, err);
    json_t *metadata = bad ? NULL : object_member(o, "metadata", &bad, err);
    if (bad)
        return -EPROTO;
    if (env && (rc = check_env(env, err)) < 0)
        return rc;
    const char *display_name, *language, *interrupt_mode;
    if (!(display_name = text_or(o, "display_name", "", err)) ||
        !(language = text_or(o, "language", "", err)) ||
        !(interrupt_mode = text_or(o, "interrupt_mode", "signal", err)))
        return -EPROTO;
    if (strcmp(interrupt_mode, "signal") != 0 && strcmp(interrupt_mode, "message") != 0)
        return kg_err_set(err, -EPROTO, "interrupt_mode %.32s is neither signal nor message",
                          interrupt_mode);
    *out = json_pack("{s:O, s:o, s:s, s:s, s:s, s:o}", "argv", argv, "env", own_or_empty(env),
                     "display_name", display_name, "language", language, "interrupt_mode",
                     interrupt_mode, "metadata", own_or_empty(metadata));
    return *out ? 0 : kg_err_set(err, -ENOMEM, "kernel.json: out of memory");
}

int jy_kernelspec_parse(json_t **out, struct kg_span json, struct kg_err *err)
{
    if (json.len > JY_KERNEL_JSON_MAX)
        return kg_err_set(err, -EFBIG, "kernel.json is above %d bytes", JY_KERNEL_JSON_MAX);
    json_error_t why;
    json_t *o = json_loadb(json.len ? (const char *)json.data : "", json.len, 0, &why);
    if (!o)
        return kg_err_set(err, -EPROTO, "kernel.json line %d: %s", why.line, why.text);
    int rc = spec_from(out, o, err);
    json_decref(o);
    return rc;
}

/* Where name stands or would stand; *found says which. */
static size_t place_of(const struct jy_kernelspecs *k, const char *name, bool *found)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcasecmp(k->items[mid].name, name);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *found = false;
    return low;
}

static void spec_release(struct jy_kernelspec *s)
{
    free(s->name);
    free(s->dir);
    json_decref(s->spec);
    json_decref(s->resources);
}

void jy_kernelspecs_put(struct jy_kernelspecs *k, const char *name, const char *dir, json_t *spec,
                        json_t *resources)
{
    bool found;
    size_t i = place_of(k, name, &found);
    struct jy_kernelspec s = {kg_strdup(name), kg_strdup(dir), json_incref(spec),
                              resources ? json_incref(resources) : json_object()};
    for (char *p = s.name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (found) {
        spec_release(&k->items[i]);
    } else {
        k->items = kg_realloc(k->items, (k->count + 1) * sizeof *k->items);
        memmove(k->items + i + 1, k->items + i, (k->count - i) * sizeof *k->items);
        k->count++;
    }
    k->items[i] = s;
}

const struct jy_kernelspec *jy_kernelspecs_find(const struct jy_kernelspecs *k, const char *name)
{
    bool found;
    size_t i = place_of(k, name, &found);
    return found ? &k->items[i] : NULL;
}

void jy_kernelspecs_release(struct jy_kernelspecs *k)
{
    for (size_t i = 0; i < k->count; i++)
        spec_release(&k->items[i]);
    free(k->items);
    *k = (struct jy_kernelspecs){0};
}

json_t *jy_kernelspec_model(const struct jy_kernelspec *k)
{
    return json_pack("{s:s, s:O, s:O}", "name", k->name, "spec", k->spec, "resources",
                     k->resources);
}

json_t *jy_kernelspec_argv(const struct jy_kernelspec *k)
{
    static const char mark[] = "{resource_dir}";
    json_t *out = json_array();
    size_t i;
    json_t *arg;
    json_array_foreach(json_object_get(k->spec, "argv"), i, arg) {
        kg_autobuf text = {0};
        const char *rest = json_string_value(arg);
        const char *at;
        while ((at = strstr(rest, mark))) {
            kg_buf_add(&text, rest, (size_t)(at - rest));
            kg_buf_add_str(&text, k->dir);
            rest = at + sizeof mark - 1;
        }
        kg_buf_add_str(&text, rest);
        /* a directory's name may be no UTF-8; such a kernelspec is skipped when it is scanned */
        json_array_append_new(out, json_string(kg_buf_cstr(&text)));
    }
    return out;
}

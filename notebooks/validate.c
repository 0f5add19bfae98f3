/* The schemas nbformat.v4.0 to v4.5, which differ in cell ids and in the notebook's title and authors. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "notebooks/document.h"
#include "notebooks/shape.h"

enum { NEWEST_MINOR = 5, ID_MAX = 64 };

/* Where in the document one is: "cell 3, output 0". */
struct at {
    char text[64];
    long long minor;
    struct kg_err *err;
};

static bool bad(const struct at *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool bad(const struct at *at, const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    kg_err_set(at->err, -EINVAL, "%s: %s", at->text, what);
    return false;
}

enum kind { ANY, TEXT, OBJECT, LIST, STRING, COUNT, BOOL, STRINGS, ATTACHMENTS, BUNDLE };

static bool strings(const json_t *v)
{
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
        if (!json_is_string(item))
            return false;
    return json_is_array(v);
}

static bool bundle(const json_t *v)
{
    const char *key;
    json_t *data;
    json_t *read = (json_t *)(uintptr_t)v; /* jansson's iterator takes no const */
    json_object_foreach(read, key, data)
        if (!nb_is_json_mime(key) && !json_is_string(data) && !strings(data))
            return false;
    return json_is_object(v);
}

static bool attachments(const json_t *v)
{
    const char *key;
    json_t *one;
    json_t *read = (json_t *)(uintptr_t)v;
    json_object_foreach(read, key, one)
        if (!bundle(one))
            return false;
    return json_is_object(v);
}

static bool is_kind(const json_t *v, enum kind kind)
{
    switch (kind) {
    case ANY: return true;
    case TEXT: return json_is_string(v) || strings(v);
    case OBJECT: return json_is_object(v);
    case LIST: return json_is_array(v);
    case STRING: return json_is_string(v);
    case COUNT: return json_is_null(v) || (json_is_integer(v) && json_integer_value(v) >= 0);
    case BOOL: return json_is_boolean(v);
    case STRINGS: return strings(v);
    case ATTACHMENTS: return attachments(v);
    case BUNDLE: return bundle(v);
    }
    return false;
}

static const char *const kind_names[] = {
    [ANY] = "anything",
    [TEXT] = "a string or a list of strings",
    [OBJECT] = "an object",
    [LIST] = "a list",
    [STRING] = "a string",
    [COUNT] = "null or a whole number from 0 on",
    [BOOL] = "true or false",
    [STRINGS] = "a list of strings",
    [ATTACHMENTS] = "an object of objects of strings, by name and by type",
    [BUNDLE] = "an object of strings (or, for JSON types, of anything) by type",
};

struct member {
    const char *key;
    enum kind kind;
    bool needed;
};

enum { MEMBERS_MAX = 8 };

/* members: ended by one without a key. closed: there may be no others. */
static bool members_ok(const struct at *at, const json_t *object, const struct member *members,
                       bool closed)
{
    for (const struct member *m = members; m->key; m++) {
        const json_t *v = json_object_get(object, m->key);
        if (!v && m->needed)
            return bad(at, "%s is missing", m->key);
        if (v && !is_kind(v, m->kind))
            return bad(at, "%s must be %s", m->key, kind_names[m->kind]);
    }
    const char *key;
    json_t *v;
    json_t *read = (json_t *)(uintptr_t)object;
    if (!closed || at->minor > NEWEST_MINOR)
        return true;
    json_object_foreach(read, key, v) {
        const struct member *m = members;
        while (m->key && strcmp(m->key, key) != 0)
            m++;
        if (!m->key)
            return bad(at, "\"%.60s\" is no member of it", key);
    }
    return true;
}

static bool output_ok(const struct at *at, const json_t *output)
{
    static const struct {
        const char *type;
        struct member members[MEMBERS_MAX];
    } types[] = {
        {"stream", {{"output_type", STRING, true}, {"name", STRING, true}, {"text", TEXT, true}}},
        {"display_data",
         {{"output_type", STRING, true}, {"data", BUNDLE, true}, {"metadata", OBJECT, true}}},
        {"execute_result",
         {{"output_type", STRING, true},
          {"data", BUNDLE, true},
          {"metadata", OBJECT, true},
          {"execution_count", COUNT, true}}},
        {"error",
         {{"output_type", STRING, true},
          {"ename", STRING, true},
          {"evalue", STRING, true},
          {"traceback", STRINGS, true}}},
    };
    const char *type = json_string_value(json_object_get(output, "output_type"));
    if (!type)
        return bad(at, "output_type is missing or no string");
    for (size_t i = 0; i < KG_COUNT(types); i++)
        if (strcmp(types[i].type, type) == 0)
            return members_ok(at, output, types[i].members, true);
    return at->minor > NEWEST_MINOR || bad(at, "output_type \"%.40s\" is none", type);
}

static bool id_ok(const struct at *at, const json_t *cell)
{
    const json_t *v = json_object_get(cell, "id");
    const char *id = json_string_value(v);
    size_t n = v ? json_string_length(v) : 0;
    if (!v)
        return bad(at, "id is missing");
    if (!id || n == 0 || n > ID_MAX)
        return bad(at, "id must be a string of 1 to %d characters", ID_MAX);
    for (size_t i = 0; i < n; i++)
        if (!id[i] ||
            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", id[i]))
            return bad(at, "id may hold letters, digits, - and _ only");
    return true;
}

static bool tags_ok(const struct at *at, const json_t *tags)
{
    size_t i;
    size_t k;
    json_t *tag;
    json_array_foreach(tags, i, tag) {
        if (json_string_length(tag) == 0 || strchr(json_string_value(tag), ','))
            return bad(at, "a tag must be a string without a comma, and not empty");
        for (k = 0; k < i; k++)
            if (json_equal(tag, json_array_get(tags, k)))
                return bad(at, "tag \"%.40s\" is there twice", json_string_value(tag));
    }
    return true;
}

static bool cell_metadata_ok(const struct at *at, const json_t *cell)
{
    static const struct member code[] = {
        {"name", STRING, false},
        {"tags", STRINGS, false},
        {"collapsed", BOOL, false},
        {NULL, ANY, false},
    };
    static const struct member other[] = {
        {"name", STRING, false}, {"tags", STRINGS, false}, {NULL, ANY, false}};
    static const struct member raw[] = {{"name", STRING, false},
                                        {"tags", STRINGS, false},
                                        {"format", STRING, false},
                                        {NULL, ANY, false}};
    const json_t *metadata = json_object_get(cell, "metadata");
    const struct member *members = nb_cell_is(cell, "code")  ? code
                                   : nb_cell_is(cell, "raw") ? raw
                                                             : other;
    struct at here = *at;
    snprintf(here.text, sizeof here.text, "metadata of %.40s", at->text);
    if (!members_ok(&here, metadata, members, false))
        return false;
    const json_t *name = json_object_get(metadata, "name");
    const json_t *scrolled = json_object_get(metadata, "scrolled");
    const json_t *jupyter = json_object_get(metadata, "jupyter");
    const json_t *execution = json_object_get(metadata, "execution");
    if (name && json_string_length(name) == 0)
        return bad(&here, "name must not be empty");
    if (jupyter && at->minor >= 3 && !json_is_object(jupyter))
        return bad(&here, "jupyter must be an object");
    if (nb_cell_is(cell, "code") && scrolled && !json_is_boolean(scrolled) &&
        !(json_is_string(scrolled) && strcmp(json_string_value(scrolled), "auto") == 0))
        return bad(&here, "scrolled must be true, false or \"auto\"");
    if (nb_cell_is(cell, "code") && execution && at->minor >= 4) {
        const char *key;
        json_t *v;
        json_t *read = (json_t *)(uintptr_t)execution;
        if (!json_is_object(execution))
            return bad(&here, "execution must be an object");
        json_object_foreach(read, key, v)
            if (!json_is_string(v))
                return bad(&here, "execution: %.40s must be a string", key);
    }
    return tags_ok(&here, json_object_get(metadata, "tags"));
}

static bool cell_ok(const struct at *at, const json_t *cell)
{
    static const struct member code[] = {
        {"cell_type", STRING, true}, {"metadata", OBJECT, true},       {"source", TEXT, true},
        {"outputs", LIST, true},     {"execution_count", COUNT, true}, {"id", ANY, false},
        {NULL, ANY, false}};
    static const struct member other[] = {
        {"cell_type", STRING, true},         {"metadata", OBJECT, true}, {"source", TEXT, true},
        {"attachments", ATTACHMENTS, false}, {"id", ANY, false},         {NULL, ANY, false}};
    bool known = nb_cell_is(cell, "markdown") || nb_cell_is(cell, "raw");
    bool is_code = nb_cell_is(cell, "code");
    if (!json_is_string(json_object_get(cell, "cell_type")))
        return bad(at, "cell_type is missing or no string");
    if (!known && !is_code)
        return at->minor > NEWEST_MINOR ||
               bad(at, "cell_type \"%.40s\" is none",
                   json_string_value(json_object_get(cell, "cell_type")));
    if (at->minor >= 5 && !id_ok(at, cell))
        return false;
    if (at->minor < 5 && json_object_get(cell, "id"))
        return bad(at, "id is a member since 4.5, and this is 4.%lld", at->minor);
    if (!members_ok(at, cell, is_code ? code : other, true) || !cell_metadata_ok(at, cell))
        return false;
    size_t i;
    json_t *output;
    if (is_code)
        json_array_foreach(json_object_get(cell, "outputs"), i, output) {
            struct at here = *at;
            snprintf(here.text, sizeof here.text, "%.40s, output %zu", at->text, i);
            if (!output_ok(&here, output))
                return false;
        }
    return true;
}

static bool metadata_ok(const struct at *at, const json_t *metadata)
{
    static const struct member members[] = {
        {"kernelspec", OBJECT, false}, {"language_info", OBJECT, false}, {NULL, ANY, false}};
    static const struct member newer[] = {
        {"title", STRING, false}, {"authors", LIST, false}, {NULL, ANY, false}};
    static const struct member spec[] = {
        {"name", STRING, true}, {"display_name", STRING, true}, {NULL, ANY, false}};
    static const struct member language[] = {{"name", STRING, true},
                                             {"file_extension", STRING, false},
                                             {"mimetype", STRING, false},
                                             {"pygments_lexer", STRING, false},
                                             {NULL, ANY, false}};
    const json_t *kernelspec = json_object_get(metadata, "kernelspec");
    const json_t *info = json_object_get(metadata, "language_info");
    const json_t *mode = json_object_get(info, "codemirror_mode");
    struct at here = *at;
    if (!members_ok(at, metadata, members, false) ||
        (at->minor >= 2 && !members_ok(at, metadata, newer, false)))
        return false;
    snprintf(here.text, sizeof here.text, "metadata, kernelspec");
    if (kernelspec && !members_ok(&here, kernelspec, spec, false))
        return false;
    snprintf(here.text, sizeof here.text, "metadata, language_info");
    if (info && !members_ok(&here, info, language, false))
        return false;
    return !mode || json_is_string(mode) || json_is_object(mode) ||
           bad(&here, "codemirror_mode must be a string or an object");
}

int nb_validate(const json_t *nb, struct kg_err *err)
{
    static const struct member members[] = {{"metadata", OBJECT, true},
                                            {"nbformat_minor", COUNT, true},
                                            {"nbformat", COUNT, true},
                                            {"cells", LIST, true},
                                            {NULL, ANY, false}};
    struct at at = {.text = "notebook",
                    .minor = json_integer_value(json_object_get(nb, "nbformat_minor")),
                    .err = err};
    size_t i;
    json_t *cell;
    if (!members_ok(&at, nb, members, true))
        return -EINVAL;
    snprintf(at.text, sizeof at.text, "metadata");
    if (!metadata_ok(&at, json_object_get(nb, "metadata")))
        return -EINVAL;
    const json_t *cells = json_object_get(nb, "cells");
    json_array_foreach(cells, i, cell) {
        snprintf(at.text, sizeof at.text, "cell %zu", i);
        if (!cell_ok(&at, cell))
            return -EINVAL;
    }
    return 0;
}

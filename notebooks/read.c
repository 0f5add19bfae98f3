#include <errno.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "notebooks/document.h"
#include "notebooks/shape.h"
#include "notebooks/upgrade.h"

/* A list of strings in place of one: nothing else is a text. NULL when v is neither. */
static json_t *joined(const json_t *v)
{
    kg_autobuf text = {0};
    size_t i;
    json_t *line;
    json_array_foreach(v, i, line) {
        if (!json_is_string(line))
            return NULL;
        kg_buf_add(&text, json_string_value(line), json_string_length(line));
    }
    return json_stringn((const char *)kg_buf_cstr(&text), text.len);
}

static void join_member(json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    json_t *text = json_is_array(v) ? joined(v) : NULL;
    if (text)
        json_object_set_new(object, key, text);
}

static void join_bundle(json_t *bundle)
{
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(bundle, next, key, v) {
        if (!nb_is_json_mime(key))
            join_member(bundle, key);
    }
}

static void join_output(json_t *output)
{
    const char *type = json_string_value(json_object_get(output, "output_type"));
    if (!type)
        return;
    if (strcmp(type, "execute_result") == 0 || strcmp(type, "display_data") == 0)
        join_bundle(json_object_get(output, "data"));
    else
        join_member(output, "text");
}

static void clean_cell(json_t *cell)
{
    const char *key;
    json_t *attachment;
    join_member(cell, "source");
    json_object_foreach(json_object_get(cell, "attachments"), key, attachment)
        join_bundle(attachment);
    if (nb_cell_is(cell, "code")) {
        size_t i;
        json_t *output;
        json_array_foreach(json_object_get(cell, "outputs"), i, output)
            join_output(output);
    }
    json_object_del(json_object_get(cell, "metadata"), "trusted");
}

static int check_version(const json_t *nb, struct kg_err *err)
{
    const json_t *major = json_object_get(nb, "nbformat");
    const json_t *minor = json_object_get(nb, "nbformat_minor");
    if (!json_is_integer(major))
        return kg_err_set(
            err, -EINVAL,
            "no notebook: nbformat, the version of the format, is missing or no whole number");
    long long version = json_integer_value(major);
    if (version == 1)
        return kg_err_set(err, -EINVAL,
                          "the notebook is of format 1, which is too old: upgrade it with "
                          "\"jupyter nbconvert --to notebook --inplace FILE\"");
    if (version != 4)
        return kg_err_set(err, -EINVAL, "the notebook is of format %lld: only 2 to 4 are known",
                          version);
    if (!json_is_integer(minor) || json_integer_value(minor) < 0)
        return kg_err_set(err, -EINVAL,
                          "no notebook: nbformat_minor is missing or no whole number");
    return 0;
}

static const char *const transient[] = {"orig_nbformat", "orig_nbformat_minor", "signature"};

void nb_drop_transient(json_t *metadata)
{
    for (size_t i = 0; i < KG_COUNT(transient); i++)
        json_object_del(metadata, transient[i]);
}

static int adopt(json_t *nb, struct kg_err *err)
{
    int rc = check_version(nb, err);
    if (rc < 0)
        return rc;
    json_t *metadata = json_object_get(nb, "metadata");
    json_t *cells = json_object_get(nb, "cells");
    if (!json_is_object(metadata))
        return kg_err_set(err, -EINVAL, "no notebook: metadata is missing or no object");
    if (!json_is_array(cells))
        return kg_err_set(err, -EINVAL, "no notebook: cells is missing or no list");
    size_t i;
    json_t *cell;
    json_array_foreach(cells, i, cell) {
        if (!json_is_object(cell))
            return kg_err_set(err, -EINVAL, "no notebook: cell %zu is no object", i);
        clean_cell(cell);
    }
    return 0;
}

int nb_adopt(json_t *nb, struct kg_err *err)
{
    if (!json_is_object(nb))
        return kg_err_set(err, -EINVAL, "no notebook: it is no JSON object");
    const json_t *major = json_object_get(nb, "nbformat");
    json_int_t version = json_is_integer(major) ? json_integer_value(major) : 0;
    bool old = version == 2 || version == 3;
    if (!old)
        nb_drop_transient(json_object_get(nb, "metadata"));
    int rc = old ? nb_upgrade(nb, (int)version, err) : 0;
    return rc < 0 ? rc : adopt(nb, err);
}

int nb_read(json_t **out, struct kg_span text, struct kg_err *err)
{
    json_error_t at;
    *out = NULL;
    if (kg_json_weight(text.data, text.len) > NB_WEIGHT_MAX + text.len)
        return kg_err_set(
            err, -EFBIG, "the notebook holds too many values: they would take over %d MB of memory",
            NB_WEIGHT_MAX >> 20);
    json_t *nb = json_loadb(text.len ? (const char *)text.data : "", text.len, JSON_ALLOW_NUL, &at);
    if (!nb)
        return kg_err_set(err, -EINVAL, "no notebook: line %d, column %d: %s", at.line, at.column,
                          at.text);
    int rc = nb_adopt(nb, err);
    if (rc < 0)
        json_decref(nb);
    else
        *out = nb;
    return rc;
}

void nb_give_ids(json_t *nb)
{
    size_t i;
    json_t *cell;
    if (json_integer_value(json_object_get(nb, "nbformat_minor")) < 5)
        return;
    json_array_foreach(json_object_get(nb, "cells"), i, cell) {
        char id[9];
        if (json_object_get(cell, "id"))
            continue;
        kg_random_hex(id, 4);
        json_object_set_new(cell, "id", json_string(id));
    }
}

json_t *nb_new(void)
{
    return json_pack("{s:[],s:{},s:i,s:i}", "cells", "metadata", "nbformat", 4, "nbformat_minor",
                     5);
}

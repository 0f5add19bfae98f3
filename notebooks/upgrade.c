#include "notebooks/upgrade.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "base/span.h"
#include "notebooks/document.h"

/* Of an output and its metadata: the short names of before, and the types that they stood for. */
static const struct {
    const char *brief, *mime;
    bool text; /* it may be a list of lines */
} types[] = {
    {"text", "text/plain", true},       {"html", "text/html", true},
    {"svg", "image/svg+xml", true},     {"png", "image/png", false},
    {"jpeg", "image/jpeg", false},      {"latex", "text/latex", true},
    {"json", "application/json", true}, {"javascript", "application/javascript", true},
};

/* The member, taken out: a new reference, or NULL. */
static json_t *take(json_t *object, const char *key)
{
    json_t *v = json_incref(json_object_get(object, key));
    json_object_del(object, key);
    return v;
}

static void rename_member(json_t *object, const char *from, const char *to, json_t *otherwise)
{
    json_t *v = take(object, from);
    if (v)
        json_decref(otherwise);
    json_object_set_new(object, to, v ? v : otherwise);
}

static bool ends_line(const json_t *text)
{
    size_t n = json_string_length(text);
    char last = n ? json_string_value(text)[n - 1] : 0;
    return last == '\n' || last == '\r';
}

/* A list of lines in place of a text. Format 2 leaves out the ends of lines; 3 has them, but for what early writers of it did. */
static void join(json_t *object, const char *key, int major)
{
    const json_t *lines = json_object_get(object, key);
    kg_autobuf text = {0};
    size_t i;
    json_t *line;
    if (!json_is_array(lines))
        return;
    bool whole = major == 3 && ends_line(json_array_get(lines, 0));
    json_array_foreach(lines, i, line) {
        if (!json_is_string(line))
            return;
        if (i && !whole)
            kg_buf_add_char(&text, '\n');
        kg_buf_add(&text, json_string_value(line), json_string_length(line));
    }
    json_object_set_new(object, key, json_stringn((const char *)kg_buf_cstr(&text), text.len));
}

static void use_types(json_t *object)
{
    for (size_t i = 0; i < KG_COUNT(types); i++) {
        json_t *v = take(object, types[i].brief);
        if (v)
            json_object_set_new(object, types[i].mime, v);
    }
}

/* What was shown stood among the output's own members. */
static int move_data(json_t *output, struct kg_err *err)
{
    json_t *data = json_object();
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(output, next, key, v) {
        if (strcmp(key, "output_type") != 0 && strcmp(key, "execution_count") != 0 &&
            strcmp(key, "metadata") != 0) {
            json_object_set(data, key, v);
            json_object_del(output, key);
        }
    }
    use_types(data);
    json_object_set_new(output, "data", data);
    const json_t *json = json_object_get(data, "application/json");
    if (!json_is_string(json))
        return 0;
    v = json_loadb(json_string_value(json), json_string_length(json),
                   JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!v)
        return kg_err_set(err, -EINVAL, "the json of an output is none");
    json_object_set_new(data, "application/json", v);
    return 0;
}

static int upgrade_output(json_t *output, int major, struct kg_err *err)
{
    const char *type = json_string_value(json_object_get(output, "output_type"));
    if (!type)
        return kg_err_set(err, -EINVAL, "output_type is missing or no string");
    for (size_t i = 0; i < KG_COUNT(types); i++)
        if (types[i].text)
            join(output, types[i].brief, major);
    if (strcmp(type, "pyerr") == 0) {
        json_object_set_new(output, "output_type", json_string("error"));
    } else if (strcmp(type, "stream") == 0) {
        rename_member(output, "stream", "name", json_string("stdout"));
    } else if (strcmp(type, "pyout") == 0 || strcmp(type, "display_data") == 0) {
        if (type[0] == 'p') {
            json_object_set_new(output, "output_type", json_string("execute_result"));
            rename_member(output, "prompt_number", "execution_count", json_null());
        }
        if (!json_is_object(json_object_get(output, "metadata")))
            json_object_set_new(output, "metadata", json_object());
        use_types(json_object_get(output, "metadata"));
        return move_data(output, err);
    }
    return 0;
}

static int upgrade_code(json_t *cell, json_t *metadata, int major, struct kg_err *err)
{
    size_t i;
    json_t *output;
    json_object_del(cell, "language");
    json_t *collapsed = take(cell, "collapsed");
    if (collapsed)
        json_object_set_new(metadata, "collapsed", collapsed);
    join(cell, "input", major);
    rename_member(cell, "input", "source", json_string(""));
    rename_member(cell, "prompt_number", "execution_count", json_null());
    if (!json_is_array(json_object_get(cell, "outputs")))
        return kg_err_set(err, -EINVAL, "outputs is missing or no list");
    json_array_foreach(json_object_get(cell, "outputs"), i, output) {
        int rc = upgrade_output(output, major, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Length of a line, as nb_line gives it, without its end. */
static size_t without_end(struct kg_span line)
{
    const uint8_t *end = line.data + line.len;
    if (line.len >= 3 && end[-3] == 0xe2 && end[-2] == 0x80 && (end[-1] == 0xa8 || end[-1] == 0xa9))
        return line.len - 3;
    if (line.len >= 2 && ((end[-2] == 0xc2 && end[-1] == 0x85) || memcmp(end - 2, "\r\n", 2) == 0))
        return line.len - 2;
    bool ended =
        line.len && ((end[-1] >= '\n' && end[-1] <= '\r') || (end[-1] >= 0x1c && end[-1] <= 0x1e));
    return ended ? line.len - 1 : line.len;
}

/* "## a title", in one line. */
static void head_to_markdown(json_t *cell)
{
    enum { LEVEL_MAX = 6 };
    kg_autobuf text = {0};
    json_t *level = take(cell, "level");
    const json_t *source = json_object_get(cell, "source");
    json_int_t n = json_is_integer(level) ? json_integer_value(level) : 1;
    struct kg_span rest = kg_span_of(json_string_value(source), json_string_length(source));
    for (json_int_t i = 0; i < n && i < LEVEL_MAX; i++)
        kg_buf_add_char(&text, '#');
    for (bool first = true; first || rest.len > 0; first = false) {
        size_t line = nb_line(rest);
        kg_buf_add_char(&text, ' ');
        kg_buf_add(&text, rest.data, without_end(kg_span_of(rest.data, line)));
        rest = kg_span_of(rest.data + line, rest.len - line);
    }
    json_object_set_new(cell, "cell_type", json_string("markdown"));
    json_object_set_new(cell, "source", json_stringn((const char *)kg_buf_cstr(&text), text.len));
    json_decref(level);
}

/* The same for the same cell in the same place. */
static void give_id(json_t *cell, size_t index)
{
    enum { BYTES = 8 };
    uint8_t hash[crypto_generichash_BYTES_MIN];
    char id[2 * BYTES + 1];
    kg_autobuf text = {0};
    const json_t *source = json_object_get(cell, "source");
    kg_buf_printf(&text, "%zu:", index);
    kg_buf_add(&text, json_is_string(source) ? json_string_value(source) : "",
               json_string_length(source));
    crypto_generichash(hash, sizeof hash, text.data, text.len, NULL, 0);
    sodium_bin2hex(id, sizeof id, hash, BYTES);
    json_object_set_new(cell, "id", json_string(id));
}

static int upgrade_cell(json_t *cell, size_t index, int major, struct kg_err *err)
{
    const char *type = json_string_value(json_object_get(cell, "cell_type"));
    int rc = 0;
    if (!type)
        return kg_err_set(err, -EINVAL, "cell_type is missing or no string");
    if (!json_object_get(cell, "metadata"))
        json_object_set_new(cell, "metadata", json_object());
    json_t *metadata = json_object_get(cell, "metadata");
    if (!json_is_object(metadata))
        return kg_err_set(err, -EINVAL, "metadata is no object");
    if (strcmp(type, "code") == 0) {
        rc = upgrade_code(cell, metadata, major, err);
    } else {
        join(cell, "source", major);
        join(cell, "rendered", major);
    }
    if (strcmp(type, "heading") == 0)
        head_to_markdown(cell);
    else if (strcmp(type, "html") == 0)
        json_object_set_new(cell, "cell_type", json_string("markdown"));
    give_id(cell, index);
    return rc;
}

/* Cells of all worksheets, one behind the other. */
static int take_cells(json_t *to, json_t *worksheets, int major, struct kg_err *err)
{
    size_t w;
    size_t i;
    json_t *worksheet;
    json_t *cell;
    json_array_foreach(worksheets, w, worksheet) {
        json_t *cells = json_object_get(worksheet, "cells");
        if (!json_is_array(cells))
            return kg_err_set(err, -EINVAL, "no notebook: worksheet %zu has no list of cells", w);
        json_array_foreach(cells, i, cell) {
            size_t index = json_array_size(to);
            int rc = upgrade_cell(cell, index, major, err);
            if (rc < 0)
                return kg_err_wrap(err, "the notebook can't be upgraded: cell %zu", index);
            json_array_append(to, cell);
        }
    }
    return 0;
}

int nb_upgrade(json_t *nb, int major, struct kg_err *err)
{
    json_t *metadata = json_object_get(nb, "metadata");
    json_t *worksheets = json_object_get(nb, "worksheets");
    if (!json_is_object(metadata))
        return kg_err_set(err, -EINVAL, "no notebook: metadata is missing or no object");
    if (!json_is_array(worksheets))
        return kg_err_set(err, -EINVAL, "no notebook: worksheets is missing or no list");
    json_t *cells = json_array();
    int rc = take_cells(cells, worksheets, major, err);
    json_object_set_new(nb, "cells", cells);
    json_object_del(nb, "worksheets");
    json_object_del(metadata, "name");
    json_object_del(metadata, "signature");
    json_t *orig = take(nb, "orig_nbformat");
    json_object_set_new(metadata, "orig_nbformat",
                        json_is_integer(orig) ? json_incref(orig) : json_integer(major));
    json_decref(orig);
    json_object_del(nb, "orig_nbformat_minor");
    json_object_set_new(nb, "nbformat", json_integer(4));
    json_object_set_new(nb, "nbformat_minor", json_integer(5));
    return rc;
}

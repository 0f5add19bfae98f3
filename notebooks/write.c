#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notebooks/document.h"
#include "notebooks/shape.h"

/* Where a value stands decides whether a string in it is written as a list of its lines. */
enum place {
    NOTEBOOK,
    CELLS,
    CELL,
    ATTACHMENTS, /* of a cell: bundles by name */
    BUNDLE,      /* data by type */
    OUTPUTS,
    OUTPUT,
    LINES, /* a text */
    PLAIN, /* anything else: as it is */
};

size_t nb_line(struct kg_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (c == '\r')
            return i + 1 < s.len && s.data[i + 1] == '\n' ? i + 2 : i + 1;
        if ((c >= '\n' && c <= '\f') || (c >= 0x1c && c <= 0x1e))
            return i + 1;
        if (c == 0xc2 && i + 1 < s.len && s.data[i + 1] == 0x85) /* U+0085 */
            return i + 2;
        if (c == 0xe2 && i + 2 < s.len && s.data[i + 1] == 0x80 && /* U+2028, U+2029 */
            (s.data[i + 2] == 0xa8 || s.data[i + 2] == 0xa9))
            return i + 3;
    }
    return s.len;
}

static void write_string(struct kg_buf *out, const char *s, size_t n)
{
    size_t from = 0;
    kg_buf_add_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        static const char named[] = "\"\\\b\f\n\r\t";
        uint8_t c = (uint8_t)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        kg_buf_add(out, s + from, i - from);
        from = i + 1;
        const char *at = c ? strchr(named, c) : NULL;
        if (at)
            kg_buf_printf(out, "\\%c", "\"\\bfnrt"[at - named]);
        else
            kg_buf_printf(out, "\\u%04x", c);
    }
    kg_buf_add(out, s + from, n - from);
    kg_buf_add_char(out, '"');
}

void nb_write_real(struct kg_buf *out, double v)
{
    char text[40] = "";
    /* the shortest digits that read back as v */
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, v);
        if (strtod(text, NULL) == v) /* NOLINT: the same bits are what is meant */
            break;
    }
    char *e = strchr(text, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    *e = 0;
    if (exponent < -4 || exponent >= 16) {
        kg_buf_printf(out, "%se%c%02d", text, exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    const char *p = text;
    if (*p == '-') {
        kg_buf_add_char(out, '-');
        p++;
    }
    char digits[24];
    size_t n = 0;
    for (; *p; p++)
        if (*p != '.')
            digits[n++] = *p;
    digits[n] = 0;
    if (exponent < 0) {
        kg_buf_printf(out, "0.%.*s%s", -exponent - 1, "0000", digits);
        return;
    }
    size_t whole = (size_t)exponent + 1;
    for (size_t i = 0; i < whole || i < n; i++) {
        if (i == whole)
            kg_buf_add_char(out, '.');
        kg_buf_add_char(out, i < n ? digits[i] : '0');
    }
    if (n <= whole)
        kg_buf_add_str(out, ".0");
}

static void new_line(struct kg_buf *out, int depth)
{
    kg_buf_add_char(out, '\n');
    for (int i = 0; i < depth; i++)
        kg_buf_add_char(out, ' ');
}

static void write_lines(struct kg_buf *out, const json_t *text, int depth)
{
    struct kg_span rest = kg_span_of(json_string_value(text), json_string_length(text));
    if (rest.len == 0) {
        kg_buf_add_str(out, "[]");
        return;
    }
    kg_buf_add_char(out, '[');
    for (bool first = true; rest.len > 0; first = false) {
        size_t n = nb_line(rest);
        if (!first)
            kg_buf_add_char(out, ',');
        new_line(out, depth + 1);
        write_string(out, (const char *)rest.data, n);
        rest = kg_span_of(rest.data + n, rest.len - n);
    }
    new_line(out, depth);
    kg_buf_add_char(out, ']');
}

static bool splits(const char *mime)
{
    return strncmp(mime, "text/", 5) == 0 || strcmp(mime, "application/javascript") == 0 ||
           strcmp(mime, "image/svg+xml") == 0;
}

static enum place member_place(const json_t *object, enum place place, const char *key)
{
    const char *type;
    switch (place) {
    case NOTEBOOK: return strcmp(key, "cells") == 0 ? CELLS : PLAIN;
    case CELL:
        if (strcmp(key, "source") == 0)
            return LINES;
        if (strcmp(key, "attachments") == 0)
            return ATTACHMENTS;
        return strcmp(key, "outputs") == 0 && nb_cell_is(object, "code") ? OUTPUTS : PLAIN;
    case ATTACHMENTS: return BUNDLE;
    case BUNDLE: return splits(key) ? LINES : PLAIN;
    case OUTPUT:
        type = json_string_value(json_object_get(object, "output_type"));
        if (!type)
            return PLAIN;
        if (strcmp(key, "data") == 0 &&
            (strcmp(type, "execute_result") == 0 || strcmp(type, "display_data") == 0))
            return BUNDLE;
        return strcmp(key, "text") == 0 && strcmp(type, "stream") == 0 ? LINES : PLAIN;
    default: return PLAIN;
    }
}

static enum place item_place(enum place place)
{
    return place == CELLS ? CELL : place == OUTPUTS ? OUTPUT : PLAIN;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys in order of their code points, which is that of their bytes; the caller frees the list. */
static const char **sorted_keys(const json_t *object)
{
    const char **keys = kg_calloc(json_object_size(object), sizeof *keys);
    json_t *read = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
    size_t n = 0;
    for (void *i = json_object_iter(read); i; i = json_object_iter_next(read, i))
        keys[n++] = json_object_iter_key(i);
    qsort(keys, n, sizeof *keys, by_name);
    return keys;
}

static void write_value(struct kg_buf *out, const json_t *v, enum place place, int depth);

/* NOLINTNEXTLINE(misc-no-recursion): jansson lets nobody nest deeper than 2048 */
static void write_object(struct kg_buf *out, const json_t *v, enum place place, int depth)
{
    size_t n = json_object_size(v);
    if (n == 0) {
        kg_buf_add_str(out, "{}");
        return;
    }
    kg_autofree const char **keys = sorted_keys(v);
    kg_buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            kg_buf_add_char(out, ',');
        new_line(out, depth + 1);
        write_string(out, keys[i], strlen(keys[i]));
        kg_buf_add_str(out, ": ");
        write_value(out, json_object_get(v, keys[i]), member_place(v, place, keys[i]), depth + 1);
    }
    new_line(out, depth);
    kg_buf_add_char(out, '}');
}

/* NOLINTNEXTLINE(misc-no-recursion): as write_object */
static void write_array(struct kg_buf *out, const json_t *v, enum place place, int depth)
{
    size_t i;
    json_t *item;
    if (json_array_size(v) == 0) {
        kg_buf_add_str(out, "[]");
        return;
    }
    kg_buf_add_char(out, '[');
    json_array_foreach(v, i, item) {
        if (i)
            kg_buf_add_char(out, ',');
        new_line(out, depth + 1);
        write_value(out, item, item_place(place), depth + 1);
    }
    new_line(out, depth);
    kg_buf_add_char(out, ']');
}

/* NOLINTNEXTLINE(misc-no-recursion): as write_object */
static void write_value(struct kg_buf *out, const json_t *v, enum place place, int depth)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(out, v, place, depth); break;
    case JSON_ARRAY: write_array(out, v, place, depth); break;
    case JSON_STRING:
        if (place == LINES)
            write_lines(out, v, depth);
        else
            write_string(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER: kg_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); break;
    case JSON_REAL: nb_write_real(out, json_real_value(v)); break;
    case JSON_TRUE: kg_buf_add_str(out, "true"); break;
    case JSON_FALSE: kg_buf_add_str(out, "false"); break;
    case JSON_NULL: kg_buf_add_str(out, "null"); break;
    }
}

void nb_write(struct kg_buf *out, const json_t *nb)
{
    json_t *written = json_copy((json_t *)(uintptr_t)nb);
    json_t *metadata = json_copy(json_object_get(nb, "metadata"));
    nb_drop_transient(metadata);
    json_object_set_new(written, "metadata", metadata);
    write_value(out, written, NOTEBOOK, 0);
    json_decref(written);
    kg_buf_add_char(out, '\n');
}

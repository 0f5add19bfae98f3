#include "notebooks/parameters.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "notebooks/document.h"

enum { DEPTH_MAX = 64 };

struct tongue;
typedef int write_value(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                        struct kg_err *err);

/* How a language writes what JSON has. NULL: it has no word for it. */
struct tongue {
    const char *language, *comment;
    const char *assign, *assign_null,
        *end; /* assign: before the name, which " = " or "=" follows */
    const char *is;
    const char *null, *yes, *no;
    const char
        *control; /* how a control character stands in a string: a printf format for its number */
    write_value *string, *list, *object;
};

static write_value write_any;

static int no_word(const struct tongue *t, const char *what, struct kg_err *err)
{
    return kg_err_set(err, -EINVAL, "%s can't be written as a parameter in %s", what, t->language);
}

/* "text" with escapes that Python, JavaScript, Java and C++ share */
static int quoted(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                  struct kg_err *err)
{
    (void)depth;
    (void)err;
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    kg_buf_add_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            kg_buf_printf(out, "\\%c", c);
        else if (c == '\n')
            kg_buf_add_str(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            kg_buf_printf(out, t->control[0] == 'x' ? "\\x%02x" : "\\%03o", c);
        else
            kg_buf_add_char(out, (char)c);
    }
    kg_buf_add_char(out, '"');
    return 0;
}

static int cpp_string(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                      struct kg_err *err)
{
    kg_buf_add_str(out, "std::string(");
    quoted(out, t, v, depth, err);
    /* its length is given, since it may hold a NUL */
    kg_buf_printf(out, ", %zu)", json_string_length(v));
    return 0;
}

/* A quote is doubled, and a backslash escapes in MariaDB. */
static int sql_string(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                      struct kg_err *err)
{
    (void)depth;
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    if (strlen(s) != n)
        return no_word(t, "a string with a NUL", err);
    kg_buf_add_char(out, '\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            kg_buf_add_char(out, *s);
        kg_buf_add_char(out, *s);
    }
    kg_buf_add_char(out, '\'');
    return 0;
}

static int shell_string(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                        struct kg_err *err)
{
    (void)depth;
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v))
        return no_word(t, "a string with a NUL", err);
    kg_buf_add_char(out, '\'');
    for (; *s; s++)
        if (*s == '\'')
            kg_buf_add_str(out, "'\\''");
        else
            kg_buf_add_char(out, *s);
    kg_buf_add_char(out, '\'');
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int items(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                 struct kg_err *err)
{
    size_t i;
    json_t *item;
    int rc = 0;
    json_array_foreach(v, i, item) {
        if (i)
            kg_buf_add_str(out, ", ");
        if ((rc = write_any(out, t, item, depth, err)) < 0)
            break;
    }
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int brackets(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                    struct kg_err *err)
{
    kg_buf_add_char(out, '[');
    int rc = items(out, t, v, depth, err);
    kg_buf_add_char(out, ']');
    return rc;
}

/* "key": value, between what opens, parts and closes such a pair.
 * NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int pairs(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                 const char *const around[3], struct kg_err *err)
{
    const char *key;
    json_t *value;
    int rc = 0;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        if (!first)
            kg_buf_add_str(out, ", ");
        first = false;
        json_t *name = json_string(key);
        kg_buf_add_str(out, around[0]);
        t->string(out, t, name, depth, err);
        kg_buf_add_str(out, around[1]);
        json_decref(name);
        if ((rc = write_any(out, t, value, depth, err)) < 0)
            break;
        kg_buf_add_str(out, around[2]);
    }
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int braces(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                  struct kg_err *err)
{
    static const char *const around[] = {"", ": ", ""};
    kg_buf_add_char(out, '{');
    int rc = pairs(out, t, v, depth, around, err);
    kg_buf_add_char(out, '}');
    return rc;
}

static bool has_null(const json_t *v)
{
    size_t i;
    const char *key;
    json_t *item;
    json_t *read = (json_t *)(uintptr_t)v;
    json_array_foreach(read, i, item)
        if (json_is_null(item))
            return true;
    json_object_foreach(read, key, item)
        if (json_is_null(item))
            return true;
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int java_list(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                     struct kg_err *err)
{
    if (has_null(v))
        return no_word(t, "a list with a null", err);
    kg_buf_add_str(out, "java.util.List.of(");
    int rc = items(out, t, v, depth, err);
    kg_buf_add_char(out, ')');
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): write_any counts the depth */
static int java_map(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                    struct kg_err *err)
{
    static const char *const around[] = {"java.util.Map.entry(", ", ", ")"};
    if (has_null(v))
        return no_word(t, "an object with a null", err);
    kg_buf_add_str(out, "java.util.Map.ofEntries(");
    int rc = pairs(out, t, v, depth, around, err);
    kg_buf_add_char(out, ')');
    return rc;
}

static bool is_wide(const json_t *v)
{
    return json_is_integer(v) &&
           (json_integer_value(v) > INT32_MAX || json_integer_value(v) < INT32_MIN);
}

/* The C++ type that all of a list's items have, or NULL: whole numbers and others together are double. */
static const char *cpp_type(const json_t *list)
{
    const char *type = NULL;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *is = json_is_boolean(item)   ? "bool"
                         : json_is_string(item)  ? "std::string"
                         : json_is_real(item)    ? "double"
                         : is_wide(item)         ? "long long"
                         : json_is_integer(item) ? "int"
                                                 : NULL;
        bool number = is && strchr("dil", is[0]); /* double, int, long long */
        bool was_number = type && strchr("dil", type[0]);
        if (!is || (type && strcmp(is, type) != 0 && !(number && was_number)))
            return NULL;
        if (!type || is[0] == 'd' || (is[0] == 'l' && type[0] == 'i'))
            type = is;
    }
    return type;
}

static int cpp_list(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                    struct kg_err *err)
{
    const char *type = cpp_type(v);
    if (!type)
        return no_word(t, "a list that is empty, or whose items are not all text, numbers or bool",
                       err);
    kg_buf_printf(out, "std::vector<%s>{", type);
    int rc = items(out, t, v, depth, err);
    kg_buf_add_char(out, '}');
    return rc;
}

static int shell_list(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                      struct kg_err *err)
{
    size_t i;
    json_t *item;
    kg_buf_add_char(out, '(');
    json_array_foreach(v, i, item) {
        if (json_is_array(item))
            return no_word(t, "a list in a list", err);
        if (i)
            kg_buf_add_char(out, ' ');
        int rc = write_any(out, t, item, depth, err);
        if (rc < 0)
            return rc;
    }
    kg_buf_add_char(out, ')');
    return 0;
}

static const struct tongue tongues[] = {
    {"python", "#", "", "", "", " = ", "None", "True", "False", "x", quoted, brackets, braces},
    {"javascript", "//", "", "", ";", " = ", "null", "true", "false", "x", quoted, brackets,
     braces},
    {"java", "//", "var ", "Object ", ";", " = ", "null", "true", "false", "o", quoted, java_list,
     java_map},
    {"cpp", "//", "auto ", "", ";", " = ", NULL, "true", "false", "o", cpp_string, cpp_list, NULL},
    {"sql", "--", "SET @", "SET @", ";", " = ", "NULL", "TRUE", "FALSE", NULL, sql_string, NULL,
     NULL},
    {"bash", "#", "", "", "", "=", "''", "true", "false", NULL, shell_string, shell_list, NULL},
};

static const struct tongue *tongue_of(const char *language)
{
    static const char *const others[][2] = {{"c++", "cpp"},
                                            {"c++17", "cpp"},
                                            {"c++20", "cpp"},
                                            {"node", "javascript"},
                                            {"typescript", "javascript"},
                                            {"mysql", "sql"}};
    for (size_t i = 0; i < KG_COUNT(others); i++)
        if (strcasecmp(language, others[i][0]) == 0)
            language = others[i][1];
    for (size_t i = 0; i < KG_COUNT(tongues); i++)
        if (strcasecmp(language, tongues[i].language) == 0)
            return &tongues[i];
    return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): the depth is counted */
static int write_any(struct kg_buf *out, const struct tongue *t, const json_t *v, int depth,
                     struct kg_err *err)
{
    bool wide = is_wide(v);
    if (depth > DEPTH_MAX)
        return kg_err_set(err, -EINVAL, "a parameter is nested more than %d deep", DEPTH_MAX);
    switch (json_typeof(v)) {
    case JSON_STRING: return t->string(out, t, v, depth, err);
    case JSON_ARRAY:
        return t->list ? t->list(out, t, v, depth + 1, err) : no_word(t, "a list", err);
    case JSON_OBJECT:
        return t->object ? t->object(out, t, v, depth + 1, err) : no_word(t, "an object", err);
    case JSON_NULL:
        if (!t->null)
            return no_word(t, "null", err);
        kg_buf_add_str(out, t->null);
        return 0;
    case JSON_TRUE: kg_buf_add_str(out, t->yes); return 0;
    case JSON_FALSE: kg_buf_add_str(out, t->no); return 0;
    case JSON_REAL: nb_write_real(out, json_real_value(v)); return 0;
    case JSON_INTEGER:
        kg_buf_printf(out, "%" JSON_INTEGER_FORMAT "%s", json_integer_value(v),
                      wide && strcmp(t->language, "java") == 0  ? "L"
                      : wide && strcmp(t->language, "cpp") == 0 ? "LL"
                                                                : "");
        return 0;
    }
    return 0;
}

/* Letters, digits and _, and what is beyond ASCII, which each language judges by rules of its own. */
static bool is_name(const char *s)
{
    if (!*s || isdigit((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && (unsigned char)*s < 0x80)
            return false;
    return true;
}

int nb_parameters_code(struct kg_buf *out, const char *language, const json_t *parameters,
                       struct kg_err *err)
{
    const struct tongue *t = tongue_of(language);
    const char *name;
    json_t *v;
    if (!t)
        return kg_err_set(
            err, -EINVAL,
            "parameters can't be written in %.60s: only in python, javascript, java, cpp, sql, bash",
            language);
    kg_buf_printf(out, "%s Parameters\n", t->comment);
    json_object_foreach((json_t *)(uintptr_t)parameters, name, v) {
        if (!is_name(name))
            return kg_err_set(err, -EINVAL, "parameter \"%.60s\": that is no variable's name",
                              name);
        kg_buf_printf(out, "%s%s%s", json_is_null(v) ? t->assign_null : t->assign, name, t->is);
        if (write_any(out, t, v, 0, err) < 0)
            return kg_err_wrap(err, "parameter %.60s", name);
        kg_buf_printf(out, "%s\n", t->end);
    }
    return 0;
}

bool nb_cell_tagged(const json_t *cell, const char *tag)
{
    size_t i;
    json_t *is;
    json_array_foreach(json_object_get(json_object_get(cell, "metadata"), "tags"), i, is)
        if (json_is_string(is) && strcmp(json_string_value(is), tag) == 0)
            return true;
    return false;
}

long nb_find_tagged(const json_t *nb, const char *tag)
{
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(nb, "cells"), i, cell)
        if (nb_cell_tagged(cell, tag))
            return (long)i;
    return -1;
}

int nb_set_parameters(json_t *nb, const char *language, const json_t *parameters,
                      struct kg_err *err)
{
    kg_autobuf code = {0};
    int rc = nb_parameters_code(&code, language, parameters, err);
    if (rc < 0)
        return rc;
    json_t *cells = json_object_get(nb, "cells");
    json_t *cell = json_pack("{s:s,s:n,s:{s:[s]},s:[],s:o}", "cell_type", "code", "execution_count",
                             "metadata", "tags", "injected-parameters", "outputs", "source",
                             json_stringn((const char *)code.data, code.len));
    long there = nb_find_tagged(nb, "injected-parameters");
    if (there >= 0)
        json_array_set_new(cells, (size_t)there, cell);
    else
        json_array_insert_new(cells, (size_t)(nb_find_tagged(nb, "parameters") + 1), cell);
    nb_give_ids(nb);
    return 0;
}

#include "runtimes/sql/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char null_text[] = "NULL";

/* The line of a text that begins at `at`; returns its length. */
static size_t line_at(const char *text, size_t n, size_t at)
{
    const char *end = memchr(text + at, '\n', n - at);
    return end ? (size_t)(end - text) - at : n - at;
}

static void measure(struct sq_column *c, const char *text, size_t n)
{
    for (size_t at = 0; at <= n; at++) {
        size_t len = line_at(text, n, at), width = sq_width(text + at, len);
        if (width > SQ_ALIGN_MAX)
            width = SQ_ALIGN_MAX;
        if (width > c->width)
            c->width = width;
        at += len;
    }
}

void sq_table_init(struct sq_table *t, struct sq_column *columns, size_t n)
{
    *t = (struct sq_table){.columns = columns, .width = n};
    for (size_t i = 0; i < n; i++) {
        columns[i].width = 0;
        measure(&columns[i], columns[i].name, strlen(columns[i].name));
    }
}

void sq_table_release(struct sq_table *t)
{
    for (size_t i = 0; i < t->width; i++)
        free(t->columns[i].name);
    free(t->columns);
    kg_buf_release(&t->bytes);
    kg_buf_release(&t->values);
    *t = (struct sq_table){0};
}

void sq_table_clear(struct sq_table *t)
{
    kg_buf_clear(&t->bytes);
    kg_buf_clear(&t->values);
    t->rows = 0;
}

static size_t count(const struct sq_table *t)
{
    return t->values.len / sizeof(struct sq_value);
}

void sq_table_add(struct sq_table *t, const void *data, size_t n)
{
    struct sq_column *c = &t->columns[count(t) % t->width];
    struct sq_value v = {.start = t->bytes.len, .null = !data};
    if (data)
        sq_value_text(c->form, data, n, &t->bytes);
    v.len = t->bytes.len - v.start;
    if (v.null)
        measure(c, null_text, strlen(null_text));
    else
        measure(c, (const char *)t->bytes.data + v.start, v.len);
    kg_buf_add(&t->values, &v, sizeof(v));
    t->rows = count(t) / t->width;
}

static const char *value(const struct sq_table *t, size_t row, size_t column, size_t *n)
{
    struct sq_value v;
    memcpy(&v, t->values.data + (row * t->width + column) * sizeof(v), sizeof(v));
    *n = v.null ? strlen(null_text) : v.len;
    if (v.null)
        return null_text;
    return v.len ? (const char *)t->bytes.data + v.start : "";
}

static bool is_null(const struct sq_table *t, size_t row, size_t column)
{
    struct sq_value v;
    memcpy(&v, t->values.data + (row * t->width + column) * sizeof(v), sizeof(v));
    return v.null;
}

static void pad(struct kg_buf *out, size_t n, char with)
{
    memset(kg_buf_reserve(out, n), with, n);
    out->len += n;
}

void sq_table_rule(const struct sq_table *t, struct kg_buf *out)
{
    for (size_t i = 0; i < t->width; i++) {
        kg_buf_add_char(out, '+');
        pad(out, t->columns[i].width + 2, '-');
    }
    kg_buf_add_str(out, "+\n");
}

static void put_cell(const struct sq_column *c, const char *text, size_t n, bool right,
                     struct kg_buf *out)
{
    size_t width = sq_width(text, n), room = width < c->width ? c->width - width : 0;
    kg_buf_add_str(out, "| ");
    if (right)
        pad(out, room, ' ');
    kg_buf_add(out, text, n);
    if (!right)
        pad(out, room, ' ');
    kg_buf_add_char(out, ' ');
}

void sq_table_names(const struct sq_table *t, struct kg_buf *out)
{
    for (size_t i = 0; i < t->width; i++) {
        const char *name = t->columns[i].name;
        put_cell(&t->columns[i], name, line_at(name, strlen(name), 0), false, out);
    }
    kg_buf_add_str(out, "|\n");
}

/* A row is as many lines high as its highest value. */
static void put_row(const struct sq_table *t, size_t row, size_t *at, struct kg_buf *out)
{
    memset(at, 0, t->width * sizeof(*at));
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < t->width; i++) {
            size_t n;
            const char *text = value(t, row, i, &n);
            size_t len = at[i] > n ? 0 : line_at(text, n, at[i]);
            put_cell(&t->columns[i], at[i] > n ? "" : text + at[i], len, t->columns[i].right, out);
            at[i] = at[i] > n ? at[i] : at[i] + len + 1;
            more |= at[i] <= n;
        }
        kg_buf_add_str(out, "|\n");
    }
}

void sq_table_rows(const struct sq_table *t, struct kg_buf *out)
{
    kg_autofree size_t *at = kg_calloc(t->width, sizeof(*at));
    for (size_t row = 0; row < t->rows; row++)
        put_row(t, row, at, out);
}

void sq_table_text(const struct sq_table *t, struct kg_buf *out)
{
    sq_table_rule(t, out);
    sq_table_names(t, out);
    sq_table_rule(t, out);
    sq_table_rows(t, out);
    if (t->rows > 0)
        sq_table_rule(t, out);
    out->len--;
}

void sq_table_vertical(const struct sq_table *t, size_t first, struct kg_buf *out)
{
    size_t widest = 0;
    for (size_t i = 0; i < t->width; i++) {
        size_t width = sq_width(t->columns[i].name, strlen(t->columns[i].name));
        widest = width > widest ? width : widest;
    }
    for (size_t row = 0; row < t->rows; row++) {
        kg_buf_printf(out, "*************************** %zu. row ***************************\n",
                      first + row);
        for (size_t i = 0; i < t->width; i++) {
            const char *name = t->columns[i].name;
            pad(out, widest - sq_width(name, strlen(name)), ' ');
            size_t n;
            const char *text = value(t, row, i, &n);
            kg_buf_add_str(out, name);
            kg_buf_add_str(out, ": ");
            kg_buf_add(out, text, n);
            kg_buf_add_char(out, '\n');
        }
    }
}

/* HTML makes one space of what this holds. */
static bool keeps_spaces(const char *text, size_t n)
{
    return memchr(text, '\n', n) || memmem(text, n, "  ", 2) || (n > 0 && text[0] == ' ');
}

/* Dollar signs are not mathematics (the class names ask MathJax to keep off). Styles stand on each element: front ends remove style sheets from what they don't trust. */
void sq_table_html(const struct sq_table *t, const char *note, struct kg_buf *out)
{
    static const char *const sides[] = {"left", "right"};
    kg_buf_add_str(
        out,
        "<div>\n<table border=\"1\" class=\"dataframe tex2jax_ignore mathjax_ignore\">\n<thead>\n<tr>");
    for (size_t i = 0; i < t->width; i++) {
        kg_buf_printf(out, "<th style=\"text-align: %s\">", sides[t->columns[i].right]);
        sq_html_escape(t->columns[i].name, strlen(t->columns[i].name), out);
        kg_buf_add_str(out, "</th>");
    }
    kg_buf_add_str(out, "</tr>\n</thead>\n<tbody>\n");
    for (size_t row = 0; row < t->rows; row++) {
        kg_buf_add_str(out, "<tr>");
        for (size_t i = 0; i < t->width; i++) {
            size_t n;
            const char *text = value(t, row, i, &n);
            kg_buf_printf(out, "<td style=\"text-align: %s%s\">", sides[t->columns[i].right],
                          keeps_spaces(text, n) ? "; white-space: pre" : "");
            if (is_null(t, row, i))
                kg_buf_add_str(out, "<i style=\"color: gray\">NULL</i>");
            else
                sq_html_escape(text, n, out);
            kg_buf_add_str(out, "</td>");
        }
        kg_buf_add_str(out, "</tr>\n");
    }
    kg_buf_add_str(out, "</tbody>\n</table>\n");
    if (note) {
        kg_buf_add_str(out, "<p>");
        sq_html_escape(note, strlen(note), out);
        kg_buf_add_str(out, "</p>\n");
    }
    kg_buf_add_str(out, "</div>");
}

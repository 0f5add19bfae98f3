#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void kg_buf_release(struct kg_buf *b)
{
    free(b->data);
    *b = (struct kg_buf){0};
}

void kg_buf_clear(struct kg_buf *b)
{
    b->len = 0;
}

uint8_t *kg_buf_reserve(struct kg_buf *b, size_t n)
{
    size_t need = b->len + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        if (cap < need)
            cap = need;
        b->data = kg_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void kg_buf_add(struct kg_buf *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    memcpy(kg_buf_reserve(b, n), data, n);
    b->len += n;
}

void kg_buf_add_str(struct kg_buf *b, const char *s)
{
    kg_buf_add(b, s, strlen(s));
}

void kg_buf_add_char(struct kg_buf *b, char c)
{
    *kg_buf_reserve(b, 1) = (uint8_t)c;
    b->len++;
}

void kg_buf_printf(struct kg_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        vsnprintf((char *)kg_buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void kg_buf_drop(struct kg_buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

const char *kg_buf_cstr(struct kg_buf *b)
{
    *kg_buf_reserve(b, 0) = 0;
    return (const char *)b->data;
}

uint8_t *kg_buf_steal(struct kg_buf *b, size_t *len)
{
    *kg_buf_reserve(b, 0) = 0;
    uint8_t *data = b->data;
    if (len)
        *len = b->len;
    *b = (struct kg_buf){0};
    return data;
}

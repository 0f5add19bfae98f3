#include "runtimes/kernelkit/lines.h"

#include <errno.h>
#include <string.h>

enum { KEEP = 1024 * 1024 }; /* memory grown for one big line is given back */

void kk_lines_release(struct kk_lines *l)
{
    kg_buf_release(&l->buf);
    l->at = l->seen = 0;
}

uint8_t *kk_lines_room(struct kk_lines *l, size_t n)
{
    kg_buf_drop(&l->buf, l->at);
    l->seen -= l->at;
    l->at = 0;
    if (l->buf.len == 0 && l->buf.cap > KEEP)
        kg_buf_release(&l->buf);
    return kg_buf_reserve(&l->buf, n);
}

void kk_lines_added(struct kk_lines *l, size_t n)
{
    l->buf.len += n;
}

int kk_lines_next(struct kk_lines *l, struct kg_span *line)
{
    if (!l->buf.len)
        return 0;
    const uint8_t *from = l->buf.data + l->seen;
    size_t left = l->buf.len - l->seen;
    const uint8_t *end = left ? memchr(from, '\n', left) : NULL;
    size_t n = (end ? (size_t)(end - l->buf.data) : l->buf.len) - l->at;
    if (n > l->max)
        return -EMSGSIZE;
    if (!end) {
        l->seen = l->buf.len;
        return 0;
    }
    *line = kg_span_of(l->buf.data + l->at, n);
    l->at += n + 1;
    l->seen = l->at;
    return 1;
}

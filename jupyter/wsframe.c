#include "jupyter/wsframe.h"

#include <assert.h>
#include <errno.h>

/* channel, header, parent_header, metadata, content */
enum { FIXED_PARTS = 5 };

static const char *part_name(size_t i)
{
    static const char *const names[] = {"channel", "header", "parent_header", "metadata",
                                        "content"};
    return i < FIXED_PARTS ? names[i] : "buffers";
}

/* Checks the offset table; *parts is how many parts there are. Afterwards every offset is in bounds. */
static int check_table(size_t *parts, const uint8_t *in, size_t n, struct kg_err *err)
{
    if (n < 8)
        return kg_err_set(err, -EPROTO, "frame of %zu bytes has no room for the offset count", n);
    uint64_t count = kg_get_u64le(in);
    if (count < FIXED_PARTS + 1)
        return kg_err_set(err, -EPROTO, "offset count %llu is below %d", (unsigned long long)count,
                          FIXED_PARTS + 1);
    /* divided, not multiplied: a count from outside may be anything */
    if (count > n / 8 - 1)
        return kg_err_set(err, -EPROTO, "offset table of %llu entries is larger than the frame",
                          (unsigned long long)count);
    if (count > FIXED_PARTS + 1 + JY_BUFFERS_MAX)
        return kg_err_set(err, -EMSGSIZE, "%llu buffers are above the limit of %d",
                          (unsigned long long)count - FIXED_PARTS - 1, JY_BUFFERS_MAX);
    uint64_t last = kg_get_u64le(in + 8);
    if (last != 8 * (count + 1))
        return kg_err_set(err, -EPROTO, "channel starts at %llu instead of %llu",
                          (unsigned long long)last, 8 * ((unsigned long long)count + 1));
    for (size_t i = 0; i < count - 1; i++) {
        uint64_t end = kg_get_u64le(in + 16 + 8 * i);
        if (end < last || end > n)
            return kg_err_set(err, -EPROTO, "%s ends at %llu, outside of %llu to %zu", part_name(i),
                              (unsigned long long)end, (unsigned long long)last, n);
        last = end;
    }
    if (last != n)
        return kg_err_set(err, -EPROTO, "last part ends at %llu, but the frame at %zu",
                          (unsigned long long)last, n);
    *parts = (size_t)count - 1;
    return 0;
}

static struct kg_span part(const uint8_t *in, size_t i)
{
    uint64_t from = kg_get_u64le(in + 8 + 8 * i);
    return kg_span_of(in + from, (size_t)(kg_get_u64le(in + 16 + 8 * i) - from));
}

int jy_wsframe_split(struct jy_msg *out, const uint8_t *in, size_t n, struct kg_err *err)
{
    size_t parts = 0;
    int rc = check_table(&parts, in, n, err);
    if (rc < 0)
        return rc;
    struct kg_span name = part(in, 0);
    int channel = kg_channel_parse(name.data, name.len);
    if (channel < 0)
        return kg_err_set(err, -ENOENT,
                          "channel of %zu bytes is none of shell, control, stdin, iopub", name.len);
    *out = (struct jy_msg){
        .channel = (uint8_t)channel,
        .header = part(in, 1),
        .parent_header = part(in, 2),
        .metadata = part(in, 3),
        .content = part(in, 4),
        .buffer_count = parts - FIXED_PARTS,
        .frame = in,
    };
    return 0;
}

static const char *channel_of(const struct jy_msg *m)
{
    const char *name = kg_channel_name(m->channel);
    assert(name);
    return name;
}

size_t jy_wsframe_head_size(const struct jy_msg *m)
{
    return 8 * (FIXED_PARTS + 2 + m->buffer_count) + strlen(channel_of(m));
}

size_t jy_wsframe_size(const struct jy_msg *m)
{
    size_t n = jy_wsframe_head_size(m) + m->header.len + m->parent_header.len + m->metadata.len +
               m->content.len;
    for (size_t i = 0; i < m->buffer_count; i++)
        n += jy_msg_buffer(m, i).len;
    return n;
}

void jy_wsframe_write_head(uint8_t *out, const struct jy_msg *m)
{
    const char *name = channel_of(m);
    size_t count = FIXED_PARTS + 1 + m->buffer_count;
    uint64_t at = 8 * (count + 1);
    const size_t fixed[FIXED_PARTS] = {strlen(name), m->header.len, m->parent_header.len,
                                       m->metadata.len, m->content.len};
    kg_put_u64le(out, count);
    kg_put_u64le(out + 8, at);
    uint8_t *entry = out + 16;
    for (size_t i = 0; i < FIXED_PARTS; i++, entry += 8)
        kg_put_u64le(entry, at += fixed[i]);
    for (size_t i = 0; i < m->buffer_count; i++, entry += 8)
        kg_put_u64le(entry, at += jy_msg_buffer(m, i).len);
    memcpy(entry, name, fixed[0]);
}

void jy_wsframe_append(struct kg_buf *out, const struct jy_msg *m)
{
    size_t head = jy_wsframe_head_size(m);
    jy_wsframe_write_head(kg_buf_reserve(out, jy_wsframe_size(m)), m);
    out->len += head;
    kg_buf_add(out, m->header.data, m->header.len);
    kg_buf_add(out, m->parent_header.data, m->parent_header.len);
    kg_buf_add(out, m->metadata.data, m->metadata.len);
    kg_buf_add(out, m->content.data, m->content.len);
    for (size_t i = 0; i < m->buffer_count; i++) {
        struct kg_span b = jy_msg_buffer(m, i);
        kg_buf_add(out, b.data, b.len);
    }
}

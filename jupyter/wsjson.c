#include "jupyter/wsjson.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"

static int object_part(struct kg_span *out, const struct jy_member *m, const char *name,
                       bool null_is_empty, struct kg_err *err)
{
    if (m->type == JY_JSON_OBJECT)
        *out = m->value;
    else if (null_is_empty && m->type == JY_JSON_NULL)
        *out = kg_span_str("{}");
    else
        return kg_err_set(err, -EPROTO, "%s is no object", name);
    return 0;
}

/* *channel: kg_rec_channel, or -ENOENT for a name that is none; the caller says so when all else is
 * known to be right. */
static int channel_part(int *channel, const struct jy_member *m, struct kg_err *err)
{
    if (m->type == JY_JSON_NULL) {
        *channel = KG_CH_SHELL;
        return 0;
    }
    if (m->type != JY_JSON_STRING)
        return kg_err_set(err, -EPROTO, "channel is no string");
    kg_autobuf name = {0};
    jy_text_decode(&name, jy_member_text(m));
    *channel = kg_channel_parse(name.data, name.len);
    return 0;
}

/* Cuts the members out of json; buffers are the caller's. */
static int read_members(struct jy_msg *m, struct kg_span json, struct kg_err *err)
{
    const struct kg_span none = kg_span_str("{}");
    *m = (struct jy_msg){.parent_header = none, .metadata = none, .content = none};
    int channel = KG_CH_SHELL;
    struct jy_scan s;
    struct jy_member member;
    int rc = jy_scan_begin(&s, json, err);
    while (rc >= 0 && (rc = jy_scan_next(&s, &member, err)) > 0) {
        if (jy_member_is(&member, "header"))
            rc = object_part(&m->header, &member, "header", false, err);
        else if (jy_member_is(&member, "parent_header"))
            rc = object_part(&m->parent_header, &member, "parent_header", true, err);
        else if (jy_member_is(&member, "metadata"))
            rc = object_part(&m->metadata, &member, "metadata", true, err);
        else if (jy_member_is(&member, "content"))
            rc = object_part(&m->content, &member, "content", true, err);
        else if (jy_member_is(&member, "channel"))
            rc = channel_part(&channel, &member, err);
    }
    if (rc < 0)
        return rc;
    if (!m->header.data)
        return kg_err_set(err, -EPROTO, "message has no header");
    struct jy_header header;
    rc = jy_header_require(&header, m->header, err);
    if (rc < 0)
        return rc;
    if (channel < 0)
        return kg_err_set(err, -ENOENT, "channel is none of shell, control, stdin, iopub");
    m->channel = (uint8_t)channel;
    return 0;
}

int jy_wsjson_decode_text(struct kg_buf *out, struct kg_span in, struct kg_err *err)
{
    struct jy_msg m;
    int rc = read_members(&m, in, err);
    if (rc < 0)
        return rc;
    jy_wsframe_append(out, &m);
    return 0;
}

static uint32_t get_u32be(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return ntohl(v);
}

static uint8_t *put_u32be(uint8_t *p, size_t v)
{
    uint32_t be = htonl((uint32_t)v);
    memcpy(p, &be, 4);
    return p + 4;
}

/* Checks the offset table of in; *count is how many parts there are, all in bounds afterwards. */
static int check_table(size_t *count, struct kg_span in, struct kg_err *err)
{
    if (in.len < 8)
        return kg_err_set(err, -EPROTO, "binary frame of %zu bytes has no room for an offset",
                          in.len);
    size_t n = get_u32be(in.data);
    if (n == 0)
        return kg_err_set(err, -EPROTO, "binary frame has no parts");
    if (n > in.len / 4 - 1)
        return kg_err_set(err, -EPROTO, "offset table of %zu entries is larger than the frame", n);
    if (n - 1 > JY_BUFFERS_MAX)
        return kg_err_set(err, -EMSGSIZE, "%zu buffers are above the limit of %d", n - 1,
                          JY_BUFFERS_MAX);
    if (get_u32be(in.data + 4) != 4 * (n + 1))
        return kg_err_set(err, -EPROTO, "message starts at %u instead of %zu",
                          get_u32be(in.data + 4), 4 * (n + 1));
    for (size_t i = 1; i < n; i++) {
        uint32_t at = get_u32be(in.data + 4 + 4 * i);
        if (at < get_u32be(in.data + 4 * i) || at > in.len)
            return kg_err_set(err, -EPROTO, "buffer %zu starts at %u, outside of %u to %zu", i - 1,
                              at, get_u32be(in.data + 4 * i), in.len);
    }
    *count = n;
    return 0;
}

static struct kg_span part(struct kg_span in, size_t i, size_t count)
{
    size_t from = get_u32be(in.data + 4 + 4 * i);
    size_t end = i + 1 < count ? get_u32be(in.data + 8 + 4 * i) : in.len;
    return kg_span_of(in.data + from, end - from);
}

int jy_wsjson_decode_binary(struct kg_buf *out, struct kg_span in, struct kg_err *err)
{
    size_t count = 0;
    int rc = check_table(&count, in, err);
    if (rc < 0)
        return rc;
    struct jy_msg m;
    rc = read_members(&m, part(in, 0, count), err);
    if (rc < 0)
        return rc;
    kg_autofree struct kg_span *buffers = kg_calloc(count, sizeof *buffers);
    for (size_t i = 1; i < count; i++)
        buffers[i - 1] = part(in, i, count);
    m.buffers = buffers;
    m.buffer_count = count - 1;
    jy_wsframe_append(out, &m);
    return 0;
}

static int check_object(struct kg_span json, const char *name, struct kg_err *err)
{
    enum jy_json_type type;
    int rc = jy_json_check(json, &type, err);
    if (rc < 0) {
        kg_err_wrap(err, "%s", name);
        return rc;
    }
    return type == JY_JSON_OBJECT ? 0 : kg_err_set(err, -EPROTO, "%s is no object", name);
}

static void add_span(struct kg_buf *out, const char *before, struct kg_span s)
{
    kg_buf_add_str(out, before);
    kg_buf_add(out, s.data, s.len);
}

static void add_text(struct kg_buf *out, const struct jy_msg *m, const struct jy_header *h)
{
    /* one reservation instead of a growth in each step */
    kg_buf_reserve(out, m->header.len + m->parent_header.len + m->metadata.len + m->content.len +
                            h->msg_id.len + h->msg_type.len + 160);
    add_span(out, "{\"header\":", m->header);
    add_span(out, ",\"msg_id\":\"", h->msg_id);
    add_span(out, "\",\"msg_type\":\"", h->msg_type);
    add_span(out, "\",\"parent_header\":", m->parent_header);
    add_span(out, ",\"metadata\":", m->metadata);
    add_span(out, ",\"content\":", m->content);
    kg_buf_add_str(out, ",\"buffers\":[],\"channel\":\"");
    kg_buf_add_str(out, kg_channel_name(m->channel));
    kg_buf_add_str(out, "\"}");
}

int jy_wsjson_encode(struct kg_buf *out, bool *binary, const struct jy_msg *m, struct kg_err *err)
{
    struct jy_header h;
    int rc;
    if ((rc = jy_header_require(&h, m->header, err)) < 0 ||
        (rc = check_object(m->parent_header, "parent_header", err)) < 0 ||
        (rc = check_object(m->metadata, "metadata", err)) < 0 ||
        (rc = check_object(m->content, "content", err)) < 0)
        return rc;
    *binary = m->buffer_count > 0;
    if (!*binary) {
        add_text(out, m, &h);
        return 0;
    }
    size_t start = out->len;
    size_t head = 4 * (m->buffer_count + 2);
    kg_buf_reserve(out, head);
    out->len += head;
    add_text(out, m, &h);
    size_t at = out->len - start;
    for (size_t i = 0; i < m->buffer_count; i++)
        at += jy_msg_buffer(m, i).len;
    if (at > UINT32_MAX) {
        out->len = start;
        return kg_err_set(err, -EMSGSIZE, "message of %zu bytes is too long for 32-bit offsets",
                          at);
    }
    kg_buf_reserve(out, at - (out->len - start));
    uint8_t *entry = put_u32be(out->data + start, m->buffer_count + 1);
    entry = put_u32be(entry, head);
    for (size_t i = 0; i < m->buffer_count; i++) {
        struct kg_span b = jy_msg_buffer(m, i);
        entry = put_u32be(entry, out->len - start);
        kg_buf_add(out, b.data, b.len); /* fits: reserved above, so entry stays where it points */
    }
    return 0;
}

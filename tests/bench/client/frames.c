/* The two framings of a kernel's WebSocket (Jupyter Server's docs, "WebSocket kernel wire protocols"). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/client/link.h"

static struct bc_span part(const uint8_t *in, size_t i)
{
    uint64_t from = kg_get_u64le(in + 8 * (i + 1));
    uint64_t to = kg_get_u64le(in + 8 * (i + 2));
    return (struct bc_span){in + from, (size_t)(to - from)};
}

int bc_v1_parse(struct bc_msg *m, const uint8_t *in, size_t n)
{
    uint64_t offsets = n >= 8 ? kg_get_u64le(in) : 0;
    if (offsets < 6 || offsets > 64 || n < 8 * (offsets + 1))
        return -EPROTO;
    uint64_t last = 8 * (offsets + 1);
    for (uint64_t i = 0; i < offsets; i++) {
        uint64_t at = kg_get_u64le(in + 8 * (i + 1));
        if (at < last || at > n)
            return -EPROTO;
        last = at;
    }
    struct bc_span channel = part(in, 0);
    int ch = kg_channel_parse(channel.data, channel.len);
    if (ch < 0)
        return -EPROTO;
    m->channel = (uint8_t)ch;
    m->header = part(in, 1);
    m->parent = part(in, 2);
    m->content = part(in, 4);
    m->buffers = 0;
    for (size_t i = 5; i + 1 < offsets && m->buffers < BC_BUFFERS_MAX; i++)
        m->buffer[m->buffers++] = part(in, i);
    return 0;
}

void bc_v1_build(struct kg_buf *out, uint8_t channel, const char *header, const char *content,
                 const void *data, size_t n)
{
    const char *name = kg_channel_name(channel);
    const char *text[] = {name, header, "{}", "{}", content};
    uint64_t parts = data ? 6 : 5;
    uint64_t at = 8 * (parts + 2);
    uint8_t table[8 * 8];
    kg_put_u64le(table, parts + 1);
    kg_put_u64le(table + 8, at);
    for (size_t i = 0; i < parts; i++) {
        at += i < 5 ? strlen(text[i]) : n;
        kg_put_u64le(table + 8 * (i + 2), at);
    }
    kg_buf_add(out, table, 8 * (parts + 2));
    for (size_t i = 0; i < 5; i++)
        kg_buf_add_str(out, text[i]);
    if (data)
        kg_buf_add(out, data, n);
}

static uint32_t u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32be(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

int bc_json_parse(struct bc_msg *m, const uint8_t *in, size_t n, bool binary)
{
    struct bc_span text = {in, n};
    m->buffers = 0;
    if (binary) {
        uint32_t count = n >= 4 ? u32be(in) : 0;
        if (count < 1 || count > 64 || n < 4 * ((size_t)count + 1))
            return -EPROTO;
        for (uint32_t i = 0; i < count; i++) {
            size_t from = u32be(in + 4 * ((size_t)i + 1));
            size_t to = i + 1 < count ? u32be(in + 4 * ((size_t)i + 2)) : n;
            if (from > to || to > n)
                return -EPROTO;
            if (i == 0)
                text = (struct bc_span){in + from, to - from};
            else if (m->buffers < BC_BUFFERS_MAX)
                m->buffer[m->buffers++] = (struct bc_span){in + from, to - from};
        }
    }
    m->header = m->parent = m->content = text;
    m->channel = KG_CH_IOPUB;
    for (int i = KG_CH_SHELL; i < KG_CH_IOPUB; i++) {
        uint8_t ch = (uint8_t)i;
        char spaced[40];
        char tight[40];
        snprintf(spaced, sizeof spaced, "\"channel\": \"%s\"", kg_channel_name(ch));
        snprintf(tight, sizeof tight, "\"channel\":\"%s\"", kg_channel_name(ch));
        /* Cheap enough: messages of a flood are short, or end with their channel. */
        size_t tail = text.len < 256 ? text.len : 256;
        const uint8_t *end = text.data + text.len - tail;
        if (memmem(end, tail, spaced, strlen(spaced)) || memmem(end, tail, tight, strlen(tight)) ||
            memmem(text.data, tail, tight, strlen(tight)))
            m->channel = ch;
    }
    return 0;
}

bool bc_json_build(struct kg_buf *out, uint8_t channel, const char *header, const char *content,
                   const void *data, size_t n)
{
    size_t start = out->len;
    if (data)
        kg_buf_reserve(out, 12), out->len += 12;
    kg_buf_printf(
        out,
        "{\"header\":%s,\"parent_header\":{},\"metadata\":{},\"content\":%s,\"buffers\":[],"
        "\"channel\":\"%s\"}",
        header, content, kg_channel_name(channel));
    if (!data)
        return false;
    put_u32be(out->data + start, 2);
    put_u32be(out->data + start + 4, 12);
    put_u32be(out->data + start + 8, out->len - start);
    kg_buf_add(out, data, n);
    return true;
}

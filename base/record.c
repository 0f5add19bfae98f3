#include "base/record.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the codecs copy little-endian integers");

static const char *const channel_names[KG_CH_COUNT] = {"shell", "control", "stdin", "iopub"};

const char *kg_channel_name(uint8_t channel)
{
    return channel < KG_CH_COUNT ? channel_names[channel] : NULL;
}

int kg_channel_parse(const void *name, size_t n)
{
    for (int i = 0; i < KG_CH_COUNT; i++)
        if (strlen(channel_names[i]) == n && memcmp(name, channel_names[i], n) == 0)
            return i;
    return -ENOENT;
}

void kg_rec_encode(uint8_t out[KG_REC_HEAD], const struct kg_rec *rec)
{
    memcpy(out, &rec->body_len, 4);
    out[4] = rec->type;
    out[5] = rec->channel;
    out[6] = rec->kind;
    out[7] = rec->flags;
    kg_put_u64le(out + 8, rec->seq);
}

int kg_rec_decode(struct kg_rec *rec, const uint8_t *in, size_t n, struct kg_err *err)
{
    if (n < KG_REC_HEAD)
        return 0;
    memcpy(&rec->body_len, in, 4);
    rec->type = in[4];
    rec->channel = in[5];
    rec->kind = in[6];
    rec->flags = in[7];
    rec->seq = kg_get_u64le(in + 8);
    bool from_agent = rec->type >= KG_REC_HELLO && rec->type <= KG_REC_EVENT;
    bool from_gateway = rec->type >= KG_REC_WELCOME && rec->type <= KG_REC_ACK;
    if (!from_agent && !from_gateway)
        return kg_err_set(err, -EPROTO, "link record of unknown type %u", rec->type);
    if (rec->type == KG_REC_MSG && rec->channel >= KG_CH_COUNT)
        return kg_err_set(err, -EPROTO, "link message on unknown channel %u", rec->channel);
    if (rec->body_len > KG_REC_BODY_MAX)
        return kg_err_set(err, -EMSGSIZE, "link record of %u bytes is above the limit of %d",
                          rec->body_len, KG_REC_BODY_MAX);
    return KG_REC_HEAD;
}

void kg_rec_append(struct kg_buf *out, struct kg_rec *rec, const void *body, size_t n)
{
    assert(n <= KG_REC_BODY_MAX);
    rec->body_len = (uint32_t)n;
    kg_rec_encode(kg_buf_reserve(out, KG_REC_HEAD + n), rec);
    out->len += KG_REC_HEAD;
    kg_buf_add(out, body, n);
}

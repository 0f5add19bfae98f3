/* base/record.c: a stream of records, read as the link reads it. */
#include "base/record.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size > 0) {
        struct kg_rec rec;
        struct kg_err err = {0};
        int rc = kg_rec_decode(&rec, data, size, &err);
        if (rc <= 0) {
            MUST(rc < 0 ? err.text[0] != 0 : size < KG_REC_HEAD);
            break;
        }
        MUST(rc == KG_REC_HEAD && rec.body_len <= KG_REC_BODY_MAX);
        uint8_t head[KG_REC_HEAD];
        kg_rec_encode(head, &rec);
        MUST(memcmp(head, data, sizeof head) == 0);
        if (rec.type == KG_REC_MSG)
            MUST(kg_channel_name(rec.channel));
        if (rec.body_len > size - KG_REC_HEAD)
            break;
        data += KG_REC_HEAD + rec.body_len;
        size -= KG_REC_HEAD + rec.body_len;
    }
    return 0;
}

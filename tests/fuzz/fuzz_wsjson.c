/* jupyter/wsjson.c: the older framing into the v1 framing, back, and again: nothing changes on the way.
 * The first byte says whether the rest is a binary frame. */
#include "fuzz.h"
#include "jupyter/wsframe.h"
#include "jupyter/wsjson.h"

static int decode(struct kg_buf *out, bool binary, struct kg_span in, struct kg_err *err)
{
    return binary ? jy_wsjson_decode_binary(out, in, err) : jy_wsjson_decode_text(out, in, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    kg_autobuf frame = {0};
    struct kg_err err = {0};
    if (decode(&frame, data[0] & 1, kg_span_of(data + 1, size - 1), &err) < 0) {
        MUST(err.text[0] != 0 && frame.len == 0);
        return 0;
    }
    struct jy_msg m;
    MUST(jy_wsframe_split(&m, frame.data, frame.len, NULL) == 0);
    kg_autobuf json = {0};
    kg_autobuf again = {0};
    bool binary;
    MUST(jy_wsjson_encode(&json, &binary, &m, NULL) == 0);
    MUST(binary == (m.buffer_count > 0));
    MUST(decode(&again, binary, kg_span_of(json.data, json.len), NULL) == 0);
    MUST(again.len == frame.len && memcmp(again.data, frame.data, frame.len) == 0);
    return 0;
}

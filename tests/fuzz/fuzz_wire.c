/* jupyter/wire.c: frames, each with a length of one byte before it; 0xff begins a delimiter. */
#include "base/mem.h"
#include "fuzz.h"
#include "jupyter/wire.h"

enum { FRAMES = 64 };

static void check_signature(const struct jy_msg *m, struct kg_span given)
{
    struct jy_key *key;
    char signature[JY_SIGNATURE_SIZE];
    MUST(jy_key_new(&key, "hmac-sha256", kg_span_str("secret"), NULL) == 0);
    jy_key_sign(key, m, signature);
    MUST(strlen(signature) == JY_SIGNATURE_LEN);
    struct jy_wire w = {.signature = given, .msg = *m};
    if (!kg_span_is(given, signature))
        MUST(jy_key_verify(key, &w, NULL) < 0);
    w.signature = kg_span_str(signature);
    MUST(jy_key_verify(key, &w, NULL) == 0);
    MUST(jy_key_verify(key, &w, NULL) < 0);
    jy_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kg_span frames[FRAMES];
    size_t count = 0;
    const uint8_t *end = data + size;
    while (data < end && count < FRAMES) {
        size_t n = *data++;
        if (n == 0xff) {
            frames[count++] = kg_span_str("<IDS|MSG>");
            continue;
        }
        if (n > (size_t)(end - data))
            n = (size_t)(end - data);
        frames[count++] = kg_span_of(data, n);
        data += n;
    }
    struct jy_wire w;
    struct kg_err err = {0};
    if (jy_wire_parse(&w, KG_CH_SHELL, frames, count, &err) < 0) {
        MUST(err.text[0] != 0);
        return 0;
    }
    MUST(w.identity_count + 6 + w.msg.buffer_count == count);
    struct kg_span again[FRAMES];
    char signature[256];
    memcpy(signature, w.signature.data ? (const char *)w.signature.data : "", w.signature.len);
    signature[w.signature.len] = 0;
    size_t n = jy_wire_frames(again, &w.msg, signature);
    MUST(n == count - w.identity_count);
    for (size_t i = 0; i < n; i++)
        MUST(i == 1 || kg_span_equal(again[i], frames[w.identity_count + i]));
    check_signature(&w.msg, w.signature);
    return 0;
}

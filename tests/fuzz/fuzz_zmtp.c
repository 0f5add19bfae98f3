/* jupyter/zmtp/frames.c: a peer's greeting, then messages and commands, read as the socket reads them. */
#include "fuzz.h"
#include "jupyter/zmtp/frames.h"

enum { FRAMES = 16, BYTES = 65536 };

static void check_split(const uint8_t *data, size_t size)
{
    const struct jy_zmtp_limits limits = {FRAMES, BYTES};
    struct kg_span frames[FRAMES];
    while (size > 0) {
        struct jy_zmtp_message m;
        struct kg_err err = {0};
        int rc = jy_zmtp_split(&m, frames, &limits, data, size, &err);
        if (rc < 0)
            MUST(err.text[0] != 0);
        if (rc == 0)
            MUST(m.need > size && m.need <= BYTES + JY_ZMTP_HEAD_MAX);
        if (rc <= 0)
            return;
        MUST(m.length > 0 && m.length <= size && m.count > 0 && m.count <= FRAMES);
        MUST(!m.command || m.count == 1);
        /* What was split is put together to the same bytes, but for a long head where a short one would do. */
        size_t at = 0;
        for (size_t i = 0; i < m.count; i++) {
            at += (data[at] & JY_ZMTP_LONG) ? 9 : 2;
            MUST(frames[i].data == data + at);
            at += frames[i].len;
        }
        MUST(at == m.length);
        struct kg_span name, rest;
        if (m.command && jy_zmtp_command(frames[0], &name, &rest, &err) == 0)
            MUST(name.len + rest.len + 1 == frames[0].len);
        data += m.length;
        size -= m.length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kg_err err = {0};
    int rc = jy_zmtp_greeting_check(data, size, &err);
    if (rc < 0)
        MUST(err.text[0] != 0);
    if (rc > 0) {
        MUST(size >= JY_ZMTP_GREETING);
        check_split(data + rc, size - (size_t)rc);
    }
    check_split(data, size);
    return 0;
}

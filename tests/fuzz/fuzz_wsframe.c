/* jupyter/wsframe.c: what splits is built again, byte for byte. */
#include "fuzz.h"
#include "jupyter/wsframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jy_msg m;
    struct kg_err err = {0};
    int rc = jy_wsframe_split(&m, data, size, &err);
    if (rc < 0) {
        MUST(err.text[0] != 0);
        return 0;
    }
    MUST(m.buffer_count <= JY_BUFFERS_MAX);
    kg_autobuf out = {0};
    jy_wsframe_append(&out, &m);
    MUST(jy_wsframe_size(&m) == size && out.len == size);
    MUST(memcmp(out.data, data, size) == 0);
    return 0;
}

/* kernelgw/net/chunked.c: a body in chunks gives the same whether it comes at once or byte by byte. */
#include "fuzz.h"
#include "kernelgw/net/chunked.h"

enum { BODY_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kg_chunked whole = {0};
    struct kg_chunked bytes = {0};
    kg_autobuf a = {0};
    kg_autobuf b = {0};
    size_t used = 0;
    int rc = kg_chunked_feed(&whole, &a, BODY_MAX, data, size, &used);
    MUST(used <= size && a.len <= BODY_MAX);
    MUST(rc == 1 || rc == 400 || rc == 413 || (rc == 0 && used == size));
    int again = 0;
    size_t at = 0;
    while (at < size && again == 0) {
        size_t one = 0;
        again = kg_chunked_feed(&bytes, &b, BODY_MAX, data + at, 1, &one);
        MUST(one <= 1 && (one == 1 || again != 0));
        at += one;
    }
    MUST(again == rc && at == used && a.len == b.len);
    MUST(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
    return 0;
}

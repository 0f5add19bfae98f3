/* kernelgw/net/answer.c: what a program of a session answers. */
#include "fuzz.h"
#include "kernelgw/net/answer.h"
#include "kernelgw/net/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kg_autobuf out = {0};
    size_t n = kg_head_end(data, size, 0);
    int status = kg_answer_pass(&out, (const char *)data, n ? n : size, "/t/x/prefix", "/prefix");
    MUST(status < 0 || (status >= 100 && status <= 999 && out.len > 12));
    /* One head, not two: nothing of it may end it early. */
    MUST(status < 0 || !n || kg_head_end(out.data, out.len, 0) == out.len);
    return 0;
}

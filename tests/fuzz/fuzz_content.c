/* kernelgw/core/content.c: what a kernel says, as a document. */
#include "fuzz.h"
#include "kernelgw/core/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kg_autobuf mended = {0}, again = {0};
    struct kg_span json = kg_span_of(data, size);
    json_decref(kg_content_load(json));
    kg_content_mend(&mended, json);
    /* What is mended has nothing to mend. */
    kg_content_mend(&again, kg_span_of(mended.data, mended.len));
    MUST(again.len == mended.len &&
         (!again.len || memcmp(again.data, mended.data, again.len) == 0));
    return 0;
}

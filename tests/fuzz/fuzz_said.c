/* runtimes/kernelkit: what an evaluator writes, in pieces of any size, to lines, and each line to what it says. The first byte is
 * the size of the pieces. */
#include <errno.h>

#include "fuzz.h"
#include "jupyter/scan.h"
#include "runtimes/kernelkit/content.h"
#include "runtimes/kernelkit/lines.h"
#include "runtimes/kernelkit/said.h"

/* It can be put into other JSON. */
static void check_said(struct kg_span line)
{
    struct kk_said s;
    struct kg_err err = {0};
    int rc = kk_said_read(&s, line, &err);
    if (rc < 0)
        MUST(err.text[0] != 0);
    if (rc == -EPROTO)
        return; /* what it says was not looked at in full */
    const struct kg_span texts[] = {s.event, s.status, s.ename, s.evalue, s.prompt, s.banner};
    const struct kg_span values[] = {s.data,    s.metadata, s.user_expressions, s.traceback,
                                     s.payload, s.matches,  s.language_info};
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_array_begin(&j);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        kk_json_text(&j, texts[i]);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i].len)
            kg_json_raw(&j, values[i].data, values[i].len);
    kg_json_array_end(&j);
    MUST(jy_json_check(kg_span_of(out.data, out.len), NULL, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t piece = 1 + data[0] % 64;
    const uint8_t *at = data + 1, *end = data + size;
    const uint8_t *expected = at; /* where the next line starts */
    struct kk_lines lines = {.max = 512};
    struct kg_span line;
    int rc = 0;
    while (at < end && rc >= 0) {
        size_t n = (size_t)(end - at) < piece ? (size_t)(end - at) : piece;
        memcpy(kk_lines_room(&lines, n), at, n);
        kk_lines_added(&lines, n);
        at += n;
        while ((rc = kk_lines_next(&lines, &line)) > 0) {
            MUST(expected + line.len < end && expected[line.len] == '\n');
            MUST(line.len == 0 || memcmp(expected, line.data, line.len) == 0);
            MUST(!line.len || !memchr(line.data, '\n', line.len));
            MUST(line.len <= 512);
            expected += line.len + 1;
            check_said(line);
        }
    }
    if (rc >= 0)
        MUST(expected == end || !memchr(expected, '\n', (size_t)(end - expected)));
    kk_lines_release(&lines);
    return 0;
}

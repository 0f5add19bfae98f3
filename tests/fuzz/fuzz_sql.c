/* runtimes/sql: a cell's text. Pieces lie in order in the text; a cursor anywhere gives a name that holds it. */
#include "fuzz.h"
#include "runtimes/sql/context.h"
#include "runtimes/sql/split.h"
#include "runtimes/sql/table.h"
#include "runtimes/sql/whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *at = text, *indent = NULL;
    struct sq_splitter s;
    struct sq_piece p;
    size_t line = 1;
    sq_split_init(&s, text, size);
    for (sq_split_next(&s, &p); p.kind != SQ_NOTHING; sq_split_next(&s, &p)) {
        MUST(p.len > 0 && p.line >= line);
        line = p.line;
        if (p.kind == SQ_MISTAKE)
            continue;
        MUST(p.text >= at && p.text + p.len <= text + size);
        at = p.text + p.len;
    }
    enum sq_whole whole = sq_whole(text, size, &indent);
    MUST(whole <= SQ_INVALID && indent);
    for (size_t cursor = 0; cursor <= size; cursor += 1 + size / 16) {
        struct sq_context c;
        sq_context_at(&c, text, size, cursor, cursor & 1);
        MUST(c.start <= cursor && cursor <= c.end && c.end <= size &&
             c.table_count <= SQ_TABLES_MAX);
    }
    kg_autobuf out = {0};
    for (int form = SQ_TEXT; form <= SQ_BITS; form++)
        sq_value_text((enum sq_form)form, data, size, &out);
    MUST(size == 0 || out.len > 0);
    return 0;
}

#include "runtimes/kernelkit/said.h"

#include <string.h>

#include "base/mem.h"
#include "runtimes/kernelkit/content.h"

int kk_said_read(struct kk_said *s, struct kg_span line, struct kg_err *err)
{
    *s = (struct kk_said){.reply = -1};
    const struct kk_field fields[] = {
        {"event", KK_TEXT, &s->event, false},
        {"reply", KK_INT, &s->reply, false},
        {"status", KK_TEXT, &s->status, false},
        {"ename", KK_TEXT, &s->ename, false},
        {"evalue", KK_TEXT, &s->evalue, false},
        {"traceback", KK_ARRAY, &s->traceback, false},
        {"user_expressions", KK_OBJECT, &s->user_expressions, false},
        {"payload", KK_ARRAY, &s->payload, false},
        {"data", KK_OBJECT, &s->data, false},
        {"metadata", KK_OBJECT, &s->metadata, false},
        {"display_id", KK_TEXT, &s->display_id, false},
        {"update", KK_BOOL, &s->update, false},
        {"wait", KK_BOOL, &s->wait, false},
        {"prompt", KK_TEXT, &s->prompt, false},
        {"password", KK_BOOL, &s->password, false},
        {"matches", KK_ARRAY, &s->matches, false},
        {"cursor_start", KK_INT, &s->cursor_start, false},
        {"cursor_end", KK_INT, &s->cursor_end, false},
        {"found", KK_BOOL, &s->found, false},
        {"indent", KK_TEXT, &s->indent, false},
        {"implementation", KK_TEXT, &s->implementation, false},
        {"implementation_version", KK_TEXT, &s->implementation_version, false},
        {"banner", KK_TEXT, &s->banner, false},
        {"language_info", KK_OBJECT, &s->language_info, false},
        {"help", KK_BOOL, &s->help, false},
        {"help_links", KK_ARRAY, &s->help_links, false},
    };
    return kk_content_read(line, fields, KG_COUNT(fields), err);
}

struct kg_span kk_said_salvage(struct kg_span line)
{
    static const char mark[] = "{\"reply\":";
    const size_t n = sizeof mark - 1;
    struct kg_span found = {0};
    while (line.len >= n) {
        const uint8_t *at = memmem(line.data, line.len, mark, n);
        if (!at)
            break;
        found = kg_span_of(at, line.len - (size_t)(at - line.data));
        line = kg_span_of(at + n, found.len - n);
    }
    return found;
}

#include "runtimes/kernelkit/help.h"

#include <string.h>

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct kg_span trim(struct kg_span s)
{
    while (s.len && blank(s.data[0]))
        s = kg_span_of(s.data + 1, s.len - 1);
    while (s.len && blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

static bool letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
}

/* A name with what leads to it: std::vector<int>, map["key"].size, `my table`.column without the blank. */
static bool is_name(struct kg_span s)
{
    if (!s.len || s.len > KK_HELP_NAME_MAX || !(letter(s.data[0]) || strchr(":`@~", s.data[0])))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (!c || (!letter(c) && !(c >= '0' && c <= '9') && !strchr(".:<>[]()'\"`@~,", c)))
            return false;
    }
    return true;
}

bool kk_help_asked(struct kg_span text, struct kg_span *name, int *detail)
{
    struct kg_span s = trim(text);
    size_t before = 0, behind = 0;
    while (before < s.len && before < 2 && s.data[before] == '?')
        before++;
    while (behind < s.len - before && behind < 2 && s.data[s.len - 1 - behind] == '?')
        behind++;
    if ((before > 0) == (behind > 0))
        return false;
    s = kg_span_of(s.data + before, s.len - before - behind); /* `a ?` may be code that goes on */
    if (!is_name(s))
        return false;
    *name = s;
    *detail = before + behind > 1;
    return true;
}

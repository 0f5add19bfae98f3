/* kernelgw/net/head.c: a request's head and its query. What is taken holds nothing that could split a line. */
#include "base/buf.h"
#include "fuzz.h"
#include "kernelgw/net/head.h"

static void check_query(const char *query)
{
    struct kg_head_field args[KG_QUERY_ARGS_MAX];
    char *copy = strdup(query);
    size_t n = kg_query_parse(args, KG_QUERY_ARGS_MAX, copy);
    MUST(n <= KG_QUERY_ARGS_MAX);
    for (size_t i = 0; i < n; i++)
        MUST(strlen(args[i].name) + strlen(args[i].value) <= strlen(query));
    free(copy);
}

static void check_head(const struct kg_head *h)
{
    MUST(h->method[0] && !strpbrk(h->method, " \t\r\n"));
    MUST(h->path[0] == '/' || strcmp(h->path, "*") == 0);
    MUST(!strpbrk(h->path, " \t\r\n?#"));
    MUST(!h->chunked || h->content_length < 0);
    for (size_t i = 0; i < h->field_count; i++) {
        MUST(h->fields[i].name[0] &&
             !strpbrk(h->fields[i].name, " \t\r\n:ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        MUST(!strpbrk(h->fields[i].value, "\r\n"));
        MUST(kg_head_get(h, h->fields[i].name) != NULL);
    }
    kg_head_has_token(h, "accept", "x");
    if (h->query)
        check_query(h->query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = kg_head_end(data, size, 0);
    size_t step = 0;
    for (size_t have = 1; have <= size && !step;
         have++) /* found at once or bit by bit: the same end */
        step = kg_head_end(data, have, have - 1);
    MUST(step == n);
    if (!n)
        return 0;
    kg_autobuf text = {0};
    kg_buf_add(&text, data, n);
    kg_buf_cstr(&text);
    static struct kg_head h;
    int status = kg_head_parse(&h, (char *)text.data, n);
    MUST(status == 0 || (status >= 400 && status <= 505));
    if (status == 0)
        check_head(&h);
    return 0;
}

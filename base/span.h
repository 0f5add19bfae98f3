#ifndef KG_BASE_SPAN_H
#define KG_BASE_SPAN_H
/* A stretch of somebody else's bytes. Never owned, never ended with a NUL. {NULL, 0} is empty. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kg_span {
    const uint8_t *data;
    size_t len;
};

static inline struct kg_span kg_span_of(const void *data, size_t len)
{
    return (struct kg_span){data, len};
}

static inline struct kg_span kg_span_str(const char *s)
{
    return (struct kg_span){(const uint8_t *)s, strlen(s)};
}

static inline bool kg_span_equal(struct kg_span a, struct kg_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool kg_span_is(struct kg_span a, const char *s)
{
    return kg_span_equal(a, kg_span_str(s));
}

#endif

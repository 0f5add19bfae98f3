#ifndef TESTS_UNIT_JUPYTER_UNIT_H
#define TESTS_UNIT_JUPYTER_UNIT_H
/* What the tests of this folder share: cmocka and its includes in the order it needs, and spans. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "jupyter/message.h"

static inline struct kg_span sp(const char *s)
{
    return kg_span_str(s);
}

static inline struct kg_span span_of_buf(const struct kg_buf *b)
{
    return kg_span_of(b->data, b->len);
}

/* A copy of exactly n bytes on the heap, so that the sanitizer sees the first byte read behind it. */
static inline uint8_t *exact_copy(const void *data, size_t n)
{
    uint8_t *p = kg_malloc(n);
    if (n)
        memcpy(p, data, n);
    return p;
}

#define assert_span(span, text)                                                                    \
    do {                                                                                           \
        struct kg_span got_ = (span);                                                              \
        assert_int_equal(got_.len, strlen(text));                                                  \
        assert_memory_equal(got_.data, text, got_.len);                                            \
    } while (0)

#define SAMPLE_HEADER                                                                              \
    "{\"msg_id\": \"6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11_17_3\", \"msg_type\": \"status\", "       \
    "\"username\": \"user\", \"session\": \"0b0cbb41-6f0c-4a55-8d57-1fd0e6c5e0f2\", "              \
    "\"date\": \"2026-01-31T23:59:59.123456Z\", \"version\": \"5.4\"}"

static inline struct jy_msg sample_message(const struct kg_span *buffers, size_t count)
{
    return (struct jy_msg){
        .channel = KG_CH_IOPUB,
        .header = sp(SAMPLE_HEADER),
        .parent_header = sp("{\"msg_id\":\"p\",\"msg_type\":\"execute_request\"}"),
        .metadata = sp("{}"),
        .content = sp("{\"execution_state\":\"busy\"}"),
        .buffers = buffers,
        .buffer_count = count,
    };
}

static inline void assert_same_message(const struct jy_msg *a, const struct jy_msg *b)
{
    assert_int_equal(a->channel, b->channel);
    assert_true(kg_span_equal(a->header, b->header));
    assert_true(kg_span_equal(a->parent_header, b->parent_header));
    assert_true(kg_span_equal(a->metadata, b->metadata));
    assert_true(kg_span_equal(a->content, b->content));
    assert_int_equal(a->buffer_count, b->buffer_count);
    for (size_t i = 0; i < a->buffer_count; i++)
        assert_true(kg_span_equal(jy_msg_buffer(a, i), jy_msg_buffer(b, i)));
}

#endif

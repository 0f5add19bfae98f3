#include "unit.h"

#include "base/buf.h"

static void an_empty_buffer_is_a_zeroed_struct(void **state)
{
    (void)state;
    struct kg_buf b = {0};
    assert_string_equal(kg_buf_cstr(&b), "");
    assert_int_equal(b.len, 0);
    kg_buf_release(&b);
    assert_null(b.data);
    kg_buf_release(&b);
    kg_buf_add(&b, NULL, 0);
    kg_buf_drop(&b, 5);
    kg_buf_clear(&b);
    assert_int_equal(b.len, 0);
}

static void what_is_added_is_there_in_order(void **state)
{
    (void)state;
    kg_autobuf b = {0};
    kg_buf_add_str(&b, "ab");
    kg_buf_add_char(&b, 'c');
    kg_buf_add(&b, "d\0e", 3);
    kg_buf_printf(&b, "%d-%s", 12, "x");
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.data, "abcd\0e12-x", 10);
    assert_int_equal(kg_buf_cstr(&b)[10], 0);
}

static void it_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    kg_autobuf b = {0};
    for (int i = 0; i < 100000; i++)
        kg_buf_add_char(&b, (char)(i & 127));
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], i & 127);
    /* exactly full still has room for the NUL */
    kg_buf_clear(&b);
    while (b.len + 1 < b.cap)
        kg_buf_add_char(&b, 'x');
    size_t cap = b.cap;
    assert_int_equal(strlen(kg_buf_cstr(&b)), b.len);
    assert_int_equal(b.cap, cap);
}

static void reserved_bytes_count_when_they_are_written(void **state)
{
    (void)state;
    kg_autobuf b = {0};
    kg_buf_add_str(&b, "ab");
    uint8_t *p = kg_buf_reserve(&b, 1000);
    assert_ptr_equal(p, b.data + 2);
    assert_int_equal(b.len, 2);
    memset(p, 'z', 1000);
    b.len += 1000;
    assert_int_equal(b.data[1001], 'z');
}

static void bytes_are_dropped_from_the_front(void **state)
{
    (void)state;
    kg_autobuf b = {0};
    kg_buf_add_str(&b, "abcdef");
    kg_buf_drop(&b, 2);
    assert_string_equal(kg_buf_cstr(&b), "cdef");
    kg_buf_drop(&b, 0);
    assert_string_equal(kg_buf_cstr(&b), "cdef");
    kg_buf_drop(&b, 100);
    assert_string_equal(kg_buf_cstr(&b), "");
}

static void long_formats_fit(void **state)
{
    (void)state;
    kg_autobuf b = {0};
    char big[5000];
    memset(big, 'q', sizeof big - 1);
    big[sizeof big - 1] = 0;
    kg_buf_printf(&b, "<%s>", big);
    assert_int_equal(b.len, 5001);
    assert_int_equal(b.data[5000], '>');
    kg_buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 5001);
}

static void stealing_leaves_an_empty_buffer(void **state)
{
    (void)state;
    struct kg_buf b = {0};
    size_t n = 99;
    kg_buf_add_str(&b, "mine");
    uint8_t *data = kg_buf_steal(&b, &n);
    assert_int_equal(n, 4);
    assert_string_equal((char *)data, "mine");
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
    free(data);
    data = kg_buf_steal(&b, NULL);
    assert_string_equal((char *)data, "");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_a_zeroed_struct),
        cmocka_unit_test(what_is_added_is_there_in_order),
        cmocka_unit_test(it_grows_and_keeps_what_it_has),
        cmocka_unit_test(reserved_bytes_count_when_they_are_written),
        cmocka_unit_test(bytes_are_dropped_from_the_front),
        cmocka_unit_test(long_formats_fit),
        cmocka_unit_test(stealing_leaves_an_empty_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include "base/blob.h"

static void a_blob_lives_until_its_last_holder_lets_go(void **state)
{
    (void)state;
    struct kg_blob *b = kg_blob_copy("hello", 5);
    assert_int_equal(b->refs, 1);
    assert_int_equal(b->len, 5);
    assert_memory_equal(b->data, "hello", 5);
    assert_ptr_equal(kg_blob_ref(b), b);
    assert_int_equal(b->refs, 2);
    kg_blob_unref(b);
    assert_int_equal(b->refs, 1);
    assert_memory_equal(b->data, "hello", 5);
    kg_blob_unref(b);
    kg_blob_unref(NULL);
}

static void a_slice_holds_its_blob(void **state)
{
    (void)state;
    struct kg_blob *b = kg_blob_copy("hello", 5);
    struct kg_slice s = kg_slice_of(b, b->data + 1, 3);
    kg_blob_unref(b);
    assert_int_equal(s.blob->refs, 1);
    assert_memory_equal(s.data, "ell", 3);
    kg_slice_release(&s);
    assert_null(s.blob);
    assert_int_equal(s.len, 0);
    kg_slice_release(&s);
}

static void an_empty_blob_is_a_blob(void **state)
{
    (void)state;
    struct kg_blob *b = kg_blob_copy(NULL, 0);
    assert_int_equal(b->len, 0);
    struct kg_slice s = kg_slice_of(b, b->data, 0);
    assert_int_equal(b->refs, 2);
    kg_slice_release(&s);
    kg_blob_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_lives_until_its_last_holder_lets_go),
        cmocka_unit_test(a_slice_holds_its_blob),
        cmocka_unit_test(an_empty_blob_is_a_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

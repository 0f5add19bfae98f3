#include "unit.h"

#include "base/err.h"

static void an_error_has_its_code_and_its_sentence(void **state)
{
    (void)state;
    struct kg_err err = {0};
    assert_int_equal(kg_err_set(&err, -EPROTO, "bad %s %d", "thing", 3), -EPROTO);
    assert_int_equal(err.code, -EPROTO);
    assert_string_equal(err.text, "bad thing 3");
    assert_int_equal(kg_err_errno(&err, ENOENT, "open %s", "x"), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.text, "open x: No such file or directory");
    assert_int_equal(kg_err_errno(&err, 99999, "open"), -99999);
    assert_string_equal(err.text, "open: unknown error");
}

static void wrapping_makes_a_path_and_keeps_the_code(void **state)
{
    (void)state;
    struct kg_err err = {0};
    kg_err_set(&err, -ENOENT, "no image");
    assert_int_equal(kg_err_wrap(&err, "start container"), -ENOENT);
    assert_int_equal(kg_err_wrap(&err, "kernel %d", 7), -ENOENT);
    assert_string_equal(err.text, "kernel 7: start container: no image");
}

static void nobody_need_listen(void **state)
{
    (void)state;
    assert_int_equal(kg_err_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(kg_err_errno(NULL, EIO, "x"), -EIO);
    assert_int_equal(kg_err_wrap(NULL, "x"), -EINVAL);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct kg_err err = {0};
    char big[1000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    for (size_t n = KG_ERR_TEXT_MAX - 5; n < KG_ERR_TEXT_MAX + 5; n++) {
        kg_err_set(&err, -EIO, "%.*s", (int)n, big);
        assert_int_equal(strlen(err.text), n < KG_ERR_TEXT_MAX ? n : KG_ERR_TEXT_MAX - 1);
        kg_err_errno(&err, EIO, "%.*s", (int)n, big);
        assert_int_equal(strlen(err.text), KG_ERR_TEXT_MAX - 1);
        kg_err_set(&err, -EIO, "tail");
        assert_int_equal(kg_err_wrap(&err, "%.*s", (int)n, big), -EIO);
        assert_int_equal(strlen(err.text), KG_ERR_TEXT_MAX - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_its_code_and_its_sentence),
        cmocka_unit_test(wrapping_makes_a_path_and_keeps_the_code),
        cmocka_unit_test(nobody_need_listen),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

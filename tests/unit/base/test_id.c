#include "unit.h"

#include "base/id.h"

static void uuids_are_random_and_pass_their_own_check(void **state)
{
    (void)state;
    char a[KG_UUID_SIZE], b[KG_UUID_SIZE];
    for (int i = 0; i < 1000; i++) {
        kg_uuid4(a);
        kg_uuid4(b);
        assert_true(kg_is_uuid(a));
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
    }
}

static void only_uuids_pass(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0",
        "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c1",
        "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c111",
        "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c1g",
        "6c1d2a52b1b04a0f9f0e0a5f5d1f9c11",
        "6c1d2a52-b1b0-4a0f-9f0e_0a5f5d1f9c11",
        "{6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11}",
        "../../../../../../../../../etc/passwd",
        "6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11\n",
    };
    assert_true(kg_is_uuid("6c1d2a52-b1b0-4a0f-9f0e-0a5f5d1f9c11"));
    assert_true(kg_is_uuid("6C1D2A52-B1B0-4A0F-9F0E-0A5F5D1F9C11"));
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        char *copy = kg_strdup(bad[i]);
        assert_false(kg_is_uuid(copy));
        free(copy);
    }
}

static void hex_has_its_length_and_all_digits(void **state)
{
    (void)state;
    char one[3];
    char out[2001];
    bool seen[16] = {0};
    kg_random_hex(one, 0);
    assert_string_equal(one, "");
    kg_random_hex(one, 1);
    assert_int_equal(strlen(one), 2);
    kg_random_hex(out, 1000);
    assert_int_equal(strlen(out), 2000);
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 2000; i++) {
        const char *digit = strchr(digits, out[i]);
        assert_non_null(digit);
        seen[digit - digits] = true;
    }
    for (int i = 0; i < 16; i++)
        assert_true(seen[i]);
}

static void secrets_are_compared_whole(void **state)
{
    (void)state;
    assert_true(kg_secret_equal("abc", "abc"));
    assert_true(kg_secret_equal("", ""));
    assert_false(kg_secret_equal("abc", "abd"));
    assert_false(kg_secret_equal("abc", "ab"));
    assert_false(kg_secret_equal("ab", "abc"));
    assert_false(kg_secret_equal("abcabc", "abc"));
    assert_false(kg_secret_equal("abc", ""));
    assert_false(kg_secret_equal("", "abc"));
    assert_false(kg_secret_equal(NULL, "a"));
    assert_false(kg_secret_equal("a", NULL));
    assert_false(kg_secret_equal(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_are_random_and_pass_their_own_check),
        cmocka_unit_test(only_uuids_pass),
        cmocka_unit_test(hex_has_its_length_and_all_digits),
        cmocka_unit_test(secrets_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

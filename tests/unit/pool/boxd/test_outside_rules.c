#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool/boxd/options.h"
#include "pool/boxd/outside_rules.h"

static void ranges_are_addresses_with_or_without_a_width(void **state)
{
    (void)state;
    static const char *const good[] = {"1.2.3.4",           "1.2.3.4/32", "1.2.3.4,5.6.7.8",
                                       "0.0.0.0/1",         "10.1.2.3/8", "255.255.255.255",
                                       "1.2.3.0/24,9.9.9.9"};
    static const char *const bad[] = {"",
                                      ",",
                                      "1.2.3.4,",
                                      ",1.2.3.4",
                                      "1.2.3",
                                      "1.2.3.4/",
                                      "1.2.3.4/0",
                                      "1.2.3.4/33",
                                      "::1",
                                      "a",
                                      "1.2.3.4 ",
                                      "1.2.3.4/8x",
                                      "1.2.3.4/-1",
                                      "1.2.3.4/+8",
                                      "1.2.3.4/008",
                                      "1.2.3.4;flush ruleset",
                                      "1.2.3.4/24/24",
                                      "1.2.3.4,,5.6.7.8",
                                      "111111111111111111111111111111111111.1.1.1"};
    struct kg_err err = {0};
    for (size_t i = 0; i < KG_COUNT(good); i++)
        assert_int_equal(bd_outside_ranges_check(good[i], &err), 0);
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        if (bd_outside_ranges_check(bad[i], &err) == 0)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_non_null(strstr(err.text, "is no IPv4 address or range"));
    }
}

static void every_beginning_of_a_list_is_taken_or_refused(void **state)
{
    (void)state;
    static const char whole[] = "198.51.100.7/24,203.0.113.0/25,8.8.8.8";
    char text[sizeof(whole)];
    for (size_t n = 0; n < sizeof(whole); n++) {
        kg_autobuf rules = {0};
        memcpy(text, whole, n);
        text[n] = '\0';
        if (bd_outside_ranges_check(text, NULL) == 0)
            bd_outside_rules(&rules, text);
    }
}

static void too_many_ranges_are_refused(void **state)
{
    (void)state;
    kg_autobuf list = {0};
    struct kg_err err = {0};
    for (int i = 0; i <= BD_OUTSIDE_RANGES_MAX; i++)
        kg_buf_printf(&list, "%s1.2.3.%d", i ? "," : "", i % 256);
    assert_int_equal(bd_outside_ranges_check(kg_buf_cstr(&list), &err), -22);
    assert_non_null(strstr(err.text, "more than 256"));
}

static void rules_hold_the_operators_ranges_as_networks(void **state)
{
    (void)state;
    kg_autobuf rules = {0};
    bd_outside_rules(&rules, "47.1.2.3/16,9.9.9.9");
    const char *text = kg_buf_cstr(&rules);
    assert_non_null(strstr(text, "240.0.0.0/4, 47.1.0.0/16, 9.9.9.9/32 }"));
    assert_non_null(strstr(text, "169.254.0.0/16"));
    const char *blocked = strstr(text, "ip daddr @blocked");
    assert_non_null(blocked);
    assert_true(blocked < strstr(text, "chain counted")); /* looked at before what is established */
}

static void the_machines_addresses_replace_those_before(void **state)
{
    (void)state;
    kg_autobuf rules = {0};
    const uint32_t addresses[] = {htonl(0x2d000001), htonl(0x7f000001)};
    bd_outside_rules_host(&rules, addresses, 2);
    assert_string_equal(kg_buf_cstr(&rules), "flush set inet kernelgw host\n"
                                             "add element inet kernelgw host { 45.0.0.1 }\n"
                                             "add element inet kernelgw host { 127.0.0.1 }\n");
}

static int parse(const char *name, const char *value, struct bd_options *out, struct kg_err *err)
{
    char *argv[] = {(char[]){"boxd"},        (char[]){"--socket=/s"},  (char[]){"--run-dir=/r"},
                    (char[]){"--images=/i"}, (char[]){"--agent=/a"},   (char[]){"--gateway-uid=1"},
                    (char *)(uintptr_t)name, (char *)(uintptr_t)value, NULL};
    return bd_options_parse(out, name ? 8 : 6, argv, err);
}

static void the_outside_is_off_unless_it_is_on(void **state)
{
    (void)state;
    struct bd_options options;
    struct kg_err err = {0};
    assert_int_equal(parse(NULL, NULL, &options, &err), 0);
    assert_string_equal(options.outside, "off");
    assert_int_equal(parse("--outside", "on", &options, &err), 0);
    assert_string_equal(options.outside, "on");
    assert_int_equal(parse("--outside", "yes", &options, &err), -22);
    assert_string_equal(err.text, "--outside must be on or off, not \"yes\"");
    assert_int_equal(parse("--outside-block", "1.2.3.4/40", &options, &err), -22);
    assert_non_null(strstr(err.text, "--outside-block: \"1.2.3.4/40\" is no IPv4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_addresses_with_or_without_a_width),
        cmocka_unit_test(every_beginning_of_a_list_is_taken_or_refused),
        cmocka_unit_test(too_many_ranges_are_refused),
        cmocka_unit_test(rules_hold_the_operators_ranges_as_networks),
        cmocka_unit_test(the_machines_addresses_replace_those_before),
        cmocka_unit_test(the_outside_is_off_unless_it_is_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

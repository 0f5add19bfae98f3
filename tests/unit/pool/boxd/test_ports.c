#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool/boxd/ports.h"

#define TAIL  " 00000000:00000000 00:00000000 00000000  1001000        0 12345 1 0000 100 0 0 10 0"
#define ZERO6 "00000000000000000000000000000000"

static void who_listens_where_loopback_reaches_it_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool v6;
        uint16_t port;
        bool to4, to6;
    } good[] = {
        {"   0: 0100007F:1F90 00000000:0000 0A" TAIL, false, 8080, true, false},
        {"  10: 00000000:0050 00000000:0000 0A" TAIL, false, 80, true, false},
        {"   0: " ZERO6 ":1388 " ZERO6 ":0000 0A" TAIL, true, 5000, true, true},
        {"   1: 00000000000000000000000001000000:1389 " ZERO6 ":0000 0A" TAIL, true, 5001, false,
         true},
        {"   2: 0000000000000000FFFF00000100007F:FFFF " ZERO6 ":0000 0A" TAIL, true, 65535, true,
         false},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct bd_listener l = {0};
        assert_true(bd_listener_parse(&l, good[i].line, good[i].v6));
        assert_int_equal(l.port, good[i].port);
        assert_int_equal(l.uid, 1001000);
        assert_int_equal(l.v4, good[i].to4);
        assert_int_equal(l.v6, good[i].to6);
    }
}

static void other_lines_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool v6;
    } bad[] = {
        {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
         false},
        {"   0: 0100007F:1F90 0100007F:C001 01" TAIL, false}, /* connected */
        {"   0: 0200A8C0:1F90 00000000:0000 0A" TAIL, false}, /* 192.168.0.2 */
        {"   0: 0100007F:1F90 00000000:0000 0A" TAIL, true},  /* of the other file */
        {"", false},
        {"   0: 0100007F:1F90 00000000:0000 0A 0000", false},
        {"   0: 0100007F0100007F0100007F0100007F0100007F:1F90 00000000:0000 0A" TAIL, false},
    };
    struct bd_listener l;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(bd_listener_parse(&l, bad[i].line, bad[i].v6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_listens_where_loopback_reaches_it_is_told),
        cmocka_unit_test(other_lines_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ZMTP's bytes: what libzmq sends is read, every prefix is incomplete, and what can't be is refused. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "jupyter/zmtp/endpoint.h"
#include "jupyter/zmtp/frames.h"

enum { FRAMES = 4, BYTES = 4096 };

static const struct jy_zmtp_limits limits = {FRAMES, BYTES};

static int split(struct jy_zmtp_message *m, struct kg_span *frames, const void *in, size_t n)
{
    struct kg_err err = {0};
    int rc = jy_zmtp_split(m, frames, &limits, in, n, &err);
    assert_true(rc >= 0 || err.text[0] != 0);
    return rc;
}

static void our_greeting_passes_our_check_and_no_prefix_does(void **state)
{
    (void)state;
    uint8_t g[JY_ZMTP_GREETING];
    struct kg_err err = {0};
    jy_zmtp_greeting(g);
    assert_int_equal(jy_zmtp_greeting_check(g, sizeof g, &err), JY_ZMTP_GREETING);
    for (size_t n = 0; n < sizeof g; n++)
        assert_int_equal(jy_zmtp_greeting_check(g, n, &err), 0);
}

static void other_protocols_and_mechanisms_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } spoiled[] = {{0, 'H'}, {9, 0x7e}, {10, 1}, {12, 'P'}, {16, 'x'}};
    for (size_t i = 0; i < KG_COUNT(spoiled); i++) {
        uint8_t g[JY_ZMTP_GREETING];
        struct kg_err err = {0};
        jy_zmtp_greeting(g);
        g[spoiled[i].at] = spoiled[i].value;
        assert_int_equal(jy_zmtp_greeting_check(g, sizeof g, &err), -EPROTO);
    }
}

static void a_message_of_short_and_long_frames_is_split(void **state)
{
    (void)state;
    uint8_t in[600];
    struct kg_span frames[FRAMES];
    struct jy_zmtp_message m;
    size_t at = 0;
    at += jy_zmtp_put_head(in + at, JY_ZMTP_MORE, 5);
    memcpy(in + at, "first", 5);
    at += 5;
    at += jy_zmtp_put_head(in + at, JY_ZMTP_MORE, 0);
    at += jy_zmtp_put_head(in + at, 0, 300);
    memset(in + at, 'z', 300);
    at += 300;
    memset(in + at, 0xff, sizeof in - at); /* the next message is not looked at */
    assert_int_equal(split(&m, frames, in, sizeof in), 1);
    assert_int_equal(m.count, 3);
    assert_false(m.command);
    assert_int_equal(m.length, at);
    assert_span(frames[0], "first");
    assert_int_equal(frames[1].len, 0);
    assert_int_equal(frames[2].len, 300);
    for (size_t n = 0; n < at; n++) {
        assert_int_equal(split(&m, frames, in, n), 0);
        assert_true(m.need > n && m.need <= at);
    }
}

static void ready_is_a_command_with_name_and_properties(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct kg_span frames[FRAMES], name, rest;
    struct jy_zmtp_message m;
    struct kg_err err = {0};
    jy_zmtp_put_ready(&out, "DEALER", kg_span_str("me"));
    assert_int_equal(split(&m, frames, out.data, out.len), 1);
    assert_true(m.command);
    assert_int_equal(m.length, out.len);
    assert_int_equal(jy_zmtp_command(frames[0], &name, &rest, &err), 0);
    assert_span(name, "READY");
    static const char properties[] = "\x0bSocket-Type\0\0\0\x06"
                                     "DEALER\x08Identity\0\0\0\x02me";
    assert_int_equal(rest.len, sizeof properties - 1);
    assert_memory_equal(rest.data, properties, rest.len);
}

static void what_can_not_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int rc;
    } bad[] = {
        {"\x08\x00", 2, -EPROTO},         /* reserved flag */
        {"\x05\x00", 2, -EPROTO},         /* a command with more to come */
        {"\x01\x00\x04\x00", 4, -EPROTO}, /* a command inside a message */
        {"\x01\x00\x01\x00\x01\x00\x01\x00\x00\x00", 10, -EMSGSIZE}, /* five frames */
        {"\x02\x00\x00\x00\x00\x00\x00\x10\x00", 9, -EMSGSIZE},      /* 4096 bytes and a head */
        {"\x02\xff\xff\xff\xff\xff\xff\xff\xff", 9, -EMSGSIZE},
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++) {
        struct kg_span frames[FRAMES];
        struct jy_zmtp_message m;
        assert_int_equal(split(&m, frames, bad[i].bytes, bad[i].n), bad[i].rc);
    }
    struct kg_span name, rest;
    struct kg_err err = {0};
    assert_int_equal(jy_zmtp_command(sp(""), &name, &rest, &err), -EPROTO);
    assert_int_equal(jy_zmtp_command(sp("\x05READ"), &name, &rest, &err), -EPROTO);
}

static void endpoints_become_addresses(void **state)
{
    (void)state;
    struct jy_endpoint e;
    assert_int_equal(jy_endpoint_parse(&e, "ipc:///run/kernel/k-1"), 0);
    assert_int_equal(e.address.ss_family, AF_UNIX);
    assert_string_equal(((struct sockaddr_un *)(void *)&e.address)->sun_path, "/run/kernel/k-1");
    assert_int_equal(jy_endpoint_parse(&e, "tcp://127.0.0.1:65535"), 0);
    assert_int_equal(((struct sockaddr_in *)(void *)&e.address)->sin_port, htons(65535));
    assert_int_equal(((struct sockaddr_in *)(void *)&e.address)->sin_addr.s_addr,
                     htonl(INADDR_LOOPBACK));
    assert_int_equal(jy_endpoint_parse(&e, "tcp://[::1]:80"), 0);
    assert_int_equal(e.address.ss_family, AF_INET6);

    static const char *const bad[] = {
        "",
        "ipc://",
        "inproc://x",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://:80",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:+5",
        "tcp://127.0.0.1:80x",
        "tcp://localhost:80",
        "tcp://[::1:80",
        "tcp://[]:80",
    };
    for (size_t i = 0; i < KG_COUNT(bad); i++)
        assert_int_equal(jy_endpoint_parse(&e, bad[i]), -EINVAL);
    char longest[6 + 108 + 1] = "ipc://";
    memset(longest + 6, 'x', 108);
    assert_int_equal(jy_endpoint_parse(&e, longest), -EINVAL);
    longest[6 + 107] = 0;
    assert_int_equal(jy_endpoint_parse(&e, longest), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_greeting_passes_our_check_and_no_prefix_does),
        cmocka_unit_test(other_protocols_and_mechanisms_are_refused),
        cmocka_unit_test(a_message_of_short_and_long_frames_is_split),
        cmocka_unit_test(ready_is_a_command_with_name_and_properties),
        cmocka_unit_test(what_can_not_be_is_refused),
        cmocka_unit_test(endpoints_become_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

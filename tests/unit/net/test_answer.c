/* The head of an answer that is passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernelgw/net/answer.h"

#define PREFIX "/api/workspaces/w/ports/80"

static int passed(struct kg_buf *out, const char *head)
{
    /* A copy of exactly this length, so that the sanitizers see a read past the end. */
    size_t n = strlen(head);
    char *copy = malloc(n);
    memcpy(copy, head, n);
    int rc = kg_answer_pass(out, copy, n, PREFIX, "/told/80");
    free(copy);
    return rc;
}

static void heads_are_passed_on_as_the_client_may_see_them(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int status;
        const char *out;
    } good[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n",
         200, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.0 404 Not here\r\nX:1\r\n\r\n", 404,
         "HTTP/1.1 404 Not here\r\nX: 1\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 204\r\n\r\n", 204, "HTTP/1.1 204\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: /login?x=1\r\n\r\n", 302,
         "HTTP/1.1 302 Found\r\nLocation: " PREFIX "/login?x=1\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nlocation: " PREFIX "/a\r\n\r\n", 302,
         "HTTP/1.1 302 Found\r\nlocation: " PREFIX "/a\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: /told/80/a\r\n\r\n", 302,
         "HTTP/1.1 302 Found\r\nLocation: " PREFIX "/a\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: /told/800\r\n\r\n", 302,
         "HTTP/1.1 302 Found\r\nLocation: " PREFIX "/told/800\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 302 Found\r\nLocation: //elsewhere/\r\n\r\n", 302,
         "HTTP/1.1 302 Found\r\nLocation: //elsewhere/\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\n\r\n", 200,
         "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/; Path=" PREFIX
         "/\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101,
         "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
        {"HTTP/1.1 100 Continue\r\n\r\n", 100, "HTTP/1.1 100 Continue\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct kg_buf out = {0};
        assert_int_equal(passed(&out, good[i].in), good[i].status);
        assert_string_equal(kg_buf_cstr(&out), good[i].out);
        kg_buf_release(&out);
    }
}

static void what_is_no_head_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        "\r\n\r\n",
        "HTTP/1.1 200",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kg_buf out = {0};
        assert_true(passed(&out, bad[i]) < 0);
        kg_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_passed_on_as_the_client_may_see_them),
        cmocka_unit_test(what_is_no_head_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

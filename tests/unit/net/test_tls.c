#include "client.h"

#include <openssl/ssl.h>
#include <sys/ioctl.h>

/* libwebsockets 4.1.6 keeps a client's SSL_CTX for each TLS vhost and never frees it: 3 KB, once a process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:lws_create_vhost\n";
}

/* The same server behind TLS, asked by OpenSSL's client. */
struct server {
    uv_loop_t loop;
    struct kg_net *net;
    char dir[32], cert[64], key[64];
    struct kg_ws *ws;
    int closed;
    bool net_closed;
};

static void on_open(void *user, struct kg_ws *ws)
{
    ((struct server *)user)->ws = ws;
}

static void on_message(void *user, uint8_t *data, size_t n, bool binary)
{
    struct kg_blob *b = kg_blob_copy(data, n);
    kg_ws_queue(((struct server *)user)->ws, NULL, 0, kg_slice_of(b, b->data, n), binary);
    kg_blob_unref(b);
}

static void on_fill(void *user, struct kg_ws *ws)
{
    (void)user;
    (void)ws;
}

static void on_closed(void *user, int code)
{
    (void)code;
    ((struct server *)user)->closed++;
}

static void handler(void *user, struct kg_http *req)
{
    static const struct kg_ws_events events = {
        .open = on_open, .message = on_message, .fill = on_fill, .closed = on_closed};
    if (kg_http_is_upgrade(req)) {
        kg_ws_accept(req, NULL, &events, user);
        return;
    }
    size_t n;
    const uint8_t *body = kg_http_body(req, &n);
    kg_http_add_header(req, "X-Peer", kg_http_peer(req));
    kg_http_respond(req, 200, "application/octet-stream", body, n, NULL, 0);
}

static void on_net_closed(void *user)
{
    ((struct server *)user)->net_closed = true;
}

static void make_certificate(struct server *s)
{
    char command[512];
    strcpy(s->dir, "/tmp/kg-tls-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->cert, sizeof s->cert, "%s/cert.pem", s->dir);
    snprintf(s->key, sizeof s->key, "%s/key.pem", s->dir);
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
        "-keyout %s -out %s 2>/dev/null",
        s->key, s->cert);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    struct server *s = kg_calloc(1, sizeof *s);
    struct kg_err err = {0};
    make_certificate(s);
    uv_loop_init(&s->loop);
    struct kg_net_config config = {
        .loop = &s->loop,
        .address = "127.0.0.1",
        .tls_cert = s->cert,
        .tls_key = s->key,
        .max_body_bytes = 32 * 1024 * 1024,
        .max_message_bytes = 32 * 1024 * 1024,
        .handler = handler,
        .user = s,
    };
    if (kg_net_open(&s->net, &config, &err) < 0)
        fail_msg("%s", err.text);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct server *s = *state;
    kg_net_close(s->net, on_net_closed, s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(s->net_closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    unlink(s->cert);
    unlink(s->key);
    rmdir(s->dir);
    free(s);
    return 0;
}

struct tls_client {
    struct client c;
    SSL_CTX *context;
    SSL *ssl;
};

/* Repeats an OpenSSL call, with turns of the loop between, until it has gone through. */
#define AGAIN(t, rc, call)                                                                         \
    do {                                                                                           \
        uint64_t end_ms = kg_clock_ms() + 20000;                                                   \
        while ((rc = (call)) <= 0) {                                                               \
            int why = SSL_get_error((t)->ssl, rc);                                                 \
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)                         \
                break;                                                                             \
            turn((t)->c.loop);                                                                     \
            assert_true(kg_clock_ms() < end_ms);                                                   \
        }                                                                                          \
    } while (0)

static void tls_connect(struct tls_client *t, struct server *s)
{
    static const unsigned char alpn[] = "\x02h2\x08http/1.1";
    int rc;
    client_open(&t->c, &s->loop, kg_net_port(s->net));
    int flags = 1;
    assert_int_equal(ioctl(t->c.fd, FIONBIO, &flags), 0);
    t->context = SSL_CTX_new(TLS_client_method());
    t->ssl = SSL_new(t->context);
    SSL_set_mode(t->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_alpn_protos(t->ssl, alpn, sizeof alpn - 1);
    SSL_set_fd(t->ssl, t->c.fd);
    AGAIN(t, rc, SSL_connect(t->ssl));
    assert_int_equal(rc, 1);
    const unsigned char *chosen;
    unsigned n;
    SSL_get0_alpn_selected(t->ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
}

static void tls_close_client(struct tls_client *t)
{
    SSL_free(t->ssl);
    SSL_CTX_free(t->context);
    client_close(&t->c);
}

static void tls_read(struct tls_client *t, size_t n)
{
    int rc;
    while (t->c.in.len < n) {
        AGAIN(t, rc, SSL_read(t->ssl, kg_buf_reserve(&t->c.in, 65536), 65536));
        assert_true(rc > 0);
        t->c.in.len += (size_t)rc;
    }
}

static void tls_write(struct tls_client *t, const void *data, size_t n)
{
    const uint8_t *p = data;
    int rc;
    while (n) {
        AGAIN(t, rc, SSL_write(t->ssl, p, (int)n));
        assert_true(rc > 0);
        p += rc;
        n -= (size_t)rc;
        /* Both directions at once: what the server echoes must not wait for us to finish. */
        int got = SSL_read(t->ssl, kg_buf_reserve(&t->c.in, 65536), 65536);
        if (got > 0)
            t->c.in.len += (size_t)got;
        turn(t->c.loop);
    }
}

static size_t read_head(struct tls_client *t, const char *expected)
{
    void *end;
    do {
        tls_read(t, t->c.in.len + 1);
        end = memmem(t->c.in.data, t->c.in.len, "\r\n\r\n", 4);
    } while (!end);
    assert_non_null(memmem(t->c.in.data, t->c.in.len, expected, strlen(expected)));
    return (size_t)((uint8_t *)end - t->c.in.data) + 4;
}

static void requests_and_bodies_go_through(void **state)
{
    struct server *s = *state;
    struct tls_client t;
    size_t n = 5000000;
    uint8_t *body = kg_malloc(n);
    for (size_t i = 0; i < n; i++)
        body[i] = (uint8_t)(i * 31 >> 3);
    tls_connect(&t, s);
    for (int round = 0; round < 2; round++) {
        const char *head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n";
        tls_write(&t, head, strlen(head));
        tls_write(&t, body, n);
        size_t front = read_head(&t, "HTTP/1.1 200 OK");
        assert_non_null(memmem(t.c.in.data, front, "X-Peer: 127.0.0.1\r\n", 19));
        tls_read(&t, front + n);
        assert_memory_equal(t.c.in.data + front, body, n);
        kg_buf_drop(&t.c.in, front + n);
    }
    free(body);
    tls_close_client(&t);
}

static void websockets_go_through(void **state)
{
    struct server *s = *state;
    struct tls_client t;
    tls_connect(&t, s);
    const char *head = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n";
    tls_write(&t, head, strlen(head));
    size_t front = read_head(&t, "HTTP/1.1 101 ");
    kg_buf_drop(&t.c.in, front);
    size_t n = 3000000;
    uint8_t *frame = kg_calloc(1, n + 14); /* a mask of zeros */
    memcpy(frame, "\x82\xff\0\0\0\0\0\x2d\xc6\xc0\0\0\0\0", 14);
    for (size_t i = 0; i < n; i++)
        frame[14 + i] = (uint8_t)(i * 7 >> 2);
    tls_write(&t, frame, n + 14);
    tls_read(&t, n + 10);
    assert_memory_equal(t.c.in.data, "\x82\x7f\0\0\0\0\0\x2d\xc6\xc0", 10);
    assert_memory_equal(t.c.in.data + 10, frame + 14, n);
    free(frame);
    tls_close_client(&t);
    for (int i = 0; i < 1000 && !s->closed; i++) {
        turn(&s->loop);
        usleep(1000);
    }
    assert_int_equal(s->closed, 1);
}

static void who_speaks_no_tls_harms_nobody(void **state)
{
    struct server *s = *state;
    struct tls_client t;
    struct client plain;
    client_open(&plain, &s->loop, kg_net_port(s->net));
    client_say(&plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client_until_eof(&plain);
    client_close(&plain);
    struct client silent;
    client_open(&silent, &s->loop, kg_net_port(s->net));
    tls_connect(&t, s);
    const char *head = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    tls_write(&t, head, strlen(head));
    read_head(&t, "HTTP/1.1 200 OK");
    tls_close_client(&t);
    client_close(&silent);
}

static void files_that_are_no_certificate_are_an_error(void **state)
{
    struct server *s = *state;
    struct kg_net *other;
    struct kg_err err = {0};
    struct kg_net_config config = {.loop = &s->loop,
                                   .address = "127.0.0.1",
                                   .tls_cert = "/nonexistent",
                                   .tls_key = s->key,
                                   .handler = handler};
    assert_int_equal(kg_net_open(&other, &config, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent"));
    config.tls_cert = s->key;
    assert_int_equal(kg_net_open(&other, &config, &err), -EINVAL);
    config.tls_cert = s->cert;
    config.tls_key = NULL;
    assert_int_equal(kg_net_open(&other, &config, &err), -EINVAL);
}

static void open_connections_go_with_the_server(void **state)
{
    struct server *s = *state;
    struct tls_client t;
    tls_connect(&t, s);
    const char *head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    tls_write(&t, head, strlen(head));
    read_head(&t, "HTTP/1.1 200 OK");
    teardown(state);
    tls_close_client(&t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_and_bodies_go_through),
        T(websockets_go_through),
        T(who_speaks_no_tls_harms_nobody),
        T(files_that_are_no_certificate_are_an_error),
        cmocka_unit_test_setup(open_connections_go_with_the_server, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

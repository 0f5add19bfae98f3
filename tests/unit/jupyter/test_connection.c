/* Connection files: written as kernels read them, and nothing odd believed. */
#include "unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jupyter/connection.h"

#define GOOD                                                                                          \
    "{\"shell_port\": 1, \"iopub_port\": 2, \"stdin_port\": 3, \"control_port\": 4, \"hb_port\": 5, " \
    "\"ip\": \"/run/kernel/k\", \"key\": \"s3cret\", \"transport\": \"ipc\", "                        \
    "\"signature_scheme\": \"hmac-sha256\", \"kernel_name\": \"python3\", \"extra\": [1]}"

static void a_file_is_read(void **state)
{
    (void)state;
    struct jy_connection c;
    struct kg_err err = {0};
    char endpoint[JY_ENDPOINT_SIZE];
    assert_int_equal(jy_connection_parse(&c, sp(GOOD), &err), 0);
    assert_int_equal(c.transport, JY_IPC);
    assert_string_equal(c.key, "s3cret");
    assert_string_equal(c.kernel_name, "python3");
    assert_string_equal(c.signature_scheme, "hmac-sha256");
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_IOPUB, &err), 0);
    assert_string_equal(endpoint, "ipc:///run/kernel/k-2");
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_HB, &err), 0);
    assert_string_equal(endpoint, "ipc:///run/kernel/k-5");
}

static void what_may_be_missing_has_jupyters_defaults(void **state)
{
    (void)state;
    struct jy_connection c;
    char endpoint[JY_ENDPOINT_SIZE];
    assert_int_equal(
        jy_connection_parse(
            &c,
            sp("{\"ip\":\"::1\",\"shell_port\":65535,\"iopub_port\":2,\"stdin_port\":3,"
               "\"control_port\":4,\"hb_port\":5}"),
            NULL),
        0);
    assert_int_equal(c.transport, JY_TCP);
    assert_string_equal(c.key, "");
    assert_string_equal(c.signature_scheme, "hmac-sha256");
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_SHELL, NULL), 0);
    assert_string_equal(endpoint, "tcp://[::1]:65535");
    strcpy(c.ip, "127.0.0.1");
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_SHELL, NULL), 0);
    assert_string_equal(endpoint, "tcp://127.0.0.1:65535");
}

static void bad_files_are_refused_by_name(void **state)
{
    (void)state;
#define PORTS "\"shell_port\":1,\"iopub_port\":2,\"stdin_port\":3,\"control_port\":4,\"hb_port\":5"
    static const struct {
        const char *json;
        int rc;
        const char *error;
    } table[] = {
        {"", -EPROTO, "object expected"},
        {"[]", -EPROTO, "object expected"},
        {"{}", -EPROTO, "ip is missing"},
        {"{" PORTS "}", -EPROTO, "ip is missing"},
        {"{\"ip\":\"a\"}", -EPROTO, "shell_port is missing"},
        {"{\"ip\":\"a\"," PORTS ",\"hb_port\":0}", -EPROTO, "hb_port"},
        {"{\"ip\":\"a\"," PORTS ",\"hb_port\":65536}", -EPROTO, "hb_port"},
        {"{\"ip\":\"a\"," PORTS ",\"hb_port\":-1}", -EPROTO, "hb_port"},
        {"{\"ip\":\"a\"," PORTS ",\"hb_port\":\"5\"}", -EPROTO, "hb_port"},
        {"{\"ip\":\"a\"," PORTS ",\"hb_port\":5.0}", -EPROTO, "hb_port"},
        {"{\"ip\":1," PORTS "}", -EPROTO, "ip is no string"},
        {"{\"ip\":\"a\\u0000b\"," PORTS "}", -EPROTO, "ip holds a NUL"},
        {"{\"ip\":\"a\"," PORTS ",\"transport\":\"udp\"}", -EPROTO, "transport udp"},
        {"{\"ip\":\"a\"," PORTS ",\"transport\":\"ipcipcipc\"}", -EPROTO, "transport"},
        {"{\"ip\":\"a\"," PORTS ",\"key\":null}", -EPROTO, "key is no string"},
    };
    for (size_t i = 0; i < KG_COUNT(table); i++) {
        struct jy_connection c;
        struct kg_err err = {0};
        assert_int_equal(jy_connection_parse(&c, sp(table[i].json), &err), table[i].rc);
        if (!strstr(err.text, table[i].error))
            fail_msg("%s: %s", table[i].json, err.text);
    }
}

static void every_prefix_of_a_file_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(GOOD); n++) {
        struct jy_connection c;
        uint8_t *copy = exact_copy(GOOD, n);
        assert_int_equal(jy_connection_parse(&c, kg_span_of(copy, n), NULL), -EPROTO);
        free(copy);
    }
}

static void ipc_paths_fit_into_a_socket_address(void **state)
{
    (void)state;
    struct jy_connection c, again;
    struct kg_err err = {0};
    char prefix[200];
    memset(prefix, 'p', sizeof prefix);
    prefix[0] = '/';
    prefix[105] = 0; /* "-5" makes 107 */
    assert_int_equal(jy_connection_init_ipc(&c, prefix, &err), 0);
    char path[JY_IP_SIZE];
    char endpoint[JY_ENDPOINT_SIZE];
    assert_int_equal(jy_connection_ipc_path(path, &c, JY_PORT_HB, &err), 0);
    assert_int_equal(strlen(path), 107);
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_HB, &err), 0);
    assert_int_equal(strlen(endpoint), 107 + 6);
    kg_autobuf json = {0};
    jy_connection_json(&json, &c);
    assert_int_equal(jy_connection_parse(&again, span_of_buf(&json), &err), 0);
    c.port[JY_PORT_HB] = 10; /* one digit too many */
    assert_int_equal(jy_connection_endpoint(endpoint, &c, JY_PORT_HB, &err), -ENAMETOOLONG);
    kg_buf_clear(&json);
    jy_connection_json(&json, &c);
    assert_int_equal(jy_connection_parse(&again, span_of_buf(&json), &err), -ENAMETOOLONG);
    prefix[105] = 'p';
    prefix[106] = 0;
    assert_int_equal(jy_connection_init_ipc(&c, prefix, &err), -ENAMETOOLONG);
    prefix[106] = 'p';
    prefix[199] = 0;
    assert_int_equal(jy_connection_init_ipc(&c, prefix, &err), -ENAMETOOLONG);
    assert_int_equal(jy_connection_init_ipc(&c, "", &err), -EINVAL);
}

static void keys_are_fresh(void **state)
{
    (void)state;
    struct jy_connection a, b;
    assert_int_equal(jy_connection_init_ipc(&a, "/x", NULL), 0);
    assert_int_equal(jy_connection_init_tcp(&b, "127.0.0.1", NULL), 0);
    assert_int_equal(strlen(a.key), 64);
    assert_int_equal(strlen(b.key), 64);
    assert_string_not_equal(a.key, b.key);
    char endpoint[JY_ENDPOINT_SIZE];
    assert_int_equal(jy_connection_endpoint(endpoint, &b, JY_PORT_SHELL, NULL), -EINVAL);
}

static void a_written_file_is_private_reads_back_and_is_never_overwritten(void **state)
{
    (void)state;
    char dir[] = "/tmp/kgcXXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64], link_path[64], fifo[64];
    snprintf(path, sizeof path, "%s/kernel-1.json", dir);
    snprintf(link_path, sizeof link_path, "%s/link", dir);
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    struct jy_connection c, back;
    struct kg_err err = {0};
    struct stat st;
    assert_int_equal(jy_connection_init_ipc(&c, "/run/kernel/k", &err), 0);
    strcpy(c.kernel_name, "a \"name\"");
    mode_t was = umask(0);
    assert_int_equal(jy_connection_write(&c, path, &err), 0);
    umask(was);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(jy_connection_read(&back, path, &err), 0);
    assert_string_equal(back.key, c.key);
    assert_string_equal(back.kernel_name, c.kernel_name);
    assert_memory_equal(back.port, c.port, sizeof c.port);
    json_t *o = json_load_file(path, 0, NULL);
    assert_non_null(o);
    assert_int_equal(json_object_size(o), 10);
    json_decref(o);

    assert_int_equal(jy_connection_write(&c, path, &err), -EEXIST);
    assert_int_equal(symlink("elsewhere", link_path), 0);
    assert_int_equal(jy_connection_write(&c, link_path, &err), -EEXIST);
    assert_int_equal(jy_connection_read(&back, dir, &err), -EINVAL);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(jy_connection_read(&back, fifo, &err), -EINVAL);
    assert_int_equal(jy_connection_read(&back, link_path, &err), -ENOENT);
    assert_non_null(strstr(err.text, link_path));
    assert_int_equal(truncate(path, JY_CONNECTION_FILE_MAX + 1), 0);
    assert_int_equal(jy_connection_read(&back, path, &err), -EFBIG);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(jy_connection_read(&back, path, &err), -EPROTO);
    assert_non_null(strstr(err.text, path));
    unlink(path);
    unlink(link_path);
    unlink(fifo);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(what_may_be_missing_has_jupyters_defaults),
        cmocka_unit_test(bad_files_are_refused_by_name),
        cmocka_unit_test(every_prefix_of_a_file_is_refused),
        cmocka_unit_test(ipc_paths_fit_into_a_socket_address),
        cmocka_unit_test(keys_are_fresh),
        cmocka_unit_test(a_written_file_is_private_reads_back_and_is_never_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

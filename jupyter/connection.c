#include "jupyter/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "jupyter/scan.h"

static const char *const port_names[JY_PORT_COUNT] = {
    [JY_PORT_SHELL] = "shell_port", [JY_PORT_IOPUB] = "iopub_port",
    [JY_PORT_STDIN] = "stdin_port", [JY_PORT_CONTROL] = "control_port",
    [JY_PORT_HB] = "hb_port",
};

static void init(struct jy_connection *c, enum jy_transport transport)
{
    *c = (struct jy_connection){.transport = transport, .signature_scheme = "hmac-sha256"};
    kg_random_hex(c->key, 32);
}

/* Refuses a prefix that leaves no room for "-PORT" with the ports that c has. */
static int check_prefix(const struct jy_connection *c, struct kg_err *err)
{
    for (int i = 0; i < JY_PORT_COUNT; i++) {
        int n = snprintf(NULL, 0, "%s-%u", c->ip, c->port[i]);
        if (n > JY_IPC_PATH_MAX)
            return kg_err_set(err, -ENAMETOOLONG, "ipc path %s-%u is above %d bytes", c->ip,
                              c->port[i], JY_IPC_PATH_MAX);
    }
    return 0;
}

int jy_connection_init_ipc(struct jy_connection *c, const char *prefix, struct kg_err *err)
{
    init(c, JY_IPC);
    if (prefix[0] == 0)
        return kg_err_set(err, -EINVAL, "ipc path is empty");
    if (strlen(prefix) >= sizeof c->ip)
        return kg_err_set(err, -ENAMETOOLONG, "ipc path %.200s is above %d bytes", prefix,
                          JY_IPC_PATH_MAX);
    strcpy(c->ip, prefix);
    for (int i = 0; i < JY_PORT_COUNT; i++)
        c->port[i] = (uint16_t)(i + 1);
    return check_prefix(c, err);
}

int jy_connection_init_tcp(struct jy_connection *c, const char *ip, struct kg_err *err)
{
    init(c, JY_TCP);
    if (ip[0] == 0 || strlen(ip) >= sizeof c->ip)
        return kg_err_set(err, -EINVAL, "address %.64s can't be", ip);
    strcpy(c->ip, ip);
    return 0;
}

int jy_connection_ipc_path(char out[JY_IP_SIZE], const struct jy_connection *c, enum jy_port which,
                           struct kg_err *err)
{
    if (c->transport != JY_IPC)
        return kg_err_set(err, -EINVAL, "connection by tcp has no ipc path");
    int n = snprintf(out, JY_IP_SIZE, "%s-%u", c->ip, c->port[which]);
    if (n >= JY_IP_SIZE)
        return kg_err_set(err, -ENAMETOOLONG, "ipc path %s-%u is above %d bytes", c->ip,
                          c->port[which], JY_IPC_PATH_MAX);
    return 0;
}

int jy_connection_endpoint(char out[JY_ENDPOINT_SIZE], const struct jy_connection *c,
                           enum jy_port which, struct kg_err *err)
{
    if (c->port[which] == 0)
        return kg_err_set(err, -EINVAL, "connection has no %s", port_names[which]);
    if (c->transport == JY_IPC) {
        char path[JY_IP_SIZE];
        int rc = jy_connection_ipc_path(path, c, which, err);
        if (rc < 0)
            return rc;
        snprintf(out, JY_ENDPOINT_SIZE, "ipc://%s", path);
        return 0;
    }
    bool v6 = strchr(c->ip, ':') && c->ip[0] != '[';
    snprintf(out, JY_ENDPOINT_SIZE, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", c->ip, c->port[which]);
    return 0;
}

void jy_connection_json(struct kg_buf *out, const struct jy_connection *c)
{
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    for (int i = 0; i < JY_PORT_COUNT; i++)
        kg_json_kint(&j, port_names[i], c->port[i]);
    kg_json_kstr(&j, "ip", c->ip);
    kg_json_kstr(&j, "key", c->key);
    kg_json_kstr(&j, "transport", c->transport == JY_IPC ? "ipc" : "tcp");
    kg_json_kstr(&j, "signature_scheme", c->signature_scheme);
    kg_json_kstr(&j, "kernel_name", c->kernel_name);
    kg_json_object_end(&j);
}

static int text_member(char *out, size_t size, const struct jy_member *m, const char *name,
                       struct kg_err *err)
{
    if (m->type != JY_JSON_STRING)
        return kg_err_set(err, -EPROTO, "%s is no string", name);
    kg_autobuf text = {0};
    jy_text_decode(&text, jy_member_text(m));
    if (text.len >= size)
        return kg_err_set(err, -EPROTO, "%s is above %zu bytes", name, size - 1);
    if (text.len && memchr(text.data, 0, text.len))
        return kg_err_set(err, -EPROTO, "%s holds a NUL", name);
    memcpy(out, kg_buf_cstr(&text), text.len + 1);
    return 0;
}

static int port_member(struct jy_connection *c, const struct jy_member *m, struct kg_err *err)
{
    for (int i = 0; i < JY_PORT_COUNT; i++) {
        if (!jy_member_is(m, port_names[i]))
            continue;
        int64_t v = 0;
        if (m->type != JY_JSON_NUMBER || jy_json_int(m->value, &v) < 0 || v < 1 || v > UINT16_MAX)
            return kg_err_set(err, -EPROTO, "%s is no number from 1 to 65535", port_names[i]);
        c->port[i] = (uint16_t)v;
    }
    return 0;
}

static int member(struct jy_connection *c, const struct jy_member *m, struct kg_err *err)
{
    if (jy_member_is(m, "ip"))
        return text_member(c->ip, sizeof c->ip, m, "ip", err);
    if (jy_member_is(m, "key"))
        return text_member(c->key, sizeof c->key, m, "key", err);
    if (jy_member_is(m, "signature_scheme"))
        return text_member(c->signature_scheme, sizeof c->signature_scheme, m, "signature_scheme",
                           err);
    if (jy_member_is(m, "kernel_name"))
        return text_member(c->kernel_name, sizeof c->kernel_name, m, "kernel_name", err);
    if (jy_member_is(m, "transport")) {
        char name[8] = "";
        int rc = text_member(name, sizeof name, m, "transport", err);
        if (rc < 0)
            return rc;
        if (strcmp(name, "ipc") != 0 && strcmp(name, "tcp") != 0)
            return kg_err_set(err, -EPROTO, "transport %s is neither tcp nor ipc", name);
        c->transport = name[0] == 'i' ? JY_IPC : JY_TCP;
        return 0;
    }
    return port_member(c, m, err);
}

int jy_connection_parse(struct jy_connection *out, struct kg_span json, struct kg_err *err)
{
    *out = (struct jy_connection){.transport = JY_TCP, .signature_scheme = "hmac-sha256"};
    struct jy_scan s;
    struct jy_member m;
    int rc = jy_scan_begin(&s, json, err);
    while (rc >= 0 && (rc = jy_scan_next(&s, &m, err)) > 0)
        rc = member(out, &m, err);
    if (rc < 0)
        return rc;
    if (out->ip[0] == 0)
        return kg_err_set(err, -EPROTO, "ip is missing");
    for (int i = 0; i < JY_PORT_COUNT; i++)
        if (out->port[i] == 0)
            return kg_err_set(err, -EPROTO, "%s is missing", port_names[i]);
    if (out->transport == JY_IPC && check_prefix(out, err) < 0)
        return -ENAMETOOLONG;
    return 0;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int jy_connection_write(const struct jy_connection *c, const char *path, struct kg_err *err)
{
    kg_autobuf text = {0};
    jy_connection_json(&text, c);
    kg_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return kg_err_errno(err, errno, "create connection file %s", path);
    int rc = write_all(fd, text.data, text.len);
    explicit_bzero(text.data, text.len);
    if (rc < 0) {
        unlink(path);
        return kg_err_errno(err, -rc, "write connection file %s", path);
    }
    return 0;
}

int jy_connection_read(struct jy_connection *out, const char *path, struct kg_err *err)
{
    /* O_NONBLOCK: a FIFO in its place must not hang the caller */
    kg_autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return kg_err_errno(err, errno, "open connection file %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return kg_err_errno(err, errno, "connection file %s", path);
    if (!S_ISREG(st.st_mode))
        return kg_err_set(err, -EINVAL, "connection file %s is no regular file", path);
    kg_autobuf text = {0};
    for (;;) {
        ssize_t got = read(fd, kg_buf_reserve(&text, 4096), 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kg_err_errno(err, errno, "read connection file %s", path);
        if (got == 0)
            break;
        text.len += (size_t)got;
        if (text.len > JY_CONNECTION_FILE_MAX)
            return kg_err_set(err, -EFBIG, "connection file %s is above %d bytes", path,
                              JY_CONNECTION_FILE_MAX);
    }
    int rc = jy_connection_parse(out, kg_span_of(text.data, text.len), err);
    if (text.len)
        explicit_bzero(text.data, text.len);
    if (rc < 0)
        kg_err_wrap(err, "connection file %s", path);
    return rc;
}

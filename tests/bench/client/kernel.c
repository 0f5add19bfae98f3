#include "tests/bench/client/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/http.h"

enum { ARGV_MAX = 32, READY_MS = 60000 };

static const char *const ports[] = {"shell", "control", "stdin", "iopub", "hb"};

/* Five ports that were free a moment ago; all are held until the last is found, so that they differ. */
static int free_ports(struct bc_kernel *k)
{
    int fd[5];
    int got = 0;
    for (; got < 5; got++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        fd[got] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd[got] < 0 || bind(fd[got], (struct sockaddr *)&a, n) < 0 ||
            getsockname(fd[got], (struct sockaddr *)&a, &n) < 0)
            break;
        k->port[got] = ntohs(a.sin_port);
    }
    int rc = got == 5 ? 0 : -errno;
    for (int i = 0; i < got; i++)
        close(fd[i]);
    return rc;
}

void bc_kernel_address(const struct bc_config *cfg, const struct bc_kernel *k, int which, char *out,
                       size_t cap)
{
    if (cfg->tcp)
        snprintf(out, cap, "tcp://127.0.0.1:%d", k->port[which]);
    else
        snprintf(out, cap, "ipc://%s/k-%d", k->dir, k->port[which]);
}

static int write_connection_file(const struct bc_config *cfg, struct bc_kernel *k, char *path,
                                 size_t cap)
{
    for (int i = 0; i < 5; i++)
        k->port[i] = i + 1;
    int rc = cfg->tcp ? free_ports(k) : 0;
    snprintf(path, cap, "%s/connection.json", k->dir);
    FILE *f = rc < 0 ? NULL : fopen(path, "we");
    if (!f)
        return rc < 0 ? rc : -errno;
    fprintf(
        f,
        "{\"transport\":\"%s\",\"ip\":\"%s%s\",\"key\":\"%s\",\"signature_scheme\":\"hmac-sha256\"",
        cfg->tcp ? "tcp" : "ipc", cfg->tcp ? "127.0.0.1" : k->dir, cfg->tcp ? "" : "/k", k->key);
    for (int i = 0; i < 5; i++)
        fprintf(f, ",\"%s_port\":%d", ports[i], k->port[i]);
    fprintf(f, "}\n");
    return fclose(f) == 0 ? 0 : -errno;
}

static int spawn(const struct bc_config *cfg, struct bc_kernel *k, struct kg_err *err)
{
    char path[128];
    kg_autofree char *words = kg_strdup(cfg->kernel_argv ? cfg->kernel_argv : "");
    char *argv[ARGV_MAX + 1] = {0};
    char *rest = words;
    int argc = 0;
    for (char *w; argc < ARGV_MAX && (w = strsep(&rest, " "));)
        if (*w)
            argv[argc++] = strcmp(w, "{connection_file}") == 0 ? path : w;
    if (argc == 0)
        return kg_err_set(err, -EINVAL, "direct needs --kernel-argv");
    int rc = write_connection_file(cfg, k, path, sizeof path);
    if (rc < 0)
        return kg_err_errno(err, -rc, "write connection file in %s", k->dir);
    k->pid = fork();
    if (k->pid < 0)
        return kg_err_errno(err, errno, "fork");
    if (k->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[0], argv);
        _exit(127);
    }
    return 0;
}

static void reap(struct bc_kernel *k)
{
    if (k->pid <= 0)
        return;
    kill(k->pid, SIGKILL);
    while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    k->pid = 0;
}

int bc_kernel_start(const struct bc_config *cfg, struct bc_kernel *k, struct kg_err *err)
{
    *k = (struct bc_kernel){0};
    if (cfg->way == BC_DIRECT) {
        snprintf(k->dir, sizeof k->dir, "/tmp/bench-kernel-XXXXXX");
        if (!mkdtemp(k->dir))
            return kg_err_errno(err, errno, "make %s", k->dir);
        kg_random_hex(k->key, 16);
        return spawn(cfg, k, err);
    }
    kg_autobuf body = {0};
    char json[256];
    snprintf(json, sizeof json, "{\"name\":\"%s\"}", cfg->kernel);
    int status = bc_http(cfg, "POST", "/api/kernels", json, &body, err);
    if (status < 0)
        return status;
    json_t *model = json_loadb((char *)body.data, body.len, 0, NULL);
    const char *id = json_string_value(json_object_get(model, "id"));
    if (status == 201 && id)
        snprintf(k->id, sizeof k->id, "%s", id);
    json_decref(model);
    if (!k->id[0])
        return kg_err_set(err, -EIO, "start answered with %d: %.200s", status, kg_buf_cstr(&body));
    return 0;
}

int bc_kernel_link(const struct bc_config *cfg, const struct bc_kernel *k, const char *session,
                   struct bc_link *l, struct kg_err *err)
{
    char own[33];
    kg_random_hex(own, 16);
    if (!session)
        session = own;
    int rc;
    if (cfg->way == BC_DIRECT) {
        *l = (struct bc_link){.way = BC_DIRECT, .fd = -1};
        snprintf(l->session, sizeof l->session, "%s", session);
        rc = bc_direct_open(l, cfg, k, err);
    } else {
        rc = bc_link_open(l, cfg, k->id, session, err);
    }
    if (rc < 0)
        return rc;
    rc = bc_link_ask(l, KG_CH_SHELL, "kernel_info_request", "{}", READY_MS);
    if (rc == 1)
        return 0;
    bc_link_close(l, false);
    return kg_err_set(err, rc < 0 ? rc : -ETIMEDOUT, "kernel_info was not answered");
}

int bc_kernel_interrupt(const struct bc_config *cfg, const struct bc_kernel *k, struct kg_err *err)
{
    if (cfg->way == BC_DIRECT)
        return kill(k->pid, SIGINT) < 0 ? kg_err_errno(err, errno, "interrupt") : 0;
    kg_autobuf body = {0};
    char path[128];
    snprintf(path, sizeof path, "/api/kernels/%s/interrupt", k->id);
    int status = bc_http(cfg, "POST", path, "{}", &body, err);
    if (status >= 0 && status != 204)
        return kg_err_set(err, -EIO, "interrupt answered with %d", status);
    return status < 0 ? status : 0;
}

int bc_kernel_restart(const struct bc_config *cfg, struct bc_kernel *k, struct kg_err *err)
{
    if (cfg->way == BC_DIRECT) {
        reap(k);
        return spawn(cfg, k, err);
    }
    kg_autobuf body = {0};
    char path[128];
    snprintf(path, sizeof path, "/api/kernels/%s/restart", k->id);
    int status = bc_http(cfg, "POST", path, "{}", &body, err);
    if (status >= 0 && status != 200)
        return kg_err_set(err, -EIO, "restart answered with %d: %.200s", status,
                          kg_buf_cstr(&body));
    return status < 0 ? status : 0;
}

void bc_kernel_stop(const struct bc_config *cfg, struct bc_kernel *k)
{
    if (k->id[0]) {
        kg_autobuf body = {0};
        char path[128];
        snprintf(path, sizeof path, "/api/kernels/%s", k->id);
        bc_http(cfg, "DELETE", path, NULL, &body, NULL);
    }
    reap(k);
    if (k->dir[0]) {
        char path[128];
        for (int i = 0; i < 5; i++) {
            snprintf(path, sizeof path, "%s/k-%d", k->dir, k->port[i]);
            unlink(path);
        }
        snprintf(path, sizeof path, "%s/connection.json", k->dir);
        unlink(path);
        rmdir(k->dir);
    }
    *k = (struct bc_kernel){0};
}

void bc_open_or_die(const struct bc_config *cfg, struct bc_kernel *k, struct bc_link *l)
{
    struct kg_err err = {0};
    int rc = bc_kernel_start(cfg, k, &err);
    if (rc == 0)
        rc = bc_kernel_link(cfg, k, NULL, l, &err);
    if (rc < 0) {
        fprintf(stderr, "bench-client: %s\n", err.text);
        bc_kernel_stop(cfg, k);
        exit(1);
    }
}

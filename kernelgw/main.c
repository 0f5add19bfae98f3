/* kernelgw: the server's program. Puts the rooms together, and takes them apart at SIGTERM or SIGINT. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/config.h"
#include "kernelgw/core/core.h"
#include "kernelgw/core/users.h"
#include "kernelgw/doctor.h"
#include "kernelgw/headless/nbrun.h"
#include "kernelgw/net/net.h"

enum { EXIT_CONFIG = 2 };

struct server {
    struct kg_config config;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup, leave;
    struct kg_core *core;
    struct kg_nbruns *nbruns;
    struct kg_users users;
    struct kg_api *api;
    struct kg_net *net;
    int run_dir; /* held open for its lock */
    bool stopping, leaving;
};

static void core_closed(void *user)
{
    struct server *s = user;
    s->core = NULL;
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->hangup, NULL);
    uv_close((uv_handle_t *)&s->leave, NULL);
}

static void nbruns_closed(void *user)
{
    struct server *s = user;
    s->nbruns = NULL;
    kg_api_free(s->api);
    s->api = NULL;
    kg_core_close(s->core, s->leaving, core_closed, s);
}

static void net_closed(void *user)
{
    struct server *s = user;
    s->net = NULL;
    /* what notebooks gave so far is written down */
    kg_nbruns_close(s->nbruns, s->leaving, nbruns_closed, s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    if (number == SIGHUP)
        return; /* a terminal that goes away is no reason to end */
    if (s->stopping) {
        kg_log(KG_WARN, "main", "second signal: ending at once", "");
        _exit(1);
    }
    s->stopping = true;
    s->leaving = number == SIGUSR1;
    kg_log(KG_INFO, "main", "shutting down", "signal=%d kernels=%s", number,
           s->leaving ? "left" : "ended");
    kg_core_drain(s->core);
    kg_net_close(s->net, net_closed, s);
}

static void watch_signals(struct server *s)
{
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(&s->loop, &s->term);
    uv_signal_init(&s->loop, &s->interrupt);
    uv_signal_init(&s->loop, &s->hangup);
    uv_signal_init(&s->loop, &s->leave);
    s->term.data = s->interrupt.data = s->hangup.data = s->leave.data = s;
    uv_signal_start(&s->term, on_signal, SIGTERM);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_signal_start(&s->hangup, on_signal, SIGHUP);
    uv_signal_start(&s->leave, on_signal, SIGUSR1);
}

/* A program beside this one; the first of places (ended by NULL) that is there, or NULL. */
static char *find_beside(const char *const *places)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return NULL;
    self[n] = 0;
    const char *dir = dirname(self);
    for (size_t i = 0; places[i]; i++) {
        char *path = kg_asprintf("%s/%s", dir, places[i]);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* As installed or as built. */
static char *find_agent(void)
{
    static const char *const places[] = {"kernelgw-agent", "../runtimes/agent/kernelgw-agent",
                                         NULL};
    return find_beside(places);
}

/* Commands that are clients of a server are a program of their own (cli/main.c). */
static int run_tool(char **argv)
{
    static const char *const places[] = {"kernelgw-tool", NULL};
    kg_autofree char *tool = find_beside(places);
    if (tool)
        execv(tool, argv);
    fprintf(stderr, "kernelgw: %s: %s\n", argv[1],
            tool ? strerror(errno) /* NOLINT(concurrency-mt-unsafe): one thread */
                 : "there is no kernelgw-tool beside this program");
    return EXIT_CONFIG;
}

/* Every connection and every box costs a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A server ends every box that it did not make: two in one place would end each other's. */
static int lock_run_dir(struct server *s, struct kg_err *err)
{
    const char *path = s->config.run_dir;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return kg_err_errno(err, errno, "make run-dir %s", path);
    s->run_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->run_dir < 0)
        return kg_err_errno(err, errno, "open run-dir %s", path);
    if (flock(s->run_dir, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? kg_err_set(err, -EADDRINUSE, "another server uses run-dir %s", path)
                   : kg_err_errno(err, errno, "lock run-dir %s", path);
    return 0;
}

static int open_core(struct server *s, struct kg_err *err)
{
    struct kg_config *c = &s->config;
    bool process = strcmp(c->engine, "process") == 0;
    if (process && !c->agent && !(c->agent = find_agent()))
        return kg_err_set(err, -ENOENT,
                          "no kernelgw-agent beside this program: say where it is with --agent");
    struct kg_core_config core = {.loop = &s->loop,
                                  .engine = c->engine,
                                  .run_dir = c->run_dir,
                                  .state_dir = c->state_dir,
                                  .spill_mb = (uint32_t)c->spill_mb,
                                  .spill_total_mb = (uint32_t)c->spill_total_mb,
                                  .agent = c->agent,
                                  .boxd = c->boxd,
                                  .default_kernel = c->default_kernel,
                                  .runtimes = {.dir = c->runtimes,
                                               .languages = c->languages,
                                               .per_language = c->per_language,
                                               .host_kernelspecs = process,
                                               .stock_kernels = c->stock_kernels,
                                               .stock_boxes = c->stock_boxes},
                                  .max_boxes = (uint32_t)c->max_boxes,
                                  .max_starting = (uint32_t)c->max_starting,
                                  .stock_extra_mb = (uint32_t)c->stock_extra_mb,
                                  .max_kernels = (uint32_t)c->max_kernels,
                                  .max_runs = (uint32_t)c->max_runs,
                                  .max_sessions = (uint32_t)c->max_sessions,
                                  .session_grace_s = (uint32_t)c->session_grace_s,
                                  .session_idle_s = (uint32_t)c->session_idle_s,
                                  .session_runs = (uint32_t)c->session_runs,
                                  .session_kernels = (uint32_t)c->session_kernels,
                                  .session_cpu_s = (uint32_t)c->session_cpu_s,
                                  .session_files = (uint32_t)c->session_files,
                                  .session_files_mb = (uint32_t)c->session_files_mb,
                                  .files_total_mb = (uint32_t)c->files_total_mb,
                                  .session_output_mb = (uint32_t)c->session_output_mb,
                                  .queue_max = (uint32_t)c->queue_max,
                                  .queue_session = (uint32_t)c->queue_session,
                                  .queue_s = (uint32_t)c->queue_s,
                                  .cull_idle_s = (uint32_t)c->cull_idle_s,
                                  .cull_connected = c->cull_connected,
                                  .cull_busy = c->cull_busy,
                                  .terminals = c->terminals,
                                  .max_terminals = (uint32_t)c->max_terminals,
                                  .cull_terminal_s = (uint32_t)c->cull_terminal_s,
                                  .users = c->users ? &s->users : NULL,
                                  .quota_period_s = (uint32_t)c->quota_period_s,
                                  .run_wall_s = (uint32_t)c->run_wall_s,
                                  .run_wall_max_s = (uint32_t)c->run_wall_max_s,
                                  .run_output_mb = (uint32_t)c->run_output_mb,
                                  .memory_max_mb = (uint32_t)c->memory_max_mb,
                                  .cpu_max_milli = (uint32_t)c->cpu_max_milli,
                                  .pids_max = (uint32_t)c->pids_max};
    return kg_core_open(&s->core, &core, err);
}

static int open_net(struct server *s, struct kg_err *err)
{
    const struct kg_config *c = &s->config;
    struct kg_api_config api = {.core = s->core,
                                .nbruns = s->nbruns,
                                .token = c->anonymous ? NULL : c->token,
                                .users = c->users ? &s->users : NULL,
                                .base_url = c->base_url,
                                .allow_origin = c->allow_origin,
                                .allow_origin_pat = c->allow_origin_pat,
                                .allow_credentials = c->allow_credentials,
                                .client = c->client,
                                .lab_url = c->lab_url,
                                .contents_dir = c->contents_dir,
                                .tls = c->tls_cert != NULL};
    int rc = kg_api_new(&s->api, &api, err);
    if (rc < 0)
        return rc;
    kg_nbruns_load(s->nbruns, kg_api_contents_of, s->api);
    struct kg_net_config net = {.loop = &s->loop,
                                .address = c->address,
                                .port = (int)c->port,
                                .tls_cert = c->tls_cert,
                                .tls_key = c->tls_key,
                                .max_connections = (size_t)c->max_connections,
                                .max_body_bytes = (size_t)c->max_body_mb << 20,
                                .max_message_bytes = (size_t)c->max_message_mb << 20,
                                .handler = kg_api_handle,
                                .admit = kg_api_admit,
                                .user = s->api};
    return kg_net_open(&s->net, &net, err);
}

/* The one line on stdout: for people, and for programs that started this one. */
static void announce(const struct server *s)
{
    const struct kg_config *c = &s->config;
    int port = kg_net_port(s->net);
    if (c->address[0] == '/') {
        printf("SOCKET: %s\n", c->address);
    } else {
        bool slash = c->base_url[strlen(c->base_url) - 1] == '/';
        bool ipv6 = strchr(c->address, ':') != NULL;
        printf("URL: %s://%s%s%s:%d%s%s%s%s\n", c->tls_cert ? "https" : "http", ipv6 ? "[" : "",
               c->address, ipv6 ? "]" : "", port, c->base_url, slash ? "" : "/",
               c->anonymous ? "" : "?token=", c->anonymous ? "" : c->token);
    }
    fflush(stdout);
    kg_log(KG_INFO, "main", "serving", "version=%s address=%s port=%d engine=%s", KERNELGW_VERSION,
           c->address, port, c->engine);
}

static int load_users(struct server *s, struct kg_err *err)
{
    struct kg_quota defaults = {0};
    int rc = kg_quota_parse_text(&defaults, s->config.user_quotas, "user-quotas: ", err);
    return rc < 0 || !s->config.users ? rc
                                      : kg_users_load(&s->users, s->config.users, &defaults, err);
}

static int serve(struct server *s, struct kg_err *err)
{
    if (geteuid() == 0 && !s->config.allow_root)
        return kg_err_set(
            err, -EPERM,
            "this server faces the network and won't run as root: start it as another user "
            "(setpriv --reuid=kernelgw ...), or say --allow-root");
    if (sodium_init() < 0)
        return kg_err_set(err, -EIO, "libsodium can't be initialised");
    if (!s->config.token && !s->config.anonymous) {
        s->config.token = kg_malloc(49);
        kg_random_hex(s->config.token, 24);
    }
    int rc = load_users(s, err);
    if (rc == 0)
        rc = lock_run_dir(s, err);
    if (rc < 0)
        return rc;
    raise_descriptor_limit();
    uv_loop_init(&s->loop);
    watch_signals(s);
    rc = open_core(s, err);
    if (rc == 0)
        s->nbruns = kg_nbruns_new(s->core, (uint32_t)s->config.notebook_runs);
    if (rc == 0 && (rc = open_net(s, err)) < 0) {
        s->leaving = true; /* what was taken over a moment ago lives on */
        kg_nbruns_close(s->nbruns, true, nbruns_closed, s);
        uv_run(&s->loop, UV_RUN_DEFAULT);
    }
    if (rc < 0)
        return rc;
    announce(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    kg_log(KG_INFO, "main", "ended", "");
    return 0;
}

static int doctor(const struct kg_config *c)
{
    struct rlimit limit = {0};
    struct kg_need need = kg_doctor_need(c);
    getrlimit(RLIMIT_NOFILE, &limit);
    int wrong = strcmp(c->engine, "oci") == 0 ? kg_doctor_namespaces(stdout) : 0;
    return wrong + kg_doctor(stdout, "", &need, limit.rlim_max) > 0;
}

int main(int argc, char **argv)
{
    struct server s = {0};
    struct kg_err err = {0};
    enum kg_log_level level = KG_INFO;
    int status = 0;
    if (argc > 1 && (strcmp(argv[1], "exec") == 0 || strcmp(argv[1], "connect") == 0))
        return run_tool(argv);
    bool look = argc > 1 && strcmp(argv[1], "doctor") == 0; /* with the settings behind it */
    int rc = kg_config_load(&s.config, argc - look, argv + look, &err);
    if (rc == 0 && kg_log_level_parse(&level, s.config.log_level) < 0)
        rc =
            kg_err_set(&err, -EINVAL, "log-level must be debug, info, warn or error, not \"%.20s\"",
                       s.config.log_level);
    if (rc < 0) {
        fprintf(stderr, "kernelgw: %s\n", err.text);
        status = EXIT_CONFIG;
    } else if (s.config.help) {
        kg_config_help(stdout);
    } else if (s.config.version) {
        printf("kernelgw %s\n", KERNELGW_VERSION);
    } else if (s.config.print_config) {
        kg_config_print(&s.config, stdout);
    } else if (look) {
        status = doctor(&s.config);
    } else {
        kg_log_set_level(level);
        kg_log_set_json(s.config.log_json);
        rc = serve(&s, &err);
        if (rc < 0) {
            fprintf(stderr, "kernelgw: %s\n", err.text);
            status = 1;
        }
    }
    kg_users_release(&s.users);
    kg_config_release(&s.config);
    return status;
}

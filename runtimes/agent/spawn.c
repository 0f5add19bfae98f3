#include "runtimes/agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { ENV_BYTES_MAX = 128 * 1024, EXEC_WAIT_MS = 10000 };

/* What went wrong in the child, told over the socket pair. */
struct report {
    int step;
    int error;
};

enum step { STEP_FDS, STEP_CWD, STEP_IDS, STEP_FILTER, STEP_EXEC };

static const char *const step_names[] = {
    [STEP_FDS] = "set up descriptors",
    [STEP_CWD] = "enter the working directory",
    [STEP_IDS] = "drop privileges",
    [STEP_FILTER] = "enter the sandbox",
    [STEP_EXEC] = "start",
};

_Noreturn static void fail(int report, enum step step, int error)
{
    struct report r = {step, error};
    ssize_t n = send(report, &r, sizeof r, MSG_NOSIGNAL);
    (void)n;
    _exit(127);
}

static void default_signals(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL); /* ours, and those that are ignored, must not be inherited */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The first victim of a full box shall be the user's code, the next its service, and only then the agent. */
static void be_a_victim(bool first)
{
    /* While undumpable, our /proc files belong to a root that we may not be. No user code runs here yet. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = first ? write(fd, "1000", 4) : write(fd, "500", 3);
    (void)n;
    close(fd);
}

static int set_fds(const int *fds, int count)
{
    int safe[KK_SPAWN_FDS];
    for (int i = 0; i < count; i++) /* none may be overwritten before it is copied */
        if ((safe[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, KK_SPAWN_FDS)) < 0)
            return -errno;
    for (int i = 0; i < count; i++)
        if (dup2(safe[i], i) < 0)
            return -errno;
    if (syscall(SYS_close_range, (unsigned)count, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0)
        return 0;
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = count; fd < most && fd < 65536; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

static void set_limits(void)
{
    static const struct {
        int what;
        rlim_t soft, hard;
    } limits[] = {
        {RLIMIT_CORE, 0, 0},
        {RLIMIT_NOFILE, 1024, 4096},
        {RLIMIT_MSGQUEUE, 0, 0},
    };
    for (size_t i = 0; i < KG_COUNT(limits); i++) {
        struct rlimit now;
        if (getrlimit(limits[i].what, &now) < 0)
            continue;
        now.rlim_max = now.rlim_max < limits[i].hard ? now.rlim_max : limits[i].hard;
        now.rlim_cur = now.rlim_max < limits[i].soft ? now.rlim_max : limits[i].soft;
        setrlimit(limits[i].what, &now);
    }
}

static int drop_privileges(uid_t uid, gid_t gid)
{
    for (int cap = 0; cap < 64; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0,
              0); /* needs SETPCAP; without it the box's own set stays */
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* Sends the listener's descriptor to the agent, with a report that says that nothing is wrong. */
static int send_listener(int report, int listener)
{
    struct report r = {0};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {&r, sizeof r};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &listener, sizeof listener);
    return sendmsg(report, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* In the child; other threads of the agent are gone, so only what is safe in a signal handler is called. */
_Noreturn static void child(const struct kk_spawn *s, int report)
{
    setsid();
    default_signals();
    be_a_victim(!s->service);
    int rc = set_fds(s->fds, s->fd_count);
    if (rc < 0)
        fail(report, STEP_FDS, -rc);
    if (s->terminal && ioctl(0, TIOCSCTTY, 0) < 0)
        fail(report, STEP_FDS, errno);
    set_limits();
    umask(s->umask);
    if (s->options->drop) {
        const struct kk_options *o = s->options;
        rc = s->service ? drop_privileges(kk_service_uid(o), kk_service_gid(o))
                        : drop_privileges(o->uid, o->gid);
        if (rc < 0)
            fail(report, STEP_IDS, -rc);
    } else {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* in a box the death of PID 1 does it */
    }
    if (chdir(s->cwd) < 0)
        fail(report, STEP_CWD, errno);
    int listener = -1;
    struct sock_fprog watch = kk_sandbox_watch_filter();
    rc = kk_sandbox_enter(s->strict, s->watch_stderr ? &watch : NULL, &listener);
    if (rc < 0)
        fail(report, STEP_FILTER, -rc);
    if (listener >= 0) {
        rc = send_listener(report, listener);
        if (rc < 0)
            fail(report, STEP_FILTER, -rc);
        close(listener);
    }
    environ = (char **)(uintptr_t)s->envp; /* execvp looks for PATH there */
    execvp(s->argv[0], s->argv);
    fail(report, STEP_EXEC, errno);
}

/* Takes one report; returns false at the end of the stream, which means that exec was done. */
static bool take_report(int fd, struct report *r, int *listener)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {r, sizeof *r};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control.room};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&p, 1, EXEC_WAIT_MS)) < 0 && errno == EINTR) {}
    if (ready <= 0) {
        *r = (struct report){STEP_EXEC, ETIMEDOUT};
        return true;
    }
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    if (n != (ssize_t)sizeof *r)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(listener, CMSG_DATA(c), sizeof *listener);
    return true;
}

static pid_t fork_quietly(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours may run in the child */
    pid_t pid = fork();
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

pid_t kk_spawn(const struct kk_spawn *s, int *listener, struct kg_err *err)
{
    int pair[2];
    *listener = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return kg_err_errno(err, errno, "start %.100s", s->argv[0]);
    pid_t pid = fork_quietly();
    if (pid == 0)
        child(s, pair[1]);
    int why = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return kg_err_errno(err, why, "start %.100s", s->argv[0]);
    }
    struct report r = {0};
    while (take_report(pair[0], &r, listener) && r.error == 0) {}
    close(pair[0]);
    if (r.error == 0)
        return pid;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (*listener >= 0)
        close(kg_steal_fd(listener));
    const char *what = r.step == STEP_CWD ? s->cwd : s->argv[0];
    return kg_err_errno(err, r.error, "%s %.200s", step_names[r.step], what);
}

char **kk_argv_from_json(const json_t *v, size_t max)
{
    size_t n = json_array_size(v);
    size_t bytes = (n + 1) * sizeof(char *);
    if (n == 0 || n > max)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(v, i));
        if (!text || strlen(text) != json_string_length(json_array_get(v, i)))
            return NULL;
        bytes += strlen(text) + 1;
    }
    char **out = kg_malloc(bytes);
    char *text = (char *)(out + n + 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = text;
        text = stpcpy(text, json_string_value(json_array_get(v, i))) + 1;
    }
    out[n] = NULL;
    return out;
}

static json_t *base_env(const struct kk_options *o)
{
    json_t *env = json_object();
    if (!o->drop) {
        for (char **e = environ; *e; e++) {
            const char *eq = strchr(*e, '=');
            kg_autofree char *name = eq ? kg_strndup(*e, (size_t)(eq - *e)) : NULL;
            if (name) /* what is not UTF-8 is left out: jansson refuses it */
                json_object_set_new(env, name, json_string(eq + 1));
        }
        return env;
    }
    json_object_set_new(env, "PATH", json_string("/usr/local/bin:/usr/bin:/bin"));
    json_object_set_new(env, "HOME", json_string(o->work));
    json_object_set_new(env, "LANG", json_string("C.UTF-8"));
    json_object_set_new(env, "USER", json_string("user"));
    return env;
}

char **kk_env_from_json(const json_t *env, const struct kk_options *options)
{
    if (env && !json_is_null(env) && !json_is_object(env))
        return NULL;
    json_t *all = base_env(options);
    json_t *lines = json_array();
    const char *name;
    json_t *value;
    size_t bytes = 0;
    bool good = true;
    if (json_is_object(env))
        json_object_update(all, (json_t *)(uintptr_t)env);
    json_object_foreach(all, name, value) {
        good = json_is_string(value) && *name && !strchr(name, '=') &&
               strlen(json_string_value(value)) == json_string_length(value);
        if (!good)
            break;
        kg_autofree char *line = kg_asprintf("%s=%s", name, json_string_value(value));
        bytes += strlen(line) + 1;
        json_array_append_new(lines, json_string(line));
    }
    good = good && bytes <= ENV_BYTES_MAX;
    char **out = good ? kk_argv_from_json(lines, SIZE_MAX) : NULL;
    json_decref(all);
    json_decref(lines);
    return out;
}

/* Between kk_..._begin, which the caller has called, and kk_user_end. */
static int make_pipe(int fds[2], int ours, const struct kk_options *options)
{
    int rc = pipe2(fds, O_CLOEXEC);
    int why = errno;
    kk_user_end(options);
    if (rc < 0)
        return -why;
    fcntl(fds[ours], F_SETFL, O_NONBLOCK);
    return 0;
}

int kk_pipe(int fds[2], int ours, const struct kk_options *options)
{
    kk_user_begin(options);
    return make_pipe(fds, ours, options);
}

int kk_service_pipe(int fds[2], int ours, const struct kk_options *options)
{
    kk_service_begin(options);
    return make_pipe(fds, ours, options);
}

#include "runtimes/agent/children.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { KILL_AGAIN_MS = 2, KILL_GIVE_UP_MS = 5000, PROCESSES_MAX = 65536 };

struct kk_children {
    const struct kk_options *options;
    uv_signal_t chld;
    uv_timer_t again;
    int closing;
    struct kk_usage usage;

    pid_t watched; /* 0: none */
    void (*ended)(void *user, int status);
    void *ended_user;
    pid_t service; /* 0: none */
    void (*service_ended)(void *user, int status);
    void *service_user;

    bool killing;
    uint64_t kill_began;
    void (*gone)(void *user);
    void *gone_user;
};

/* One line of /proc/PID/stat. */
struct proc {
    pid_t pid, ppid, session;
    uint64_t cpu_ticks;
    uint64_t rss_pages;
    char state;
    bool ours;   /* a descendant of the agent */
    bool spared; /* of the service */
};

static bool read_proc(struct proc *out, const char *name)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = 0;
    /* The command's name may hold anything, so read on behind the last parenthesis. */
    const char *rest = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    long rss = 0;
    int ppid = 0, session = 0;
    if (!rest || sscanf(rest + 1,
                        " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
                        "%*d %*u %*u %ld",
                        &out->state, &ppid, &session, &user, &system, &rss) != 6)
        return false;
    out->pid = (pid_t)strtol(name, NULL, 10);
    out->ppid = ppid;
    out->session = session;
    out->cpu_ticks = user + system;
    out->rss_pages = rss > 0 ? (uint64_t)rss : 0;
    out->ours = out->spared = false;
    return true;
}

/* Marks the descendants of self. Returns how many there are. */
static size_t mark_ours(struct proc *all, size_t n, pid_t self)
{
    size_t found = 0;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            if (all[i].ours)
                continue;
            bool child = all[i].ppid == self;
            for (size_t k = 0; k < n && !child; k++)
                child = all[k].ours && all[k].pid == all[i].ppid;
            if (child) {
                all[i].ours = more = true;
                found++;
            }
        }
    }
    return found;
}

/* What the kernel says of a process's real user id: a dumpable process's files alone would tell its owner. */
static bool has_uid(pid_t pid, uid_t uid)
{
    char path[64];
    char text[2048];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (n <= 0)
        return false;
    text[n] = 0;
    const char *line = strstr(text, "\nUid:\t"); /* no name can hold a line break: it is escaped */
    return line && strtoul(line + 6, NULL, 10) == uid;
}

/* Marks what belongs to the service. */
static void mark_spared(const struct kk_children *c, struct proc *all, size_t n)
{
    if (!c->service)
        return;
    for (size_t i = 0; i < n; i++)
        all[i].spared = c->options->drop ? has_uid(all[i].pid, kk_service_uid(c->options))
                                         : all[i].session == c->service;
    for (bool more = !c->options->drop; more;) {
        more = false;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n && !all[i].spared; k++)
                if (all[k].spared && all[k].pid == all[i].ppid)
                    all[i].spared = more = true;
    }
}

/* All processes of the user, in *out (the caller frees it). */
static size_t list_ours(struct proc **out, const struct kk_children *c)
{
    bool pid1 = c->options->pid1;
    size_t n = 0, cap = 64;
    struct proc *all = kg_malloc(cap * sizeof *all);
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    pid_t self = getpid();
    while (dir && n < PROCESSES_MAX && (entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe)
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (n == cap)
            all = kg_realloc(all, (cap *= 2) * sizeof *all);
        if (read_proc(&all[n], entry->d_name) && all[n].pid != self)
            n++;
    }
    if (dir)
        closedir(dir);
    if (!pid1)
        mark_ours(all, n, self);
    mark_spared(c, all, n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if ((pid1 || all[i].ours) && !all[i].spared)
            all[kept++] = all[i];
    *out = all;
    return kept;
}

/*
 * Kills all processes of uid. For that moment this thread alone acts as uid, which is atomic against fork, needs no
 * process (a fork bomb leaves none), and gives uid no hold on us: signals go by the real and the saved id.
 */
static void kill_as(uid_t uid)
{
    if (syscall(SYS_setresuid, -1, uid, -1) == 0)
        kill(-1, SIGKILL);
    if (syscall(SYS_setresuid, -1, getuid(), -1) < 0)
        abort(); /* cannot be; and as the user we could not go on */
}

static void kill_once(const struct kk_children *c)
{
    if (c->options->pid1 && !c->service) {
        kill(-1, SIGKILL); /* all but ourselves; atomic against fork */
        return;
    }
    if (c->options->pid1 && c->options->drop) {
        kill_as(c->options->uid);
        return;
    }
    struct proc *ours = NULL;
    size_t n = list_ours(&ours, c);
    for (size_t i = 0; i < n; i++)
        kill(ours[i].pid, SIGKILL);
    free(ours);
}

static void add_usage(struct kk_usage *u, const struct rusage *r)
{
    u->cpu_ms += (uint64_t)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000 +
                 (uint64_t)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1000;
    if ((uint64_t)r->ru_maxrss > u->rss_kb)
        u->rss_kb = (uint64_t)r->ru_maxrss;
}

/* Reaps what has ended. Returns false when there are no children at all. */
static bool reap(struct kk_children *c)
{
    for (;;) {
        int status = 0;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, WNOHANG, &usage);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return false;
        if (pid == 0)
            return true;
        if (pid == c->service) {
            c->service = 0;
            c->service_ended(c->service_user, status);
            continue;
        }
        add_usage(&c->usage, &usage);
        if (pid == c->watched) {
            c->watched = 0;
            c->ended(c->ended_user, status);
        }
    }
}

/* Is there anybody but the service? */
static bool others_left(const struct kk_children *c)
{
    struct proc *ours = NULL;
    size_t n = list_ours(&ours, c);
    free(ours);
    return n > 0;
}

static void kill_step(struct kk_children *c)
{
    bool left = reap(c);
    if (!c->killing)
        return;
    if (left && c->service)
        left = others_left(c);
    bool stuck = left && kg_clock_ms() - c->kill_began > KILL_GIVE_UP_MS;
    if (left && !stuck) {
        if (!c->options->pid1)
            kill_once(c); /* a fork may have slipped through the walk */
        return;
    }
    if (stuck)
        kg_log(KG_WARN, "agent", "a process does not die", "%s", "");
    c->killing = false;
    uv_timer_stop(&c->again);
    c->gone(c->gone_user);
}

static void on_chld(uv_signal_t *h, int signum)
{
    (void)signum;
    kill_step(h->data);
}

static void on_again(uv_timer_t *h)
{
    kill_step(h->data);
}

int kk_children_open(struct kk_children **out, uv_loop_t *loop, const struct kk_options *options)
{
    struct kk_children *c = kg_calloc(1, sizeof *c);
    c->options = options;
    uv_signal_init(loop, &c->chld);
    uv_timer_init(loop, &c->again);
    c->chld.data = c->again.data = c;
    *out = c;
    return uv_signal_start(&c->chld, on_chld, SIGCHLD);
}

static void on_closed(uv_handle_t *h)
{
    struct kk_children *c = h->data;
    if (--c->closing == 0)
        free(c);
}

void kk_children_close(struct kk_children *c)
{
    if (!c)
        return;
    c->closing = 2;
    uv_close((uv_handle_t *)&c->chld, on_closed);
    uv_close((uv_handle_t *)&c->again, on_closed);
}

void kk_children_watch(struct kk_children *c, pid_t pid, void (*ended)(void *user, int status),
                       void *user)
{
    c->watched = pid;
    c->ended = ended;
    c->ended_user = user;
}

void kk_children_spare(struct kk_children *c, pid_t pid, void (*ended)(void *user, int status),
                       void *user)
{
    c->service = pid;
    c->service_ended = ended;
    c->service_user = user;
}

void kk_children_kill_service(const struct kk_children *c, pid_t pid)
{
    if (c->options->pid1 && c->options->drop)
        kill_as(kk_service_uid(c->options));
    else if (pid > 0)
        kill(-pid, SIGKILL);
}

void kk_children_kill_all(struct kk_children *c, void (*gone)(void *user), void *user)
{
    c->gone = gone;
    c->gone_user = user;
    c->killing = true;
    c->kill_began = kg_clock_ms();
    if (reap(c)) /* else nobody is left, and /proc need not be searched for them */
        kill_once(c);
    uv_timer_start(&c->again, on_again, 0, KILL_AGAIN_MS);
}

void kk_children_reset_usage(struct kk_children *c)
{
    c->usage = (struct kk_usage){0};
}

struct kk_usage kk_children_usage(const struct kk_children *c)
{
    return c->usage;
}

struct kk_stats kk_children_stats(const struct kk_children *c)
{
    struct proc *ours = NULL;
    size_t n = list_ours(&ours, c);
    uint64_t page_kb = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    uint64_t tick_hz = (uint64_t)sysconf(_SC_CLK_TCK);
    struct kk_stats s = {.cpu_ms = c->usage.cpu_ms};
    for (size_t i = 0; i < n; i++) {
        if (ours[i].state == 'Z')
            continue;
        s.processes++;
        s.rss_kb += ours[i].rss_pages * page_kb;
        s.cpu_ms += ours[i].cpu_ticks * 1000 / tick_hz;
    }
    free(ours);
    return s;
}

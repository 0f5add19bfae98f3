#include "pool/proctree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

/* Fields of /proc/PID/stat; see proc(5). */
enum { PPID = 4, UTIME = 14, STIME = 15, RSS = 24 };
enum { ROUNDS = 200, ROUND_MS = 5, ENVIRON_MAX = 256 * 1024 };

struct process {
    pid_t pid, ppid;
    char state;
    bool ours;
    uint64_t ticks, pages;
};

struct table {
    struct process *all;
    size_t n, cap;
};

static ssize_t read_file(const char *path, char *out, size_t size)
{
    kg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    while (fd >= 0 && have < size) {
        ssize_t n = read(fd, out + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return fd < 0 ? -1 : (ssize_t)have;
}

static bool read_stat(struct process *out, const char *pid)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    ssize_t n = read_file(path, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = 0;
    /* The command's name may hold anything, so read on behind the last parenthesis. */
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || !at[2])
        return false;
    *out = (struct process){.pid = (pid_t)strtol(pid, NULL, 10), .state = at[2]};
    at += 3;
    long long field[RSS + 1] = {0};
    for (int i = PPID; i <= RSS; i++) {
        char *end;
        field[i] = strtoll(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    out->ppid = (pid_t)field[PPID];
    out->ticks = (uint64_t)(field[UTIME] + field[STIME]);
    out->pages = (uint64_t)field[RSS];
    return true;
}

static bool has_mark(pid_t pid, const char *mark, char *room)
{
    char path[64];
    char wanted[128];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int length = snprintf(wanted, sizeof wanted, "%s=%.80s", PL_MARK_NAME, mark);
    ssize_t n = read_file(path, room, ENVIRON_MAX);
    for (ssize_t at = 0; at < n;) {
        size_t left = (size_t)(n - at);
        size_t one = strnlen(room + at, left);
        if (one == (size_t)length && memcmp(room + at, wanted, one) == 0)
            return true;
        at += (ssize_t)one + 1;
    }
    return false;
}

static bool is_ours(const struct table *t, pid_t pid)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->all[i].ours && t->all[i].pid == pid)
            return true;
    return false;
}

static void add_descendants(struct table *t, pid_t root)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < t->n; i++) {
            struct process *one = &t->all[i];
            if (one->ours || !((root && one->ppid == root) || is_ours(t, one->ppid)))
                continue;
            one->ours = more = true;
        }
    }
}

/* Fills t with all living processes and marks ours, root among them. The caller frees t->all. */
static void look(struct table *t, pid_t root, const char *mark)
{
    kg_autofree char *room = kg_malloc(ENVIRON_MAX);
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    *t = (struct table){0};
    while (dir && (entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): a stream of its own
        struct process one;
        if (!isdigit((unsigned char)entry->d_name[0]) || !read_stat(&one, entry->d_name) ||
            one.state == 'Z' || one.state == 'X')
            continue;
        one.ours = one.pid == root || (mark && has_mark(one.pid, mark, room));
        if (t->n == t->cap) {
            t->cap = t->cap ? t->cap * 2 : 256;
            t->all = kg_realloc(t->all, t->cap * sizeof *t->all);
        }
        t->all[t->n++] = one;
    }
    if (dir)
        closedir(dir);
    add_descendants(t, root);
}

struct pl_usage pl_tree_usage(pid_t root, const char *mark)
{
    struct table t;
    struct pl_usage usage = {0};
    look(&t, root, mark);
    uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK);
    for (size_t i = 0; i < t.n; i++) {
        if (!t.all[i].ours)
            continue;
        usage.processes++;
        usage.rss_bytes += t.all[i].pages * (uint64_t)sysconf(_SC_PAGESIZE);
        usage.cpu_ms += t.all[i].ticks * 1000 / (tick ? tick : 100);
    }
    free(t.all);
    return usage;
}

int pl_tree_kill(pid_t root, const char *mark)
{
    if (root > 0)
        kill(root, SIGSTOP);
    for (int round = 0; round < ROUNDS; round++) {
        struct table t;
        size_t left = 0;
        look(&t, root, mark);
        for (size_t i = 0; i < t.n; i++) {
            if (!t.all[i].ours || t.all[i].pid == root)
                continue;
            kill(t.all[i].pid, SIGKILL);
            left++;
        }
        free(t.all);
        if (left == 0) {
            if (root > 0)
                kill(root, SIGKILL);
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = ROUND_MS * 1000000L}, NULL);
    }
    if (root > 0)
        kill(root, SIGKILL);
    return -EBUSY;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int pl_tree_remove(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT)
        return 0;
    return -errno;
}

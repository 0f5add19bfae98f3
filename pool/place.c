#include "pool/place.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool/proctree.h"

enum { BACKLOG = 8 };
#define DIR_PREFIX "p-"

static int make_listener(int *out, const char *dir, struct kg_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/link", dir);
    if (n < 0 || (size_t)n >= sizeof address.sun_path)
        return kg_err_set(err, -ENAMETOOLONG, "path of the box's directory %s is too long", dir);
    kg_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, BACKLOG) < 0)
        return kg_err_errno(err, errno, "listen on %s", address.sun_path);
    *out = kg_steal_fd(&fd);
    return 0;
}

static int make_dirs(char **out, const char *run_dir, struct kg_err *err)
{
    kg_autofree char *dir = kg_asprintf("%s/%sXXXXXX", run_dir, DIR_PREFIX);
    if (!mkdtemp(dir))
        return kg_err_errno(err, errno, "make a directory in %s", run_dir);
    kg_autofree char *work = kg_asprintf("%s/work", dir);
    kg_autofree char *kernel = kg_asprintf("%s/k", dir);
    *out = kg_steal(&dir);
    if (mkdir(work, 0700) < 0 || mkdir(kernel, 0700) < 0)
        return kg_err_errno(err, errno, "make a directory in %s", *out);
    return 0;
}

/* In the child, between fork and exec: only calls that are safe there. */
static void __attribute__((noreturn)) exec_agent(char *const argv[], char *const envp[])
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int s = 1; s < SIGRTMIN; s++)
        sigaction(s, &normal, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    syscall(SYS_close_range, 3, ~0U, 0);
    execve(argv[0], argv, envp);
    _exit(127);
}

int pl_place_make(char **dir, int *listen_fd, const char *run_dir, struct kg_err *err)
{
    int rc = make_dirs(dir, run_dir, err);
    return rc < 0 ? rc : make_listener(listen_fd, *dir, err);
}

/* This program's environment with the box's mark. The array is the caller's; its strings but the mark are not. */
static char **marked_environment(char *mark)
{
    size_t n = 0;
    size_t kept = 0;
    while (environ[n])
        n++;
    char **envp = kg_calloc(n + 2, sizeof *envp);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], PL_MARK_NAME "=", sizeof PL_MARK_NAME) != 0)
            envp[kept++] = environ[i];
    envp[kept] = mark;
    return envp;
}

int pl_place_spawn(pid_t *pid, int *pidfd, const char *dir, const char *agent, const char *box,
                   struct kg_err *err)
{
    kg_autofree char *program = kg_strdup(agent);
    kg_autofree char *id = kg_strdup(box);
    kg_autofree char *link = kg_asprintf("%s/link", dir);
    kg_autofree char *work = kg_asprintf("%s/work", dir);
    kg_autofree char *kernel = kg_asprintf("%s/k", dir);
    kg_autofree char *mark = kg_asprintf("%s=%s", PL_MARK_NAME, box);
    kg_autofree char **envp = marked_environment(mark);
    char option[][16] = {"--link", "--box", "--work", "--kernel-dir"};
    char *argv[] = {program,   option[0], link,      option[1], id,
                    option[2], work,      option[3], kernel,    NULL};
    *pid = fork();
    if (*pid < 0)
        return kg_err_errno(err, errno, "start %s", agent);
    if (*pid == 0)
        exec_agent(argv, envp);
    *pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (*pidfd < 0) {
        int why = errno;
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        return kg_err_errno(err, why, "watch process %d", *pid);
    }
    return 0;
}

/* A directory whose socket nobody listens on belonged to a gateway that is no more; its agent ends by itself. */
static void remove_deserted(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/link", dir);
    if (n < 0 || (size_t)n >= sizeof address.sun_path)
        return;
    kg_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 &&
        (errno == ECONNREFUSED || errno == ENOENT))
        pl_tree_remove(dir);
}

void pl_place_remove_old(const char *run_dir)
{
    DIR *dir = opendir(run_dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): a stream of its own
        if (strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0 ||
            strlen(entry->d_name) != strlen(DIR_PREFIX "XXXXXX"))
            continue;
        kg_autofree char *path = kg_asprintf("%s/%s", run_dir, entry->d_name);
        remove_deserted(path);
    }
    if (dir)
        closedir(dir);
}

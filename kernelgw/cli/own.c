#include "kernelgw/cli/own.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { READY_MS = 60 * 1000, OPTIONS_MAX = 200 };

/* kernelgw, beside this program. */
static int find_server(char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return -errno;
    self[n] = 0;
    n = snprintf(out, PATH_MAX, "%s/kernelgw", dirname(self));
    return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* In the child. stdout is the pipe on which the server says that it serves. */
static void become_server(const struct kg_own *own, char *const *options, int out)
{
    kg_autofree char *state = kg_asprintf("%s/state", own->dir);
    const char *argv[OPTIONS_MAX + 32] = {
        "kernelgw", "--address",     own->socket, "--run-dir",   own->dir,       "--state-dir",
        state,      "--engine",      "process",   "--log-level", "error",        "--stock-kernels",
        "0",        "--stock-boxes", "0",         "--anonymous", "--allow-root",
    };
    size_t n = 0;
    while (argv[n])
        n++;
    for (size_t i = 0; options[i] && i < OPTIONS_MAX; i++)
        argv[n++] = options[i]; /* the last one of a name counts */
    setpgid(0, 0);              /* a terminal's interrupt is for the command, which stops the run */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(out, STDOUT_FILENO);
    char server[PATH_MAX];
    if (find_server(server) == 0)
        execv(server, (char *const *)(uintptr_t)argv);
    perror("kernelgw");
    _exit(127);
}

/* Its one line says that it serves; when the pipe ends first it has failed, and has said why itself. */
static int wait_ready(int in, struct kg_err *err)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    char line[256];
    int rc;
    do
        rc = poll(&p, 1, READY_MS);
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        return kg_err_set(err, -ETIMEDOUT, "the server of this command is not there after %d s",
                          READY_MS / 1000);
    ssize_t n = read(in, line, sizeof line);
    return n > 0 ? 0
                 : kg_err_set(
                       err, -EIO,
                       "the server of this command could not be started: it runs the kernels that "
                       "\"jupyter kernelspec list\" shows");
}

int kg_own_start(struct kg_own *out, char *const *options, struct kg_err *err)
{
    *out = (struct kg_own){0};
    char dir[] = "/tmp/kernelgw-XXXXXX"; /* short: a socket's path has 107 characters */
    int ends[2];
    if (!mkdtemp(dir))
        return kg_err_errno(err, errno, "make a folder in /tmp");
    out->dir = kg_strdup(dir);
    out->socket = kg_asprintf("%s/socket", dir);
    kg_autofree char *state = kg_asprintf("%s/state", dir);
    if (mkdir(state, 0700) < 0)
        return kg_err_errno(err, errno, "make the folder %s", state);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return kg_err_errno(err, errno, "make a pipe");
    out->pid = fork();
    if (out->pid == 0)
        become_server(out, options, ends[1]);
    int saved = errno;
    close(ends[1]);
    int rc = out->pid < 0 ? kg_err_errno(err, saved, "start a server") : wait_ready(ends[0], err);
    close(ends[0]);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void kg_own_end(struct kg_own *own)
{
    if (own->pid > 0) {
        kill(own->pid, SIGTERM);
        while (waitpid(own->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (own->dir)
        nftw(own->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(own->dir);
    free(own->socket);
    *own = (struct kg_own){0};
}

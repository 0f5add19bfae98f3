#include "pool/boxd/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool/boxd/files.h"

enum { WORDS = 8192 };

static const char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

char *bd_program_find(const char *name, const char *what, struct kg_err *err)
{
    if (strchr(name, '/')) {
        char *real = access(name, X_OK) == 0 ? realpath(name, NULL) : NULL;
        if (!real)
            kg_err_errno(err, errno, "%s %s", what, name);
        return real;
    }
    const char *path = getenv("PATH"); // NOLINT(concurrency-mt-unsafe): one thread
    path = path && *path ? path : usual_path;
    while (*path) {
        size_t n = strcspn(path, ":");
        kg_autofree char *file = kg_asprintf("%.*s/%s", (int)n, path, name);
        if (n > 0 && *path == '/' && access(file, X_OK) == 0)
            return kg_steal(&file);
        path += n + (path[n] == ':');
    }
    kg_err_set(err, -ENOENT, "there is no %s %s in PATH", what, name);
    return NULL;
}

static int text_file(const char *text, struct kg_err *err)
{
    size_t n = strlen(text);
    int fd = bd_file_memory("kernelgw-stdin", n, err);
    if (fd >= 0 && n > 0 && pwrite(fd, text, n, 0) != (ssize_t)n) {
        kg_err_errno(err, errno, "write a program's input");
        close(fd);
        return err->code;
    }
    return fd;
}

/* In the child: nothing here may allocate. */
__attribute__((noreturn)) static void become(const char *const *argv, int ns, int in, int words)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char *const env[] = {path, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (setns(ns, CLONE_NEWNET) < 0 || dup2(in, 0) < 0 || dup2(words, 1) < 0 || dup2(words, 2) < 0)
        _exit(126);
    execve(argv[0], (char *const *)(uintptr_t)argv, env);
    _exit(127);
}

int bd_program_run(int ns, const char *const *argv, const char *text, struct kg_err *err)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    kg_autoclose int in = text_file(text, err);
    kg_autoclose int words = in < 0 ? -1 : bd_file_memory("kernelgw-stderr", WORDS, err);
    int status = 0;
    if (words < 0)
        return err->code;
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ns, in, words);
    if (pid < 0)
        return kg_err_errno(err, errno, "start %s", name);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return kg_err_errno(err, errno, "wait for %s", name);
    if (status == 0)
        return 0;
    char said[256];
    bd_file_line(words, false, said, sizeof(said));
    return kg_err_set(err, -EIO, "%s failed: %s", name, said[0] ? said : "it said nothing");
}

#include "runtimes/sql/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtimes/sql/session.h"

#define TEMPLATE "/usr/local/share/kernelgw/sql/data"
#define SERVER   "/usr/sbin/mariadbd"
#define OPTIONS  "/usr/local/share/kernelgw/sql/my.cnf"

enum { READY_FD = 3, ANSWER_MS = 60000, PAUSE_MS = 5, ROOM_MIN = 4 * 1024 * 1024 };

/* Runs a program to its end; whether it went well. */
static bool run(const char *const *argv)
{
    pid_t pid = 0;
    int status = 0;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The folder in /tmp, which everybody may write: it must be ours, and no link. */
static int make_folder(const char *folder)
{
    struct stat st;
    if (mkdir(folder, 0711) < 0 && errno != EEXIST) {
        fprintf(stderr, "can't make %s: %s\n", folder, strerror(errno));
        return -1;
    }
    if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
        fprintf(stderr, "%s is somebody else's\n", folder);
        return -1;
    }
    return 0;
}

/* Mostly holes: with them the directory takes a quarter of its size. Renamed when whole, so that a half is never used. */
static int copy_data(const char *folder)
{
    kg_autofree char *data = kg_asprintf("%s/data", folder), *half = kg_asprintf("%s/new", folder);
    if (access(data, F_OK) == 0)
        return 0;
    const char *const remove[] = {"rm", "-rf", half, NULL};
    const char *const copy[] = {"cp", "-r", "--sparse=always", TEMPLATE, half, NULL};
    const char *const close[] = {"chmod", "-R", "u=rwX,go=", half, NULL};
    if (!run(remove) || !run(copy) || !run(close) || rename(half, data) < 0) {
        fprintf(stderr, "can't copy the data directory to %s\n", data);
        return -1;
    }
    return 0;
}

/* The account is the box's user's, whom the server knows by the socket: to us it says no, which is an answer. */
static bool answers(const char *socket)
{
    if (access(socket, F_OK) < 0)
        return false;
    MYSQL *conn = mysql_init(NULL);
    bool ok = conn && (mysql_real_connect(conn, NULL, SQ_USER, "", NULL, 0, socket, 0) ||
                       mysql_errno(conn) == ER_ACCESS_DENIED_ERROR ||
                       mysql_errno(conn) == ER_ACCESS_DENIED_NO_PASSWORD_ERROR);
    mysql_close(conn);
    return ok;
}

/* InnoDB can't undo a large value's insertion without room for it, and aborts, again and again: a directory that fills the disk is
 * of no use any more. */
static bool full(const char *folder)
{
    struct statvfs fs;
    return statvfs(folder, &fs) == 0 && fs.f_bavail * fs.f_frsize < ROOM_MIN;
}

static void remove_data(const char *data, const char *why)
{
    fprintf(stderr, "%s: the databases begin anew\n", why);
    const char *const remove[] = {"rm", "-rf", data, NULL};
    (void)run(remove);
}

/* Starts the server, which dies with us. */
static pid_t start(const char *folder, const char *socket)
{
    kg_autofree char *data = kg_asprintf("--datadir=%s/data", folder),
                     *at = kg_asprintf("--socket=%s", socket),
                     *pid_file = kg_asprintf("--pid-file=%s/pid", folder),
                     *tmp = kg_asprintf("--tmpdir=%s/data", folder);
    static const char defaults[] = "--defaults-file=" OPTIONS;
    const char *const argv[] = {SERVER, defaults, data, at, pid_file, tmp, NULL};
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execv(SERVER, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Waits until the server answers. Returns false when it has ended instead, or takes for ever. */
static bool wait_for_answer(pid_t server, const char *socket, int *status)
{
    for (int i = 0; i < ANSWER_MS / PAUSE_MS; i++) {
        if (answers(socket))
            return true;
        if (waitpid(server, status, WNOHANG) == server)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
    kill(server, SIGKILL);
    (void)waitpid(server, status, 0);
    return false;
}

static int exit_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int sq_serve_main(const char *folder)
{
    kg_autofree char *socket = kg_asprintf("%s/" SQ_SOCKET_NAME, folder),
                     *data = kg_asprintf("%s/data", folder);
    int status = 0;
    umask(022);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* it would lie in memory, too */
    fcntl(READY_FD, F_SETFD, FD_CLOEXEC);
    if (make_folder(folder) < 0)
        return 1;
    if (access(data, F_OK) == 0 && full(folder))
        remove_data(data, "the server had no room left");
    for (int attempt = 0; attempt < 2; attempt++) {
        bool used = access(data, F_OK) == 0;
        (void)unlink(socket);
        if (copy_data(folder) < 0)
            return 1;
        pid_t server = start(folder, socket);
        if (server < 0)
            break;
        if (wait_for_answer(server, socket, &status)) {
            (void)!write(READY_FD, "ready\n", 6);
            close(READY_FD);
            while (waitpid(server, &status, 0) < 0 && errno == EINTR)
                continue;
            return exit_status(status);
        }
        if (!used)
            break;
        remove_data(data, "the server can't use its files");
    }
    fprintf(stderr, "the database server does not start (status %d)\n", exit_status(status));
    return 1;
}

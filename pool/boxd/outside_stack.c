#include "pool/boxd/outside_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool/boxd/files.h"
#include "pool/boxd/netns.h"
#include "pool/boxd/outside_rules.h"

enum {
    FD_NET = 3, /* what the program inherits */
    FD_LIFE = 4,
    FD_READY = 5,
    FDS_END = 6,
    TUN_MAJOR = 10,
    TUN_MINOR = 200,
    FILES_MAX = BD_OUTSIDE_FLOWS * 2,
};

/* Makes the namespaces and stays until it is killed: they have to be opened from outside. */
__attribute__((noreturn)) static void hold_room(int told)
{
    bool good = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    int number = good ? 0 : errno;
    if (write(told, &number, sizeof(number)) == sizeof(number) && good)
        pause();
    _exit(0);
}

static int open_room(struct bd_stack_room *out, pid_t pid, uint32_t id, struct kg_err *err)
{
    static const char *const maps[] = {"uid_map", "gid_map"};
    kg_autofree char *line = kg_asprintf("0 %u 1", id);
    kg_autofree char *user = kg_asprintf("/proc/%d/ns/user", pid);
    int rc = 0;
    for (size_t i = 0; i < KG_COUNT(maps) && rc == 0; i++) {
        kg_autofree char *map = kg_asprintf("/proc/%d/%s", pid, maps[i]);
        rc = bd_file_put(map, line, err);
    }
    if (rc < 0)
        return rc;
    out->user = open(user, O_RDONLY | O_CLOEXEC);
    out->net = out->user < 0 ? -1 : bd_netns_of(pid, err);
    return out->user < 0 ? kg_err_errno(err, errno, "open %s", user) : out->net < 0 ? out->net : 0;
}

int bd_stack_room(struct bd_stack_room *out, uint32_t id, struct kg_err *err)
{
    int pipes[2], number = EIO, rc;
    *out = (struct bd_stack_room){-1, -1};
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return kg_err_errno(err, errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        hold_room(pipes[1]);
    close(pipes[1]);
    if (pid < 0)
        rc = kg_err_errno(err, errno, "start a process");
    else if (read(pipes[0], &number, sizeof(number)) != sizeof(number) || number != 0)
        rc = kg_err_errno(err, number, "make a user namespace");
    else
        rc = open_room(out, pid, id, err);
    close(pipes[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return rc;
}

/* The tap's device file, its own: the machine's may be root's alone. In a mount namespace of its own, from which nothing
 * comes back: slirp4netns unmounts what it leaves behind. */
static int make_device(uint32_t id)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("tmpfs", "/dev/net", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=4k,mode=755") < 0)
        return -1;
    if (mknod("/dev/net/tun", S_IFCHR | 0600, makedev(TUN_MAJOR, TUN_MINOR)) < 0)
        return -1;
    return chown("/dev/net/tun", id, id);
}

static int move_descriptors(const struct bd_stack *s)
{
    const int from[] = {s->room->net, s->life_fd, s->ready_fd};
    static const int to[] = {FD_NET, FD_LIFE, FD_READY};
    int high[KG_COUNT(from)];
    for (size_t i = 0; i < KG_COUNT(from); i++) /* out of the way of each other first */
        if ((high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FDS_END)) < 0)
            return -1;
    for (size_t i = 0; i < KG_COUNT(from); i++)
        if (dup2(high[i], to[i]) < 0)
            return -1;
    return 0;
}

static int give_up_root(const struct bd_stack *s)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_max = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (setgroups(0, NULL) < 0 || setns(s->room->user, CLONE_NEWUSER) < 0 ||
        setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return -1;
    return 0;
}

/* In the child: nothing here may allocate. */
__attribute__((noreturn)) static void become_stack(const struct bd_stack *s)
{
    static char name[] = "slirp4netns";
    static char net[] = "/proc/self/fd/3", exit_fd[] = "--exit-fd=4", ready[] = "--ready-fd=5";
    static char cidr[] = "--cidr=" BD_OUTSIDE_STACK, tap[] = BD_OUTSIDE_TAP;
    static char configure[] = "--configure", mtu[] = "--mtu=65520", type[] = "--netns-type=path";
    static char loopback[] = "--disable-host-loopback", sandbox[] = "--enable-sandbox",
                seccomp[] = "--enable-seccomp";
    static char *const argv[] = {name,    configure, mtu,  loopback, sandbox, seccomp, cidr,
                                 exit_fd, ready,     type, net,      tap,     NULL};
    static char path[] = "PATH=/usr/bin:/bin";
    static char *const env[] = {path, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDWR);
    if (write(s->procs_fd, "0", 1) != 1 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(s->words_fd, 2) < 0)
        _exit(126);
    if (make_device(s->id) < 0) {
        dprintf(2, "can't make a tap's device: %s", strerrordesc_np(errno));
        _exit(126);
    }
    if (give_up_root(s) < 0 || move_descriptors(s) < 0) {
        dprintf(2, "can't give up root: %s", strerrordesc_np(errno));
        _exit(126);
    }
    execve(s->program, argv, env);
    _exit(127);
}

int bd_stack_start(const struct bd_stack *s, struct kg_err *err)
{
    pid_t pid = fork();
    if (pid == 0)
        become_stack(s);
    return pid < 0 ? kg_err_errno(err, errno, "start %s", s->program) : pid;
}

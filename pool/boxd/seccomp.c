#include "pool/boxd/seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Not in the list on purpose, beside what needs a capability that no box has: io_uring_* (its own large
 * attack surface, and it goes round this filter), userfaultfd, bpf, perf_event_open, ptrace, process_vm_*,
 * pidfd_getfd, kcmp (other processes), keyctl, add_key, request_key (keys are not in namespaces), mount,
 * umount2, fsopen.., open_tree, move_mount, pivot_root, chroot, unshare, setns (new namespaces),
 * name_to_handle_at, open_by_handle_at, modify_ldt, memfd_secret, vmsplice, remap_file_pages, quotactl,
 * syslog, swapon, reboot, kexec_*, *_module, personality (below), NUMA policies, adjtimex and the like.
 */
/*
 * Answered with ENOSYS, so that programs take their other way (polling, threads). What they take is counted for the whole
 * machine (fs.aio-max-nr) or for who made the user namespace, which is root for all boxes (inotify instances): one box
 * could use up everybody's. A watch on an image's file would also tell what other boxes open.
 */
static const char *const missing[] = {
    "clone3", /* its flags are behind a pointer that no filter can follow */
    "inotify_init",
    "inotify_init1",
    "io_setup",
};

static const char *const allowed[] = {
    "accept",
    "accept4",
    "access",
    "alarm",
    "arch_prctl",
    "bind",
    "brk",
    "cachestat",
    "capget",
    "capset",
    "chdir",
    "chmod",
    "chown",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "close_range",
    "connect",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fcntl",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fork",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futex",
    "futex_requeue",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "futimesat",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getitimer",
    "getpeername",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "get_robust_list",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "get_thread_area",
    "gettid",
    "gettimeofday",
    "getuid",
    "getxattr",
    "ioctl",
    "ioprio_get",
    "ioprio_set",
    "kill",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listen",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lstat",
    "madvise",
    "map_shadow_stack",
    "membarrier",
    "memfd_create",
    "mincore",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mprotect",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedsend",
    "mq_unlink",
    "mremap",
    "mseal",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "nanosleep",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "pipe",
    "pipe2",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "poll",
    "ppoll",
    "prctl",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit64",
    "process_mrelease",
    "pselect6",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "restart_syscall",
    "rmdir",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "select",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setgroups",
    "setitimer",
    "setpgid",
    "setpriority",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setrlimit",
    "set_robust_list",
    "setsid",
    "setsockopt",
    "set_tid_address",
    "setuid",
    "setxattr",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "splice",
    "stat",
    "statfs",
    "statx",
    "symlink",
    "symlinkat",
    "sync_file_range",
    "sysinfo",
    "tee",
    "tgkill",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_settime",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    "times",
    "tkill",
    "truncate",
    "umask",
    "uname",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
    "vfork",
    "wait4",
    "waitid",
    "write",
    "writev",
};

int bd_seccomp_allows(const char *syscall)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (strcmp(allowed[i], syscall) == 0)
            return 1;
    return 0;
}

static void rule_begin(struct kg_json *j, const char *name, const char *action)
{
    kg_json_object_begin(j);
    kg_json_key(j, "names");
    kg_json_array_begin(j);
    kg_json_str(j, name);
    kg_json_array_end(j);
    kg_json_kstr(j, "action", action);
}

/* A call that always answers this errno; 0: it does nothing and says it went well. */
static void rule_errno(struct kg_json *j, const char *name, int number)
{
    rule_begin(j, name, "SCMP_ACT_ERRNO");
    kg_json_kint(j, "errnoRet", number);
    kg_json_object_end(j);
}

static void arg(struct kg_json *j, int index, uint64_t value, uint64_t value_two, const char *op)
{
    kg_json_object_begin(j);
    kg_json_kint(j, "index", index);
    kg_json_kint(j, "value", (int64_t)value);
    if (value_two != UINT64_MAX)
        kg_json_kint(j, "valueTwo", (int64_t)value_two);
    kg_json_kstr(j, "op", op);
    kg_json_object_end(j);
}

/* A call allowed when argument 0 is `value` and, unless protocol is negative, argument 2 is `protocol`. */
static void rule_args(struct kg_json *j, const char *name, uint64_t value, int protocol)
{
    rule_begin(j, name, "SCMP_ACT_ALLOW");
    kg_json_key(j, "args");
    kg_json_array_begin(j);
    arg(j, 0, value, UINT64_MAX, "SCMP_CMP_EQ");
    if (protocol >= 0)
        arg(j, 2, (uint64_t)protocol, UINT64_MAX, "SCMP_CMP_EQ");
    kg_json_array_end(j);
    kg_json_object_end(j);
}

/* Local, TCP, UDP and ping sockets, and the netlink family that lists interfaces: no other family exists. */
static void rules_socket(struct kg_json *j)
{
    static const int internet[] = {0, 1 /* icmp */, 6 /* tcp */, 17 /* udp */};
    static const int internet6[] = {0, 6, 17, 58 /* icmpv6 */};
    rule_args(j, "socket", AF_UNIX, -1);
    for (size_t i = 0; i < sizeof(internet) / sizeof(internet[0]); i++)
        rule_args(j, "socket", AF_INET, internet[i]);
    for (size_t i = 0; i < sizeof(internet6) / sizeof(internet6[0]); i++)
        rule_args(j, "socket", AF_INET6, internet6[i]);
    rule_args(j, "socket", AF_NETLINK, 0 /* NETLINK_ROUTE */);
    rule_args(j, "socketpair", AF_UNIX, -1);
}

void bd_seccomp_write(struct kg_json *j)
{
    /* Every CLONE_NEW* flag. */
    static const uint64_t namespace_flags = 0x7E020000;
    /* Linux, Linux on 32-bit rules, both with UNAME26, and asking which it is. */
    static const uint64_t personalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
    kg_json_object_begin(j);
    kg_json_kstr(j, "defaultAction", "SCMP_ACT_ERRNO");
    kg_json_kint(j, "defaultErrnoRet", EPERM);
    /* No other architecture's calls: the 32-bit ones of x86 would be a second, unfiltered door. */
    kg_json_key(j, "architectures");
    kg_json_array_begin(j);
#if defined(__x86_64__)
    kg_json_str(j, "SCMP_ARCH_X86_64");
#elif defined(__aarch64__)
    kg_json_str(j, "SCMP_ARCH_AARCH64");
#else
#    error "seccomp.c: name this architecture for the box's filter"
#endif
    kg_json_array_end(j);
    kg_json_key(j, "syscalls");
    kg_json_array_begin(j);
    kg_json_object_begin(j);
    kg_json_key(j, "names");
    kg_json_array_begin(j);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        kg_json_str(j, allowed[i]);
    kg_json_array_end(j);
    kg_json_kstr(j, "action", "SCMP_ACT_ALLOW");
    kg_json_object_end(j);
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        rule_errno(j, missing[i], ENOSYS);
    rule_errno(j, "sync", 0); /* would flush every disk of the host */
    rule_begin(j, "clone", "SCMP_ACT_ALLOW");
    kg_json_key(j, "args");
    kg_json_array_begin(j);
    arg(j, 0, namespace_flags, 0, "SCMP_CMP_MASKED_EQ");
    kg_json_array_end(j);
    kg_json_object_end(j);
    for (size_t i = 0; i < sizeof(personalities) / sizeof(personalities[0]); i++)
        rule_args(j, "personality", personalities[i], -1);
    rules_socket(j);
    kg_json_array_end(j);
    kg_json_object_end(j);
}

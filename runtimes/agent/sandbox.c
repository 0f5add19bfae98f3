#include "runtimes/agent/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#if defined(__x86_64__)
#    define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#    define ARCH AUDIT_ARCH_AARCH64
#else
#    error "add this machine's AUDIT_ARCH"
#endif

/* Refused with EPERM whatever their arguments. Names that this machine does not have are skipped. */
static const char *const refused[] = {
    /* kernel machinery that runs code or asks for much of the kernel's surface */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "fanotify_init",
    "fanotify_mark",
    "lookup_dcookie",
    "nfsservctl",
    "vm86",
    "vm86old",
    "modify_ldt",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "kcmp",
    "memfd_secret",
    "quotactl",
    "quotactl_fd",
    "acct",
    /* keys */
    "keyctl",
    "add_key",
    "request_key",
    /* other processes' memory */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    /* mounts and namespaces */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "mount_setattr",
    "statmount",
    "listmount",
    "name_to_handle_at",
    "open_by_handle_at",
    "swapon",
    "swapoff",
    /* the machine */
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "syslog",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "vhangup",
    /* memory placement across nodes */
    "move_pages",
    "migrate_pages",
    "set_mempolicy_home_node",
};

static int refuse_all_of(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < KG_COUNT(refused); i++) {
        int nr = seccomp_syscall_resolve_name(refused[i]);
        if (nr == __NR_SCMP_ERROR || nr < 0)
            continue;
        int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Unix, IPv4, IPv6 and route netlink (getifaddrs) only. A rule can't say "none of these", so the others are named. */
static int limit_sockets(scmp_filter_ctx ctx)
{
    int nr = SCMP_SYS(socket);
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    for (unsigned family = 0; rc == 0 && family < AF_NETLINK; family++)
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
            rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1, SCMP_A0(SCMP_CMP_EQ, family));
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                              SCMP_A2(SCMP_CMP_NE, 0));
    return rc;
}

/* No new namespaces by clone; clone3's flags stand in memory, where a filter can't look. */
static int limit_clone(scmp_filter_ctx ctx)
{
    static const uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    for (size_t i = 0; rc == 0 && i < KG_COUNT(flags); i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return rc;
}

/* What terminals can be asked for and no program in a box needs. The kernel looks at 32 bits of the request. */
static int limit_terminals(scmp_filter_ctx ctx)
{
    static const uint64_t requests[] = {
        0x5412, /* TIOCSTI: typing on behalf of the reader */
        0x541c, /* TIOCLINUX */
        0x541d, /* TIOCCONS: getting the machine's console */
        0x5423, /* TIOCSETD: other line disciplines, code of the kernel's that few people read */
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < KG_COUNT(requests); i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, requests[i]));
    return rc;
}

static int export_filter(struct sock_fprog *out, scmp_filter_ctx ctx)
{
    kg_autoclose int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return rc;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size % (off_t)sizeof(struct sock_filter) != 0)
        return -EIO;
    out->filter = kg_malloc((size_t)size);
    out->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
    return pread(fd, out->filter, (size_t)size, 0) == size ? 0 : -EIO;
}

int kk_sandbox_build(struct sock_fprog *out, struct kg_err *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx)
        return kg_err_set(err, -ENOMEM, "seccomp: no filter");
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (rc == 0)
        rc = refuse_all_of(ctx);
    if (rc == 0)
        rc = limit_sockets(ctx);
    if (rc == 0)
        rc = limit_clone(ctx);
    if (rc == 0)
        rc = limit_terminals(ctx);
    if (rc == 0)
        rc = export_filter(out, ctx);
    seccomp_release(ctx);
    return rc < 0 ? kg_err_errno(err, -rc, "seccomp: build the filter") : 0;
}

#ifdef __NR_dup2
#    define DUP2 __NR_dup2
#else
#    define DUP2 __NR_dup3
#endif

struct sock_fprog kk_sandbox_watch_filter(void)
{
    /* A copy of descriptor 2 is reported, too: it is how a shell writes to stderr (`echo >&2`). */
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, 10),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_write, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_writev, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_dup, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DUP2, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_dup3, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, STDERR_FILENO, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return (struct sock_fprog){.len = KG_COUNT(code), .filter = code};
}

static int load(const struct sock_fprog *filter, unsigned flags)
{
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
    return rc < 0 ? -errno : (int)rc;
}

int kk_sandbox_enter(const struct sock_fprog *strict, const struct sock_fprog *watch, int *listener)
{
    *listener = -1;
    if (!strict && !watch)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (watch) {
        int fd = load(watch, SECCOMP_FILTER_FLAG_NEW_LISTENER);
        if (fd >= 0)
            *listener = fd; /* else: order is then only as good as the pipes give it */
    }
    return strict ? load(strict, 0) : 0;
}

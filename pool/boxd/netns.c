#include "pool/boxd/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/boxd/files.h"

static int loopback_up(struct kg_err *err)
{
    kg_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq lo = {.ifr_name = "lo"};
    if (s < 0)
        return kg_err_errno(err, errno, "open a socket in the new network namespace");
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &lo) < 0)
        return kg_err_errno(err, errno, "bring up loopback");
    return 0;
}

/* What is set inside the new namespace: /proc/sys/net shows the namespace of whoever opens it. */
static int furnish(struct kg_err *err)
{
    int rc = loopback_up(err);
    if (rc == 0)
        rc = bd_file_put("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", err);
    if (rc == 0)
        rc = bd_file_put("/proc/sys/net/ipv4/ping_group_range", "0 2147483647", err);
    return rc;
}

int bd_netns_new(int home, struct kg_err *err)
{
    if (unshare(CLONE_NEWNET) < 0)
        return kg_err_errno(err, errno, "make a network namespace");
    int rc = furnish(err);
    int fd = rc < 0 ? -1 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int saved = errno;
    if (setns(home, CLONE_NEWNET) < 0) {
        /* Going on in a box's namespace would mix up everything that comes after. */
        kg_log(KG_ERROR, "boxd", "can't leave a new network namespace", "errno=%d", errno);
        abort();
    }
    if (rc < 0)
        return rc;
    return fd < 0 ? kg_err_errno(err, saved, "pin a network namespace") : fd;
}

static int open_ns(const char *path, struct kg_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? kg_err_errno(err, errno, "open %s", path) : fd;
}

int bd_netns_home(struct kg_err *err)
{
    return open_ns("/proc/thread-self/ns/net", err);
}

int bd_netns_of(int pid, struct kg_err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    return open_ns(path, err);
}

#ifndef BD_NETNS_H
#define BD_NETNS_H
/*
 * Network namespaces of boxes: loopback and nothing else, owned by the machine's first user namespace, so
 * that a box's root has no right over it. A namespace is pinned by its descriptor alone and leaves no mount
 * behind: when boxd is killed, it lives as long as its processes.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Makes one with loopback up and no privileged ports, and returns a descriptor of it. home is a descriptor
 * of the namespace to come back to. Enters the new one for a moment: only for single-threaded programs.
 */
int bd_netns_new(int home, struct kg_err *err);
/* For a moment: what is opened there stays of that namespace. Back home, or the program ends: going on elsewhere would mix
 * up everything. */
int bd_netns_enter(int ns, struct kg_err *err);
void bd_netns_come_home(int home);
/* Files of /proc/sys/net, as those of the namespace that the caller is in. */
struct bd_setting {
    const char *name; /* "ipv4/ip_forward" */
    const char *value;
    bool where_there; /* a kernel that has no such file does without */
};
int bd_netns_settings(const struct bd_setting *list, size_t n, struct kg_err *err);
/* A TCP socket in the namespace ns, not connected: IPv6 where there is any, else IPv4. */
int bd_netns_socket(int ns, int home, struct kg_err *err);
/* Appends the beginning of the namespace's /proc/net/tcp, or of tcp6: who listens stands there before all else. */
int bd_netns_listeners(struct kg_buf *out, int ns, int home, bool v6, struct kg_err *err);
/* A descriptor of the caller's own namespace. */
int bd_netns_home(struct kg_err *err);
/* A descriptor of a process's namespace. */
int bd_netns_of(int pid, struct kg_err *err);

#endif

#include "pool/boxd/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "pool/boxd/netns.h"

/* The largest answer is a page of addresses: 8 KiB, as libmnl advises (MNL_SOCKET_BUFFER_SIZE is not a constant). */
enum { ROOM = 8192, REQUEST = 1024 };

static struct mnl_socket *open_socket(struct kg_err *err)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!s)
        kg_err_errno(err, errno, "open a netlink socket");
    return s;
}

static struct mnl_socket *bind_socket(struct mnl_socket *s, unsigned groups, struct kg_err *err)
{
    if (s && mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0) {
        kg_err_errno(err, errno, "bind a netlink socket");
        mnl_socket_close(s);
        return NULL;
    }
    return s;
}

struct mnl_socket *bd_rtnl_open(int ns, int home, struct kg_err *err)
{
    if (bd_netns_enter(ns, err) < 0)
        return NULL;
    struct mnl_socket *s = bind_socket(open_socket(err), 0, err);
    bd_netns_come_home(home);
    return s;
}

void bd_rtnl_close(struct mnl_socket *s)
{
    if (s)
        mnl_socket_close(s);
}

struct mnl_socket *bd_rtnl_watch(struct kg_err *err)
{
    return bind_socket(open_socket(err), RTMGRP_IPV4_IFADDR, err);
}

void bd_rtnl_drain(struct mnl_socket *s)
{
    char buf[ROOM];
    while (recv(mnl_socket_get_fd(s), buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == EINTR)
        continue;
}

static struct nlmsghdr *begin(char *buf, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = (uint32_t)time(NULL);
    return h;
}

/* Sends it and reads until the kernel has said its last word: 0, or its error. */
static int ask(struct mnl_socket *s, const struct nlmsghdr *h, mnl_cb_t each, void *user,
               const char *what, struct kg_err *err)
{
    char buf[ROOM];
    unsigned port = mnl_socket_get_portid(s);
    if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
        return kg_err_errno(err, errno, "%s", what);
    int rc = MNL_CB_OK;
    while (rc > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, h->nlmsg_seq, port, each, user);
    }
    return rc < 0 ? kg_err_errno(err, errno, "%s", what) : 0;
}

static int tell(struct mnl_socket *s, struct nlmsghdr *h, const char *what, struct kg_err *err)
{
    h->nlmsg_flags |= NLM_F_ACK;
    return ask(s, h, NULL, NULL, what, err);
}

static struct ifinfomsg *put_link(struct nlmsghdr *h, uint32_t index)
{
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = (int)index;
    return link;
}

int bd_rtnl_pair(struct mnl_socket *s, const struct bd_rtnl_end *here,
                 const struct bd_rtnl_end *there, int there_ns, uint32_t mtu, struct kg_err *err)
{
    char buf[REQUEST];
    struct nlmsghdr *h = begin(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    put_link(h, here->index);
    mnl_attr_put_strz(h, IFLA_IFNAME, here->name);
    mnl_attr_put_u32(h, IFLA_MTU, mtu);
    struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
    mnl_attr_put_str(h, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
    put_link(h, there->index); /* inside the attribute: the other end's own header */
    mnl_attr_put_strz(h, IFLA_IFNAME, there->name);
    mnl_attr_put_u32(h, IFLA_MTU, mtu);
    mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)there_ns);
    mnl_attr_nest_end(h, peer);
    mnl_attr_nest_end(h, data);
    mnl_attr_nest_end(h, info);
    return tell(s, h, "make a pair of network interfaces (veth)", err);
}

int bd_rtnl_remove(struct mnl_socket *s, uint32_t index, struct kg_err *err)
{
    char buf[REQUEST];
    struct nlmsghdr *h = begin(buf, RTM_DELLINK, 0);
    put_link(h, index);
    return tell(s, h, "remove a network interface", err);
}

int bd_rtnl_up(struct mnl_socket *s, uint32_t index, struct kg_err *err)
{
    char buf[REQUEST];
    struct nlmsghdr *h = begin(buf, RTM_NEWLINK, 0);
    struct ifinfomsg *link = put_link(h, index);
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    return tell(s, h, "bring up a network interface", err);
}

int bd_rtnl_address(struct mnl_socket *s, uint32_t index, uint32_t address, struct kg_err *err)
{
    char buf[REQUEST];
    struct nlmsghdr *h = begin(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));
    a->ifa_family = AF_INET;
    a->ifa_prefixlen = 32;
    a->ifa_index = index;
    mnl_attr_put_u32(h, IFA_LOCAL, address);
    mnl_attr_put_u32(h, IFA_ADDRESS, address);
    return tell(s, h, "give a network interface its address", err);
}

int bd_rtnl_route(struct mnl_socket *s, uint32_t index, uint32_t to, uint8_t bits, uint32_t gateway,
                  struct kg_err *err)
{
    char buf[REQUEST];
    struct nlmsghdr *h = begin(buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
    r->rtm_family = AF_INET;
    r->rtm_dst_len = bits;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_STATIC;
    r->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    r->rtm_type = RTN_UNICAST;
    if (bits)
        mnl_attr_put_u32(h, RTA_DST, to);
    if (gateway)
        mnl_attr_put_u32(h, RTA_GATEWAY, gateway);
    mnl_attr_put_u32(h, RTA_OIF, index);
    return tell(s, h, "add a route", err);
}

struct looking {
    void (*each)(void *user, uint32_t address);
    void *user;
};

/* IFA_LOCAL is the address itself; of a point-to-point interface IFA_ADDRESS is the other side's. */
static int pick(const struct nlattr *attr, void *user)
{
    const struct nlattr **found = user;
    uint16_t type = mnl_attr_get_type(attr);
    if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 &&
        (type == IFA_LOCAL || (type == IFA_ADDRESS && !*found)))
        *found = attr;
    return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *h, void *user)
{
    const struct looking *l = user;
    const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);
    const struct nlattr *found = NULL;
    if (h->nlmsg_type != RTM_NEWADDR || a->ifa_family != AF_INET)
        return MNL_CB_OK;
    mnl_attr_parse(h, sizeof(*a), pick, &found);
    if (found)
        l->each(l->user, mnl_attr_get_u32(found));
    return MNL_CB_OK;
}

int bd_rtnl_addresses(struct mnl_socket *s, void (*each)(void *user, uint32_t address), void *user,
                      struct kg_err *err)
{
    char buf[REQUEST];
    struct looking looking = {each, user};
    struct nlmsghdr *h = begin(buf, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));
    a->ifa_family = AF_INET;
    return ask(s, h, on_address, &looking, "list this machine's addresses", err);
}

#ifndef BD_RTNL_H
#define BD_RTNL_H
/*
 * The few words of rtnetlink (man 7 rtnetlink) that boxd needs: a pair of virtual cables, an address, a route, and what
 * addresses there are. One socket speaks for the network namespace it was opened in, wherever the caller is later. Every
 * request waits for the kernel's answer, which is a matter of microseconds. Addresses are in network byte order.
 */
#include <stdint.h>

#include "base/err.h"

struct mnl_socket;

/* A socket in the namespace ns; home is the one to come back to. NULL with *err. Only for single-threaded programs. */
struct mnl_socket *bd_rtnl_open(int ns, int home, struct kg_err *err);
void bd_rtnl_close(struct mnl_socket *s); /* NULL is fine */
/* One that becomes readable when an IPv4 address of the caller's own namespace comes or goes. */
struct mnl_socket *bd_rtnl_watch(struct kg_err *err);
/* Forgets what a watching socket has to say; not blocking. */
void bd_rtnl_drain(struct mnl_socket *s);

struct bd_rtnl_end {
    const char *name; /* at most 15 bytes; "eth%d": the first number that is free */
    uint32_t index;   /* that the interface is to have in its namespace */
};
/* Makes a pair of interfaces (veth): one here, one in the namespace of which there is a descriptor. -EEXIST. */
int bd_rtnl_pair(struct mnl_socket *s, const struct bd_rtnl_end *here,
                 const struct bd_rtnl_end *there, int there_ns, uint32_t mtu, struct kg_err *err);
int bd_rtnl_remove(struct mnl_socket *s, uint32_t index, struct kg_err *err);
int bd_rtnl_up(struct mnl_socket *s, uint32_t index, struct kg_err *err);
/* Gives the interface the address alone, not a network (/32). */
int bd_rtnl_address(struct mnl_socket *s, uint32_t index, uint32_t address, struct kg_err *err);
/* The way to to/bits, by gateway or (0) straight; in place of another that there may be. */
int bd_rtnl_route(struct mnl_socket *s, uint32_t index, uint32_t to, uint8_t bits, uint32_t gateway,
                  struct kg_err *err);
/* Calls each(user, address) for every IPv4 address of the namespace. */
int bd_rtnl_addresses(struct mnl_socket *s, void (*each)(void *user, uint32_t address), void *user,
                      struct kg_err *err);

#endif

#ifndef BD_OUTSIDE_RULES_H
#define BD_OUTSIDE_RULES_H
/*
 * Which addresses the programs of a session may not reach, and the nftables rules that say so, for the router between the
 * sessions and the outside (outside.h). Pure text, no I/O. Rules look at addresses, when a packet leaves: what name led
 * there does not matter.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The plan of addresses behind the router. All of it is in 198.18.0.0/15, which is nobody's: RFC 2544 sets it aside. */
#define BD_OUTSIDE_SESSIONS 0xc6120000U /* 198.18.0.0/16: one a session, by its number */
#define BD_OUTSIDE_ROUTER   0xc6130001U /* 198.19.0.1 */
#define BD_OUTSIDE_STACK    "198.19.255.0/24"
#define BD_OUTSIDE_DNS      "198.19.255.3" /* slirp4netns answers there: the third of its network */
#define BD_OUTSIDE_TAP      "tap0"

enum {
    BD_OUTSIDE_FLOWS_SESSION =
        256,                     /* TCP connections, UDP and ICMP exchanges of a session at once */
    BD_OUTSIDE_FLOWS = 4096,     /* of all: each costs the stack a descriptor, and up to 256 KiB */
    BD_OUTSIDE_RANGES_MAX = 256, /* that an operator may add */
};

/* A list of IPv4 addresses and ranges (a.b.c.d/n) with commas between, as the operator gives it: 0, or -EINVAL. */
int bd_outside_ranges_check(const char *text, struct kg_err *err);

/* Appends the whole table. more: such a list, checked, or NULL. Applying it again replaces what was there. */
void bd_outside_rules(struct kg_buf *out, const char *more);
/* Appends what makes these n addresses (network byte order) the machine's own. */
void bd_outside_rules_host(struct kg_buf *out, const uint32_t *addresses, size_t n);

#endif

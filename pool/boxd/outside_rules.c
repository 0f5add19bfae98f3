#include "pool/boxd/outside_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Not the outside: IANA's registry of special addresses (RFC 6890), and one that a cloud answers at for its machines. */
static const char *const blocked[] = {
    "0.0.0.0/8",       /* this network: the machine itself, to connect() */
    "10.0.0.0/8",      /* private */
    "100.64.0.0/10",   /* carriers' own, clouds' metadata (100.100.100.200) */
    "127.0.0.0/8",     /* loopback */
    "168.63.129.16",   /* Azure's machine agent */
    "169.254.0.0/16",  /* link-local, clouds' metadata (169.254.169.254) */
    "172.16.0.0/12",   /* private */
    "192.0.0.0/24",    /* protocol assignments, metadata (192.0.0.192) */
    "192.0.2.0/24",    /* documentation */
    "192.88.99.0/24",  /* relays to IPv6 that are no more */
    "192.168.0.0/16",  /* private */
    "198.18.0.0/15",   /* benchmarks: here, the sessions and the router */
    "198.51.100.0/24", /* documentation */
    "203.0.113.0/24",  /* documentation */
    "224.0.0.0/4",     /* multicast */
    "240.0.0.0/4",     /* reserved, broadcast */
};

/* One of the list's, from *at up to a comma: 0 with its network and bits, and *at behind it. */
static int next_range(const char **at, struct in_addr *network, unsigned *bits, struct kg_err *err)
{
    char one[32];
    size_t n = strcspn(*at, ",");
    snprintf(one, sizeof(one), "%.*s", (int)(n < sizeof(one) ? n : sizeof(one) - 1), *at);
    char *slash = strchr(one, '/');
    const char *digits = slash ? slash + 1 : "32";
    unsigned long width = strtoul(digits, NULL, 10);
    if (slash)
        *slash = '\0';
    if (n >= sizeof(one) || inet_pton(AF_INET, one, network) != 1 || width < 1 || width > 32 ||
        strlen(digits) > 2 || digits[strspn(digits, "0123456789")])
        return kg_err_set(err, -EINVAL, "\"%.*s\" is no IPv4 address or range (a.b.c.d/1-32)",
                          (int)(n < 64 ? n : 64), *at);
    network->s_addr &= htonl(UINT32_MAX << (32 - width));
    *bits = (unsigned)width;
    *at += n + ((*at)[n] == ',');
    return 0;
}

int bd_outside_ranges_check(const char *text, struct kg_err *err)
{
    struct in_addr network;
    unsigned bits;
    size_t n = 0;
    const char *at = text;
    do {
        int rc = next_range(&at, &network, &bits, err);
        if (rc < 0)
            return rc;
        if (++n > BD_OUTSIDE_RANGES_MAX)
            return kg_err_set(err, -EINVAL, "more than %d ranges", BD_OUTSIDE_RANGES_MAX);
    } while (*at || at[-1] == ',');
    return 0;
}

static void put_blocked(struct kg_buf *out, const char *more)
{
    struct in_addr network;
    unsigned bits;
    for (size_t i = 0; i < KG_COUNT(blocked); i++)
        kg_buf_printf(out, "%s%s", i ? ", " : "", blocked[i]);
    while (more && *more && next_range(&more, &network, &bits, NULL) == 0) {
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &network, text, sizeof(text));
        kg_buf_printf(out, ", %s/%u", text, bits);
    }
}

void bd_outside_rules(struct kg_buf *out, const char *more)
{
    /* Twice, so that it is there to be deleted: nft has no "delete if there is one". */
    kg_buf_add_str(out, "table inet kernelgw {}\ndelete table inet kernelgw\n"
                        "table inet kernelgw {\n"
                        "set blocked { type ipv4_addr; flags interval; auto-merge; elements = { ");
    put_blocked(out, more);
    kg_buf_add_str(
        out, " }; }\n"
             "set host { type ipv4_addr; }\n"
             "set sessions { type ipv4_addr; flags dynamic; size 65536; }\n"
             "chain input { type filter hook input priority 0; policy drop; jump refused\n}\n"
             "chain forward { type filter hook forward priority 0; policy drop;\n"
             /* Back to a session come answers alone; ICMP errors are "related". */
             "iifname \"" BD_OUTSIDE_TAP "\" ct state established,related accept\n"
             "iifname \"" BD_OUTSIDE_TAP "\" drop\n"
             "oifname != \"" BD_OUTSIDE_TAP "\" jump refused\n"
             "ip daddr " BD_OUTSIDE_DNS " meta l4proto { tcp, udp } th dport 53 jump counted\n"
             /* Before what is established: an address may have become the machine's since. */
             "ip daddr @blocked jump refused\n"
             "ip daddr @host jump refused\n"
             "meta l4proto { tcp, udp, icmp } jump counted\n"
             "}\n"
             "chain counted {\n"
             "ct state established,related accept\n"
             "ct state != new drop\n");
    kg_buf_printf(out, "ct count over %d jump refused\n", BD_OUTSIDE_FLOWS);
    kg_buf_printf(out, "add @sessions { ip saddr ct count over %d } jump refused\n",
                  BD_OUTSIDE_FLOWS_SESSION);
    kg_buf_add_str(out, "accept\n"
                        "}\n"
                        /* Told, so that a program fails at once instead of waiting for nothing. */
                        "chain refused { meta l4proto tcp reject with tcp reset\n"
                        "reject with icmp type admin-prohibited\n}\n"
                        "chain nat { type nat hook postrouting priority 100;\n"
                        "oifname \"" BD_OUTSIDE_TAP "\" masquerade\n"
                        "}\n"
                        "}\n");
}

void bd_outside_rules_host(struct kg_buf *out, const uint32_t *addresses, size_t n)
{
    kg_buf_add_str(out, "flush set inet kernelgw host\n");
    for (size_t i = 0; i < n; i++) {
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &addresses[i], text, sizeof(text));
        kg_buf_printf(out, "add element inet kernelgw host { %s }\n", text);
    }
}

#ifndef BD_NETS_H
#define BD_NETS_H
/*
 * Session networks: a network namespace with a name, which several boxes may join. It has loopback and nothing else, so
 * what is in it reaches each other and nobody besides. A network lives until it is destroyed, its namespace as long as the
 * network or a box of it. Nothing is left of a namespace without processes, so one that a killed boxd held for an empty
 * network is made anew when it is next needed.
 */
#include <uthash.h>

#include "pool/boxd/box.h"
#include "pool/boxd/ports.h"

struct bd_net {
    char id[BD_BOX_ID_MAX + 1];
    char owner[KG_UUID_SIZE];
    uint64_t made_ms; /* kg_clock_ms */
    int fd;           /* of its namespace; -1: none is made yet */
    struct bd_names names;
    UT_hash_handle hh; /* in bd_boxes.nets, by id */
};

/* Takes up what the run directory knows; after the boxes were taken up. */
int bd_nets_open(struct bd_boxes *all, struct kg_err *err);
void bd_nets_free(struct bd_boxes *all); /* their files stay for the next boxd */

/*
 * Makes a network, which may be there already. With a box, a living one of no network, the box's namespace becomes the
 * network's, in place of one that nobody uses. -EEXIST: it has boxes already, or the box is in another network; -EAGAIN: too
 * many; or what bd_box_find says.
 */
int bd_net_create(struct bd_boxes *all, const struct bd_request *r, struct kg_err *err);
struct bd_net *bd_net_find(struct bd_boxes *all, const char *id, struct kg_err *err); /* -ENOENT */
/* Calm when there is none. Boxes that are still in it keep its namespace. */
void bd_net_destroy(struct bd_boxes *all, const char *id);
/* From now on the boxes in it find these names at 127.0.0.1. */
int bd_net_set_names(struct bd_boxes *all, struct bd_net *net, const struct bd_names *names,
                     struct kg_err *err);
/* A descriptor of its own, of the namespace. */
int bd_net_join(struct bd_boxes *all, struct bd_net *net, struct kg_err *err);
/* A fresh TCP socket in it, not connected, IPv6 where there is any (which reaches IPv4 by mapped addresses). */
int bd_net_socket(struct bd_boxes *all, struct bd_net *net, struct kg_err *err);
/* Who listens, each port once; box is "" when it can't be told. At most room; returns how many. */
struct bd_net_port {
    uint16_t port;
    bool v4, v6; /* reached at 127.0.0.1, at ::1 */
    const char *box;
};
int bd_net_ports(struct bd_boxes *all, struct bd_net *net, struct bd_net_port *out, size_t room,
                 struct kg_err *err);
/* In order of id, from behind `after`: up to max; *more tells of further ones. */
size_t bd_nets_list(struct bd_boxes *all, const char *after, struct bd_net **out, size_t max,
                    bool *more);
size_t bd_net_boxes(const struct bd_boxes *all, const char *id);

/* The file that /etc/hosts of a box points to. net may be NULL. */
int bd_box_tell_names(const struct bd_box *box, const struct bd_net *net, struct kg_err *err);

#endif

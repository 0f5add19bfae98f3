#ifndef KG_NET_TLS_H
#define KG_NET_TLS_H
/*
 * The end of TLS: each encrypted connection is paired with one end of a socketpair, whose other end is a
 * plain connection like any other. So there is one way for requests and one for frames, encrypted or not.
 */
#include "kernelgw/net/impl.h"

struct net_tls;

/* Reads certificate and key of n->config. */
int tls_open(struct net_tls **out, struct kg_net *n, struct kg_err *err);
/* Takes an accepted descriptor; when its handshake is done, net_take gets the plain end. */
void tls_take(struct net_tls *t, int fd, const char *peer);
/* Drops what is open and frees; what libwebsockets holds goes with its context. */
void tls_close(struct net_tls *t);

#endif

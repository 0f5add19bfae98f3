#ifndef BENCH_CLIENT_WS_H
#define BENCH_CLIENT_WS_H
/* A WebSocket's frames on a raw socket (RFC 6455), for both ends: the client masks, the mock doesn't. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BC_WS_TEXT = 1, BC_WS_BINARY = 2, BC_WS_CLOSE = 8, BC_WS_PING = 9, BC_WS_PONG = 10 };
enum { BC_WS_HEAD_MAX = 14 };

struct bc_frame {
    bool fin;
    bool masked;
    uint8_t opcode;
    uint8_t mask[4];
    size_t head;      /* bytes in front of the payload */
    uint64_t payload; /* its length */
};

/* Reads a frame's head. 1; 0 when n is too few; -EPROTO. */
int bc_ws_head(struct bc_frame *f, const uint8_t *in, size_t n);
/* Writes the head of an unfragmented frame; returns its length. mask NULL: none. */
size_t bc_ws_put_head(uint8_t out[BC_WS_HEAD_MAX], uint8_t opcode, uint64_t payload,
                      const uint8_t mask[4]);
void bc_ws_mask(uint8_t *data, size_t n, const uint8_t mask[4]);
/* Writes all of it to a blocking socket; 0 or -EPIPE. */
int bc_write_all(int fd, const void *data, size_t n);
/* A connection to host:port with TCP_NODELAY; a descriptor or -errno. */
int bc_connect(const char *host, int port);

#endif

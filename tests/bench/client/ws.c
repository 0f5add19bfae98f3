#include "tests/bench/client/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int bc_ws_head(struct bc_frame *f, const uint8_t *in, size_t n)
{
    if (n < 2)
        return 0;
    unsigned len = in[1] & 0x7f;
    size_t extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    f->fin = in[0] & 0x80;
    f->opcode = in[0] & 0x0f;
    f->masked = in[1] & 0x80;
    f->head = 2 + extra + (f->masked ? 4 : 0);
    if (in[0] & 0x70)
        return -EPROTO; /* no extension was asked for */
    if (n < f->head)
        return 0;
    f->payload = extra ? 0 : len;
    for (size_t i = 0; i < extra; i++)
        f->payload = f->payload << 8 | in[2 + i];
    if (f->payload > (uint64_t)1 << 30)
        return -EPROTO;
    if (f->masked)
        memcpy(f->mask, in + 2 + extra, 4);
    return 1;
}

size_t bc_ws_put_head(uint8_t out[BC_WS_HEAD_MAX], uint8_t opcode, uint64_t payload,
                      const uint8_t mask[4])
{
    size_t n = 2;
    size_t extra = payload < 126 ? 0 : payload < 65536 ? 2 : 8;
    uint8_t code = (uint8_t)(extra == 0 ? payload : extra == 2 ? 126 : 127);
    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)((mask ? 0x80 : 0) | code);
    for (size_t i = 0; i < extra; i++)
        out[n++] = (uint8_t)(payload >> (8 * (extra - 1 - i)));
    if (mask) {
        memcpy(out + n, mask, 4);
        n += 4;
    }
    return n;
}

void bc_ws_mask(uint8_t *data, size_t n, const uint8_t mask[4])
{
    uint32_t half;
    memcpy(&half, mask, 4);
    uint64_t both = (uint64_t)half << 32 | half;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, data + i, 8);
        v ^= both;
        memcpy(data + i, &v, 8);
    }
    for (; i < n; i++)
        data[i] ^= mask[i & 3];
}

int bc_write_all(int fd, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -EPIPE;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int bc_connect(const char *host, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        int saved = errno;
        close(fd);
        return -saved;
    }
    return fd;
}

#include "jupyter/zmtp/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_MAX = 64 };

static int parse_ipc(struct jy_endpoint *out, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof a.sun_path)
        return -EINVAL;
    memcpy(a.sun_path, path, n + 1);
    memcpy(&out->address, &a, sizeof a);
    out->len = sizeof a;
    return 0;
}

static int parse_port(uint16_t *out, const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    unsigned long port = strtoul(text, &end, 10);
    if (*end || port == 0 || port > 65535)
        return -EINVAL;
    *out = htons((uint16_t)port);
    return 0;
}

static int parse_tcp(struct jy_endpoint *out, const char *text)
{
    char host[HOST_MAX];
    uint16_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || parse_port(&port, colon + 1) < 0)
        return -EINVAL;
    bool v6 = *text == '[' && colon[-1] == ']';
    size_t n = (size_t)(colon - text) - (v6 ? 2 : 0);
    if (n >= sizeof host)
        return -EINVAL;
    memcpy(host, text + v6, n);
    host[n] = 0;
    if (v6) {
        struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = port};
        if (inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
            return -EINVAL;
        memcpy(&out->address, &a, out->len = sizeof a);
        return 0;
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = port};
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        return -EINVAL;
    memcpy(&out->address, &a, out->len = sizeof a);
    return 0;
}

int jy_endpoint_parse(struct jy_endpoint *out, const char *text)
{
    *out = (struct jy_endpoint){0};
    if (strncmp(text, "ipc://", 6) == 0)
        return parse_ipc(out, text + 6);
    if (strncmp(text, "tcp://", 6) == 0)
        return parse_tcp(out, text + 6);
    return -EINVAL;
}

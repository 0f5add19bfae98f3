/* jupyter/zmtp/endpoint.c: an address of a family that is ours, as long as that family's are, with a port or a path. */
#include <netinet/in.h>
#include <sys/un.h>

#include "fuzz.h"
#include "jupyter/zmtp/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of its own, so that a step past the end is seen */
    MUST(text);
    memcpy(text, data, size);
    text[size] = 0;
    struct jy_endpoint e;
    if (jy_endpoint_parse(&e, text) == 0) {
        const struct sockaddr_un *local = (const void *)&e.address;
        const struct sockaddr_in *v4 = (const void *)&e.address;
        const struct sockaddr_in6 *v6 = (const void *)&e.address;
        switch (e.address.ss_family) {
        case AF_UNIX:
            MUST(e.len == sizeof *local && strcmp(local->sun_path, text + 6) == 0 &&
                 local->sun_path[0]);
            break;
        case AF_INET: MUST(e.len == sizeof *v4 && v4->sin_port); break;
        case AF_INET6: MUST(e.len == sizeof *v6 && v6->sin6_port); break;
        default: abort();
        }
    }
    free(text);
    return 0;
}

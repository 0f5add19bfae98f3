#include "pool/boxd/ports.h"

#include <stdio.h>
#include <string.h>

enum { LISTEN = 0x0a };

/* Addresses stand in groups of 4 bytes, each as a number of the machine's own order. */
static bool reaches(struct bd_listener *out, const char *address, bool v6)
{
    static const char any6[] = "00000000000000000000000000000000";
    static const char loop6[] = "00000000000000000000000001000000";
    static const char any4[] = "0000000000000000FFFF000000000000"; /* mapped into IPv6 */
    static const char loop4[] = "0000000000000000FFFF00000100007F";
    if (!v6) {
        out->v4 = strcmp(address, "00000000") == 0 || strcmp(address, "0100007F") == 0;
        out->v6 = false;
    } else {
        bool any = strcmp(address, any6) == 0; /* takes IPv4, too, unless it was told not to */
        out->v4 = any || strcmp(address, any4) == 0 || strcmp(address, loop4) == 0;
        out->v6 = any || strcmp(address, loop6) == 0;
    }
    return out->v4 || out->v6;
}

bool bd_listener_parse(struct bd_listener *out, const char *line, bool v6)
{
    char address[33];
    unsigned port, state, uid;
    if (sscanf(line, " %*u: %32[0-9A-F]:%4X %*[0-9A-F]:%*X %2X %*X:%*X %*X:%*X %*X %u", address,
               &port, &state, &uid) != 4 ||
        state != LISTEN || strlen(address) != (v6 ? 32 : 8))
        return false;
    out->port = (uint16_t)port;
    out->uid = uid;
    return reaches(out, address, v6);
}

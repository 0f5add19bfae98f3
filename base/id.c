#include "base/id.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void kg_random_bytes(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            perror("getrandom");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

void kg_random_hex(char *out, size_t nbytes)
{
    static const char digits[] = "0123456789abcdef";
    /* the bytes go into the second half, so that each is read before its digits are written over it */
    uint8_t *bytes = (uint8_t *)out + nbytes;
    kg_random_bytes(bytes, nbytes);
    for (size_t i = 0; i < nbytes; i++) {
        uint8_t byte = bytes[i];
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * nbytes] = 0;
}

void kg_uuid4(char out[KG_UUID_SIZE])
{
    uint8_t b[16];
    kg_random_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, KG_UUID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

bool kg_is_uuid(const char *s)
{
    for (int i = 0; i < KG_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return s[KG_UUID_LEN] == 0;
}

bool kg_secret_equal(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    size_t na = strlen(a);
    size_t nb = strlen(b);
    volatile uint8_t diff = (uint8_t)(na != nb);
    for (size_t i = 0; i < na; i++)
        diff = (uint8_t)(diff | ((uint8_t)a[i] ^ (uint8_t)b[nb ? i % nb : 0]));
    return diff == 0;
}

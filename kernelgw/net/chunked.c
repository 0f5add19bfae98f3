#include "kernelgw/net/chunked.h"

#include <stdbool.h>

enum { LINE_MAX_BYTES = 4096 };

enum {
    AT_SIZE,
    AT_EXTENSION,
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,      /* at the start of a trailer line */
    AT_TRAILER_TEXT, /* within one */
    AT_TRAILER_LF,
    AT_LAST_LF,
    AT_END,
};

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One byte of everything that is not data. Returns false when it can't stand there. */
static bool step(struct kg_chunked *c, uint8_t b)
{
    switch (c->state) {
    case AT_SIZE: {
        int digit = hex_value(b);
        if (digit >= 0) {
            if (++c->digits > 15)
                return false;
            c->left = c->left * 16 + (uint64_t)digit;
            return true;
        }
        if (!c->digits)
            return false;
        if (b == '\r')
            c->state = AT_SIZE_LF;
        else if (b == ';' || b == ' ' || b == '\t')
            c->state = AT_EXTENSION;
        else
            return false;
        return true;
    }
    case AT_EXTENSION:
        if (b == '\r')
            c->state = AT_SIZE_LF;
        else if (b == '\n')
            return false;
        return true;
    case AT_SIZE_LF:
        c->line = 0;
        c->digits = 0;
        c->state = c->left ? AT_DATA : AT_TRAILER;
        return b == '\n';
    case AT_DATA_CR: c->state = AT_DATA_LF; return b == '\r';
    case AT_DATA_LF:
        c->line = 0;
        c->state = AT_SIZE;
        return b == '\n';
    case AT_TRAILER: c->state = b == '\r' ? AT_LAST_LF : AT_TRAILER_TEXT; return b != '\n';
    case AT_TRAILER_TEXT:
        if (b == '\r')
            c->state = AT_TRAILER_LF;
        return b != '\n';
    case AT_TRAILER_LF: c->state = AT_TRAILER; return b == '\n';
    case AT_LAST_LF: c->state = AT_END; return b == '\n';
    default: return false;
    }
}

int kg_chunked_feed(struct kg_chunked *c, struct kg_buf *out, size_t max, const uint8_t *in,
                    size_t n, size_t *used)
{
    size_t i = 0;
    int status = 0;
    while (i < n && c->state != AT_END && !status) {
        if (c->state == AT_DATA) {
            size_t take = n - i < c->left ? n - i : (size_t)c->left;
            if (out->len > max || take > max - out->len) {
                status = 413;
                break;
            }
            kg_buf_add(out, in + i, take);
            i += take;
            c->left -= take;
            if (!c->left)
                c->state = AT_DATA_CR;
        } else if (!step(c, in[i]) || ++c->line > LINE_MAX_BYTES) {
            status = 400;
        } else {
            i++;
            /* Refused as soon as it is announced: nobody waits for data that won't be taken. */
            if (c->state == AT_DATA && (out->len > max || c->left > max - out->len))
                status = 413;
        }
    }
    *used = i;
    if (status)
        return status;
    return c->state == AT_END ? 1 : 0;
}

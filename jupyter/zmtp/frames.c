#include "jupyter/zmtp/frames.h"

#include <errno.h>
#include <string.h>

enum { SIGNATURE = 10, MECHANISM_AT = 12, MECHANISM_LEN = 20 };

static const char mechanism[MECHANISM_LEN] = "NULL";

void jy_zmtp_greeting(uint8_t out[JY_ZMTP_GREETING])
{
    memset(out, 0, JY_ZMTP_GREETING);
    out[0] = 0xff;
    out[8] = 1; /* what ZMTP 1 peers read as a length; libzmq sends it, too */
    out[9] = 0x7f;
    out[SIGNATURE] = 3;
    memcpy(out + MECHANISM_AT, mechanism, MECHANISM_LEN);
}

int jy_zmtp_greeting_check(const uint8_t *in, size_t n, struct kg_err *err)
{
    if (n > 0 && in[0] != 0xff)
        return kg_err_set(err, -EPROTO, "peer does not begin with a ZMTP greeting");
    if (n > 9 && !(in[9] & 1))
        return kg_err_set(err, -EPROTO, "peer speaks ZMTP 1, which is not spoken here");
    if (n > SIGNATURE && in[SIGNATURE] < 3)
        return kg_err_set(err, -EPROTO, "peer speaks ZMTP %u, which is not spoken here",
                          in[SIGNATURE]);
    if (n < JY_ZMTP_GREETING)
        return 0;
    if (memcmp(in + MECHANISM_AT, mechanism, MECHANISM_LEN) != 0)
        return kg_err_set(err, -EPROTO, "peer wants the mechanism %.20s instead of NULL",
                          (const char *)in + MECHANISM_AT);
    return JY_ZMTP_GREETING;
}

size_t jy_zmtp_put_head(uint8_t out[JY_ZMTP_HEAD_MAX], uint8_t flags, uint64_t len)
{
    if (len < 256) {
        out[0] = flags;
        out[1] = (uint8_t)len;
        return 2;
    }
    out[0] = flags | JY_ZMTP_LONG;
    for (int i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(len >> (56 - 8 * i));
    return 9;
}

static void put_property(struct kg_buf *out, const char *name, struct kg_span value)
{
    size_t n = strlen(name);
    kg_buf_add_char(out, (char)n);
    kg_buf_add(out, name, n);
    for (int shift = 24; shift >= 0; shift -= 8)
        kg_buf_add_char(out, (char)(value.len >> shift & 0xff));
    kg_buf_add(out, value.data, value.len);
}

void jy_zmtp_put_ready(struct kg_buf *out, const char *socket_type, struct kg_span identity)
{
    uint8_t head[JY_ZMTP_HEAD_MAX];
    kg_autobuf body = {0};
    kg_buf_add_str(&body, "\x05READY");
    put_property(&body, "Socket-Type", kg_span_str(socket_type));
    put_property(&body, "Identity", identity);
    kg_buf_add(out, head, jy_zmtp_put_head(head, JY_ZMTP_COMMAND, body.len));
    kg_buf_add(out, body.data, body.len);
}

/* Reads one frame's head at `at`. Returns its length, 0 when it isn't whole, or an error. */
static long read_head(const uint8_t *at, size_t n, uint8_t *flags, uint64_t *len,
                      struct kg_err *err)
{
    if (n < 2)
        return 0;
    *flags = at[0];
    if (*flags & ~(JY_ZMTP_MORE | JY_ZMTP_LONG | JY_ZMTP_COMMAND) ||
        ((*flags & JY_ZMTP_COMMAND) && (*flags & JY_ZMTP_MORE)))
        return kg_err_set(err, -EPROTO, "ZMTP frame with flags 0x%02x", *flags);
    if (!(*flags & JY_ZMTP_LONG)) {
        *len = at[1];
        return 2;
    }
    if (n < JY_ZMTP_HEAD_MAX)
        return 0;
    *len = 0;
    for (int i = 1; i < JY_ZMTP_HEAD_MAX; i++)
        *len = *len << 8 | at[i];
    return JY_ZMTP_HEAD_MAX;
}

int jy_zmtp_split(struct jy_zmtp_message *m, struct kg_span *frames,
                  const struct jy_zmtp_limits *limits, const uint8_t *in, size_t n,
                  struct kg_err *err)
{
    size_t at = 0;
    *m = (struct jy_zmtp_message){0};
    for (bool more = true; more;) {
        uint8_t flags = 0;
        uint64_t len = 0;
        long head = read_head(in + at, n - at, &flags, &len, err);
        if (head < 0)
            return (int)head;
        if (head == 0) {
            m->need = at + ((n > at && in[at] & JY_ZMTP_LONG) ? JY_ZMTP_HEAD_MAX : 2);
            return 0;
        }
        if (flags & JY_ZMTP_COMMAND && m->count)
            return kg_err_set(err, -EPROTO, "ZMTP command inside a message");
        if (m->count == limits->frames)
            return kg_err_set(err, -EMSGSIZE, "message of more than %zu frames", limits->frames);
        at += (size_t)head;
        if (at > limits->bytes || len > limits->bytes - at)
            return kg_err_set(err, -EMSGSIZE, "message of more than %zu bytes", limits->bytes);
        if (len > n - at) {
            m->need = at + (size_t)len;
            return 0;
        }
        frames[m->count++] = kg_span_of(in + at, (size_t)len);
        at += (size_t)len;
        more = flags & JY_ZMTP_MORE;
        m->command = flags & JY_ZMTP_COMMAND;
    }
    m->length = at;
    return 1;
}

int jy_zmtp_command(struct kg_span command, struct kg_span *name, struct kg_span *rest,
                    struct kg_err *err)
{
    size_t n = command.len ? command.data[0] : 0;
    if (n == 0 || command.len < 1 + n)
        return kg_err_set(err, -EPROTO, "ZMTP command without a name");
    *name = kg_span_of(command.data + 1, n);
    *rest = kg_span_of(command.data + 1 + n, command.len - 1 - n);
    return 0;
}

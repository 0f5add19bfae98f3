#include "kernelgw/api/channels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "jupyter/wsframe.h"
#include "jupyter/wsjson.h"
#include "kernelgw/core/client.h"

#define V1 "v1.kernel.websocket.jupyter.org"

/* RFC 6455, section 7.4.1 */
enum { CODE_DONE = 1000, CODE_PROTOCOL = 1002, CODE_TRY_LATER = 1013 };

struct channel_socket {
    struct kg_ws *ws;
    struct kg_client *client; /* NULL once the kernel is gone */
    struct kg_buf scratch;    /* inbound older framing, as v1 */
    bool v1;
};

static void wake(void *user)
{
    struct channel_socket *s = user;
    if (s->ws)
        kg_ws_want(s->ws);
}

static bool to_older(struct kg_slice *slice, bool *binary);

/* After so many bytes it is asked what has arrived: a connection that lives for a moment gets on, too. */
enum { ASK_BYTES = 64 * 1024 };

/* Sends what the client has not read, as far as the window goes. */
static void pass_on(struct channel_socket *s)
{
    struct kg_slice slice;
    bool room = true;
    size_t unasked = 0;
    while (room && kg_client_next(s->client, &slice)) {
        bool binary = true;
        unasked += slice.len;
        if (s->v1 || to_older(&slice, &binary))
            room = kg_ws_queue(s->ws, NULL, 0, slice, binary);
        else
            kg_slice_release(&slice);
        if (unasked >= ASK_BYTES) {
            unasked = 0;
            kg_client_read_done(s->client);
        }
    }
}

static void kernel_closed(void *user, int code, const char *reason)
{
    struct channel_socket *s = user;
    /* the last words of a kernel that ends are still sent; a connection that takes over reads them itself */
    if (s->ws && code == CODE_DONE)
        pass_on(s);
    s->client = NULL;
    if (s->ws)
        kg_ws_close(s->ws, code, reason);
}

static void probe(void *user)
{
    struct channel_socket *s = user;
    if (s->ws)
        kg_ws_probe(s->ws);
}

static const struct kg_client_events client_events = {
    .wake = wake, .probe = probe, .closed = kernel_closed};

/* What is no fault of the message may be tried again. */
static int code_for(int rc)
{
    return rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOTCONN ? CODE_TRY_LATER : CODE_PROTOCOL;
}

static void refuse(struct channel_socket *s, int rc, const struct kg_err *err)
{
    if (rc == -ENOENT)
        return; /* a channel that does not exist: ignored, as Jupyter Server does */
    kg_log(KG_WARN, "channels", "message refused", "why=%s", err->text);
    if (s->client)
        kg_client_detach(s->client);
    s->client = NULL;
    char reason[120];
    snprintf(reason, sizeof reason, "%s", err->text);
    kg_ws_close(s->ws, code_for(rc), reason);
}

static void on_message(void *user, uint8_t *data, size_t n, bool binary)
{
    struct channel_socket *s = user;
    struct kg_err err;
    int rc;
    if (!s->client)
        return;
    if (s->v1 && binary) {
        rc = kg_client_send(s->client, data, n, &err);
    } else if (s->v1) {
        rc = kg_err_set(&err, -EPROTO, "a text frame where " V1 " has binary ones");
    } else {
        struct kg_span in = {data, n};
        kg_buf_clear(&s->scratch);
        rc = binary ? jy_wsjson_decode_binary(&s->scratch, in, &err)
                    : jy_wsjson_decode_text(&s->scratch, in, &err);
        if (rc == 0)
            rc = kg_client_send(s->client, s->scratch.data, s->scratch.len, &err);
    }
    if (rc < 0)
        refuse(s, rc, &err);
}

/* The message in the older framing. False when it can't be said in it. */
static bool to_older(struct kg_slice *slice, bool *binary)
{
    struct jy_msg msg;
    struct kg_err err;
    kg_autobuf out = {0};
    int rc = jy_wsframe_split(&msg, slice->data, slice->len, &err);
    if (rc == 0)
        rc = jy_wsjson_encode(&out, binary, &msg, &err);
    if (rc < 0) {
        kg_log(KG_WARN, "channels", "message left out", "why=%s", err.text);
        return false;
    }
    struct kg_blob *blob = kg_blob_copy(out.data, out.len);
    kg_slice_release(slice);
    *slice = (struct kg_slice){blob, blob->data, blob->len};
    return true;
}

static void fill(void *user, struct kg_ws *ws)
{
    struct channel_socket *s = user;
    (void)ws;
    if (!s->client)
        return;
    pass_on(s);
    kg_client_read_done(s->client);
}

static void on_open(void *user, struct kg_ws *ws)
{
    struct channel_socket *s = user;
    s->ws = ws;
    if (s->client)
        kg_ws_want(ws);
    else
        kg_ws_close(ws, CODE_DONE, "the kernel was deleted");
}

static void on_closed(void *user, int code)
{
    struct channel_socket *s = user;
    (void)code;
    if (s->client)
        kg_client_detach(s->client);
    kg_buf_release(&s->scratch);
    free(s);
}

static void on_arrived(void *user)
{
    struct channel_socket *s = user;
    if (s->client)
        kg_client_arrived(s->client);
}

static const struct kg_ws_events ws_events = {.open = on_open,
                                              .message = on_message,
                                              .fill = fill,
                                              .arrived = on_arrived,
                                              .closed = on_closed};

/* ?since=NUMBER. False for what is no number. */
static bool parse_since(uint64_t *out, const char *text)
{
    *out = KG_FROM_NOW;
    if (!text)
        return true;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || n >= KG_FROM_NOW)
        return false;
    *out = n;
    return true;
}

void kg_channels_open(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    struct kg_kernel *k = kg_request_kernel(api, req, args);
    if (!k)
        return;
    if (!kg_http_is_upgrade(req)) {
        kg_reply_error(api, req, 400, NULL, "Can \"Upgrade\" only to \"WebSocket\".");
        return;
    }
    uint64_t since;
    if (!parse_since(&since, kg_http_arg(req, "since"))) {
        kg_reply_error(
            api, req, 400, NULL,
            "since must be a number: the metadata.kgw.seq of the last message seen, or 0");
        return;
    }
    struct channel_socket *s = kg_calloc(1, sizeof *s);
    s->v1 = kg_request_offers(req, V1);
    s->client = kg_client_attach(k, kg_http_arg(req, "session_id"), since, &client_events, s);
    kg_ws_accept(req, s->v1 ? V1 : NULL, &ws_events, s);
}

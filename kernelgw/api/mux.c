/*
 * kgw.v1 (docs/PROTOCOL.md): one socket for all of a page's kernels and runs, each a channel with numbers to go on from and
 * credit to be paced by, since a browser buffers whatever arrives and never makes a sender wait.
 */
#include "kernelgw/api/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/api/api.h"
#include "kernelgw/api/mux_channel.h"

#define PROTOCOL "kgw.v1"

enum {
    CHANNELS_MAX = 256,
    FRAME_HEAD = 11,
    CODE_PROTOCOL = 1002,
    CONTROL_WEIGHT_MAX = 1 << 20, /* what a control message may take in memory, beside its text */
};

struct mux {
    struct kg_core *core;
    struct kg_user user; /* what is there for whom; its name is a literal or the users' own */
    struct kg_ws *ws;
    struct mux_channel *channels; /* utlist; the first is filled first */
    size_t count;
    bool greeted, probing;
    bool files; /* the server has a contents folder */
};

bool mux_send(struct mux *m, enum mux_frame type, uint16_t channel, uint64_t seq, uint8_t stream,
              struct kg_slice body)
{
    uint8_t head[FRAME_HEAD + 1] = {(uint8_t)type, (uint8_t)channel, (uint8_t)(channel >> 8)};
    kg_put_u64le(head + 3, seq);
    head[FRAME_HEAD] = stream;
    return kg_ws_queue(m->ws, head, type == MUX_TEXT ? FRAME_HEAD + 1 : FRAME_HEAD, body, true);
}

bool mux_say(struct mux *m, const struct kg_buf *json)
{
    struct kg_blob *blob = kg_blob_copy(json->data, json->len);
    return kg_ws_queue(m->ws, NULL, 0, (struct kg_slice){blob, blob->data, blob->len}, false);
}

void mux_wake(struct mux *m)
{
    if (m->ws)
        kg_ws_want(m->ws);
}

/* One ping answers for all channels that had asked before it was sent. */
void mux_probe(struct mux *m)
{
    if (m->probing || !m->ws)
        return;
    struct mux_channel *c;
    DL_FOREACH(m->channels, c) {
        c->probe_sent = c->probe_wanted;
        c->probe_wanted = false;
        m->probing = m->probing || c->probe_sent;
    }
    if (m->probing)
        kg_ws_probe(m->ws);
}

static void on_arrived(void *user)
{
    struct mux *m = user;
    m->probing = false;
    struct mux_channel *c;
    DL_FOREACH(m->channels, c) {
        bool sent = c->probe_sent;
        c->probe_sent = false;
        if (sent && c->client)
            kg_client_arrived(c->client);
    }
    mux_probe(m);
}

static struct mux_channel *find(const struct mux *m, json_int_t number)
{
    struct mux_channel *c;
    DL_FOREACH(m->channels, c)
        if (c->number == number)
            return c;
    return NULL;
}

static void drop(struct mux *m, struct mux_channel *c)
{
    DL_DELETE(m->channels, c);
    m->count--;
    mux_channel_free(c);
}

static void say_closed(struct mux *m, uint16_t number, const char *why)
{
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "t", "closed");
    kg_json_kint(&j, "ch", number);
    kg_json_kstr(&j, "reason", why ? why : "");
    kg_json_object_end(&j);
    mux_say(m, &out);
}

void mux_channel_ended(struct mux *m, struct mux_channel *c, const char *why)
{
    if (m->ws)
        say_closed(m, c->number, why);
    drop(m, c);
}

/* Something asked for could not be done; the socket lives on. */
static void say_error(struct mux *m, const json_t *request, const struct kg_err *err)
{
    const json_t *number = json_object_get(request, "ch");
    const char *what = json_string_value(json_object_get(request, "t"));
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "t", "error");
    if (json_is_integer(number))
        kg_json_kint(&j, "ch", json_integer_value(number));
    kg_json_kstr(&j, "of", what ? what : "");
    const json_t *asked = json_object_get(request, "n");
    if (json_is_integer(asked))
        kg_json_kint(&j, "n", json_integer_value(asked));
    kg_json_kstr(&j, "message", err->text);
    kg_json_object_end(&j);
    mux_say(m, &out);
}

static void greet(struct mux *m)
{
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "t", "welcome");
    kg_json_kint(&j, "v", 1);
    kg_json_kstr(&j, "server", KERNELGW_VERSION);
    kg_json_key(&j, "kernels");
    kg_json_array_begin(&j);
    for (const struct kg_kernel *k = m->core->kernels; k; k = k->hh.next)
        if (kg_user_sees(&m->user, k->owner))
            kg_kernel_model(k, &j);
    kg_json_array_end(&j);
    kg_json_key(&j, "runs");
    kg_json_array_begin(&j);
    for (const struct kg_run *r = m->core->runs; r; r = r->hh.next)
        if (!r->spec.terminal && kg_user_sees(&m->user, r->spec.owner))
            kg_run_model(r, &j);
    kg_json_array_end(&j);
    kg_json_kint(&j, "credit", MUX_CREDIT_BYTES);
    kg_json_kint(&j, "channels", CHANNELS_MAX);
    kg_json_kbool(&j, "files", m->files);
    kg_json_object_end(&j);
    m->greeted = true;
    mux_say(m, &out);
}

static int open_channel(struct mux *m, const json_t *request, struct kg_err *err)
{
    const json_t *number = json_object_get(request, "ch");
    json_int_t n = json_integer_value(number);
    if (!json_is_integer(number) || n < 0 || n > UINT16_MAX)
        return kg_err_set(err, -EINVAL, "ch must be a number from 0 to %d", UINT16_MAX);
    if (find(m, n))
        return kg_err_set(err, -EEXIST, "channel %d is open", (int)n);
    if (m->count >= CHANNELS_MAX)
        return kg_err_set(err, -EAGAIN, "a socket has at most %d channels", CHANNELS_MAX);
    struct mux_channel *c = mux_channel_open(m, m->core, &m->user, (uint16_t)n, request, err);
    if (!c)
        return err->code;
    DL_APPEND(m->channels, c);
    m->count++;
    kg_autobuf out = {0};
    kg_buf_printf(&out, "{\"t\":\"open\",\"ch\":%d,\"state\":\"%s\"}", (int)n,
                  mux_channel_state(c));
    mux_say(m, &out);
    mux_wake(m);
    return 0;
}

static int grant(struct mux_channel *c, const json_t *request, struct kg_err *err)
{
    json_int_t n = json_integer_value(json_object_get(request, "n"));
    if (n <= 0 || n > MUX_CREDIT_MAX)
        return kg_err_set(err, -EINVAL, "n must be a number of bytes from 1 to %d", MUX_CREDIT_MAX);
    c->credit += n;
    if (c->credit > MUX_CREDIT_MAX)
        c->credit = MUX_CREDIT_MAX;
    mux_wake(c->mux);
    return 0;
}

/* A request that bears a number is answered when it has been taken; one that could not be is, in any case. */
static void say_done(struct mux *m, const json_t *request)
{
    const json_t *number = json_object_get(request, "n");
    if (!json_is_integer(number))
        return;
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "t", "done");
    kg_json_kint(&j, "ch", json_integer_value(json_object_get(request, "ch")));
    kg_json_kint(&j, "n", json_integer_value(number));
    kg_json_object_end(&j);
    mux_say(m, &out);
}

static int control(struct mux *m, const json_t *request, struct kg_err *err)
{
    const char *what = json_string_value(json_object_get(request, "t"));
    if (!what)
        return kg_err_set(err, -EINVAL, "a control message is an object with a member \"t\"");
    if (strcmp(what, "hello") == 0) {
        json_int_t v = json_integer_value(json_object_get(request, "v"));
        if (v != 1)
            return kg_err_set(err, -EPROTO, "version %d is not spoken here: 1 is", (int)v);
        greet(m);
        return 0;
    }
    if (!m->greeted)
        return kg_err_set(err, -EPROTO, "the first message must be hello");
    if (strcmp(what, "open") == 0)
        return open_channel(m, request, err);
    if (strcmp(what, "ping") == 0) {
        kg_autobuf out = {0};
        kg_buf_printf(&out, "{\"t\":\"pong\",\"n\":%lld}",
                      (long long)json_integer_value(json_object_get(request, "n")));
        mux_say(m, &out);
        return 0;
    }
    const json_t *number = json_object_get(request, "ch");
    struct mux_channel *c = json_is_integer(number) ? find(m, json_integer_value(number)) : NULL;
    if (!c)
        return kg_err_set(err, -ENOENT, "there is no such channel");
    if (strcmp(what, "credit") == 0)
        return grant(c, request, err);
    if (strcmp(what, "stdin") == 0 || strcmp(what, "signal") == 0 || strcmp(what, "resize") == 0 ||
        strcmp(what, "tail") == 0) {
        int rc = mux_channel_control(c, what, request, err);
        if (rc == 0)
            say_done(m, request);
        return rc;
    }
    if (strcmp(what, "close") == 0) {
        say_closed(m, c->number, "as asked");
        drop(m, c);
        return 0;
    }
    return kg_err_set(err, -EINVAL, "\"%.40s\" is no control message", what);
}

static void end(struct mux *m, int code, const char *why)
{
    kg_log(KG_WARN, "mux", "socket closed", "why=\"%s\"", why);
    kg_ws_close(m->ws, code, why);
}

static void on_text(struct mux *m, const uint8_t *data, size_t n)
{
    struct kg_err err = {0};
    json_error_t at;
    bool heavy = kg_json_weight(data, n) > CONTROL_WEIGHT_MAX + n;
    json_t *request =
        heavy ? NULL
              : json_loadb((const char *)data, n,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL /* a key has it */, &at);
    int rc = json_is_object(request) ? control(m, request, &err)
                                     : kg_err_set(&err, -EPROTO, "a text frame is a JSON object");
    if (rc == -EPROTO)
        end(m, CODE_PROTOCOL, err.text);
    else if (rc < 0)
        say_error(m, request, &err);
    json_decref(request);
}

static void on_binary(struct mux *m, const uint8_t *data, size_t n)
{
    struct kg_err err = {0};
    if (n < FRAME_HEAD || data[0] != MUX_MESSAGE || !m->greeted) {
        end(m, CODE_PROTOCOL, "a binary frame is a message for a kernel's channel, after hello");
        return;
    }
    uint16_t number = (uint16_t)(data[1] | data[2] << 8);
    struct mux_channel *c = find(m, number);
    int rc = c ? mux_channel_message(c, data + FRAME_HEAD, n - FRAME_HEAD, &err)
               : kg_err_set(&err, -ENOENT, "there is no such channel");
    if (rc == 0)
        return;
    json_t *of = json_pack("{s:s,s:i}", "t", "message", "ch", number);
    say_error(m, of, &err);
    json_decref(of);
}

static void on_message(void *user, uint8_t *data, size_t n, bool binary)
{
    if (binary)
        on_binary(user, data, n);
    else
        on_text(user, data, n);
}

/* Channels take turns in being the first, so that one that floods leaves the others their share. */
static void fill(void *user, struct kg_ws *ws)
{
    struct mux *m = user;
    (void)ws;
    size_t n = m->count;
    bool room = true;
    while (room && n-- > 0 && m->channels) {
        struct mux_channel *c = m->channels;
        DL_DELETE(m->channels, c);
        DL_APPEND(m->channels, c);
        room = mux_channel_fill(c);
    }
}

static void on_open(void *user, struct kg_ws *ws)
{
    struct mux *m = user;
    m->ws = ws;
}

static void on_closed(void *user, int code)
{
    struct mux *m = user;
    (void)code;
    m->ws = NULL;
    while (m->channels)
        drop(m, m->channels);
    free(m);
}

static void on_going(void *user)
{
    struct mux *m = user;
    kg_autobuf out = {0};
    kg_buf_add_str(&out, "{\"t\":\"draining\"}");
    mux_say(m, &out);
}

static const struct kg_ws_events ws_events = {.open = on_open,
                                              .message = on_message,
                                              .fill = fill,
                                              .arrived = on_arrived,
                                              .going = on_going,
                                              .closed = on_closed};

static void open_socket(struct kg_api *api, struct kg_http *req, const struct kg_route_args *args)
{
    if (!kg_http_is_upgrade(req) || !kg_request_offers(req, PROTOCOL)) {
        kg_reply_error(api, req, 400, NULL, "this is a WebSocket with the subprotocol " PROTOCOL);
        return;
    }
    struct mux *m = kg_calloc(1, sizeof *m);
    m->core = kg_api_core(api);
    m->user = args->user;
    m->files = kg_api_contents(api, &args->user) != NULL;
    kg_ws_accept(req, PROTOCOL, &ws_events, m);
}

const struct kg_route kg_routes_mux[] = {
    {"GET", "/api/kgw/ws", open_socket, 0},
    {0},
};

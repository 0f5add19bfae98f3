#include "kernelgw/api/terminal_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/run_tty.h"

enum {
    CODE_DONE = 1000,
    CODE_PROTOCOL = 1002,
    KEYS_AT_ONCE = 64 * 1024,
    KEYS_AGAIN_MS = 100, /* after the shell would take no more */
};

struct terminal_socket {
    struct kg_ws *ws; /* NULL: closed */
    struct kg_run *run;
    struct kg_run_watch watch;
    struct kg_reader reader;
    struct kg_terminal_client client;
    struct kg_buf keys; /* typed, and not taken by the box yet */
    size_t asked;       /* of them, that it is asked to take; 0: it is not being asked */
    uv_timer_t again;
    unsigned refs; /* the socket, the timer, what the box is asked */
    bool greeted, told_end;
};

static void unref(struct terminal_socket *s)
{
    if (--s->refs > 0)
        return;
    kg_buf_release(&s->keys);
    free(s);
}

static void wake(void *user)
{
    struct terminal_socket *s = user;
    if (s->ws)
        kg_ws_want(s->ws);
}

/* --- to the client --- */

static bool send_list(struct terminal_socket *s, const char *what, const void *text, size_t n)
{
    kg_autobuf out = {0};
    struct kg_json j;
    kg_json_init(&j, &out);
    kg_json_array_begin(&j);
    kg_json_str(&j, what);
    kg_json_strn(&j, text, n);
    kg_json_array_end(&j);
    struct kg_blob *blob = kg_blob_copy(out.data, out.len);
    return kg_ws_queue(s->ws, NULL, 0, (struct kg_slice){blob, blob->data, blob->len}, false);
}

static bool send_text(struct terminal_socket *s, const char *text)
{
    struct kg_blob *blob = kg_blob_copy(text, strlen(text));
    return kg_ws_queue(s->ws, NULL, 0, (struct kg_slice){blob, blob->data, blob->len}, false);
}

static bool send_gap(struct terminal_socket *s, const struct kg_gap *gap)
{
    char text[128];
    int n =
        snprintf(text, sizeof text,
                 "\r\n[kernelgw: %" PRIu64 " bytes of output are no longer kept]\r\n", gap->bytes);
    return send_list(s, "stdout", text, (size_t)n);
}

static bool send_entry(struct terminal_socket *s, const struct kg_entry *e)
{
    kg_autobuf text = {0};
    bool is_stderr;
    return !kg_run_output(e, &is_stderr, &text) || send_list(s, "stdout", text.data, text.len);
}

static void say_end(struct terminal_socket *s)
{
    if (s->run->state == KG_R_LOST) {
        kg_autofree char *why = kg_asprintf("\r\n[kernelgw: %s]\r\n", s->run->why);
        send_list(s, "stdout", why, strlen(why));
    }
    s->told_end = true;
    send_text(s, "[\"disconnect\", 1]");
    kg_ws_close(s->ws, CODE_DONE, "the terminal has ended");
}

static void fill(void *user, struct kg_ws *ws)
{
    struct terminal_socket *s = user;
    (void)ws;
    if (s->told_end)
        return;
    bool room = s->greeted || send_text(s, "[\"setup\", {}]");
    s->greeted = true;
    while (room) {
        const struct kg_entry *e;
        struct kg_gap gap;
        enum kg_read what = kg_reader_next(&s->reader, &e, &gap);
        if (what == KG_READ_NONE)
            break;
        room = what == KG_READ_GAP ? send_gap(s, &gap) : send_entry(s, e);
    }
    if (room && kg_run_ended(s->run))
        say_end(s);
}

/* --- from the client --- */

static void pump(struct terminal_socket *s);

static void on_again(uv_timer_t *timer)
{
    pump(timer->data);
}

static void taken(void *user, const struct kg_err *err)
{
    struct terminal_socket *s = user;
    if (err && err->code == -ENOSPC)
        uv_timer_start(&s->again, on_again, KEYS_AGAIN_MS, 0);
    else
        kg_buf_drop(&s->keys, s->asked);
    s->asked = 0;
    if (!err)
        pump(s);
    unref(s);
}

/* Hands on what was typed, piece by piece, as the shell takes it. The client is not read from while much waits. */
static void pump(struct terminal_socket *s)
{
    while (s->ws && s->keys.len > 0 && s->asked == 0) {
        size_t n = s->keys.len < KEYS_AT_ONCE ? s->keys.len : KEYS_AT_ONCE;
        s->refs++;
        s->asked = n;
        struct kg_err err;
        int rc = kg_run_stdin(s->run, s->keys.data, n, false, taken, s, &err);
        if (rc > 0)
            break;
        s->refs--;
        s->asked = 0;
        if (rc == -ENOSPC) {
            uv_timer_start(&s->again, on_again, KEYS_AGAIN_MS, 0);
            break;
        }
        kg_buf_drop(&s->keys, rc == 0 ? n : s->keys.len);
    }
    if (s->ws)
        kg_ws_pause(s->ws, s->keys.len > KEYS_AT_ONCE);
}

static uint16_t side(const json_t *v)
{
    double n = json_number_value(v);
    return n < 1 ? 0 : n > KG_TTY_SIDE_MAX ? KG_TTY_SIDE_MAX : (uint16_t)n;
}

static void on_message(void *user, uint8_t *data, size_t n, bool binary)
{
    struct terminal_socket *s = user;
    json_error_t at;
    json_t *list = binary ? NULL : json_loadb((const char *)data, n, JSON_ALLOW_NUL, &at);
    const json_t *text = json_array_get(list, 1);
    const char *what = json_string_value(json_array_get(list, 0));
    bool keys = what && strcmp(what, "stdin") == 0;
    if (!what || (keys && !json_is_string(text))) {
        kg_log(KG_WARN, "terminal", "message refused", "bytes=%zu", n);
        kg_ws_close(s->ws, CODE_PROTOCOL, "a message is a JSON list: [\"stdin\", text], say");
    } else if (keys) {
        kg_terminal_used(&s->client);
        kg_buf_add(&s->keys, json_string_value(text), json_string_length(text));
        pump(s);
    } else if (strcmp(what, "set_size") == 0) {
        kg_terminal_size(&s->client, side(text), side(json_array_get(list, 2)));
    }
    json_decref(list);
}

static void on_open(void *user, struct kg_ws *ws)
{
    struct terminal_socket *s = user;
    s->ws = ws;
    kg_ws_want(ws);
}

static void timer_closed(uv_handle_t *h)
{
    unref(h->data);
}

static void on_closed(void *user, int code)
{
    struct terminal_socket *s = user;
    (void)code;
    s->ws = NULL;
    kg_terminal_part(&s->client);
    kg_reader_detach(&s->reader);
    kg_run_unwatch(s->run, &s->watch);
    uv_close((uv_handle_t *)&s->again, timer_closed);
    unref(s);
}

static const struct kg_ws_events ws_events = {
    .open = on_open, .message = on_message, .fill = fill, .closed = on_closed};

void kg_terminal_socket_open(struct kg_api *api, struct kg_http *req, struct kg_terminal *t)
{
    struct terminal_socket *s = kg_calloc(1, sizeof *s);
    s->run = t->run;
    s->refs = 2;
    s->watch = (struct kg_run_watch){.wake = wake, .user = s};
    uv_timer_init(kg_api_core(api)->loop, &s->again);
    s->again.data = s;
    kg_run_watch(s->run, &s->watch);
    kg_reader_attach(&s->reader, &s->run->journal, KG_FROM_START);
    kg_terminal_join(t, &s->client);
    kg_ws_accept(req, NULL, &ws_events, s);
}

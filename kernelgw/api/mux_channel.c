#include "kernelgw/api/mux_channel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kernelgw/core/queue.h"
#include "kernelgw/core/run_tty.h"

static void client_wake(void *user)
{
    struct mux_channel *c = user;
    mux_wake(c->mux);
}

static void client_probe(void *user)
{
    struct mux_channel *c = user;
    c->probe_wanted = true;
    mux_probe(c->mux);
}

static void client_closed(void *user, int code, const char *reason)
{
    struct mux_channel *c = user;
    (void)code;
    c->client = NULL;
    mux_channel_ended(c->mux, c, reason);
}

static const struct kg_client_events client_events = {
    .wake = client_wake, .probe = client_probe, .closed = client_closed};

static int read_since(uint64_t *out, const json_t *request, uint64_t otherwise, struct kg_err *err)
{
    const json_t *since = json_object_get(request, "since");
    *out = otherwise;
    if (!since || json_is_null(since))
        return 0;
    if (!json_is_integer(since) || json_integer_value(since) < 0)
        return kg_err_set(err, -EINVAL, "since must be a number: the last one seen, or 0");
    *out = (uint64_t)json_integer_value(since);
    return 0;
}

static int open_kernel(struct mux_channel *c, struct kg_core *core, const struct kg_user *user,
                       const char *id, const json_t *request, struct kg_err *err)
{
    uint64_t since;
    struct kg_kernel *k = kg_kernel_find(core, id);
    if (!k || !kg_user_sees(user, k->owner))
        return kg_err_set(err, -ENOENT, "Kernel does not exist: %.60s", id);
    int rc = read_since(&since, request, KG_FROM_NOW, err);
    if (rc == 0)
        c->client = kg_client_attach(k, json_string_value(json_object_get(request, "session_id")),
                                     since, &client_events, c);
    return rc;
}

static int set_tail(struct mux_channel *c, const json_t *bytes, struct kg_err *err)
{
    if (bytes && (!json_is_integer(bytes) || json_integer_value(bytes) < 0))
        return kg_err_set(err, -EINVAL, "tail must be a number of bytes; 0: all of it");
    c->tail = json_integer_value(bytes);
    return 0;
}

static int open_run(struct mux_channel *c, struct kg_core *core, const struct kg_user *user,
                    const char *id, const json_t *request, struct kg_err *err)
{
    uint64_t since;
    struct kg_run *r = kg_run_find(core, id);
    if (!r || !kg_user_sees(user, r->spec.owner))
        return kg_err_set(err, -ENOENT, "Run does not exist: %.60s", id);
    int rc = read_since(&since, request, KG_FROM_START, err);
    if (rc < 0)
        return rc;
    c->run = r;
    c->run_state = -1;
    if (set_tail(c, json_object_get(request, "tail"), err) < 0)
        return err->code;
    c->watch = (struct kg_run_watch){.wake = client_wake, .user = c};
    kg_run_watch(r, &c->watch);
    kg_reader_attach(&c->reader, &r->journal, since);
    return 0;
}

static void workspace_changed(void *user, bool ended)
{
    struct mux_channel *c = user;
    if (ended) {
        c->workspace = NULL;
        mux_channel_ended(c->mux, c, "the workspace has ended");
        return;
    }
    c->changed = true;
    mux_wake(c->mux);
}

static int open_workspace(struct mux_channel *c, struct kg_core *core, const struct kg_user *user,
                          const char *name, const json_t *request, struct kg_err *err)
{
    bool attach = json_is_true(json_object_get(request, "attach"));
    if (!kg_workspace_name_ok(name))
        return kg_err_set(err, -EINVAL, "this is no name of a workspace: %.100s", name);
    const char *owner = json_string_value(json_object_get(request, "owner"));
    if (attach && !owner && !kg_workspace_get(core, user->name, name, false, err))
        return err->code;
    struct kg_workspace *w = kg_workspace_find(core, owner ? owner : user->name, name);
    if (!w || !kg_user_sees(user, w->owner))
        return kg_err_set(err, -ENOENT, "Workspace does not exist: %.100s", name);
    c->workspace = w;
    c->attached = attach;
    c->changed = true;
    c->workspace_watch = (struct kg_workspace_watch){.changed = workspace_changed, .user = c};
    kg_workspace_watch(w, &c->workspace_watch);
    if (attach)
        kg_workspace_attach(w);
    return 0;
}

static int open_it(struct mux_channel *c, struct kg_core *core, const struct kg_user *user,
                   const json_t *request, struct kg_err *err)
{
    const char *kernel = json_string_value(json_object_get(request, "kernel"));
    const char *run = json_string_value(json_object_get(request, "run"));
    const char *workspace = json_string_value(json_object_get(request, "workspace"));
    if (!!kernel + !!run + !!workspace != 1)
        return kg_err_set(err, -EINVAL,
                          "a channel is opened to either a kernel or a run or a workspace");
    if (kernel)
        return open_kernel(c, core, user, kernel, request, err);
    return run ? open_run(c, core, user, run, request, err)
               : open_workspace(c, core, user, workspace, request, err);
}

struct mux_channel *mux_channel_open(struct mux *m, struct kg_core *core,
                                     const struct kg_user *user, uint16_t number,
                                     const json_t *request, struct kg_err *err)
{
    const json_t *credit = json_object_get(request, "credit");
    struct mux_channel *c = kg_calloc(1, sizeof *c);
    c->mux = m;
    c->number = number;
    c->credit = json_is_integer(credit) ? json_integer_value(credit) : MUX_CREDIT_BYTES;
    if (c->credit < 0 || c->credit > MUX_CREDIT_MAX)
        c->credit = MUX_CREDIT_BYTES;
    if (open_it(c, core, user, request, err) == 0)
        return c;
    free(c);
    return NULL;
}

const char *mux_channel_state(const struct mux_channel *c)
{
    if (c->run)
        return kg_run_state_name(c->run);
    return c->client ? kg_kernel_state_name(c->client->kernel) : "open";
}

void mux_channel_free(struct mux_channel *c)
{
    if (c->client)
        kg_client_detach(c->client);
    if (c->run) {
        kg_reader_detach(&c->reader);
        kg_run_unwatch(c->run, &c->watch);
    }
    if (c->workspace) {
        kg_workspace_unwatch(c->workspace, &c->workspace_watch);
        if (c->attached)
            kg_workspace_detach(c->workspace);
    }
    free(c);
}

static bool say_gap(struct mux_channel *c, const struct kg_gap *gap)
{
    kg_autobuf out = {0};
    kg_buf_printf(&out, "{\"t\":\"gap\",\"ch\":%u,\"after\":%" PRIu64 ",\"before\":%" PRIu64 ",",
                  c->number, gap->after, gap->before);
    if (gap->messages)
        kg_buf_printf(&out, "\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", gap->messages,
                      gap->bytes);
    else
        kg_buf_add_str(&out, "\"messages\":null,\"bytes\":null}");
    return mux_say(c->mux, &out);
}

static bool fill_kernel(struct mux_channel *c)
{
    bool room = true;
    while (room && c->client && c->credit > 0) {
        struct kg_slice slice;
        struct kg_gap gap;
        uint64_t seq = 0;
        enum kg_read what = kg_client_read(c->client, &slice, &seq, &gap);
        if (what == KG_READ_NONE)
            break;
        if (what == KG_READ_GAP) {
            room = say_gap(c, &gap);
        } else {
            c->credit -= (int64_t)slice.len;
            room = mux_send(c->mux, MUX_MESSAGE, c->number, seq, 0, slice);
        }
    }
    if (c->client)
        kg_client_read_done(c->client);
    return room;
}

/* The run's model, when there is something new in it. */
static bool say_run(struct mux_channel *c)
{
    const struct kg_run *r = c->run;
    const char *step = kg_run_step(r);
    unsigned position = kg_queue_position(r);
    if (c->run_state == (int)r->state && c->run_step == step && c->run_position == position)
        return true;
    c->run_state = (int)r->state;
    c->run_step = step;
    c->run_position = position;
    kg_autobuf out = {0};
    struct kg_json j;
    kg_buf_printf(&out, "{\"t\":\"run\",\"ch\":%u,\"run\":", c->number);
    kg_json_init(&j, &out);
    kg_run_model(r, &j);
    kg_buf_add_char(&out, '}');
    return mux_say(c->mux, &out);
}

static bool send_output(struct mux_channel *c, const struct kg_entry *e)
{
    kg_autobuf text = {0};
    bool is_stderr;
    if (!kg_run_output(e, &is_stderr, &text)) { /* a picture, say; statuses are told by the model */
        if (e->kind != KG_KIND_OUTPUT && e->kind != KG_KIND_OTHER)
            return true;
        c->credit -= (int64_t)e->frame.len;
        return mux_send(c->mux, MUX_MESSAGE, c->number, e->seq, 0,
                        kg_slice_of(e->frame.blob, e->frame.data, e->frame.len));
    }
    struct kg_blob *blob = kg_blob_copy(text.data, text.len);
    c->credit -= (int64_t)text.len;
    return mux_send(c->mux, MUX_TEXT, c->number, e->seq, is_stderr ? 2 : 1,
                    (struct kg_slice){blob, blob->data, blob->len});
}

static bool fill_run(struct mux_channel *c)
{
    bool room = true;
    enum kg_read what = KG_READ_NONE;
    struct kg_gap passed;
    if (!kg_run_ended(c->run))
        room = say_run(c);
    /* not for each message that it is too far behind by: twice as far, then all at once */
    if (c->tail && c->credit > 0 && kg_reader_lag(&c->reader) > 2 * (uint64_t)c->tail &&
        kg_reader_skip(&c->reader, (uint64_t)c->tail, &passed))
        room = say_gap(c, &passed) && room;
    while (room && c->credit > 0) {
        const struct kg_entry *e;
        struct kg_gap gap;
        what = kg_reader_next(&c->reader, &e, &gap);
        if (what == KG_READ_NONE)
            break;
        room = what == KG_READ_GAP ? say_gap(c, &gap) : send_output(c, e);
    }
    /* its end is told behind its last output */
    if (room && what == KG_READ_NONE && c->credit > 0 && kg_run_ended(c->run))
        room = say_run(c);
    return room;
}

/* The whole state each time: who is slow misses steps, but never what came of them. */
static bool fill_workspace(struct mux_channel *c)
{
    if (!c->changed)
        return true;
    c->changed = false;
    kg_autobuf out = {0};
    struct kg_json j;
    kg_buf_printf(&out, "{\"t\":\"workspace\",\"ch\":%u,\"workspace\":", c->number);
    kg_json_init(&j, &out);
    kg_workspace_model(c->workspace, &j);
    kg_buf_add_str(&out, ",\"changes\":");
    kg_json_init(&j, &out);
    kg_workspace_changes(c->workspace, &c->workspace_watch, &j);
    kg_buf_add_char(&out, '}');
    return mux_say(c->mux, &out);
}

bool mux_channel_fill(struct mux_channel *c)
{
    if (c->workspace)
        return fill_workspace(c);
    return c->run ? fill_run(c) : fill_kernel(c);
}

int mux_channel_message(struct mux_channel *c, const uint8_t *frame, size_t n, struct kg_err *err)
{
    if (!c->client)
        return kg_err_set(err, -EINVAL, "channel %u is no kernel's: it takes no messages",
                          c->number);
    return kg_client_send(c->client, frame, n, err);
}

int mux_channel_control(struct mux_channel *c, const char *what, const json_t *request,
                        struct kg_err *err)
{
    if (!c->run)
        return kg_err_set(err, -EINVAL, "channel %u is no run's: it has no %s", c->number, what);
    if (strcmp(what, "tail") == 0) {
        int rc = set_tail(c, json_object_get(request, "tail"), err);
        mux_wake(c->mux);
        return rc;
    }
    if (strcmp(what, "signal") == 0) {
        const char *name = json_string_value(json_object_get(request, "signal"));
        return kg_run_signal(c->run, name ? name : "", err);
    }
    if (strcmp(what, "resize") == 0) {
        struct kg_tty size = c->run->spec.tty;
        int bad = kg_tty_parse(&size, json_object_get(request, "tty"), true, err);
        return bad < 0 ? bad : kg_run_resize(c->run, &size, err);
    }
    const json_t *text = json_object_get(request, "text");
    if (text && !json_is_string(text))
        return kg_err_set(err, -EINVAL, "text must be a string");
    int rc = kg_run_stdin(c->run, text ? json_string_value(text) : "", json_string_length(text),
                          json_is_true(json_object_get(request, "eof")), NULL, NULL, err);
    return rc < 0 ? rc : 0;
}

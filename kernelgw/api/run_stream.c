#include "kernelgw/api/run_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"

enum { CHUNK_BYTES = 64 * 1024 };

struct run_stream {
    struct kg_http *req;
    struct kg_run *run;
    struct kg_run_watch watch;
    struct kg_reader reader;
    struct kg_run_choice choice;
    enum kg_run_format format;
    enum kg_run_state told;
    bool any_told;
    size_t phases_told; /* one more than the index of the last */
};

static bool wanted(const struct kg_entry *e, const struct kg_run_choice *choice, bool *is_stderr,
                   struct kg_buf *text)
{
    return e->seq >= choice->from && kg_run_output(e, is_stderr, text) &&
           (*is_stderr ? choice->err : choice->out);
}

/* Text that is being sent: as much in memory as the client takes at once, however large the run's output is. */
struct run_text {
    struct kg_run *run;
    struct kg_run_watch watch; /* which keeps the run */
    struct kg_reader reader;
    struct kg_run_choice choice;
    uint64_t until; /* the last number there was when it was asked for */
};

/* Appends the next part. False when that was the last. */
static bool add_text(struct run_text *t, struct kg_buf *out)
{
    const struct kg_entry *e;
    struct kg_gap gap;
    while (out->len < CHUNK_BYTES) {
        kg_autobuf text = {0};
        bool is_stderr;
        enum kg_read what = kg_reader_next(&t->reader, &e, &gap);
        if (what == KG_READ_NONE || (what == KG_READ_ENTRY && e->seq > t->until))
            return false;
        if (what == KG_READ_GAP)
            kg_buf_printf(
                out, "\n[kernelgw: %" PRIu64 " messages (%" PRIu64 " bytes) are missing here]\n",
                gap.messages, gap.bytes);
        else if (wanted(e, &t->choice, &is_stderr, &text))
            kg_buf_add(out, text.data, text.len);
    }
    return true;
}

static void free_text(void *user)
{
    struct run_text *t = user;
    kg_reader_detach(&t->reader);
    kg_run_unwatch(t->run, &t->watch);
    free(t);
}

static void more_text(void *user, struct kg_http *req)
{
    kg_autobuf out = {0};
    bool goes_on = add_text(user, &out);
    if (out.len)
        kg_http_stream_write(req, out.data, out.len);
    if (goes_on)
        return; /* the next part when this one has gone */
    kg_http_stream_end(req);
    free_text(user);
}

static void text_wake(void *user)
{
    (void)user; /* what comes now is behind the end */
}

static const struct kg_http_stream_events text_events = {.more = more_text, .closed = free_text};

void kg_run_text(struct kg_api *api, struct kg_http *req, struct kg_run *r,
                 const struct kg_run_choice *choice)
{
    static const char type[] = "text/plain; charset=utf-8";
    kg_autobuf first = {0};
    struct run_text *t = kg_calloc(1, sizeof *t);
    *t = (struct run_text){.run = r,
                           .choice = *choice,
                           .until = r->journal.last_seq,
                           .watch = {.wake = text_wake, .user = t}};
    kg_run_watch(r, &t->watch);
    kg_reader_attach(&t->reader, &r->journal, KG_FROM_START);
    if (!add_text(t, &first)) { /* most are short: one answer with its length */
        free_text(t);
        kg_reply_bytes(api, req, 200, type, first.data, first.len, NULL, 0);
        return;
    }
    kg_http_stream(req, 200, type, &text_events, t);
    kg_http_stream_write(req, first.data, first.len);
}

/* One event: {"seq"?, NAME: value} as a line, or the same in server-sent form. value is JSON text. */
static void add_event(const struct run_stream *s, struct kg_buf *out, uint64_t seq,
                      const char *name, const struct kg_buf *value)
{
    if (s->format == KG_RUN_EVENTS) {
        if (seq)
            kg_buf_printf(out, "id: %" PRIu64 "\n", seq);
        kg_buf_printf(out, "event: %s\ndata: ", name);
        kg_buf_add(out, value->data, value->len);
        kg_buf_add_str(out, "\n\n");
        return;
    }
    struct kg_json j;
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    if (seq)
        kg_json_kint(&j, "seq", (int64_t)seq);
    kg_json_key(&j, name);
    kg_json_raw(&j, value->data, value->len);
    kg_json_object_end(&j);
    kg_buf_add_char(out, '\n');
}

static void add_phase(struct run_stream *s, struct kg_buf *out)
{
    kg_autobuf value = {0};
    struct kg_json j;
    if (s->run->state != KG_R_RUNNING || s->phases_told == s->run->phase + 1)
        return;
    s->phases_told = s->run->phase + 1;
    kg_json_init(&j, &value);
    kg_json_str(&j, kg_run_phase_name(s->run));
    add_event(s, out, 0, "phase", &value);
}

static void add_state(struct run_stream *s, struct kg_buf *out)
{
    if (s->any_told && s->told == s->run->state)
        return;
    kg_autobuf value = {0};
    s->told = s->run->state;
    s->any_told = true;
    kg_buf_printf(&value, "\"%s\"", kg_run_state_name(s->run));
    add_event(s, out, 0, "state", &value);
}

/* What is shown and is no text: the content of its message. */
static void add_display(const struct run_stream *s, struct kg_buf *out, const struct kg_entry *e)
{
    struct jy_msg msg;
    struct kg_span type;
    if (e->kind != KG_KIND_OUTPUT || e->seq < s->choice.from || !s->choice.out ||
        jy_wsframe_split(&msg, e->frame.data, e->frame.len, NULL) < 0 ||
        jy_json_find_string(msg.header, "msg_type", &type, NULL) != 1)
        return;
    kg_autobuf value = {0};
    kg_buf_add(&value, msg.content.data, msg.content.len);
    if (jy_text_is(type, "display_data"))
        add_event(s, out, e->seq, "display", &value);
    else if (jy_text_is(type, "update_display_data"))
        add_event(s, out, e->seq, "update_display", &value);
}

static void add_entry(struct run_stream *s, struct kg_buf *out, const struct kg_entry *e)
{
    kg_autobuf text = {0};
    kg_autobuf value = {0};
    bool is_stderr;
    if (!wanted(e, &s->choice, &is_stderr, &text)) {
        add_display(s, out, e);
        return;
    }
    struct kg_json j;
    kg_json_init(&j, &value);
    kg_json_strn(&j, text.data, text.len);
    add_event(s, out, e->seq, is_stderr ? "stderr" : "stdout", &value);
}

static void add_gap(struct run_stream *s, struct kg_buf *out, const struct kg_gap *gap)
{
    kg_autobuf value = {0};
    kg_buf_printf(&value,
                  "{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"after\":%" PRIu64
                  ",\"before\":%" PRIu64 "}",
                  gap->messages, gap->bytes, gap->after, gap->before);
    add_event(s, out, 0, "gap", &value);
}

static void free_stream(struct run_stream *s)
{
    kg_reader_detach(&s->reader);
    kg_run_unwatch(s->run, &s->watch);
    free(s);
}

static void more(void *user, struct kg_http *req)
{
    struct run_stream *s = user;
    const struct kg_entry *e;
    struct kg_gap gap;
    enum kg_read what = KG_READ_NONE;
    kg_autobuf out = {0};
    if (!kg_run_ended(s->run)) {
        add_state(s, &out);
        add_phase(s, &out);
    }
    while (out.len < CHUNK_BYTES && (what = kg_reader_next(&s->reader, &e, &gap)) != KG_READ_NONE) {
        if (what == KG_READ_GAP)
            add_gap(s, &out, &gap);
        else
            add_entry(s, &out, e);
    }
    bool end = kg_run_ended(s->run) && out.len < CHUNK_BYTES;
    if (end) {
        kg_autobuf value = {0};
        struct kg_json j;
        kg_json_init(&j, &value);
        kg_run_model(s->run, &j);
        add_event(s, &out, 0, "exit", &value);
    }
    if (out.len)
        kg_http_stream_write(req, out.data, out.len);
    if (end) {
        kg_http_stream_end(req);
        free_stream(s);
    } else if (what != KG_READ_NONE) {
        kg_http_stream_want(req); /* the chunk was full: there is more */
    }
}

static void client_gone(void *user)
{
    free_stream(user);
}

static void wake(void *user)
{
    struct run_stream *s = user;
    kg_http_stream_want(s->req);
}

static const struct kg_http_stream_events stream_events = {.more = more, .closed = client_gone};

void kg_run_stream(struct kg_api *api, struct kg_http *req, struct kg_run *r,
                   const struct kg_run_choice *choice, enum kg_run_format format)
{
    (void)api;
    struct run_stream *s = kg_calloc(1, sizeof *s);
    *s = (struct run_stream){.req = req,
                             .run = r,
                             .choice = *choice,
                             .format = format,
                             .watch = {.wake = wake, .user = s}};
    kg_run_watch(r, &s->watch);
    /* what came before the number asked for is no gap to who has it */
    kg_reader_attach(&s->reader, &r->journal, choice->from ? choice->from - 1 : KG_FROM_START);
    kg_http_stream(req, 200, format == KG_RUN_EVENTS ? "text/event-stream" : "application/x-ndjson",
                   &stream_events, s);
    kg_http_stream_want(req);
}

#include "kernelgw/core/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jupyter/message.h"
#include "jupyter/scan.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/client_info.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/say.h"
#include "kernelgw/core/spill.h"

enum { CODE_REPLACED = 1008 };

/*
 * What the kernel has not answered yet; a cell also until the idle behind it. Messages without a reply (comm_msg: a
 * slider sends dozens a second) stand here until their idle, so that an input() in their handler finds its asker.
 */
struct kg_request {
    uint32_t reader;
    uint8_t channel;
    bool execute;         /* waits for both, the reply and the idle */
    bool replied_to;      /* a reply is due at all */
    bool answered;        /* the reply has come, the idle has not */
    bool idle;            /* the other way round */
    char *type;           /* "execute_request" */
    struct kg_buf header; /* the asker's, for answers that the kernel can no longer give */
    UT_hash_handle hh;
    char msg_id[]; /* raw JSON text */
};

static void request_free(struct kg_kernel *k, struct kg_request *r)
{
    HASH_DEL(k->requests, r);
    k->idles_due -= r->answered;
    kg_buf_release(&r->header);
    free(r->type);
    free(r);
}

static struct kg_request *request_find(struct kg_kernel *k, struct kg_span msg_id)
{
    struct kg_request *r = NULL;
    HASH_FIND(hh, k->requests, msg_id.data, msg_id.len, r);
    return r;
}

static bool ends_in_request(const char *type)
{
    size_t n = strlen(type);
    return n > 8 && strcmp(type + n - 8, "_request") == 0;
}

static void request_add(struct kg_kernel *k, uint32_t reader, const struct jy_msg *msg,
                        const struct jy_header *h)
{
    struct kg_request *r = request_find(k, h->msg_id);
    if (r)
        request_free(k, r);
    r = kg_calloc(1, sizeof *r + h->msg_id.len + 1);
    memcpy(r->msg_id, h->msg_id.data, h->msg_id.len);
    r->reader = reader;
    r->channel = msg->channel;
    r->type = kg_strndup((const char *)h->msg_type.data, h->msg_type.len);
    r->execute = strcmp(r->type, "execute_request") == 0;
    r->replied_to = ends_in_request(r->type);
    kg_buf_add(&r->header, msg->header.data, msg->header.len);
    HASH_ADD_KEYPTR(hh, k->requests, r->msg_id, h->msg_id.len, r);
}

/* The request that a message of the kernel belongs to, or NULL. */
static struct kg_request *request_of(struct kg_kernel *k, const struct kg_slice *frame)
{
    struct jy_msg msg;
    struct jy_header parent;
    if (jy_wsframe_split(&msg, frame->data, frame->len, NULL) < 0 ||
        jy_header_peek(&parent, msg.parent_header, NULL) < 0 || !parent.msg_id.data)
        return NULL;
    return request_find(k, parent.msg_id);
}

enum kg_told kg_requests_told(const struct kg_slice *frame)
{
    static const char *const types[] = {"kernel_info_request",     "interrupt_request",
                                        "debug_request",           "shutdown_request",
                                        "create_subshell_request", "delete_subshell_request",
                                        "usage_request",           "list_subshell_request"};
    struct jy_msg msg;

    struct jy_header parent;
    if (jy_wsframe_split(&msg, frame->data, frame->len, NULL) < 0 ||
        jy_header_peek(&parent, msg.parent_header, NULL) < 0 || !parent.msg_type.data)
        return KG_TOLD_MAIN;
    for (size_t i = 0; i < KG_COUNT(types); i++)
        if (jy_text_is(parent.msg_type, types[i]))
            return KG_TOLD_ASIDE;
    return parent.subshell_id.data ? KG_TOLD_SUBSHELL : KG_TOLD_MAIN;
}

/* Replies without an asker here are for a client that takes over, and for nobody else. */
#define NOBODY UINT32_MAX

void kg_requests_recall(struct kg_kernel *k, const struct kg_slice *frame)
{
    struct jy_msg msg;
    struct jy_header parent;
    if (jy_wsframe_split(&msg, frame->data, frame->len, NULL) < 0 ||
        jy_header_peek(&parent, msg.parent_header, NULL) < 0 || !parent.msg_id.data ||
        !parent.msg_type.data || request_find(k, parent.msg_id))
        return;
    uint32_t reader = NOBODY;
    const struct kg_client *c;
    DL_FOREACH(k->clients, c) {
        if (parent.session.len == strlen(c->session_id) &&
            memcmp(parent.session.data, c->session_id, parent.session.len) == 0)
            reader = c->reader.id;
    }
    struct jy_msg asked = {
        .channel = msg.channel == KG_CH_CONTROL ? KG_CH_CONTROL : KG_CH_SHELL,
        .header = msg.parent_header,
    };
    request_add(k, reader, &asked, &parent);
}

uint32_t kg_requests_asker(struct kg_kernel *k, const struct kg_slice *frame, bool done)
{
    struct kg_request *r = request_of(k, frame);
    if (!r || r->answered)
        return 0;
    uint32_t reader = r->reader;
    if (!done)
        return reader;
    if (r->execute && !r->idle) {
        r->answered = true;
        k->idles_due++;
        k->heard_ms = kg_clock_ms();
    } else {
        request_free(k, r);
    }
    return reader;
}

void kg_requests_idle(struct kg_kernel *k, const struct kg_slice *frame)
{
    struct kg_request *r = request_of(k, frame);
    if (!r)
        return;
    if (r->answered || !r->replied_to)
        request_free(k, r);
    else
        r->idle = true;
}

/* Whether one more may wait. Of those that wait, what no reply may ever come for goes first: a kernel says nothing but idle
 * to a request that it does not know. */
static bool room_for_request(struct kg_kernel *k)
{
    struct kg_request *r, *following;
    if (HASH_COUNT(k->requests) - k->idles_due < KG_PENDING_MAX)
        return true;
    HASH_ITER(hh, k->requests, r, following)
        if (!r->replied_to || (r->idle && !r->execute))
            request_free(k, r);
    return HASH_COUNT(k->requests) - k->idles_due < KG_PENDING_MAX;
}

void kg_requests_check_idles(struct kg_kernel *k, uint64_t now_ms)
{
    if (k->held) /* what is on its way waits for us */
        k->heard_ms = now_ms;
    if (k->idles_due == 0 || now_ms - k->heard_ms < KG_IDLE_LOST_MS)
        return;
    struct kg_request *r, *following;
    HASH_ITER(hh, k->requests, r, following) {
        if (!r->answered)
            continue;
        struct kg_span parent = {r->header.data, r->header.len};
        kg_log(KG_WARN, "kernel", "output lost in the kernel's own queue", "kernel=%s", k->id);
        k->core->counters.gaps++;
        kg_kernel_say(
            k,
            kg_say_stream(
                k->session, parent, "{\"kgw\":{\"gap\":{\"messages\":null,\"bytes\":null}}}",
                "stderr",
                "\n[kernelgw: the end of this cell's output was lost in the kernel's own queue]\n"),
            KG_CH_IOPUB, KG_KIND_OTHER, 0);
        kg_kernel_say(k, kg_say_status(k->session, parent, "idle"), KG_CH_IOPUB,
                      KG_KIND_STATUS_IDLE, 0);
        request_free(k, r);
    }
    kg_kernel_idle(k);
}

void kg_input_answered(struct kg_kernel *k)
{
    kg_slice_release(&k->input);
}

/* A cell that waits for a line asks again: the asker that is back and had read the question, or the first to come when the
 * asker is away. */
static void show_input(struct kg_client *c)
{
    struct kg_kernel *k = c->kernel;
    struct kg_request *r = k->input.blob ? request_of(k, &k->input) : NULL;
    if (!r)
        return;
    const struct kg_client *other;
    DL_FOREACH(k->clients, other) {
        if (other != c && other->events && other->reader.id == r->reader)
            return;
    }
    bool reads_it =
        c->reader.at.seq < k->input_seq && (r->reader == c->reader.id || c->reader.takes_over);
    r->reader = c->reader.id;
    if (!reads_it)
        kg_kernel_say(k, kg_slice_of(k->input.blob, k->input.data, k->input.len), KG_CH_STDIN,
                      KG_KIND_INPUT_REQUEST, c->reader.id);
}

void kg_input_asked(struct kg_kernel *k, const struct kg_slice *frame, uint64_t seq)
{
    struct kg_blob *own = kg_blob_copy(frame->data, frame->len);
    kg_slice_release(&k->input);
    k->input = (struct kg_slice){own, own->data, own->len};
    k->input_seq = seq;
    struct kg_client *c;
    DL_FOREACH(k->clients, c) {
        if (c->events) { /* the asker, or the first who can answer for it */
            show_input(c);
            break;
        }
    }
}

/* "execute_request" -> "execute_reply" */
static char *reply_type_of(const char *type)
{
    return kg_asprintf("%.*s_reply", (int)strlen(type) - 8, type);
}

void kg_requests_fail(struct kg_kernel *k, const char *ename, const char *evalue)
{
    struct kg_request *r, *following;
    HASH_ITER(hh, k->requests, r, following) {
        struct kg_span parent = {r->header.data, r->header.len};
        kg_autofree char *reply = r->replied_to ? reply_type_of(r->type) : NULL;
        if (r->answered || !reply)
            ; /* only its idle is due */
        else if (!ename)
            kg_kernel_say(
                k, kg_say(r->channel, reply, k->session, parent, NULL, "{\"status\":\"aborted\"}"),
                r->channel, KG_KIND_REPLY, r->reader);
        else {
            if (r->execute)
                kg_kernel_say(k, kg_say_error(KG_CH_IOPUB, NULL, k->session, parent, ename, evalue),
                              KG_CH_IOPUB, KG_KIND_ERROR, 0);
            kg_kernel_say(k, kg_say_error(r->channel, reply, k->session, parent, ename, evalue),
                          r->channel, KG_KIND_REPLY, r->reader);
        }
        kg_kernel_say(k, kg_say_status(k->session, parent, "idle"), KG_CH_IOPUB,
                      KG_KIND_STATUS_IDLE, 0);
        request_free(k, r);
    }
}

static void client_free(struct kg_client *c)
{
    DL_DELETE(c->kernel->clients, c);
    kg_reader_detach(&c->reader);
    free(c->session_id);
    free(c);
}

static void close_live(struct kg_client *c, int code, const char *reason)
{
    const struct kg_client_events *events = c->events;
    c->events = NULL;
    c->reader.away = true;
    c->detached_ms = kg_clock_ms();
    if (events)
        events->closed(c->user, code, reason);
}

static struct kg_client *find_place(struct kg_kernel *k, const char *session_id)
{
    struct kg_client *c = NULL;
    if (session_id && session_id[0])
        DL_FOREACH(k->clients, c) {
            if (strcmp(c->session_id, session_id) == 0)
                break;
        }
    return c;
}

struct kg_client *kg_client_attach(struct kg_kernel *k, const char *session_id, uint64_t since,
                                   const struct kg_client_events *events, void *user)
{
    struct kg_client *c = find_place(k, session_id);
    bool fresh = !c;
    if (c) {
        /* a connection that comes back may find its own half-dead predecessor still here */
        close_live(c, CODE_REPLACED, "replaced by a newer connection with the same session_id");
        if (c->reader.at.seq > c->repeats_to)
            c->repeats_to = c->reader.at.seq;
        kg_reader_rewind(&c->reader);
    } else {
        c = kg_calloc(1, sizeof *c);
        c->kernel = k;
        c->session_id = kg_strdup(session_id ? session_id : "");
        kg_reader_attach(&c->reader, &k->journal, since);
        DL_APPEND(k->clients, c);
    }
    c->numbered = since != KG_FROM_NOW;
    if (c->numbered)
        kg_reader_seek(&c->reader, since);
    c->reader.confirms = true;
    c->reader.takes_over = c->numbered;
    c->reader.away = c->probing = false;
    c->probed_ms = 0; /* its first answer is waited for soonest */
    c->reader.progress_ms = kg_clock_ms();
    c->events = events;
    c->user = user;
    kg_journal_limit_output(&k->journal, KG_JOURNAL_OUTPUT_BYTES);
    show_input(c);
    kg_kernel_touch(k);
    if (fresh)
        kg_client_tell_busy(c);
    if (fresh && c->session_id[0] && !c->numbered)
        kg_keep_kernel(k); /* a server that is killed now leaves a next one that knows of it */
    return c;
}

void kg_client_restore(struct kg_kernel *k, const char *session_id, uint64_t seq)
{
    struct kg_client *c = kg_calloc(1, sizeof *c);
    c->kernel = k;
    c->session_id = kg_strdup(session_id);
    c->detached_ms = kg_clock_ms();
    kg_reader_attach(&c->reader, &k->journal, seq);
    c->reader.confirms = c->reader.away = true;
    DL_APPEND(k->clients, c);
}

static void probe(struct kg_client *c)
{
    if (!c->events || c->probing || c->reader.at.seq <= c->reader.confirmed.seq)
        return;
    c->probing = true;
    c->probed = c->reader.at;
    c->probed_ms = kg_clock_ms();
    c->events->probe(c->user);
}

void kg_clients_probe(struct kg_kernel *k)
{
    struct kg_client *c;
    DL_FOREACH(k->clients, c)
        probe(c);
}

void kg_client_arrived(struct kg_client *c)
{
    if (!c->probing)
        return;
    c->probing = false;
    kg_reader_confirm(&c->reader, &c->probed);
    kg_journal_trim(c->reader.journal);
}

static void drop_oldest_detached(struct kg_kernel *k)
{
    size_t count = 0;
    struct kg_client *c, *oldest = NULL;
    DL_FOREACH(k->clients, c) {
        if (c->events)
            continue;
        count++;
        if (!oldest || c->detached_ms < oldest->detached_ms)
            oldest = c;
    }
    if (count > KG_DETACHED_READERS_MAX)
        client_free(oldest);
}

void kg_client_detach(struct kg_client *c)
{
    struct kg_kernel *k = c->kernel;
    c->events = NULL;
    c->reader.away = true;
    c->detached_ms = kg_clock_ms();
    kg_kernel_touch(k);
    if (!c->session_id[0])
        client_free(c); /* nothing to come back by */
    else
        drop_oldest_detached(k);
    if (kg_kernel_connections(k) == 0)
        kg_journal_limit_output(&k->journal, KG_JOURNAL_ALONE_BYTES);
    kg_kernel_check_hold(k);
}

void kg_clients_close(struct kg_kernel *k, int code, const char *reason)
{
    struct kg_client *c, *following;
    DL_FOREACH_SAFE(k->clients, c, following) {
        close_live(c, code, reason);
        client_free(c);
    }
}

void kg_clients_expire(struct kg_kernel *k, uint64_t now_ms)
{
    struct kg_client *c, *following;
    DL_FOREACH_SAFE(k->clients, c, following)
        if (!c->events && now_ms - c->detached_ms > KG_DETACHED_READER_MS)
            client_free(c);
}

static int queue_early(struct kg_kernel *k, uint8_t channel, const uint8_t *frame, size_t n,
                       struct kg_err *err)
{
    if (k->early_count >= KG_EARLY_COUNT || k->early_bytes + n > KG_EARLY_BYTES)
        return kg_err_set(err, -EAGAIN, "too many requests wait for kernel %s to start", k->id);
    struct kg_early *e = kg_malloc(sizeof *e + n);
    e->next = NULL;
    e->channel = channel;
    e->len = n;
    memcpy(e->frame, frame, n);
    if (k->early_last)
        k->early_last->next = e;
    else
        k->early = e;
    k->early_last = e;
    k->early_count++;
    k->early_bytes += n;
    return 0;
}

int kg_client_send(struct kg_client *c, const uint8_t *frame, size_t n, struct kg_err *err)
{
    struct kg_kernel *k = c->kernel;
    struct jy_msg msg;
    struct jy_header header;
    int rc = jy_wsframe_split(&msg, frame, n, err);
    if (rc == 0)
        rc = jy_header_require(&header, msg.header, err);
    if (rc < 0)
        return rc;
    if (msg.channel == KG_CH_IOPUB)
        return kg_err_set(err, -ENOENT, "nothing is sent on iopub by clients");
    if (k->state == KG_K_DEAD) { /* answered in its place, or who asks would wait for ever */
        if (msg.channel != KG_CH_STDIN)
            request_add(k, c->reader.id, &msg, &header);
        kg_requests_fail(k, "KernelDied", k->reason);
        return 0;
    }
    kg_kernel_touch(k);
    k->core->counters.requests++;
    if (!room_for_request(k))
        return kg_err_set(err, -EAGAIN, "%d requests of kernel %s wait for a reply", KG_PENDING_MAX,
                          k->id);
    if (kg_client_answer_info(c, &msg, &header))
        return 0;
    rc = k->ready ? pl_box_send(k->box, msg.channel, frame, n, err)
                  : queue_early(k, msg.channel, frame, n, err);
    if (rc < 0)
        return rc;
    if (msg.channel == KG_CH_STDIN)
        kg_input_answered(k);
    else
        request_add(k, c->reader.id, &msg, &header);
    if (jy_text_is(header.msg_type, "execute_request")) {
        kg_buf_clear(&k->last_parent);
        kg_buf_add(&k->last_parent, msg.header.data, msg.header.len);
    }
    return 0;
}

/* A gap in the place of what is missing. The number of a numbered one is that of the last missing message. */
static struct kg_slice say_gap(const struct kg_client *c, const struct kg_gap *gap)
{
    struct kg_kernel *k = c->kernel;
    kg_autobuf metadata = {0};
    kg_autobuf text = {0};
    kg_buf_add_str(&metadata, "{\"kgw\":{");
    if (c->numbered)
        kg_buf_printf(&metadata, "\"seq\":%llu,", (unsigned long long)gap->before - 1);
    kg_buf_printf(&metadata, "\"gap\":{\"after\":%llu,\"before\":%llu,",
                  (unsigned long long)gap->after, (unsigned long long)gap->before);
    if (gap->messages) {
        kg_buf_printf(&metadata, "\"messages\":%llu,\"bytes\":%llu}}}",
                      (unsigned long long)gap->messages, (unsigned long long)gap->bytes);
        kg_buf_printf(&text,
                      "\n[kernelgw: %llu messages (%llu bytes) of output are missing here: this "
                      "connection read too slowly]\n",
                      (unsigned long long)gap->messages, (unsigned long long)gap->bytes);
    } else {
        kg_buf_add_str(&metadata, "\"messages\":null,\"bytes\":null}}}");
        kg_buf_add_str(&text, "\n[kernelgw: output is missing here: it is no longer kept]\n");
    }
    struct kg_span parent = {k->last_parent.data, k->last_parent.len};
    return kg_say_stream(k->session, parent, kg_buf_cstr(&metadata), "stderr", kg_buf_cstr(&text));
}

enum kg_read kg_client_read(struct kg_client *c, struct kg_slice *out, uint64_t *seq,
                            struct kg_gap *gap)
{
    const struct kg_entry *e;
    enum kg_read what = kg_reader_next(&c->reader, &e, gap);
    if (what == KG_READ_GAP) {
        c->kernel->core->counters.gaps++;
        c->kernel->core->counters.gap_messages += gap->messages;
        kg_log(KG_WARN, "kernel", "reader lost output", "kernel=%s messages=%llu bytes=%llu",
               c->kernel->id, (unsigned long long)gap->messages, (unsigned long long)gap->bytes);
    } else if (what == KG_READ_ENTRY) {
        *out = kg_slice_of(e->frame.blob, e->frame.data, e->frame.len);
        *seq = e->seq;
    }
    return what;
}

/* A status of the server's own about the kernel, not about a request. */
static bool says_restarting(const struct kg_slice *frame)
{
    struct jy_msg msg;
    struct jy_header header;
    return jy_wsframe_split(&msg, frame->data, frame->len, NULL) == 0 &&
           msg.channel == KG_CH_IOPUB && jy_header_peek(&header, msg.header, NULL) == 0 &&
           jy_text_is(header.msg_type, "status") &&
           memmem(msg.content.data, msg.content.len, "\"restarting\"", 12);
}

bool kg_client_next(struct kg_client *c, struct kg_slice *out)
{
    uint64_t seq = 0;
    struct kg_gap gap;
    for (;;) {
        switch (kg_client_read(c, out, &seq, &gap)) {
        case KG_READ_NONE: return false;
        case KG_READ_GAP: *out = say_gap(c, &gap); return true;
        case KG_READ_ENTRY: break;
        }
        /* JupyterLab dials again when it reads this: told once more there, it would do so again and again. */
        if (c->numbered || seq > c->repeats_to || !says_restarting(out))
            break;
        kg_slice_release(out);
    }
    if (c->numbered) {
        struct kg_slice plain = *out;
        *out = kg_say_numbered(&plain, seq);
        kg_slice_release(&plain);
    }
    return true;
}

void kg_client_read_done(struct kg_client *c)
{
    const struct kg_reader *r = &c->reader;
    if (r->at.cum[KG_LANE_OUTPUT] - r->confirmed.cum[KG_LANE_OUTPUT] > KG_PROBE_BYTES ||
        kg_clock_ms() - c->probed_ms > KG_PROBE_MS)
        probe(c);
    kg_journal_trim(r->journal);
    if (c->kernel->held)
        kg_kernel_check_hold(c->kernel);
}

void kg_kernel_check_hold(struct kg_kernel *k)
{
    uint64_t now = kg_clock_ms();
    uint64_t most = 0;
    struct kg_client *c;
    DL_FOREACH(k->clients, c) {
        /* one that takes nothing is not waited for: it will be told of its gap */
        if (!c->events || now - c->reader.progress_ms > KG_HOLD_GRACE_MS)
            continue;
        uint64_t lag = kg_reader_lag(&c->reader);
        if (lag > most)
            most = lag;
    }
    const struct kg_spill *spill = k->journal.spill;
    uint64_t room = KG_JOURNAL_OUTPUT_BYTES + (spill ? kg_spill_room(spill) : 0);
    uint64_t waits =
        spill ? kg_spill_pending(spill) : 0; /* for a disk that is slower than the box */
    bool hold = k->box && (most > (k->held ? room / 2 : room / 4 * 3) ||
                           waits > KG_SPILL_PENDING_BYTES / (k->held ? 4 : 2));
    if (hold == k->held)
        return;
    k->held = hold;
    if (k->box)
        pl_box_hold(k->box, hold);
    if (hold)
        kg_core_watch_holds(k->core);
}

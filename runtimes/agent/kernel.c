#include "runtimes/agent/kernel_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"
<<<<<<< Updated upstream
#include "runtimes/agent/spawn.h"
#include "runtimes/agent/tap.h"
#include "runtimes/agent/wires.h"

enum { NUDGE_MS = 100, QUIET_MS = 1, QUIET_TRIES = 300, NOISE_MAX = 2048, ARGV_MAX = 256 };

enum state {
    K_NONE,
    K_STARTING, /* the process runs; its sockets are not all there, or it has not answered */
    K_WARMING,  /* it has answered and runs the warm-up code */
    K_ALIVE,
    K_STOPPING, /* asked to end; killed when it doesn't */
    K_KILLING,  /* its first process has ended, or must: everything of it is being killed */
    K_QUIET,    /* no process is left; its last messages are on their way to us */
    K_STATES
};
=======
>>>>>>> Stashed changes

#define S(state) (1u << (state))
static const uint8_t next_states[K_STATES] = {
    [K_NONE] = S(K_STARTING),
    [K_STARTING] = S(K_WARMING) | S(K_ALIVE) | S(K_KILLING),
    [K_WARMING] = S(K_ALIVE) | S(K_KILLING),
    [K_ALIVE] = S(K_STOPPING) | S(K_KILLING),
    [K_STOPPING] = S(K_KILLING),
    [K_KILLING] = S(K_QUIET),
    [K_QUIET] = S(K_NONE),
};
static const char *const state_names[K_STATES] = {"none",     "starting", "warming", "alive",
                                                  "stopping", "killing",  "quiet"};

<<<<<<< Updated upstream
/* What kernel.start asked for. */
struct spec {
    char **argv;
    char **envp;
    char *cwd;
    char *warm_code;
    enum jy_transport transport;
    bool by_message; /* interrupt_mode */
    bool python;
    uint64_t ready_ms;
};

struct kk_kernel {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    struct kk_link *link;
    struct kk_children *children;
    uv_timer_t timer; /* of the state: ready limit, stop's grace, quiet */
    uv_timer_t nudge;
    uv_timer_t hold;
    uv_timer_t configure_limit;
    int closing;

    enum state state;
    struct spec spec;
    int attempt;
    pid_t pid;
    int status; /* as waitpid gave it */
    bool ended; /* status is known */
    uint64_t began_ms;
    struct kk_wires *wires;
    struct kk_tap *tap;
    struct kk_own own;
    struct kk_history history;
    struct kk_messages messages; /* for what it writes to its stdout and stderr */
    struct kg_buf waiting;       /* from the gateway, as records, until it is ready */
    struct kg_buf info;          /* content of its kernel_info_reply */
    struct kg_buf noise;         /* the end of what it wrote before it was ready */
    bool hears_iopub;            /* so our subscription has reached it */
    bool said_starting;
    uint64_t info_asked;         /* numbers of own requests; 0: none under way */
    uint64_t warm_asked;
    uint64_t configure_asked;

    uint64_t start_id, stop_id, configure_id; /* requests to be answered */
    bool start_due, stop_due, configure_due;
    bool lost_a_port;
    int quiet_left;
    char failure[KG_ERR_TEXT_MAX]; /* why it is killed; "": it ended by itself */
};

static void begin_killing(struct kk_kernel *k, const char *why);

static void enter(struct kk_kernel *k, enum state to, const char *why)
=======
void kk_kernel_enter(struct kk_kernel *k, enum kk_kernel_state to, const char *why)
>>>>>>> Stashed changes
{
    if (!(next_states[k->state] & S(to)))
        kg_log(KG_ERROR, "agent", "kernel step that should not be", "from=%s to=%s",
               state_names[k->state], state_names[to]);
    kg_log(KG_DEBUG, "agent", "kernel step", "from=%s to=%s why=\"%s\"", state_names[k->state],
           state_names[to], why);
    uv_timer_stop(&k->timer); /* it belonged to the old state */
    k->state = to;
}

const char *kk_kernel_state_name(const struct kk_kernel *k)
{
    return state_names[k->state];
}

bool kk_kernel_alive(const struct kk_kernel *k)
{
    return k->state != K_NONE;
}

<<<<<<< Updated upstream
/* ---- to the kernel ---- */

static void relay(struct kk_kernel *k, uint8_t channel, const uint8_t *frame, size_t n)
{
    struct jy_msg m;
    struct jy_header header;
    struct kg_err err = {0};
    int rc = jy_wsframe_split(&m, frame, n, &err);
    if (rc == 0 && m.channel != channel)
        rc = kg_err_set(&err, -EPROTO, "the frame names another channel than its record");
    if (rc == 0)
        rc = jy_header_require(&header, m.header, &err);
    if (rc == 0) {
        if (kk_history_seen(&k->history, header.msg_id))
            return; /* sent again after a reconnect */
        if (channel == KG_CH_SHELL)
            kk_messages_set_parent(&k->messages, m.header);
        rc = kk_wires_send(k->wires, &m, &err);
    }
    if (rc < 0)
        kg_log(KG_WARN, "agent", "message to the kernel dropped", "error=\"%s\"", err.text);
}

static void relay_waiting(struct kk_kernel *k)
{
    struct kg_rec rec;
    size_t off = 0;
    while (kg_rec_decode(&rec, k->waiting.data + off, k->waiting.len - off, NULL) > 0) {
        relay(k, rec.channel, k->waiting.data + off + KG_REC_HEAD, rec.body_len);
        off += KG_REC_HEAD + rec.body_len;
    }
    kg_buf_release(&k->waiting);
}

void kk_kernel_message(struct kk_kernel *k, uint8_t channel, const uint8_t *frame, size_t n)
{
    if (k->state == K_ALIVE || k->state == K_STOPPING) {
        relay(k, channel, frame, n);
        return;
    }
    bool starting = k->state == K_STARTING || k->state == K_WARMING;
    if (!starting || k->waiting.len + n > KK_KERNEL_WAITING_MAX) {
        kg_log(KG_WARN, "agent", "message for the kernel dropped", "state=%s",
               state_names[k->state]);
        return;
    }
    struct kg_rec rec = {.type = KG_REC_MSG, .channel = channel};
    kg_rec_append(&k->waiting, &rec, frame, n);
}

/* ---- starting ---- */

static void send_start_reply(struct kk_kernel *k)
{
    struct kk_reply r;
    k->start_due = false;
    kk_reply_begin(&r, k->start_id);
    kg_json_key(&r.json, "kernel_info");
    kg_json_raw(&r.json, k->info.data, k->info.len);
    kg_json_kint(&r.json, "pid", k->pid);
    kg_json_kint(&r.json, "ms", (int64_t)(kg_clock_ms() - k->began_ms));
    kk_reply_send(&r, k->link);
}

static void become_alive(struct kk_kernel *k)
{
    uv_timer_stop(&k->timer);
    enter(k, K_ALIVE, "it has answered");
    kg_log(KG_INFO, "agent", "kernel ready", "pid=%d ms=%llu", (int)k->pid,
           (unsigned long long)(kg_clock_ms() - k->began_ms));
    kg_buf_release(&k->noise);
    send_start_reply(k);
    relay_waiting(k);
}

static void on_not_ready(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    char why[96];
    snprintf(why, sizeof why, "the kernel did not answer within %llu ms",
             (unsigned long long)k->spec.ready_ms);
    begin_killing(k, why);
}

static void start_ready_limit(struct kk_kernel *k)
{
    uint64_t gone = kg_clock_ms() - k->began_ms;
    uv_timer_start(&k->timer, on_not_ready, gone < k->spec.ready_ms ? k->spec.ready_ms - gone : 1,
                   0);
}

/* It has answered, and what it publishes is heard: two things that come about on their own. */
static void check_ready(struct kk_kernel *k)
{
    struct kg_err err = {0};
    if (k->state != K_STARTING || k->info.len == 0 || !k->hears_iopub)
        return;
    uv_timer_stop(&k->nudge);
    if (!k->spec.warm_code) {
        become_alive(k);
        return;
    }
    enter(k, K_WARMING, "it has answered");
    start_ready_limit(k);
    k->warm_asked = kk_own_execute(&k->own, k->wires, k->spec.warm_code, &err);
    if (!k->warm_asked)
        begin_killing(k, err.text);
}

static void ask_info(struct kk_kernel *k)
{
    struct kg_err err = {0};
    k->info_asked =
        kk_own_send(&k->own, k->wires, KG_CH_SHELL, "kernel_info_request", kg_span_str("{}"), &err);
    if (!k->info_asked)
        begin_killing(k, err.text);
}

/* A kernel without iopub_welcome: each answered kernel_info should come with a status on iopub; until one is heard our
 * subscription has not reached it, and it is asked again. */
static void on_nudge(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    if (k->state == K_STARTING && k->info.len > 0 && !k->hears_iopub)
        ask_info(k);
}

static void on_connected(void *user)
{
    struct kk_kernel *k = user;
    ask_info(k);
    uv_timer_start(&k->nudge, on_nudge, NUDGE_MS, NUDGE_MS);
}

/* ---- from the kernel ---- */

static void configured(struct kk_kernel *k, struct kg_err *failure)
{
    if (!k->configure_due)
        return;
    k->configure_due = false;
    k->configure_asked = 0;
    uv_timer_stop(&k->configure_limit);
    if (failure)
        kk_reply_error(k->link, k->configure_id, failure);
    else
        kk_reply_ok(k->link, k->configure_id);
}

/* The reply to a configure: says whether the code raised. */
static void take_configure_reply(struct kk_kernel *k, struct kg_span content)
{
    json_t *doc = json_loadb((const char *)content.data, content.len, 0, NULL);
    const char *status = json_string_value(json_object_get(doc, "status"));
    const char *ename = json_string_value(json_object_get(doc, "ename"));
    const char *evalue = json_string_value(json_object_get(doc, "evalue"));
    if (status && strcmp(status, "ok") == 0) {
        configured(k, NULL);
    } else {
        struct kg_err err;
        kg_err_set(&err, -EIO, "configure the kernel: %.60s: %.200s", ename ? ename : "no answer",
                   evalue ? evalue : "");
        configured(k, &err);
    }
    json_decref(doc);
}

static void take_own(struct kk_kernel *k, uint64_t number, const struct jy_msg *m,
                     enum kg_rec_kind kind)
{
    if (m->channel == KG_CH_IOPUB) {
        k->hears_iopub = true;
    } else if (kind == KG_KIND_KERNEL_INFO && k->state == K_STARTING && k->info.len == 0) {
        enum jy_json_type type;
        /* It becomes part of our own JSON, so it must be some. */
        if (jy_json_check(m->content, &type, NULL) == 0 && type == JY_JSON_OBJECT)
            kg_buf_add(&k->info, m->content.data, m->content.len);
        else
            begin_killing(k, "the kernel's kernel_info_reply is no JSON");
    } else if (kind == KG_KIND_REPLY && number == k->warm_asked && k->state == K_WARMING) {
        become_alive(k);
        return;
    } else if (kind == KG_KIND_REPLY && number == k->configure_asked) {
        take_configure_reply(k, m->content);
    }
    check_ready(k);
}

static void on_received(void *user, const struct jy_wire *wire)
{
    struct kk_kernel *k = user;
    const struct jy_msg *m = &wire->msg;
    struct jy_header header;
    enum kg_rec_kind kind = jy_header_peek(&header, m->header, NULL) == 0
                                ? jy_kind_of(m->channel, &header, m->content)
                                : KG_KIND_OTHER;
    uint64_t own = kk_own_match(&k->own, m->parent_header);
    if (own) {
        take_own(k, own, m, kind);
        return;
    }
    if (kind == KG_KIND_OTHER && m->channel == KG_CH_IOPUB &&
        kg_span_is(header.msg_type, "iopub_welcome")) {
        k->hears_iopub = true;
        check_ready(k);
        return;
    }
    bool first_start = kind == KG_KIND_STATUS_STARTING && !k->said_starting;
    k->said_starting = k->said_starting || first_start;
    if (k->state == K_STARTING || k->state == K_WARMING || first_start)
        return; /* of the start itself, though it may be heard after the answer: nobody's business */
    if (jy_wsframe_size(m) > KG_REC_BODY_MAX) {
        kg_log(KG_WARN, "agent", "message from the kernel dropped", "bytes=%zu limit=%d",
               jy_wsframe_size(m), KG_REC_BODY_MAX);
        return;
    }
    kk_frame_put(k->link, m, (uint8_t)kind);
}

static void on_bad_signature(void *user, uint8_t channel, uint64_t count)
{
    struct kk_kernel *k = user;
    if (count & (count - 1))
        return; /* told of at 1, 2, 4, 8...: whoever forges must not flood us, too */
    kg_autobuf body = {0};
    kg_buf_printf(&body, "{\"event\":\"bad_signature\",\"channel\":\"%s\",\"count\":%llu}",
                  kg_channel_name(channel), (unsigned long long)count);
    kk_link_add(k->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

/* What the process itself writes: shown with the last cell once it is ready; before that, kept to say why it failed. */
static void on_stdio(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kk_kernel *k = user;
    if (!k->start_due) {
        kk_messages_stream(&k->messages, stream, text, n);
        return;
    }
    kg_buf_add(&k->noise, text, n);
    if (k->noise.len > NOISE_MAX)
        kg_buf_drop(&k->noise, k->noise.len - NOISE_MAX);
    if (memmem(k->noise.data, k->noise.len, "Address already in use", 22))
        k->lost_a_port = true;
}

/* ---- ending ---- */

static void cleanup(struct kk_kernel *k)
{
    kk_children_watch(k->children, 0, NULL, NULL);
    uv_timer_stop(&k->timer);
    uv_timer_stop(&k->nudge);
    kk_tap_close(k->tap);
    k->tap = NULL;
    kk_wires_close(k->wires);
    k->wires = NULL;
    kg_buf_release(&k->info);
    kg_buf_release(&k->noise);
    kk_own_release(&k->own);
    k->pid = 0;
}

static void release_spec(struct spec *s)
{
    free(s->argv);
    free(s->envp);
    free(s->cwd);
    free(s->warm_code);
    *s = (struct spec){0};
}

static void describe_end(const struct kk_kernel *k, char *out, size_t size)
{
    if (!k->ended)
        snprintf(out, size, "was killed");
    else if (WIFEXITED(k->status))
        snprintf(out, size, "ended with exit status %d", WEXITSTATUS(k->status));
    else
        snprintf(out, size, "was ended by signal %d", WTERMSIG(k->status));
}

/* The start has failed: the sentence says what the kernel wrote last. */
static void fail_start(struct kk_kernel *k)
{
    struct kg_err err = {.code = -EIO};
    char end[64];
    describe_end(k, end, sizeof end);
    if (k->failure[0])
        snprintf(err.text, sizeof err.text, "%s", k->failure);
    else
        snprintf(err.text, sizeof err.text, "the kernel %s before it answered", end);
    const char *noise = kg_buf_cstr(&k->noise);
    size_t n = strlen(noise);
    while (n > 0 && noise[n - 1] == '\n')
        n--;
    size_t from = n > 200 ? n - 200 : 0;
    if (n > 0) {
        size_t used = strlen(err.text);
        snprintf(err.text + used, sizeof err.text - used, ": %.*s", (int)(n - from), noise + from);
    }
    k->start_due = false;
    kk_reply_error(k->link, k->start_id, &err);
}

static void tell_exit(struct kk_kernel *k)
{
    kg_autobuf body = {0};
    kg_buf_add_str(&body, "{\"event\":\"kernel_exit\",\"exit_code\":");
    if (k->ended && WIFEXITED(k->status))
        kg_buf_printf(&body, "%d", WEXITSTATUS(k->status));
    else
        kg_buf_add_str(&body, "null");
    kg_buf_add_str(&body, ",\"signal\":");
    if (k->ended && WIFSIGNALED(k->status))
        kg_buf_printf(&body, "%d", WTERMSIG(k->status));
    else
        kg_buf_add_str(&body, "null");
    kg_buf_add_char(&body, '}');
    kk_link_add(k->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

static int launch(struct kk_kernel *k, struct kg_err *err);

/* Nothing is left of it, and nothing more will be heard. */
static void finish(struct kk_kernel *k)
{
    kk_tap_finish(k->tap);
    bool again = k->start_due && k->lost_a_port && !k->failure[0] && !k->stop_due &&
                 ++k->attempt < KK_KERNEL_ATTEMPTS;
    struct kg_err failure = {.code = -ESRCH, .text = "the kernel has ended"};
    configured(k, &failure);
    if (k->start_due && !again)
        fail_start(k);
    else if (!k->start_due && !k->stop_due)
        tell_exit(k);
    char end[64];
    describe_end(k, end, sizeof end);
    kg_log(KG_INFO, "agent", "kernel gone", "how=\"%s\" why=\"%s\"", end, k->failure);
    cleanup(k);
    enter(k, K_NONE, "gone");
    if (k->stop_due)
        kk_reply_ok(k->link, k->stop_id);
    k->stop_due = false;
    if (again && launch(k, &failure) == 0)
        return;
    if (again) {
        k->start_due = false;
        kk_reply_error(k->link, k->start_id, &failure);
    }
    release_spec(&k->spec);
    kg_buf_release(&k->waiting);
}

static void on_quiet(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    if (!kk_wires_ended(k->wires) && k->quiet_left-- > 0)
        return;
    finish(k);
}

/* What the kernel sent before its end may still be in its sockets. They end when it is read, unless somebody else has
 * them open, too: such a one is not waited for. */
static void on_gone(void *user)
{
    struct kk_kernel *k = user;
    enter(k, K_QUIET, "no process is left");
    kk_wires_hold(k->wires, false);
    k->quiet_left = QUIET_TRIES;
    uv_timer_start(&k->timer, on_quiet, QUIET_MS, QUIET_MS);
}

/* why NULL: it has ended by itself, or as asked. */
static void begin_killing(struct kk_kernel *k, const char *why)
{
    if (k->state == K_KILLING || k->state == K_QUIET)
        return;
    if (why)
        snprintf(k->failure, sizeof k->failure, "%s", why);
    enter(k, K_KILLING, why ? why : "its process has ended");
    uv_timer_stop(&k->nudge);
    kk_children_kill_all(k->children, on_gone, k);
}

static void on_main_ended(void *user, int status)
{
    struct kk_kernel *k = user;
    k->status = status;
    k->ended = true;
    begin_killing(k, NULL);
}

/* ---- requests ---- */

static int open_wires(struct kk_kernel *k, struct kg_err *err)
{
    static const struct kk_wires_events events = {
        .received = on_received,
        .connected = on_connected,
        .bad_signature = on_bad_signature,
    };
    return kk_wires_open(&k->wires, k->loop, k->options, k->spec.transport, &events, k, err);
}

/* argv with {connection_file} filled in: one piece of memory. */
static char **fill_argv(char *const *argv, const char *file)
{
    static const char mark[] = "{connection_file}";
    json_t *list = json_array();
    for (; *argv; argv++) {
        kg_autobuf arg = {0};
        const char *at = *argv;
        for (const char *hit; (hit = strstr(at, mark)); at = hit + sizeof mark - 1) {
            kg_buf_add(&arg, at, (size_t)(hit - at));
            kg_buf_add_str(&arg, file);
        }
        kg_buf_add_str(&arg, at);
        json_array_append_new(list, json_string(kg_buf_cstr(&arg)));
    }
    char **out = kk_argv_from_json(list, ARGV_MAX);
    json_decref(list);
    return out;
}

static int spawn_kernel(struct kk_kernel *k, struct kg_err *err)
{
    int out[2] = {-1, -1}, errs[2] = {-1, -1};
    int listener = -1;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    kg_autofree char **argv = fill_argv(k->spec.argv, kk_wires_file(k->wires));
    pid_t pid = -1;
    int rc = null < 0 ? -errno : 0;
    if (rc == 0 && (rc = kk_pipe(out, 0, k->options)) == 0)
        rc = kk_pipe(errs, 0, k->options);
    if (rc < 0) {
        kg_err_errno(err, -rc, "open the kernel's stdout and stderr");
    } else {
        struct kk_spawn s = {
            .options = k->options,
            .strict = k->options->drop ? k->strict : NULL,
            .argv = argv,
            .envp = k->spec.envp,
            .cwd = k->spec.cwd,
            .fds = {null, out[1], errs[1]},
            .umask =
                007, /* the sockets are for our group as well: without capabilities we connect by it */
        };
        pid = kk_spawn(&s, &listener, err);
    }
    const int theirs[] = {null, out[1], errs[1]};
    for (size_t i = 0; i < KG_COUNT(theirs); i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    if (pid < 0) {
        if (out[0] >= 0)
            close(out[0]);
        if (errs[0] >= 0)
            close(errs[0]);
        return err->code;
    }
    k->tap = kk_tap_open(&(struct kk_tap_config){.loop = k->loop,
                                                 .fds = {out[0], errs[0]},
                                                 .listener = listener,
                                                 .emit = on_stdio,
                                                 .user = k});
    k->pid = pid;
    return 0;
}

/* Starts the process; what answers start_id comes later. */
static int launch(struct kk_kernel *k, struct kg_err *err)
{
    k->hears_iopub = k->said_starting = k->ended = k->lost_a_port = false;
    k->info_asked = k->warm_asked = k->configure_asked = 0;
    k->failure[0] = 0;
    k->began_ms = k->attempt == 0 ? kg_clock_ms() : k->began_ms;
    kk_own_init(&k->own);
    int rc = open_wires(k, err);
    if (rc == 0)
        rc = spawn_kernel(k, err);
    if (rc < 0) {
        cleanup(k);
        return rc;
    }
    enter(k, K_STARTING, "asked to");
    kk_children_watch(k->children, k->pid, on_main_ended, k);
    start_ready_limit(k);
    return 0;
}

static int read_spec(struct spec *s, const struct kk_options *o, const json_t *req,
                     struct kg_err *err)
{
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    const char *transport = json_string_value(json_object_get(req, "transport"));
    const char *mode = json_string_value(json_object_get(req, "interrupt_mode"));
    const char *language = json_string_value(json_object_get(req, "language"));
    const char *warm = json_string_value(json_object_get(req, "warm_code"));
    json_int_t ready = json_integer_value(json_object_get(req, "ready_ms"));
    *s = (struct spec){
        .argv = kk_argv_from_json(json_object_get(req, "argv"), ARGV_MAX),
        .envp = kk_env_from_json(json_object_get(req, "env"), o),
        .cwd = !cwd || !*cwd ? kg_strdup(o->work)
               : *cwd == '/' ? kg_strdup(cwd)
                             : kg_asprintf("%s/%s", o->work, cwd),
        .warm_code = warm && *warm ? kg_strdup(warm) : NULL,
        .transport = transport && strcmp(transport, "tcp") == 0 ? JY_TCP : JY_IPC,
        .by_message = mode && strcmp(mode, "message") == 0,
        .python = language && strcmp(language, "python") == 0,
        .ready_ms = ready > 0 ? (uint64_t)ready : KK_KERNEL_READY_MS,
    };
    if (!s->argv)
        return kg_err_set(err, -EINVAL, "argv must be a list of 1 to %d strings", ARGV_MAX);
    if (!s->envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    return 0;
}

=======
>>>>>>> Stashed changes
int kk_kernel_start(struct kk_kernel *k, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (k->state != K_NONE)
        return kg_err_set(err, -EBUSY, "a kernel lives here already");
    int rc = kk_spec_read(&k->spec, k->options, req, err);
    k->attempt = 0;
    k->start_id = id;
    if (rc == 0)
        rc = kk_kernel_launch(k, err);
    if (rc < 0) {
        kk_spec_release(&k->spec);
        return rc;
    }
    k->start_due = true;
    kk_messages_set_parent(&k->messages, kg_span_str("{}"));
    kk_children_reset_usage(k->children);
    return 0;
}

int kk_kernel_interrupt(struct kk_kernel *k, struct kg_err *err)
{
    if (k->state == K_NONE || k->state == K_KILLING || k->state == K_QUIET)
        return kg_err_set(err, -ESRCH, "there is no kernel");
    if (k->state != K_ALIVE)
        return 0; /* nothing of the user's runs; a signal could end it */
    if (k->spec.by_message)
        return kk_own_send(&k->own, k->wires, KG_CH_CONTROL, "interrupt_request", kg_span_str("{}"),
                           err)
                   ? 0
                   : err->code;
    kill(-k->pid, SIGINT);
    return 0;
}

static void on_grace_over(uv_timer_t *timer)
{
    kk_kernel_kill(timer->data, NULL);
}

int kk_kernel_stop(struct kk_kernel *k, uint64_t id, uint64_t grace_ms, struct kg_err *err)
{
    if (k->stop_due)
        return kg_err_set(err, -EALREADY, "it is being stopped");
    if (k->state == K_NONE) {
        kk_reply_ok(k->link, id);
        return 0;
    }
    k->stop_due = true;
    k->stop_id = id;
    if (k->state != K_ALIVE || grace_ms == 0) {
        kk_kernel_kill(k, k->start_due ? "the kernel was stopped before it answered" : NULL);
        return 0;
    }
    kk_kernel_enter(k, K_STOPPING, "asked to");
    if (!kk_own_send(&k->own, k->wires, KG_CH_CONTROL, "shutdown_request",
                     kg_span_str("{\"restart\":false}"), err)) {
        kk_kernel_kill(k, NULL);
        return 0;
    }
    uv_timer_start(&k->timer, on_grace_over, grace_ms, 0);
    return 0;
}

static void on_hold_over(uv_timer_t *timer)
{
    struct kk_kernel *k = timer->data;
    bool slow = kk_link_sent(k->link) != k->hold_sent;
    if (slow && kg_clock_ms() - k->hold_began_ms < KK_KERNEL_HOLD_SLOW_MS) {
        k->hold_sent = kk_link_sent(k->link);
        return;
    }
    uv_timer_stop(timer);
    if (k->wires)
        kk_wires_hold(k->wires, false); /* from here on the link drops the oldest and says so */
}

void kk_kernel_hold(struct kk_kernel *k, bool hold)
{
    if (k->tap && k->state != K_STARTING)
        kk_tap_hold(k->tap, hold);
    if (!k->wires || k->state == K_KILLING || k->state == K_QUIET)
        return;
    kk_wires_hold(k->wires, hold);
    uv_timer_stop(&k->hold);
    if (!hold)
        return;
    k->hold_began_ms = kg_clock_ms();
    k->hold_sent = kk_link_sent(k->link);
    uv_timer_start(&k->hold, on_hold_over, KK_KERNEL_HOLD_MS, KK_KERNEL_HOLD_MS);
}

struct kk_kernel *kk_kernel_new(uv_loop_t *loop, const struct kk_options *options,
                                const struct sock_fprog *strict, struct kk_link *link,
                                struct kk_children *children)
{
    struct kk_kernel *k = kg_calloc(1, sizeof *k);
    k->loop = loop;
    k->options = options;
    k->strict = strict;
    k->link = link;
    k->children = children;
    kk_messages_init(&k->messages, link, NULL, "kernel");
    uv_timer_t *timers[] = {&k->timer, &k->nudge, &k->hold, &k->configure_limit};
    for (size_t i = 0; i < KG_COUNT(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = k;
    }
    return k;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_kernel *k = h->data;
    if (--k->closing == 0)
        free(k);
}

void kk_kernel_free(struct kk_kernel *k)
{
    if (!k)
        return;
    kk_kernel_cleanup(k);
    kk_spec_release(&k->spec);
    kg_buf_release(&k->waiting);
    kk_messages_release(&k->messages);
    uv_timer_t *timers[] = {&k->timer, &k->nudge, &k->hold, &k->configure_limit};
    k->closing = (int)KG_COUNT(timers);
    for (size_t i = 0; i < KG_COUNT(timers); i++)
        uv_close((uv_handle_t *)timers[i], on_closed);
}

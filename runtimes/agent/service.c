#include "runtimes/agent/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"
#include "runtimes/agent/spawn.h"
#include "runtimes/agent/tap.h"

/* One that ends sooner than GOOD_LIFE_MS after its start is given that time; after YOUNG_MAX such ends in a row it is
 * started again only when somebody waits for it. */
enum { GOOD_LIFE_MS = 1000, YOUNG_MAX = 3 };
enum { ARGV_MAX = 256, NOISE_MAX = 2048, ENDING_MS = 500, NOISE_SHOWN = 200 };

static const char ready_line[] = "ready\n";

enum service_state {
    S_NONE,     /* the box has none */
    S_STARTING, /* its process runs and has not said that it serves */
    S_SERVING,
    S_DOWN, /* it ended, or could not be started */
};

struct kk_service {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    struct kk_link *link;
    struct kk_children *children;
    uv_timer_t limit; /* of S_STARTING */
    uv_timer_t turn;  /* what is done from the loop rather than from inside the reaper */
    int closing;

    enum service_state state;
    char **argv;
    char **envp;
    uint64_t ready_ms;
    uint64_t began_ms;
    uint64_t start_id; /* the request to be answered */
    bool start_due;
    pid_t pid;
    int status; /* as waitpid gave it, when it has ended */
    bool ended;
    int young; /* ends in a row that came too soon */
    struct kk_tap *tap;
    uv_poll_t *ready; /* descriptor 3's other end */
    int ready_fd;
    size_t ready_len; /* how much of the line has come */
    struct kg_buf noise;
    struct kg_err failure; /* why it is being killed; code 0: it is not */
    struct kk_service_wait *waits;
};

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void close_ready(struct kk_service *s)
{
    if (!s->ready)
        return;
    uv_close((uv_handle_t *)kg_steal(&s->ready), free_handle);
    close(kg_steal_fd(&s->ready_fd));
}

static void forget_process(struct kk_service *s)
{
    uv_timer_stop(&s->limit);
    close_ready(s);
    kk_tap_close(s->tap);
    s->tap = NULL;
    s->pid = 0;
}

/* Its own words: for the log, and the last of them for the sentence that says why it failed. */
static void on_noise(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    (void)stream;
    struct kk_service *s = user;
    kg_buf_add(&s->noise, text, n);
    if (s->noise.len > NOISE_MAX)
        kg_buf_drop(&s->noise, s->noise.len - NOISE_MAX);
    char line[NOISE_SHOWN + 1];
    size_t len = n < NOISE_SHOWN ? n : NOISE_SHOWN;
    for (size_t i = 0; i < len; i++)
        line[i] = text[i] < 0x20 || text[i] == '"' ? ' ' : (char)text[i];
    line[len] = 0;
    kg_log(KG_INFO, "service", "says", "text=\"%s\"", line);
}

/* All who wait hear why, or that it serves. A new wait that a callback makes is for the next time. */
static void tell_waits(struct kk_service *s, const struct kg_err *why)
{
    struct kk_service_wait *list = kg_steal(&s->waits);
    while (list) {
        struct kk_service_wait *w = list;
        list = w->next;
        w->next = NULL;
        w->done(w, why);
    }
}

static void serve(struct kk_service *s)
{
    uv_timer_stop(&s->limit);
    close_ready(s);
    s->state = S_SERVING;
    kg_buf_clear(&s->noise);
    kg_log(KG_INFO, "service", "serves", "pid=%d ms=%llu", (int)s->pid,
           (unsigned long long)(kg_clock_ms() - s->began_ms));
    if (s->start_due) {
        struct kk_reply r;
        s->start_due = false;
        kk_reply_begin(&r, s->start_id);
        kg_json_kint(&r.json, "pid", s->pid);
        kg_json_kint(&r.json, "ms", (int64_t)(kg_clock_ms() - s->began_ms));
        kk_reply_send(&r, s->link);
    }
    tell_waits(s, NULL);
}

/* It can't be started, for this reason: nobody waits for it any longer. */
static void be_down(struct kk_service *s, const struct kg_err *why)
{
    bool first = s->start_due;
    s->state = S_DOWN;
    kg_log(KG_WARN, "service", "down", "why=\"%s\"", why->text);
    if (first) {
        s->start_due = false;
        s->state = S_NONE; /* the box never had one */
        kk_reply_error(s->link, s->start_id, why);
    }
    tell_waits(s, why);
}

static void describe_end(struct kk_service *s, struct kg_err *err)
{
    if (s->failure.code) {
        *err = s->failure;
    } else if (WIFSIGNALED(s->status)) {
        kg_err_set(err, -EIO, "the box's service was ended by signal %d before it served",
                   WTERMSIG(s->status));
    } else {
        kg_err_set(err, -EIO, "the box's service ended with exit status %d before it served",
                   WEXITSTATUS(s->status));
    }
    const char *noise = kg_buf_cstr(&s->noise);
    size_t n = strlen(noise);
    while (n > 0 && noise[n - 1] == '\n')
        n--;
    size_t used = strlen(err->text);
    if (n > 0)
        snprintf(err->text + used, sizeof err->text - used, ": %.*s",
                 (int)(n < NOISE_SHOWN ? n : NOISE_SHOWN),
                 noise + (n < NOISE_SHOWN ? 0 : n - NOISE_SHOWN));
}

static void fail(struct kk_service *s, int code, const char *why)
{
    if (!s->failure.code)
        kg_err_set(&s->failure, code, "%s", why);
    kk_children_kill_service(s->children, s->pid);
}

static void on_not_ready(uv_timer_t *timer)
{
    struct kk_service *s = timer->data;
    char why[96];
    snprintf(why, sizeof why, "the box's service did not say that it serves within %llu ms",
             (unsigned long long)s->ready_ms);
    fail(s, -ETIMEDOUT, why);
}

static void on_closed_early(uv_timer_t *timer)
{
    fail(timer->data, -EIO, "the box's service closed descriptor 3 before it was ready");
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct kk_service *s = poll->data;
    char text[64];
    ssize_t n = status < 0 ? 0 : read(s->ready_fd, text, sizeof text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    size_t want = sizeof ready_line - 1 - s->ready_len;
    if (n > 0 &&
        memcmp(text, ready_line + s->ready_len, (size_t)n < want ? (size_t)n : want) == 0) {
        s->ready_len += (size_t)n;
        if ((size_t)n >= want)
            serve(s);
        return;
    }
    uv_poll_stop(poll);
    if (n > 0)
        fail(s, -EIO, "the box's service wrote something else than \"ready\" to descriptor 3");
    else /* most likely it is ending, and how says more */
        uv_timer_start(&s->limit, on_closed_early, ENDING_MS, 0);
}

static void tell_exit(const struct kk_service *s)
{
    bool exited = WIFEXITED(s->status);
    kg_autobuf body = {0};
    kg_buf_add_str(&body, "{\"event\":\"service_exit\",");
    if (exited)
        kg_buf_printf(&body, "\"exit_code\":%d,\"signal\":null}", WEXITSTATUS(s->status));
    else
        kg_buf_printf(&body, "\"exit_code\":null,\"signal\":%d}", WTERMSIG(s->status));
    kk_link_add(s->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

static void launch_or_tell(struct kk_service *s);

static void on_launch_due(uv_timer_t *timer)
{
    struct kk_service *s = timer->data;
    if (s->state == S_DOWN)
        launch_or_tell(s);
}

/* A program may be at work that needs it, whoever is to blame for its end. */
static void start_again(struct kk_service *s)
{
    uint64_t age = kg_clock_ms() - s->began_ms;
    s->young = age < GOOD_LIFE_MS ? s->young + 1 : 0;
    if (s->young == 0 || s->waits)
        launch_or_tell(s);
    else if (s->young <= YOUNG_MAX)
        uv_timer_start(&s->turn, on_launch_due, GOOD_LIFE_MS - age, 0);
}

static void on_turn(uv_timer_t *timer)
{
    struct kk_service *s = timer->data;
    bool served = s->state == S_SERVING;
    struct kg_err why = {0};
    if (s->tap)
        kk_tap_finish(s->tap);
    forget_process(s);
    if (served) {
        tell_exit(s);
        s->state = S_DOWN;
        start_again(s);
        return;
    }
    describe_end(s, &why);
    be_down(s, &why);
}

static void on_ended(void *user, int status)
{
    struct kk_service *s = user;
    s->status = status;
    s->ended = true;
    kk_children_kill_service(s->children, s->pid); /* its children hold its files and its socket */
    uv_timer_start(&s->turn, on_turn, 0, 0);
}

struct ends {
    int ours[3], theirs[3]; /* stdout, stderr, descriptor 3 */
};

static void ends_close(struct ends *e)
{
    for (int i = 0; i < 3; i++) {
        if (e->ours[i] >= 0)
            close(e->ours[i]);
        if (e->theirs[i] >= 0)
            close(e->theirs[i]);
    }
}

static int spawn_service(struct kk_service *s, struct ends *e, struct kg_err *err)
{
    kg_autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int rc = null < 0 ? -errno : 0;
    int listener;
    for (int i = 0; i < 3 && rc == 0; i++) {
        int fds[2];
        if ((rc = kk_service_pipe(fds, 0, s->options)) == 0) {
            e->ours[i] = fds[0];
            e->theirs[i] = fds[1];
        }
    }
    if (rc < 0)
        return kg_err_errno(err, -rc, "open the pipes of the box's service");
    struct kk_spawn spawn = {
        .options = s->options,
        .strict = s->options->drop ? s->strict : NULL,
        .argv = s->argv,
        .envp = s->envp,
        .cwd = "/tmp",
        .fds = {null, e->theirs[0], e->theirs[1], e->theirs[2]},
        .fd_count = 4,
        .umask = 022,
        .service = true,
    };
    pid_t pid = kk_spawn(&spawn, &listener, err);
    return pid < 0 ? kg_err_wrap(err, "the box's service") : (int)pid;
}

static int launch(struct kk_service *s, struct kg_err *err)
{
    struct ends e = {{-1, -1, -1}, {-1, -1, -1}};
    int pid = spawn_service(s, &e, err);
    if (pid < 0) {
        ends_close(&e);
        return pid;
    }
    s->pid = pid;
    s->state = S_STARTING;
    s->ended = false;
    s->failure = (struct kg_err){0};
    s->began_ms = kg_clock_ms();
    kg_buf_clear(&s->noise);
    s->tap = kk_tap_open(&(struct kk_tap_config){
        .loop = s->loop,
        .fds = {kg_steal_fd(&e.ours[0]), kg_steal_fd(&e.ours[1])},
        .listener = -1,
        .emit = on_noise,
        .user = s,
    });
    s->ready_fd = kg_steal_fd(&e.ours[2]);
    s->ready_len = 0;
    s->ready = kg_calloc(1, sizeof *s->ready);
    uv_poll_init(s->loop, s->ready, s->ready_fd);
    s->ready->data = s;
    uv_poll_start(s->ready, UV_READABLE | UV_DISCONNECT, on_ready);
    ends_close(&e);
    kk_children_spare(s->children, s->pid, on_ended, s);
    uv_timer_start(&s->limit, on_not_ready, s->ready_ms, 0);
    return 0;
}

static void launch_or_tell(struct kk_service *s)
{
    struct kg_err err = {0};
    if (launch(s, &err) < 0)
        be_down(s, &err);
}

static void release_spec(struct kk_service *s)
{
    free(kg_steal(&s->argv));
    free(kg_steal(&s->envp));
}

int kk_service_start(struct kk_service *s, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (s->state != S_NONE)
        return kg_err_set(err, -EALREADY, "the box has its service");
    json_int_t ready = json_integer_value(json_object_get(req, "ready_ms"));
    release_spec(s);
    s->argv = kk_argv_from_json(json_object_get(req, "argv"), ARGV_MAX);
    s->envp = kk_env_from_json(json_object_get(req, "env"), s->options);
    s->ready_ms = ready > 0 ? (uint64_t)ready : KK_SERVICE_READY_MS;
    if (!s->argv)
        return kg_err_set(err, -EINVAL, "argv must be a list of 1 to %d strings", ARGV_MAX);
    if (!s->envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    int rc = launch(s, err);
    if (rc < 0)
        return rc;
    s->start_id = id;
    s->start_due = true;
    return 0;
}

bool kk_service_settled(const struct kk_service *s)
{
    return s->state == S_NONE || (s->state == S_SERVING && !s->ended);
}

void kk_service_await(struct kk_service *s, struct kk_service_wait *w)
{
    LL_APPEND(s->waits, w);
    if (s->state == S_DOWN) /* sooner than it may be due */
        uv_timer_start(&s->turn, on_launch_due, 0, 0);
}

void kk_service_forget(struct kk_service *s, struct kk_service_wait *w)
{
    struct kk_service_wait *at;
    LL_FOREACH(s->waits, at)
    if (at == w)
        break;
    if (at)
        LL_DELETE(s->waits, w);
}

struct kk_service *kk_service_new(uv_loop_t *loop, const struct kk_options *options,
                                  const struct sock_fprog *strict, struct kk_link *link,
                                  struct kk_children *children)
{
    struct kk_service *s = kg_calloc(1, sizeof *s);
    s->loop = loop;
    s->options = options;
    s->strict = strict;
    s->link = link;
    s->children = children;
    s->ready_fd = -1;
    uv_timer_init(loop, &s->limit);
    uv_timer_init(loop, &s->turn);
    s->limit.data = s->turn.data = s;
    return s;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_service *s = h->data;
    if (--s->closing == 0)
        free(s);
}

void kk_service_free(struct kk_service *s)
{
    if (!s)
        return;
    forget_process(s);
    release_spec(s);
    kg_buf_release(&s->noise);
    s->closing = 2;
    uv_close((uv_handle_t *)&s->limit, on_closed);
    uv_close((uv_handle_t *)&s->turn, on_closed);
}

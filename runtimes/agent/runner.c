#include "runtimes/agent/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/display.h"
#include "runtimes/agent/feed.h"
#include "runtimes/agent/messages.h"
#include "runtimes/agent/reply.h"
#include "runtimes/agent/spawn.h"
#include "runtimes/agent/tap.h"
#include "runtimes/agent/terminal.h"

enum run_state {
    RUN_NONE,
    RUN_PAUSED,  /* between two phases, until run.continue; no process is left */
    RUN_RUNNING, /* the phase's first process lives */
    RUN_ENDING,  /* it has ended; the rest is being killed */
    RUN_EMPTY,   /* no process is left; the pipes hold the last of the text */
};

struct phase {
    char *name;
    char **argv;
    uint64_t wall_ms; /* 0: no limit of its own */
    bool pause;       /* the gateway is asked before it */
};

struct kk_runner {
    uv_loop_t *loop;
    const struct kk_options *options;
    const struct sock_fprog *strict;
    struct kk_link *link;
    struct kk_children *children;
    uv_timer_t limit;  /* the phase's or the run's wall limit, whichever is first */
    uv_timer_t finish; /* the phase, from the loop rather than from inside the reaper */
    int closing;

    enum run_state state;
    bool held;
    char *run_id;
    char *cwd;
    char **envp;
    struct phase phases[KK_PHASES_MAX];
    size_t phase_count, phase;
    bool wants_stdin;
    bool shows; /* the last phase has a socket for what is no text */
    bool tty;   /* the last phase has a terminal, which takes the place of its pipes */
    uint16_t rows, cols;
    struct kk_terminal terminal;
    uint64_t wall_ms, output_bytes; /* 0: no limit */
    uint64_t began_ms;              /* pauses are no part of the run: it is moved on by them */
    uint64_t pause_began_ms;
    pid_t pid;
    struct kk_messages messages;
    struct kk_tap *tap;
    struct kk_feed *feed;
    struct kk_display *display;
    struct kk_exit exit;
    char detail[KG_ERR_TEXT_MAX];
};

static void on_main_ended(void *user, int status);
static void on_all_gone(void *user);

static void forget(struct kk_runner *r)
{
    kk_children_watch(r->children, 0, NULL, NULL);
    uv_timer_stop(&r->limit);
    kk_tap_close(r->tap);
    r->tap = NULL;
    kk_feed_free(r->feed);
    r->feed = NULL;
    kk_display_close(r->display);
    r->display = NULL;
    kk_terminal_close(&r->terminal);
    r->tty = false;
    for (size_t i = 0; i < r->phase_count; i++) {
        free(r->phases[i].name);
        free(r->phases[i].argv);
    }
    memset(r->phases, 0, sizeof r->phases);
    r->phase_count = r->phase = 0;
    free(kg_steal(&r->run_id));
    free(kg_steal(&r->cwd));
    free(kg_steal(&r->envp));
    kk_messages_release(&r->messages);
    r->state = RUN_NONE;
}

static void emit(void *user, enum kk_stream stream, const uint8_t *text, size_t n)
{
    struct kk_runner *r = user;
    kk_messages_stream(&r->messages, stream, text, n);
}

/* Ends the run before its time. The first reason stands. */
static void end_with(struct kk_runner *r, const char *reason, uint64_t limit)
{
    if (!r->exit.reason) {
        r->exit.reason = reason;
        r->exit.limit = limit;
    }
    if (r->state == RUN_RUNNING || r->state == RUN_PAUSED)
        kk_children_kill_all(r->children, on_all_gone, r);
}

static size_t admit(void *user, enum kk_stream stream, size_t n)
{
    struct kk_runner *r = user;
    uint64_t *count = stream == KK_STDERR ? &r->exit.stderr_bytes : &r->exit.stdout_bytes;
    uint64_t so_far = r->exit.stdout_bytes + r->exit.stderr_bytes;
    if (r->output_bytes && so_far + n > r->output_bytes) {
        n = (size_t)(r->output_bytes - so_far);
        end_with(r, "output_limit", r->output_bytes);
    }
    *count += n;
    return n;
}

static void before_display(void *user)
{
    struct kk_runner *r = user;
    if (r->tap)
        kk_tap_drain(r->tap);
}

/* It counts as output, whole or not at all. */
static void show(void *user, const char *type, struct kg_span content, size_t line)
{
    struct kk_runner *r = user;
    uint64_t so_far = r->exit.stdout_bytes + r->exit.stderr_bytes;
    if (r->output_bytes && so_far + line > r->output_bytes) {
        end_with(r, "output_limit", r->output_bytes);
        return;
    }
    r->exit.stdout_bytes += line;
    kk_messages_content(&r->messages, KG_CH_IOPUB, type, KG_KIND_OUTPUT, content);
}

static void refuse_display(void *user, const char *why)
{
    kg_autobuf text = {0};
    kg_buf_printf(&text, "[kernelgw: not shown: %s]\n", why);
    emit(user, KK_STDERR, text.data, text.len);
}

static void on_limit(uv_timer_t *timer)
{
    struct kk_runner *r = timer->data;
    uint64_t of_phase = r->phases[r->phase].wall_ms;
    bool total = r->wall_ms && kg_clock_ms() - r->began_ms >= r->wall_ms;
    end_with(r, "timeout", total || !of_phase ? r->wall_ms : of_phase);
}

static void start_limit(struct kk_runner *r)
{
    uint64_t left = r->phases[r->phase].wall_ms;
    if (r->wall_ms) {
        uint64_t gone = kg_clock_ms() - r->began_ms;
        uint64_t total = gone < r->wall_ms ? r->wall_ms - gone : 1;
        left = left && left < total ? left : total;
    }
    if (left)
        uv_timer_start(&r->limit, on_limit, left, 0);
}

struct stdio {
    int ours[3], theirs[3];
};

static void stdio_close(struct stdio *io)
{
    for (int i = 0; i < 3; i++) {
        if (io->ours[i] >= 0)
            close(io->ours[i]);
        if (io->theirs[i] >= 0)
            close(io->theirs[i]);
    }
}

static int stdio_open(struct stdio *io, const struct kk_runner *r, bool with_stdin,
                      struct kg_err *err)
{
    *io = (struct stdio){{-1, -1, -1}, {-1, -1, -1}};
    int rc = 0;
    for (int i = with_stdin ? 0 : 1; i < 3 && rc == 0; i++) {
        int fds[2];
        int ours = i == 0 ? 1 : 0;
        rc = kk_pipe(fds, ours, r->options);
        if (rc == 0) {
            io->ours[i] = fds[ours];
            io->theirs[i] = fds[!ours];
        }
    }
    if (rc == 0 && !with_stdin && (io->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        rc = -errno;
    if (rc < 0) {
        stdio_close(io);
        return kg_err_errno(err, -rc, "open the program's stdin, stdout and stderr");
    }
    return 0;
}

/* The same with a terminal: all three of theirs are its slave side. Of ours there is one to write and one to read, since
 * each is watched by itself. */
static int stdio_terminal(struct stdio *io, struct kk_runner *r, struct kg_err *err)
{
    *io = (struct stdio){{-1, -1, -1}, {-1, -1, -1}};
    int rc = kk_terminal_open(&r->terminal, r->options, r->rows, r->cols, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3 && rc == 0; i++) {
        io->theirs[i] = fcntl(r->terminal.slave, F_DUPFD_CLOEXEC, 3);
        if (i < 2)
            io->ours[i] = fcntl(r->terminal.master, F_DUPFD_CLOEXEC, 3);
        if (io->theirs[i] < 0 || (i < 2 && io->ours[i] < 0))
            rc = -errno;
    }
    if (rc < 0) {
        stdio_close(io);
        kk_terminal_close(&r->terminal);
        return kg_err_errno(err, -rc, "open the program's terminal");
    }
    return 0;
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(kg_steal_fd(&fds[i]));
}

static int start_phase(struct kk_runner *r, struct kg_err *err)
{
    struct phase *p = &r->phases[r->phase];
    bool last = r->phase + 1 == r->phase_count; /* a compiler must not eat what is typed ahead */
    bool terminal = r->tty && last;
    struct stdio io;
    int listener = -1;
    int rc =
        terminal ? stdio_terminal(&io, r, err) : stdio_open(&io, r, r->wants_stdin && last, err);
    if (rc < 0)
        return rc;
    int display[2] = {-1, -1};
    if (r->shows && last)
        kk_display_pair(&display[0], &display[1]); /* without it a program shows nothing */
    struct kk_spawn spawn = {
        .options = r->options,
        .strict = r->options->drop ? r->strict : NULL,
        .watch_stderr = !terminal,
        .terminal = terminal,
        .argv = p->argv,
        .envp = r->envp,
        .cwd = r->cwd,
        .fds = {io.theirs[0], io.theirs[1], io.theirs[2], display[1]},
        .fd_count = display[1] >= 0 ? KK_DISPLAY_FD + 1 : 3,
        .umask = 022,
    };
    pid_t pid = kk_spawn(&spawn, &listener, err);
    if (pid < 0) {
        close_pair(display);
        stdio_close(&io);
        return pid;
    }
    if (r->feed && last)
        kk_feed_attach(r->feed, kg_steal_fd(&io.ours[0]));
    r->tap = kk_tap_open(&(struct kk_tap_config){
        .loop = r->loop,
        .fds = {kg_steal_fd(&io.ours[1]), kg_steal_fd(&io.ours[2])},
        .terminal = terminal,
        .listener = listener,
        .emit = emit,
        .admit = admit,
        .user = r,
    });
    kk_tap_hold(r->tap, r->held);
    if (display[0] >= 0) {
        r->display = kk_display_open(&(struct kk_display_config){.loop = r->loop,
                                                                 .fd = kg_steal_fd(&display[0]),
                                                                 .before = before_display,
                                                                 .show = show,
                                                                 .refuse = refuse_display,
                                                                 .user = r});
        kk_display_hold(r->display, r->held);
    }
    close_pair(display);
    stdio_close(&io);
    r->pid = pid;
    r->state = RUN_RUNNING;
    kk_children_watch(r->children, pid, on_main_ended, r);
    start_limit(r);
    return 0;
}

/* Says how it ended and is free for the next run. */
static void finish_run(struct kk_runner *r)
{
    struct kk_usage usage = kk_children_usage(r->children);
    r->exit.phase = r->phases[r->phase].name;
    r->exit.wall_ms = kg_clock_ms() - r->began_ms;
    r->exit.cpu_ms = usage.cpu_ms;
    r->exit.rss_kb = usage.rss_kb;
    if (!r->exit.reason)
        r->exit.reason = r->exit.exited ? "exit" : "signal";
    kg_autobuf content = {0};
    kk_exit_json(&content, &r->exit);
    kk_messages_status(&r->messages, false);
    kk_messages_reply(&r->messages, kg_span_of(content.data, content.len));
    kg_log(KG_INFO, "agent", "run ended", "run=%.40s reason=%s ms=%llu", r->run_id, r->exit.reason,
           (unsigned long long)r->exit.wall_ms);
    forget(r);
}

static void next_phase(struct kk_runner *r)
{
    struct kg_err err = {0};
    r->phase++;
    if (start_phase(r, &err) < 0) {
        snprintf(r->detail, sizeof r->detail, "%s", err.text);
        r->exit.detail = r->detail;
        r->exit.exited = true;
        r->exit.exit_code = 127; /* as a shell has it */
        finish_run(r);
    }
}

/* The gateway gives the box what the next phase needs, and says run.continue. */
static void pause_before(struct kk_runner *r, const struct phase *next)
{
    kg_autobuf body = {0};
    struct kg_json j;
    r->state = RUN_PAUSED;
    r->pause_began_ms = kg_clock_ms();
    kg_json_init(&j, &body);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "event", "phase");
    kg_json_kstr(&j, "run_id", r->run_id);
    kg_json_kstr(&j, "phase", next->name);
    kg_json_object_end(&j);
    kk_link_add(r->link, KG_REC_EVENT, KG_CH_NONE, 0, body.data, body.len);
}

/* The phase is over with all its processes and all its text. */
static void finish_phase(struct kk_runner *r)
{
    if (r->display)
        kk_display_finish(r->display);
    if (r->tap)
        kk_tap_finish(r->tap);
    kk_tap_close(r->tap);
    r->tap = NULL;
    bool go_on = !r->exit.reason && r->exit.exited && r->exit.exit_code == 0 &&
                 r->phase + 1 < r->phase_count;
    if (!go_on)
        finish_run(r);
    else if (r->phases[r->phase + 1].pause)
        pause_before(r, &r->phases[r->phase + 1]);
    else
        next_phase(r);
}

static void on_finish(uv_timer_t *timer)
{
    finish_phase(timer->data);
}

/* Whoever could write to the pipes is reaped, so they hold all there will ever be, and their ends need no waiting. */
static void on_all_gone(void *user)
{
    struct kk_runner *r = user;
    r->state = RUN_EMPTY;
    uv_timer_start(&r->finish, on_finish, 0, 0);
}

static void on_main_ended(void *user, int status)
{
    struct kk_runner *r = user;
    uv_timer_stop(&r->limit);
    r->exit.exited = WIFEXITED(status);
    r->exit.exit_code = r->exit.exited ? WEXITSTATUS(status) : 0;
    r->exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->state = RUN_ENDING;
    kk_children_kill_all(r->children, on_all_gone, r);
}

static int read_phases(struct kk_runner *r, const json_t *list, struct kg_err *err)
{
    size_t n = json_array_size(list);
    if (n == 0 || n > KK_PHASES_MAX)
        return kg_err_set(err, -EINVAL, "phases must be a list of 1 to %d", KK_PHASES_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(p, "name"));
        json_int_t wall = json_integer_value(json_object_get(p, "wall_ms"));
        char **argv = kk_argv_from_json(json_object_get(p, "argv"), KK_ARGV_MAX);
        bool pause = json_is_true(json_object_get(p, "pause"));
        r->phases[i] = (struct phase){kg_strdup(name ? name : "run"), argv, (uint64_t)wall, pause};
        r->phase_count = i + 1;
        if (!argv || !*argv[0])
            return kg_err_set(err, -EINVAL, "phase %zu has no argv", i);
        if (wall < 0)
            return kg_err_set(err, -EINVAL, "phase %zu: wall_ms is negative", i);
        if (pause && i == 0)
            return kg_err_set(err, -EINVAL, "phase 0 has nothing before it to pause after");
    }
    return 0;
}

static int read_size(struct kk_runner *r, const json_t *size, struct kg_err *err)
{
    json_int_t rows = json_integer_value(json_object_get(size, "rows"));
    json_int_t cols = json_integer_value(json_object_get(size, "cols"));
    if (rows < 1 || rows > KK_TERMINAL_SIDE_MAX || cols < 1 || cols > KK_TERMINAL_SIDE_MAX)
        return kg_err_set(err, -EINVAL, "a terminal has 1 to %d rows and cols",
                          KK_TERMINAL_SIDE_MAX);
    r->rows = (uint16_t)rows;
    r->cols = (uint16_t)cols;
    return 0;
}

static int read_request(struct kk_runner *r, const json_t *req, struct kg_err *err)
{
    const char *id = json_string_value(json_object_get(req, "run_id"));
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    json_int_t wall = json_integer_value(json_object_get(req, "wall_ms"));
    json_int_t output = json_integer_value(json_object_get(req, "output_bytes"));
    if (!id || !*id || strlen(id) > 128)
        return kg_err_set(err, -EINVAL, "run_id must be a string of 1 to 128 bytes");
    if (wall < 0 || output < 0)
        return kg_err_set(err, -EINVAL, "a limit is negative");
    r->run_id = kg_strdup(id);
    r->cwd = !cwd || !*cwd ? kg_strdup(r->options->work)
             : *cwd == '/' ? kg_strdup(cwd)
                           : kg_asprintf("%s/%s", r->options->work, cwd);
    r->wall_ms = (uint64_t)wall;
    r->output_bytes = (uint64_t)output;
    const json_t *tty = json_object_get(req, "tty");
    r->tty = json_is_object(tty);
    r->shows = json_is_true(json_object_get(req, "display"));
    if (r->tty && read_size(r, tty, err) < 0)
        return err->code;
    r->wants_stdin = r->tty || json_is_true(json_object_get(req, "stdin"));
    r->envp = kk_env_from_json(json_object_get(req, "env"), r->options);
    if (!r->envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    return read_phases(r, json_object_get(req, "phases"), err);
}

int kk_runner_start(struct kk_runner *r, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (r->state != RUN_NONE)
        return kg_err_set(err, -EBUSY, "run %.40s is still going on", r->run_id);
    int rc = read_request(r, req, err);
    if (rc < 0) {
        forget(r);
        return rc;
    }
    kk_messages_init(&r->messages, r->link, json_string_value(json_object_get(req, "session")),
                     json_string_value(json_object_get(req, "username")));
    kk_messages_set_run(&r->messages, r->run_id);
    r->exit = (struct kk_exit){0};
    r->began_ms = kg_clock_ms();
    r->feed = r->wants_stdin ? kk_feed_new(r->loop, KK_STDIN_MAX) : NULL;
    kk_children_reset_usage(r->children);
    rc = start_phase(r, err);
    if (rc < 0) {
        forget(r);
        return rc;
    }
    struct kk_reply reply;
    kk_reply_begin(&reply, id);
    kg_json_kint(&reply.json, "pid", r->pid);
    kk_reply_send(&reply, r->link);
    kk_messages_status(&r->messages, true);
    kg_log(KG_INFO, "agent", "run started", "run=%.40s pid=%d", r->run_id, (int)r->pid);
    return 0;
}

static int find(const struct kk_runner *r, const char *run_id, struct kg_err *err)
{
    if (r->state == RUN_NONE || !run_id || strcmp(run_id, r->run_id) != 0)
        return kg_err_set(err, -ESRCH, "there is no run %.40s here", run_id ? run_id : "");
    return 0;
}

int kk_runner_stdin(struct kk_runner *r, const char *run_id, const void *data, size_t n, bool eof,
                    struct kg_err *err)
{
    int rc = find(r, run_id, err);
    if (rc < 0)
        return rc;
    if (!r->feed)
        return kg_err_set(err, -EPIPE, "the run was started without stdin");
    if (!r->tty)
        return kk_feed_add(r->feed, data, n, eof, err);
    kg_autobuf keys = {0};
    char before = r->terminal.last;
    kg_buf_add(&keys, data, n);
    kk_terminal_typed(&r->terminal, data, n);
    if (eof) {
        char end[KK_TERMINAL_EOF_MAX];
        size_t count = kk_terminal_eof(&r->terminal, end);
        kg_buf_add(&keys, end, count);
        kk_terminal_typed(&r->terminal, end, count);
    }
    rc = kk_feed_add(r->feed, keys.data, keys.len, false, err);
    if (rc < 0)
        r->terminal.last = before;
    return rc;
}

int kk_runner_resize(struct kk_runner *r, const char *run_id, const json_t *size,
                     struct kg_err *err)
{
    int rc = find(r, run_id, err);
    if (rc < 0)
        return rc;
    if (!r->tty)
        return kg_err_set(err, -ENOTTY, "the run was started without a terminal");
    rc = read_size(r, size, err);
    if (rc < 0 || r->terminal.master < 0)
        return rc;
    rc = kk_terminal_resize(&r->terminal, r->rows, r->cols);
    return rc < 0 ? kg_err_errno(err, -rc, "resize the terminal") : 0;
}

int kk_runner_continue(struct kk_runner *r, const char *run_id, struct kg_err *err)
{
    int rc = find(r, run_id, err);
    if (rc < 0)
        return rc;
    if (r->state != RUN_PAUSED || r->exit.reason)
        return kg_err_set(err, -EALREADY, "the run does not wait");
    r->began_ms += kg_clock_ms() - r->pause_began_ms;
    next_phase(r);
    return 0;
}

/* There is no process to send it to, so the run itself ends of it. */
static void signal_paused(struct kk_runner *r, int signal, const char *reason)
{
    if (r->exit.reason)
        return; /* it is ending */
    r->exit.exited = false;
    r->exit.signal = signal;
    r->began_ms += kg_clock_ms() - r->pause_began_ms;
    end_with(r, reason, 0);
}

int kk_runner_signal(struct kk_runner *r, const char *run_id, const char *name, const char *reason,
                     struct kg_err *err)
{
    int rc = find(r, run_id, err);
    if (rc < 0)
        return rc;
    bool stopped = reason && strcmp(reason, "stopped") == 0;
    int signal = !name                       ? 0
                 : strcmp(name, "INT") == 0  ? SIGINT
                 : strcmp(name, "TERM") == 0 ? SIGTERM
                 : strcmp(name, "KILL") == 0 ? SIGKILL
                                             : 0;
    if (!signal)
        return kg_err_set(err, -EINVAL, "signal must be INT, TERM or KILL");
    if (r->state == RUN_PAUSED) {
        signal_paused(r, signal, stopped ? "stopped" : "signal");
        return 0;
    }
    if (signal == SIGKILL) {
        end_with(r, stopped ? "stopped" : NULL, 0);
        return 0;
    }
    if (stopped && !r->exit.reason)
        r->exit.reason = "stopped";
    if (r->state == RUN_RUNNING && r->terminal.master >= 0)
        kk_terminal_signal(&r->terminal, signal, r->pid);
    else if (r->state == RUN_RUNNING)
        kill(-r->pid, signal);
    return 0;
}

void kk_runner_hold(struct kk_runner *r, bool hold)
{
    r->held = hold;
    if (r->tap)
        kk_tap_hold(r->tap, hold);
    if (r->display)
        kk_display_hold(r->display, hold);
}

bool kk_runner_busy(const struct kk_runner *r)
{
    return r->state != RUN_NONE;
}

struct kk_runner *kk_runner_new(uv_loop_t *loop, const struct kk_options *options,
                                const struct sock_fprog *strict, struct kk_link *link,
                                struct kk_children *children)
{
    struct kk_runner *r = kg_calloc(1, sizeof *r);
    r->loop = loop;
    r->options = options;
    r->strict = strict;
    r->link = link;
    r->children = children;
    r->terminal = (struct kk_terminal){-1, -1, 0};
    uv_timer_init(loop, &r->limit);
    uv_timer_init(loop, &r->finish);
    r->limit.data = r->finish.data = r;
    return r;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_runner *r = h->data;
    if (--r->closing == 0)
        free(r);
}

void kk_runner_free(struct kk_runner *r)
{
    if (!r)
        return;
    forget(r);
    r->closing = 2;
    uv_close((uv_handle_t *)&r->limit, on_closed);
    uv_close((uv_handle_t *)&r->finish, on_closed);
}

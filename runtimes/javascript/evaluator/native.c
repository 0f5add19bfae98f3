/*
 * What JavaScript can't do for itself, as an addon of Node: end code that runs, wherever it runs; wait for a descriptor until
 * an interrupt comes; hear of one in a way that no ended code can leave half done, as it does Node's streams.
 *
 * SIGINT is heard by a thread with a loop of its own. It first asks the main thread's loop, which answers at once while
 * code only awaits something. A loop that has not answered within GRACE_MS is busy: then V8 is told to end what it runs.
 * That ends one turn of the loop (a cell's start, a continuation, a timer), never the process. What goes on behind a cell and
 * lets the loop never come to the next request (promises that make promises) is ended in the same way.
 *
 * V8 offers no C interface; the three functions used here are named as Node exports them, and have been the same for years.
 */
#include <errno.h>
#include <node_api.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

void *v8_isolate_current(void) __asm__("_ZN2v87Isolate10GetCurrentEv");
void v8_isolate_terminate(void *isolate) __asm__("_ZN2v87Isolate18TerminateExecutionEv");
void v8_isolate_resume(void *isolate) __asm__("_ZN2v87Isolate24CancelTerminateExecutionEv");

typedef size_t near_heap_limit(void *data, size_t current, size_t initial);
void v8_isolate_near_heap_limit(void *isolate, near_heap_limit *callback, void *data) __asm__(
    "_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_");

enum {
    GRACE_MS = 60,
    AGAIN_MS = 200, /* what was ended may have left its like in a queue */
};

enum state {
    QUIET, /* no request runs: SIGINT does nothing, unless one has come that has yet to be begun */
    RUNNING, /* a request runs */
    ASKED,   /* SIGINT came; the main loop has yet to take it */
    FORCED,  /* the main thread's code was told to end */
};

static struct {
    uv_mutex_t lock; /* of state, and of telling V8: neither changes between the two */
    enum state state;
    bool reading;     /* input has come: a request may be about to begin */
    bool early;       /* SIGINT came before the request that it was meant for had begun */
    int input_fd;     /* -1 before listen() */
    uv_async_t again; /* has the thread see to it that what is asked is taken */
    void *isolate;
    int woken; /* eventfd, readable while an interrupt waits to be taken */
    uv_async_t main_async;
    napi_env env;
    napi_ref on_interrupt;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_signal_t sigint;
    uv_timer_t grace;
    bool started;
    uv_poll_t input;
    napi_ref on_input;
} it;

static napi_value fail(napi_env env, const char *what)
{
    napi_throw_error(env, NULL, what);
    return NULL;
}

static size_t a_little_more(void *data, size_t current, size_t initial)
{
    (void)data, (void)initial;
    return current + current / 8;
}

/*
 * heapGrows(): makes --max-old-space-size a limit that V8 collects garbage hard to stay below, and then exceeds step by step.
 * V8 can't see the box's own limit and would let garbage fill the box; at a hard limit of its own it would abort, with a
 * native stack for the user to read, where the box's end is told in words.
 */
static napi_value heap_grows(napi_env env, napi_callback_info info)
{
    (void)env, (void)info;
    v8_isolate_near_heap_limit(v8_isolate_current(), a_little_more, NULL);
    return NULL;
}

static napi_value boolean(napi_env env, bool v)
{
    napi_value out = NULL;
    napi_get_boolean(env, v, &out);
    return out;
}

static void force(void)
{
    it.state = FORCED;
    v8_isolate_terminate(it.isolate);
}

/* Whether the loop should have come by now, to take an interrupt or to read the request that one is meant for. */
static bool overdue(void)
{
    if (it.reading)
        return it.state == ASKED;
    return it.state == ASKED || it.state == FORCED || (it.state == QUIET && it.early);
}

static void on_grace(uv_timer_t *timer)
{
    uv_mutex_lock(&it.lock);
    if (overdue()) {
        force();
        uv_async_send(&it.main_async);
        uv_timer_start(timer, on_grace, AGAIN_MS, 0);
    }
    uv_mutex_unlock(&it.lock);
}

static bool request_waits(void)
{
    struct pollfd input = {.fd = it.input_fd, .events = POLLIN};
    return it.reading || (it.input_fd >= 0 && poll(&input, 1, 0) > 0);
}

/* The lock is held, and a request runs. */
static void ask(void)
{
    it.state = ASKED;
    eventfd_write(it.woken, 1);
    uv_async_send(&it.main_async);
}

static void on_sigint(uv_signal_t *handle, int number)
{
    (void)handle, (void)number;
    uv_mutex_lock(&it.lock);
    if (it.state == QUIET)
        it.early = request_waits();
    else if (it.state == RUNNING)
        ask();
    if (it.early || it.state == ASKED)
        uv_timer_start(&it.grace, on_grace, GRACE_MS, 0);
    uv_mutex_unlock(&it.lock);
}

static void on_again(uv_async_t *handle)
{
    (void)handle;
    uv_timer_start(&it.grace, on_grace, GRACE_MS, 0);
}

static void thread_main(void *arg)
{
    (void)arg;
    /* Handlers run in the main thread, and write to this loop's pipe. */
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    uv_run(&it.loop, UV_RUN_DEFAULT);
}

/* Takes the interrupt that waits, if one does; the lock is held. */
static bool take(enum state next)
{
    bool asked = it.state == ASKED || it.state == FORCED;
    eventfd_t ignored;
    if (it.state == FORCED)
        v8_isolate_resume(it.isolate);
    it.state = next;
    eventfd_read(it.woken, &ignored);
    return asked;
}

static void call(napi_ref function)
{
    napi_handle_scope scope;
    napi_value callback, global, result;
    napi_open_handle_scope(it.env, &scope);
    napi_get_reference_value(it.env, function, &callback);
    napi_get_global(it.env, &global);
    napi_make_callback(it.env, NULL, global, callback, 0, NULL, &result);
    /* It throws nothing, but may have been ended. */
    bool pending = false;
    if (napi_is_exception_pending(it.env, &pending) == napi_ok && pending)
        napi_get_and_clear_last_exception(it.env, &result);
    napi_close_handle_scope(it.env, scope);
}

static void on_input(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    uv_mutex_lock(&it.lock);
    it.reading = true;
    if (it.state == FORCED)
        v8_isolate_resume(it.isolate); /* what was to be ended has ended: reading is not */
    uv_mutex_unlock(&it.lock);
    call(it.on_input);
    /* By now the request has begun, if it was one; another may have come in the meantime. */
    uv_mutex_lock(&it.lock);
    it.reading = false;
    it.early = it.early && request_waits();
    uv_mutex_unlock(&it.lock);
}

static void on_main_async(uv_async_t *handle)
{
    (void)handle;
    uv_mutex_lock(&it.lock);
    bool asked = (it.state == ASKED || it.state == FORCED) && take(QUIET);
    uv_mutex_unlock(&it.lock);
    if (asked)
        call(it.on_interrupt);
}

/* start(callback): callback is called in the main loop for an interrupt that no running code has been ended for. */
static napi_value start(napi_env env, napi_callback_info info)
{
    size_t n = 1;
    napi_value callback;
    uv_loop_t *main_loop;
    if (it.started)
        return fail(env, "already started");
    if (napi_get_cb_info(env, info, &n, &callback, NULL, NULL) != napi_ok || n != 1 ||
        napi_create_reference(env, callback, 1, &it.on_interrupt) != napi_ok ||
        napi_get_uv_event_loop(env, &main_loop) != napi_ok)
        return fail(env, "start takes a function");
    it.env = env;
    it.input_fd = -1;
    it.isolate = v8_isolate_current();
    it.woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (it.woken < 0 || uv_mutex_init(&it.lock) != 0 || uv_loop_init(&it.loop) != 0 ||
        uv_async_init(main_loop, &it.main_async, on_main_async) != 0 ||
        uv_async_init(&it.loop, &it.again, on_again) != 0 ||
        uv_timer_init(&it.loop, &it.grace) != 0 || uv_signal_init(&it.loop, &it.sigint) != 0 ||
        uv_signal_start(&it.sigint, on_sigint, SIGINT) != 0)
        return fail(env, "no thread for interrupts: descriptors or memory are missing");
    uv_unref((uv_handle_t *)&it.main_async);
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = 128 * 1024};
    if (uv_thread_create_ex(&it.thread, &options, thread_main, NULL) != 0)
        return fail(env, "no thread for interrupts");
    it.started = true;
    return NULL;
}

/* listen(fd, callback): callback is called in the main loop whenever fd can be read or has ended; fd is set not to block. */
static napi_value listen_to(napi_env env, napi_callback_info info)
{
    size_t n = 2;
    napi_value args[2];
    int32_t fd;
    uv_loop_t *main_loop;
    if (!it.started || it.on_input)
        return fail(env, "listen comes once, after start");
    if (napi_get_cb_info(env, info, &n, args, NULL, NULL) != napi_ok || n != 2 ||
        napi_get_value_int32(env, args[0], &fd) != napi_ok ||
        napi_create_reference(env, args[1], 1, &it.on_input) != napi_ok ||
        napi_get_uv_event_loop(env, &main_loop) != napi_ok ||
        uv_poll_init(main_loop, &it.input, fd) != 0 ||
        uv_poll_start(&it.input, UV_READABLE | UV_DISCONNECT, on_input) != 0)
        return fail(env, "the descriptor can't be listened to");
    uv_mutex_lock(&it.lock);
    it.input_fd = fd;
    uv_mutex_unlock(&it.lock);
    return NULL;
}

/* enter(): from here on SIGINT is an interrupt. */
static napi_value enter(napi_env env, napi_callback_info info)
{
    (void)env, (void)info;
    uv_mutex_lock(&it.lock);
    take(RUNNING);
    if (it.early) {
        ask();
        uv_async_send(&it.again);
    }
    it.early = it.reading = false;
    uv_mutex_unlock(&it.lock);
    return NULL;
}

/* leave(): from here on it is none any more; true if one came that nobody has taken yet. */
static napi_value leave(napi_env env, napi_callback_info info)
{
    (void)info;
    uv_mutex_lock(&it.lock);
    bool asked = take(QUIET);
    uv_mutex_unlock(&it.lock);
    return boolean(env, asked);
}

/* run(f): calls f(); false if an interrupt ended it. What f throws is thrown. */
static napi_value run(napi_env env, napi_callback_info info)
{
    size_t n = 1;
    napi_value f, global, result, thrown;
    if (napi_get_cb_info(env, info, &n, &f, NULL, NULL) != napi_ok ||
        napi_get_global(env, &global) != napi_ok)
        return fail(env, "run takes a function");
    napi_status status = napi_call_function(env, global, f, 0, NULL, &result);
    uv_mutex_lock(&it.lock);
    bool forced = it.state == FORCED;
    if (forced)
        take(QUIET);
    uv_mutex_unlock(&it.lock);
    bool pending = false;
    if (forced && napi_is_exception_pending(env, &pending) == napi_ok && pending)
        napi_get_and_clear_last_exception(env, &thrown);
    if (!forced && status != napi_ok)
        return NULL;
    return boolean(env, !forced);
}

/* stop(): ends the code that calls it, as an interrupt does that is waiting. */
static napi_value stop(napi_env env, napi_callback_info info)
{
    (void)env, (void)info;
    uv_mutex_lock(&it.lock);
    if (it.state == ASKED)
        force();
    uv_mutex_unlock(&it.lock);
    return NULL;
}

/* wait(fd): true when fd can be read or has ended, false when an interrupt came first. */
static napi_value wait_readable(napi_env env, napi_callback_info info)
{
    size_t n = 1;
    napi_value arg;
    int32_t fd;
    if (napi_get_cb_info(env, info, &n, &arg, NULL, NULL) != napi_ok ||
        napi_get_value_int32(env, arg, &fd) != napi_ok)
        return fail(env, "wait takes a descriptor");
    struct pollfd fds[] = {{.fd = it.woken, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return fail(env, "the descriptor can't be waited for");
    return boolean(env, !fds[0].revents);
}

/* write(fd, text): all of it, in UTF-8, which an interrupt can't cut. False when nobody reads any more. */
static napi_value write_all(napi_env env, napi_callback_info info)
{
    size_t n = 2, length;
    napi_value args[2];
    int32_t fd;
    if (napi_get_cb_info(env, info, &n, args, NULL, NULL) != napi_ok ||
        napi_get_value_int32(env, args[0], &fd) != napi_ok ||
        napi_get_value_string_utf8(env, args[1], NULL, 0, &length) != napi_ok)
        return fail(env, "write takes a descriptor and a text");
    char *text = malloc(length + 1);
    if (!text)
        return fail(env, "no memory for the text");
    napi_get_value_string_utf8(env, args[1], text, length + 1, &length);
    bool ok = true;
    for (size_t at = 0; ok && at < length;) {
        ssize_t written = write(fd, text + at, length - at);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (written > 0)
            at += (size_t)written;
        else if (written < 0 && errno == EAGAIN)
            poll(&room, 1, -1);
        else
            ok = written < 0 && errno == EINTR;
    }
    free(text);
    return boolean(env, ok);
}

NAPI_MODULE_INIT()
{
    const struct {
        const char *name;
        napi_callback function;
    } table[] = {{"heapGrows", heap_grows},
                 {"start", start},
                 {"enter", enter},
                 {"leave", leave},
                 {"run", run},
                 {"stop", stop},
                 {"listen", listen_to},
                 {"wait", wait_readable},
                 {"write", write_all}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        napi_value f;
        if (napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].function, NULL,
                                 &f) != napi_ok ||
            napi_set_named_property(env, exports, table[i].name, f) != napi_ok)
            return NULL;
    }
    return exports;
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/engine.h"
#include "pool/place.h"
#include "pool/proctree.h"

/* The agent's and the kernel's sockets lie below the box's directory, and a socket's path has at most 107 bytes. */
enum { RUN_DIR_MAX = 64 };

struct box;

/* One operation that will complete: at the end of the turn, or after work on another thread. */
struct op {
    struct pl_task task;
    uv_work_t work;
    struct engine *engine;
    struct box *box;
    struct kg_err err;
    union {
        pl_engine_made *made;
        pl_engine_done *done;
        pl_engine_listed *listed;
        pl_stats_done *stats;
    };
    void *user;
    struct pl_usage usage;
    int listen_fd;
};

struct box {
    TAILQ_ENTRY(box) entry;
    struct engine *engine;
    char id[PL_BOX_ID_SIZE];
    char *dir;
    pid_t pid;
    int pidfd;
    uv_poll_t exit;
    uint64_t made_ms;
    uint32_t works; /* threads that look at it */
    bool reaped;
    bool doomed; /* destroy was asked for */
    bool killed; /* and done, but for the reaping */
    int kill_error;
    struct op *destroy; /* NULL also when only the engine's close wants it */
};
TAILQ_HEAD(box_list, box);

struct engine {
    struct pl_engine base;
    uv_loop_t *loop;
    char *run_dir;
    char *agent;
    char *owner;
    struct box_list boxes;
    struct pl_task up;
    uint32_t ops;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

static struct engine *engine_of(struct pl_engine *base)
{
    return kg_container_of(base, struct engine, base);
}

static struct op *op_new(struct engine *e, void (*run)(struct pl_task *), void *user)
{
    struct op *op = kg_calloc(1, sizeof *op);
    op->engine = e;
    op->task.run = run;
    op->user = user;
    op->listen_fd = -1;
    op->work.data = op;
    e->ops++;
    return op;
}

static void step_close(struct engine *e)
{
    if (!e->closing || e->ops > 0 || !TAILQ_EMPTY(&e->boxes))
        return;
    void (*closed)(void *user) = e->closed;
    void *user = e->closed_user;
    pl_task_cancel(&e->up);
    free(e->run_dir);
    free(e->agent);
    free(e->owner);
    free(e);
    closed(user);
}

static void op_free(struct op *op)
{
    struct engine *e = op->engine;
    free(op);
    e->ops--;
    step_close(e);
}

static const struct kg_err *op_error(const struct op *op)
{
    return op->err.code ? &op->err : NULL;
}

static struct box *find(struct engine *e, const char *id)
{
    struct box *b;
    TAILQ_FOREACH(b, &e->boxes, entry)
    if (strcmp(b->id, id) == 0)
        return b;
    return NULL;
}

/* ---- making ---- */

static void step_destroy(struct box *b);

static void reap(struct box *b)
{
    siginfo_t info = {0};
    if (b->reaped || waitid(P_PID, (id_t)b->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return;
    uv_poll_stop(&b->exit);
    b->reaped = true;
    if (b->doomed)
        step_destroy(b);
    else
        b->engine->base.events->exit(b->engine->base.user, b->id, info.si_status, false);
}

static void on_exit_event(uv_poll_t *handle, int status, int events)
{
    struct box *b = handle->data;
    (void)status;
    (void)events;
    if (b->doomed && !b->killed)
        uv_poll_stop(
            &b->exit); /* while another thread uses the number, it must stay this process's */
    else
        reap(b);
}

static void box_free(struct box *b)
{
    free(b->dir);
    free(b);
}

static void on_made_task(struct pl_task *task)
{
    struct op *op = kg_container_of(task, struct op, task);
    if (op->err.code) {
        op->made(op->user, NULL, &op->err);
    } else {
        struct pl_made made = {op->listen_fd, geteuid(), op->box->pid};
        op->made(op->user, &made, NULL);
    }
    op_free(op);
}

static int make(struct engine *e, const char *id, struct op *op)
{
    if (e->closing)
        return kg_err_set(&op->err, -ECANCELED, "the engine is closing");
    if (find(e, id))
        return kg_err_set(&op->err, -EEXIST, "box %s exists", id);
    struct box *b = kg_calloc(1, sizeof *b);
    b->engine = e;
    snprintf(b->id, sizeof b->id, "%s", id);
    b->made_ms = kg_clock_ms();
    kg_autoclose int fd = -1;
    int rc = pl_place_make(&b->dir, &fd, e->run_dir, &op->err);
    if (rc == 0)
        rc = pl_place_spawn(&b->pid, &b->pidfd, b->dir, e->agent, b->id, &op->err);
    if (rc < 0) {
        if (b->dir)
            pl_tree_remove(b->dir);
        box_free(b);
        return rc;
    }
    uv_poll_init(e->loop, &b->exit, b->pidfd);
    b->exit.data = b;
    uv_poll_start(&b->exit, UV_READABLE, on_exit_event);
    TAILQ_INSERT_TAIL(&e->boxes, b, entry);
    op->box = b;
    op->listen_fd = kg_steal_fd(&fd);
    return 0;
}

static void process_create(struct pl_engine *base, const struct pl_box_spec *spec,
                           pl_engine_made *done, void *user)
{
    struct engine *e = engine_of(base);
    struct op *op = op_new(e, on_made_task, user);
    op->made = done;
    make(e, spec->id, op);
    pl_turn_soon(base->turn, &op->task);
}

/* Agents of an earlier gateway's leave when nobody listens for them. */
static void process_attach(struct pl_engine *base, const char *id, pl_engine_made *done, void *user)
{
    struct op *op = op_new(engine_of(base), on_made_task, user);
    op->made = done;
    kg_err_set(&op->err, -ENOTSUP, "this engine can't take box %.12s over", id);
    pl_turn_soon(base->turn, &op->task);
}

/* ---- ending ---- */

static void on_done_task(struct pl_task *task)
{
    struct op *op = kg_container_of(task, struct op, task);
    op->done(op->user, op_error(op));
    op_free(op);
}

static void on_exit_closed(uv_handle_t *handle)
{
    struct box *b = handle->data;
    struct engine *e = b->engine;
    struct op *op = b->destroy;
    close(b->pidfd);
    TAILQ_REMOVE(&e->boxes, b, entry);
    if (op) {
        if (b->kill_error < 0)
            kg_log(KG_WARN, "pool", "box left something behind", "box=%.12s code=%d", b->id,
                   b->kill_error);
        op->done(op->user, NULL);
        op_free(op);
    }
    box_free(b);
    step_close(e);
}

static void step_destroy(struct box *b)
{
    if (b->killed && b->reaped && b->works == 0 && !uv_is_closing((uv_handle_t *)&b->exit))
        uv_close((uv_handle_t *)&b->exit, on_exit_closed);
}

struct kill_work {
    uv_work_t work;
    struct box *box;
    pid_t pid; /* 0: dead already */
    int rc;
};

static void do_kill(uv_work_t *work)
{
    struct kill_work *k = work->data;
    int rc = pl_tree_kill(k->pid, k->box->id);
    int removed = pl_tree_remove(k->box->dir);
    k->rc = rc < 0 ? rc : removed;
}

static void after_kill(uv_work_t *work, int status)
{
    struct kill_work *k = work->data;
    struct box *b = k->box;
    (void)status;
    b->works--;
    b->killed = true;
    b->kill_error = k->rc;
    free(k);
    uv_poll_start(&b->exit, UV_READABLE, on_exit_event);
    reap(b);
    step_destroy(b);
}

static void begin_destroy(struct box *b)
{
    if (b->doomed)
        return;
    b->doomed = true;
    struct kill_work *k = kg_calloc(1, sizeof *k);
    k->work.data = k;
    k->box = b;
    k->pid = b->reaped ? 0 : b->pid; /* not reaped: the number is still this process's */
    b->works++;
    uv_queue_work(b->engine->loop, &k->work, do_kill, after_kill);
}

static void process_destroy(struct pl_engine *base, const char *id, pl_engine_done *done,
                            void *user)
{
    struct engine *e = engine_of(base);
    struct op *op = op_new(e, on_done_task, user);
    struct box *b = find(e, id);
    op->done = done;
    if (b && b->destroy) {
        kg_err_set(&op->err, -EALREADY, "box %s is being destroyed", id);
        b = NULL;
    }
    if (!b) {
        pl_turn_soon(base->turn, &op->task);
        return;
    }
    b->destroy = op;
    begin_destroy(b);
}

/* ---- looking ---- */

static void on_listed_task(struct pl_task *task)
{
    struct op *op = kg_container_of(task, struct op, task);
    struct engine *e = op->engine;
    struct box *b;
    size_t n = 0;
    TAILQ_FOREACH(b, &e->boxes, entry)
    n++;
    kg_autofree struct pl_listed *all = kg_calloc(n + 1, sizeof *all);
    n = 0;
    TAILQ_FOREACH(b, &e->boxes, entry)
    {
        if (b->reaped)
            continue;
        snprintf(all[n].id, sizeof all[n].id, "%s", b->id);
        snprintf(all[n].owner, sizeof all[n].owner, "%s", e->owner);
        all[n++].age_ms = kg_clock_ms() - b->made_ms;
    }
    op->listed(op->user, all, n, NULL);
    op_free(op);
}

static void process_list(struct pl_engine *base, pl_engine_listed *done, void *user)
{
    struct op *op = op_new(engine_of(base), on_listed_task, user);
    op->listed = done;
    pl_turn_soon(base->turn, &op->task);
}

static void process_limits(struct pl_engine *base, const char *id, const struct pl_limits *limits,
                           pl_engine_done *done, void *user)
{
    struct op *op = op_new(engine_of(base), on_done_task, user);
    (void)id;
    (void)limits;
    op->done = done;
    kg_err_set(&op->err, -ENOTSUP, "the process engine has no limits");
    pl_turn_soon(base->turn, &op->task);
}

static void on_stats_task(struct pl_task *task)
{
    struct op *op = kg_container_of(task, struct op, task);
    struct pl_stats stats = {
        .memory_bytes = op->usage.rss_bytes,
        .memory_peak_bytes = op->usage.rss_bytes,
        .pids = op->usage.processes,
        .cpu_ms = op->usage.cpu_ms,
    };
    op->stats(op->user, op->err.code ? NULL : &stats, op_error(op));
    op_free(op);
}

static void do_stats(uv_work_t *work)
{
    struct op *op = work->data;
    op->usage = pl_tree_usage(op->box->pid, op->box->id);
}

static void after_stats(uv_work_t *work, int status)
{
    struct op *op = work->data;
    (void)status;
    op->box->works--;
    step_destroy(op->box);
    on_stats_task(&op->task);
}

static void process_stats(struct pl_engine *base, const char *id, pl_stats_done *done, void *user)
{
    struct engine *e = engine_of(base);
    struct op *op = op_new(e, on_stats_task, user);
    op->stats = done;
    op->box = find(e, id);
    if (!op->box || op->box->reaped || op->box->doomed) {
        kg_err_set(&op->err, -ENOENT, "there is no box %s", id);
        pl_turn_soon(base->turn, &op->task);
        return;
    }
    op->box->works++;
    uv_queue_work(e->loop, &op->work, do_stats, after_stats);
}

/* ---- beginning and end ---- */

static void on_up(struct pl_task *task)
{
    struct engine *e = kg_container_of(task, struct engine, up);
    e->base.events->up(e->base.user);
}

static void process_start(struct pl_engine *base)
{
    struct engine *e = engine_of(base);
    kg_log(KG_WARN, "pool", "NO ISOLATION: the process engine runs all code as this server's user",
           "uid=%u run_dir=%s", geteuid(), e->run_dir);
    pl_place_remove_old(e->run_dir);
    e->up.run = on_up;
    pl_turn_soon(base->turn, &e->up);
}

static void on_close_task(struct pl_task *task)
{
    op_free(kg_container_of(task, struct op, task)); /* goes on with closing when it was the last */
}

static void process_close(struct pl_engine *base, void (*closed)(void *user), void *user)
{
    struct engine *e = engine_of(base);
    struct box *b;
    e->closing = true;
    e->closed = closed;
    e->closed_user = user;
    TAILQ_FOREACH(b, &e->boxes, entry)
    begin_destroy(b);
    struct op *op = op_new(e, on_close_task, NULL);
    pl_turn_soon(base->turn, &op->task);
}

static const struct pl_engine_ops process_ops = {
    .name = "process",
    .caps = 0,
    .start = process_start,
    .create = process_create,
    .attach = process_attach,
    .destroy = process_destroy,
    .list = process_list,
    .limits = process_limits,
    .stats = process_stats,
    .close = process_close,
};

int pl_engine_process_new(struct pl_engine **out, uv_loop_t *loop, const char *run_dir,
                          const char *agent, const char *owner, struct kg_err *err)
{
    kg_autofree char *real = realpath(run_dir, NULL);
    if (!real)
        return kg_err_errno(err, errno, "run directory %s", run_dir);
    if (strlen(real) > RUN_DIR_MAX)
        return kg_err_set(err, -ENAMETOOLONG,
                          "run directory %s is longer than %d bytes, too long for sockets in it",
                          real, RUN_DIR_MAX);
    if (!agent || access(agent, X_OK) < 0)
        return kg_err_errno(err, errno, "agent %s", agent ? agent : "(none)");
    struct engine *e = kg_calloc(1, sizeof *e);
    e->base.ops = &process_ops;
    e->loop = loop;
    e->run_dir = kg_steal(&real);
    e->agent = realpath(agent, NULL);
    if (!e->agent)
        e->agent = kg_strdup(agent);
    e->owner = kg_strdup(owner);
    TAILQ_INIT(&e->boxes);
    *out = &e->base;
    return 0;
}

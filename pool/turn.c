#include "pool/turn.h"

#include "base/mem.h"

/* Runs what waits now; what the tasks themselves put off waits for the next turn, or the loop would starve. */
static void run_all(struct pl_tasks *list)
{
    struct pl_task mark = {0};
    TAILQ_INSERT_TAIL(list, &mark, entry);
    struct pl_task *task;
    while ((task = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, task, entry);
        if (task == &mark)
            break;
        if (!task->run)
            continue; /* the mark of the run around this one: a task may itself close the turn */
        task->in = NULL;
        task->run(task);
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    struct pl_turn *t = kg_container_of(handle, struct pl_turn, prepare);
    run_all(&t->soon);
    run_all(&t->last);
    if (TAILQ_EMPTY(&t->soon) && TAILQ_EMPTY(&t->last)) {
        uv_idle_stop(&t->idle);
        uv_prepare_stop(&t->prepare);
    }
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

static void on_tick(uv_timer_t *handle)
{
    struct pl_turn *t = kg_container_of(handle, struct pl_turn, tick);
    run_all(&t->ticked);
    if (!TAILQ_EMPTY(&t->ticked))
        uv_timer_start(&t->tick, on_tick, PL_TICK_MS, 0);
}

void pl_turn_open(struct pl_turn *t, uv_loop_t *loop)
{
    *t = (struct pl_turn){.loop = loop, .open_handles = 3};
    TAILQ_INIT(&t->soon);
    TAILQ_INIT(&t->last);
    TAILQ_INIT(&t->ticked);
    uv_idle_init(loop, &t->idle);
    uv_prepare_init(loop, &t->prepare);
    uv_timer_init(loop, &t->tick);
    t->idle.data = t->prepare.data = t->tick.data = t;
}

static void on_closed(uv_handle_t *handle)
{
    struct pl_turn *t = handle->data;
    if (--t->open_handles == 0 && t->closed)
        t->closed(t->closed_user);
}

void pl_turn_close(struct pl_turn *t, void (*closed)(void *user), void *user)
{
    run_all(&t->soon); /* completions are owed */
    t->closed = closed;
    t->closed_user = user;
    uv_close((uv_handle_t *)&t->idle, on_closed);
    uv_close((uv_handle_t *)&t->prepare, on_closed);
    uv_close((uv_handle_t *)&t->tick, on_closed);
}

static void put(struct pl_tasks *list, struct pl_task *task)
{
    task->in = list;
    TAILQ_INSERT_TAIL(list, task, entry);
}

static void wake(struct pl_turn *t)
{
    if (uv_is_closing((uv_handle_t *)&t->idle))
        return;
    uv_idle_start(&t->idle, on_idle);
    uv_prepare_start(&t->prepare, on_prepare);
}

void pl_turn_soon(struct pl_turn *t, struct pl_task *task)
{
    if (task->in)
        return;
    put(&t->soon, task);
    wake(t);
}

void pl_turn_last(struct pl_turn *t, struct pl_task *task)
{
    if (task->in)
        return;
    put(&t->last, task);
    wake(t);
}

void pl_turn_tick(struct pl_turn *t, struct pl_task *task)
{
    if (task->in)
        return;
    if (TAILQ_EMPTY(&t->ticked) && !uv_is_closing((uv_handle_t *)&t->tick))
        uv_timer_start(&t->tick, on_tick, PL_TICK_MS, 0);
    put(&t->ticked, task);
}

void pl_task_cancel(struct pl_task *task)
{
    if (!task->in)
        return;
    TAILQ_REMOVE(task->in, task, entry);
    task->in = NULL;
}

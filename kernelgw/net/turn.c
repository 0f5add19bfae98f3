#include "kernelgw/net/impl.h"

/*
 * What is written during one turn of the loop goes out together at its end: the check phase, right after
 * the polling, or the prepare phase for what timers wrote. The idle handle keeps the loop from sleeping on
 * work that came later than both.
 */
static void run_all(struct kg_net *n)
{
    /* What is added while this runs waits for the next time, so that one busy object can't hold the loop. */
    n->turn_now = n->turn_first;
    n->turn_first = NULL;
    n->turn_last = &n->turn_first;
    while (n->turn_now) {
        struct net_turn *t = n->turn_now;
        n->turn_now = t->next;
        t->queued = false;
        t->next = NULL;
        t->run(t);
    }
    if (!n->turn_first)
        uv_idle_stop(&n->idle);
}

static void on_check(uv_check_t *handle)
{
    run_all(handle->data);
}

static void on_prepare(uv_prepare_t *handle)
{
    run_all(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle; /* only there so that the poll does not sleep */
}

void turn_open(struct kg_net *n)
{
    uv_loop_t *loop = n->config.loop;
    n->turn_last = &n->turn_first;
    uv_check_init(loop, &n->check);
    uv_prepare_init(loop, &n->prepare);
    uv_idle_init(loop, &n->idle);
    n->check.data = n->prepare.data = n->idle.data = n;
    n->handles += 3;
    uv_check_start(&n->check, on_check);
    uv_prepare_start(&n->prepare, on_prepare);
}

void turn_add(struct kg_net *n, struct net_turn *t)
{
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    *n->turn_last = t;
    n->turn_last = &t->next;
    if (!uv_is_active((uv_handle_t *)&n->idle))
        uv_idle_start(&n->idle, on_idle);
}

static bool cut_out(struct net_turn **at, struct net_turn *t)
{
    while (*at && *at != t)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = t->next;
    return true;
}

void turn_cancel(struct kg_net *n, struct net_turn *t)
{
    if (!t->queued)
        return;
    t->queued = false;
    if (cut_out(&n->turn_now, t))
        return;
    cut_out(&n->turn_first, t);
    n->turn_last = &n->turn_first;
    while (*n->turn_last)
        n->turn_last = &(*n->turn_last)->next;
}

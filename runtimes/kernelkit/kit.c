#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"
#include "runtimes/kernelkit/kit_inside.h"

enum {
    BEGIN_MS =
        20, /* how long an evaluator may take from reading a request to being interruptible */
    UNREAD_MS =
        400, /* one that has not read it by then is kept from it, by what goes on behind a cell */
};

#define S(state) (1u << (state))
static const uint8_t next_states[KIT_STATES] = {
    [KIT_NONE] = S(KIT_STARTING),
    [KIT_STARTING] = S(KIT_WARMING) | S(KIT_READY) | S(KIT_DYING),
    [KIT_WARMING] = S(KIT_READY) | S(KIT_DYING),
    [KIT_READY] = S(KIT_ENDING) | S(KIT_DYING),
    [KIT_ENDING] = S(KIT_DYING),
    [KIT_DYING] = S(KIT_NONE) | S(KIT_STARTING),
};
static const char *const state_names[KIT_STATES] = {"none",  "starting", "warming",
                                                    "ready", "ending",   "dying"};

void kk_kit_enter(struct kk_kit *k, enum kk_kit_state to, const char *why)
{
    if (!(next_states[k->state] & S(to)))
        kg_log(KG_ERROR, "kit", "step that should not be", "from=%s to=%s", state_names[k->state],
               state_names[to]);
    kg_log(KG_DEBUG, "kit", "step", "from=%s to=%s why=\"%s\"", state_names[k->state],
           state_names[to], why);
    uv_timer_stop(&k->timer); /* it belonged to the old state */
    k->state = to;
}

const char *kk_kit_state_name(const struct kk_kit *k)
{
    return state_names[k->state];
}

bool kk_kit_alive(const struct kk_kit *k)
{
    return k->state != KIT_NONE;
}

int kk_kit_start(struct kk_kit *k, uint64_t id, const json_t *req, struct kg_err *err)
{
    if (k->state != KIT_NONE)
        return kg_err_set(err, -EBUSY, "a kernel lives here already");
    int rc = kk_kit_spec_read(&k->spec, k->options, req, err);
    k->start_due = true;
    if (rc == 0)
        rc = kk_kit_launch(k, err);
    if (rc < 0) {
        k->start_due = false;
        kk_kit_spec_release(&k->spec);
        return rc;
    }
    k->start_id = id;
    k->next_count = 1;
    k->shut_down = false;
    kk_messages_set_parent(&k->cell_out, kg_span_str("{}"));
    kk_children_reset_usage(k->children);
    return 0;
}

static bool can_be_interrupted(const struct kk_kit *k)
{
    return k->state == KIT_READY && (k->job == KK_JOB_EXECUTE || k->job == KK_JOB_ASK);
}

/* Between requests an evaluator ignores the signal. One that has not begun yet, or only just, is given time to; the signal that it
 * gets when it does not even read is for what keeps it from that, and another one comes for the request. */
static void try_interrupt(uv_timer_t *timer)
{
    struct kk_kit *k = timer->data;
    if (!can_be_interrupted(k) || k->job_id != k->interrupt_id)
        return; /* it has ended meanwhile */
    uint64_t now = kg_clock_ms();
    if (!kk_evaluator_has_read(k->evaluator)) {
        k->job_began_ms = now;
        if (k->unread_ms && now >= k->unread_ms) {
            k->unread_ms = 0;
            kill(-kk_evaluator_pid(k->evaluator), SIGINT);
        }
    }
    uint64_t age = now - k->job_began_ms;
    if (age >= BEGIN_MS)
        kill(-kk_evaluator_pid(k->evaluator), SIGINT);
    else
        uv_timer_start(timer, try_interrupt, BEGIN_MS - age, 0);
}

int kk_kit_interrupt(struct kk_kit *k, struct kg_err *err)
{
    if (k->state == KIT_NONE)
        return kg_err_set(err, -ESRCH, "there is no kernel");
    k->cell.asks_input = false; /* what is typed now answers nothing any more */
    if (!can_be_interrupted(k))
        return 0;
    k->interrupt_id = k->job_id;
    k->unread_ms = kg_clock_ms() + UNREAD_MS;
    try_interrupt(&k->interrupt);
    return 0;
}

int kk_kit_stop(struct kk_kit *k, uint64_t id, uint64_t grace_ms, struct kg_err *err)
{
    if (k->stop_due)
        return kg_err_set(err, -EALREADY, "it is being stopped");
    if (k->state == KIT_NONE) {
        kk_reply_ok(k->link, id);
        return 0;
    }
    k->stop_due = true;
    k->stop_id = id;
    kk_kit_end(k, grace_ms);
    return 0;
}

void kk_kit_hold(struct kk_kit *k, bool hold)
{
    k->held = hold;
    if (k->evaluator && k->state == KIT_READY)
        kk_evaluator_hold(k->evaluator, hold);
}

static void on_service(struct kk_service_wait *w, const struct kg_err *why)
{
    struct kk_kit *k = kg_container_of(w, struct kk_kit, service_wait);
    k->waits_for_service = false;
    k->service_failed = why != NULL; /* the evaluator says so in its own words */
    kk_kit_next(k);
}

/* A cell may need the box's service; one that has died is started again first. */
static bool service_is_there(struct kk_kit *k)
{
    if (kk_service_settled(k->service) || k->service_failed) {
        k->service_failed = false;
        return true;
    }
    k->waits_for_service = true;
    k->service_wait = (struct kk_service_wait){.done = on_service};
    kk_service_await(k->service, &k->service_wait);
    return false;
}

void kk_kit_next(struct kk_kit *k)
{
    while (k->state == KIT_READY && k->job == KK_JOB_NONE && !k->waits_for_service) {
        if (k->configure_due) {
            kk_kit_send_configure(k);
            continue;
        }
        if (!k->queue.head || !service_is_there(k))
            return;
        kk_kit_dispatch(k, kk_queue_take(&k->queue));
    }
}

struct kg_json *kk_kit_op_begin(struct kk_kit *k, struct kg_buf *line, struct kg_json *j,
                                const char *op)
{
    kg_json_init(j, line);
    kg_json_object_begin(j);
    kg_json_kstr(j, "op", op);
    kg_json_kint(j, "id", (int64_t)++k->job_id);
    return j;
}

int kk_kit_op_send(struct kk_kit *k, struct kg_buf *line, struct kg_json *j, enum kk_job job,
                   struct kg_err *err)
{
    kg_json_object_end(j);
    int rc = kk_evaluator_send(k->evaluator, kg_span_of(line->data, line->len), err);
    if (rc == 0 || rc == -EPIPE) {
        k->job = job;
        k->job_began_ms = kg_clock_ms();
    }
    if (rc == -EPIPE)
        kk_kit_kill(k, err->text); /* which answers the job */
    return rc == -EPIPE ? 0 : rc;
}

struct kk_kit *kk_kit_new(uv_loop_t *loop, const struct kk_options *options,
                          const struct sock_fprog *strict, struct kk_link *link,
                          struct kk_children *children, struct kk_service *service)
{
    struct kk_kit *k = kg_calloc(1, sizeof *k);
    k->loop = loop;
    k->options = options;
    k->strict = strict;
    k->link = link;
    k->children = children;
    k->service = service;
    k->queue.max = KK_KIT_QUEUE_MAX;
    kk_messages_init(&k->cell_out, link, NULL, "kernel");
    kk_messages_init(&k->out, link, k->cell_out.session, "kernel");
    uv_timer_t *timers[] = {&k->timer, &k->turn, &k->interrupt, &k->configure_limit};
    for (size_t i = 0; i < KG_COUNT(timers); i++) {
        uv_timer_init(loop, timers[i]);
        timers[i]->data = k;
    }
    return k;
}

static void on_closed(uv_handle_t *h)
{
    struct kk_kit *k = h->data;
    if (--k->closing == 0)
        free(k);
}

void kk_kit_free(struct kk_kit *k)
{
    if (!k)
        return;
    kk_kit_cleanup(k);
    kk_messages_release(&k->cell_out);
    kk_messages_release(&k->out);
    uv_timer_t *timers[] = {&k->timer, &k->turn, &k->interrupt, &k->configure_limit};
    k->closing = (int)KG_COUNT(timers);
    for (size_t i = 0; i < KG_COUNT(timers); i++)
        uv_close((uv_handle_t *)timers[i], on_closed);
}

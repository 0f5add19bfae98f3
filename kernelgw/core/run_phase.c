/*
 * The phases of a run. Before each the box is given what the phase may use; the agent pauses before all but the first,
 * so that a program never runs with what its compiler had.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernelgw/core/run.h"
#include "kernelgw/core/say.h"

const char *kg_run_phase_name(const struct kg_run *r)
{
    const struct kg_program *p = r->spec.runtime->program;
    return r->phase < p->phase_count ? p->phases[r->phase].name : "run";
}

uint32_t kg_run_memory_mb(const struct kg_run *r)
{
    return kg_program_memory(r->spec.runtime->program, r->phase, r->spec.wish.memory_mb);
}

bool kg_run_prepare_phase(struct kg_run *r, void (*done)(void *user))
{
    const struct kg_program *p = r->spec.runtime->program;
    struct pl_use use = {.memory_mb = kg_run_memory_mb(r),
                         .lend = r->phase < p->phase_count && p->phases[r->phase].lend};
    if (!pl_box_use(r->box, &use, done, r))
        return false;
    r->refs++;
    return true;
}

static void send_continue(struct kg_run *r);

static void continued(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    char why[KG_ERR_TEXT_MAX];
    if (!kg_run_ended(r) && r->box && kg_run_refused(reply, err, why, sizeof why)) {
        const char *code = json_string_value(json_object_get(reply, "code"));
        if (err && err->code == -ECONNRESET) /* the agent dials again, and still waits */
            send_continue(r);
        else if (code && (strcmp(code, "EALREADY") == 0 || strcmp(code, "ESRCH") == 0))
            kg_log(KG_DEBUG, "run", "went on already", "id=%s why=%s", r->id, why);
        else
            kg_run_lost(r, why);
    }
    kg_run_unref(r);
}

static void send_continue(struct kg_run *r)
{
    r->refs++;
    pl_box_request(r->box, "run.continue", json_pack("{s:s}", "run_id", r->id), NULL, 0, continued,
                   r);
}

static void prepared(void *user)
{
    struct kg_run *r = user;
    if (!kg_run_ended(r) && r->box)
        send_continue(r);
    kg_run_unref(r);
}

/* Output that the agent could not keep for us. */
static void say_gap(struct kg_run *r, const json_t *event)
{
    char text[160];
    snprintf(text, sizeof text,
             "\n[kernelgw: %lld messages (%lld bytes) were lost between box and server]\n",
             (long long)json_integer_value(json_object_get(event, "messages")),
             (long long)json_integer_value(json_object_get(event, "bytes")));
    struct kg_slice frame = kg_say_stream(r->id, (struct kg_span){0}, NULL, "stderr", text);
    uint64_t to = (uint64_t)json_integer_value(json_object_get(event, "to_seq"));
    kg_journal_append(&r->journal, to, frame, KG_CH_IOPUB, KG_KIND_ERROR, 0);
    kg_slice_release(&frame);
    kg_run_wake(r);
}

void kg_run_event(struct kg_run *r, const struct kg_slice *body)
{
    json_t *event = json_loadb((const char *)body->data, body->len, 0, NULL);
    const char *what = json_string_value(json_object_get(event, "event"));
    const char *run = json_string_value(json_object_get(event, "run_id"));
    const char *name = json_string_value(json_object_get(event, "phase"));
    if (what && run && name && strcmp(what, "phase") == 0 && strcmp(run, r->id) == 0) {
        r->phase = kg_program_phase(r->spec.runtime->program, name, r->phase);
        if (!kg_run_prepare_phase(r, prepared))
            send_continue(r);
        kg_run_wake(r);
    } else if (what && strcmp(what, "gap") == 0) {
        say_gap(r, event);
    } else if (what && strcmp(what, "service_exit") == 0) {
        kg_log(KG_INFO, "run", "service ended", "id=%s", r->id); /* the agent starts it again */
    } else {
        kg_log(KG_WARN, "run", "event from the box", "id=%s event=%.*s", r->id,
               (int)(body->len < 200 ? body->len : 200), (const char *)body->data);
    }
    json_decref(event);
}

#include "kernelgw/core/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jupyter/wsframe.h"
#include "kernelgw/core/account.h"
#include "kernelgw/core/keep.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/meter.h"
#include "kernelgw/core/queue.h"
#include "kernelgw/core/run_place.h"
#include "kernelgw/core/run_request.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/workspace.h"

static const char *const state_names[KG_R_STATES] = {"queued", "starting", "running", "exited",
                                                     "lost"};

const char *kg_run_state_name(const struct kg_run *r)
{
    return state_names[r->state];
}

bool kg_run_ended(const struct kg_run *r)
{
    return r->state == KG_R_EXITED || r->state == KG_R_LOST;
}

void kg_run_drop_files(struct kg_run *r)
{
    for (size_t i = 0; i < r->spec.file_count; i++)
        kg_buf_release(&r->spec.files[i].data);
}

void kg_run_drop_input(struct kg_run *r)
{
    while (r->input) {
        struct kg_run_input *in = r->input;
        LL_DELETE(r->input, in);
        free(in);
    }
    r->input_bytes = 0;
}

void kg_run_unref(struct kg_run *r)
{
    if (--r->refs > 0)
        return;
    kg_run_drop_input(r);
    kg_journal_release(&r->journal);
    kg_run_spec_release(&r->spec);
    json_decref(r->exit);
    free(r);
}

void kg_run_wake(struct kg_run *r)
{
    struct kg_run_watch *w, *following;
    DL_FOREACH_SAFE(r->watches, w, following)
        w->wake(w->user);
}

/* Takes content over (NULL when lost). */
static void ended(struct kg_run *r, enum kg_run_state state, json_t *content)
{
    if (kg_run_ended(r)) {
        json_decref(content);
        return;
    }
    if (r->exit_due) { /* how it ended is known, whatever has become of its files */
        json_decref(content);
        content = kg_steal(&r->exit_due);
        if (!r->keep_wait.job)
            json_object_set_new(content, "files",
                                json_pack("{s:s}", "error", "the box was gone before they came"));
        kg_keep_wait_cancel(&r->keep_wait);
        state = KG_R_EXITED;
    }
    kg_carry_end(&r->carry);
    r->state = state;
    r->exit = content;
    r->ended_us = kg_clock_wall_us();
    r->ended_ms = kg_clock_ms();
    kg_meter_run_ended(r);
    kg_run_drop_input(r);
    kg_run_drop_files(r);
    kg_keep_forget_run(r);
    const char *reason = json_string_value(json_object_get(content, "reason"));
    kg_log(KG_INFO, "run", "ended", "id=%s state=%s reason=%s", r->id, state_names[state],
           reason ? reason : r->why);
    kg_run_wake(r);
    kg_run_give_back(r);
    kg_queue_remove(r);
    struct kg_core *core = r->core;
    if (r->workspace)
        kg_workspace_run_ended(kg_steal(&r->workspace), r);
    core->queue.pause_ms = 0;
    kg_queue_pump(core);
}

void kg_run_finished(struct kg_run *r, json_t *content)
{
    ended(r, KG_R_EXITED, content);
}

void kg_run_lost(struct kg_run *r, const char *why)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    ended(r, KG_R_LOST, NULL);
}

static void stopped_before_start(struct kg_run *r)
{
    ended(r, KG_R_EXITED,
          json_pack("{s:s,s:n,s:n,s:s,s:s,s:i,s:i,s:i}", "status", "error", "exit_code", "signal",
                    "reason", "stopped", "phase", "start", "wall_ms", 0, "cpu_ms", 0, "rss_kb", 0));
}

struct explain {
    struct kg_run *run;
    json_t *content;
};

/* What was killed by signal 9, and a compiler that failed since a part of it was: whether for want of memory, only the box's
 * cgroup can say. */
static void explained(void *user, const struct pl_stats *stats, const struct kg_err *err)
{
    (void)err;
    struct explain *x = user;
    if (stats && stats->oom_kills > 0) {
        json_object_set_new(x->content, "reason", json_string("oom"));
        kg_autofree char *text =
            kg_asprintf("out of memory: the limit is %u MB", kg_run_memory_mb(x->run));
        json_object_set_new(x->content, "evalue", json_string(text));
    }
    kg_run_finish(x->run, x->content);
    kg_run_unref(x->run);
    free(x);
}

static void exit_told(struct kg_run *r, const struct kg_slice *body)
{
    struct jy_msg msg;
    json_t *content = NULL;
    if (jy_wsframe_split(&msg, body->data, body->len, NULL) == 0)
        content = json_loadb((const char *)msg.content.data, msg.content.len, 0, NULL);
    if (!json_is_object(content)) {
        json_decref(content);
        kg_run_lost(r, "the box sent an exit that can't be read");
        return;
    }
    kg_run_name_quota(r, content);
    const char *reason = json_string_value(json_object_get(content, "reason"));
    json_int_t code = json_integer_value(json_object_get(content, "exit_code"));
    json_int_t number = json_integer_value(json_object_get(content, "signal"));
    bool killed = reason && ((strcmp(reason, "signal") == 0 && number == SIGKILL) ||
                             (strcmp(reason, "exit") == 0 && code == 128 + SIGKILL));
    bool compiling = r->phase + 1 < r->spec.runtime->program->phase_count && reason &&
                     strcmp(reason, "exit") == 0 && code != 0;
    if (!killed && !compiling) {
        kg_run_finish(r, content);
        return;
    }
    struct explain *x = kg_calloc(1, sizeof *x);
    *x = (struct explain){r, content};
    r->refs++;
    pl_box_stats(r->box, explained, x);
}

static void on_record(void *user, const struct kg_rec *rec, struct kg_slice body)
{
    struct kg_run *r = user;
    if (kg_run_ended(r) || r->exit_due ||
        rec->seq <= r->box_seq) /* an earlier run's, from before a takeover */
        return;
    if (rec->type == KG_REC_EVENT)
        kg_run_event(r, &body);
    if (rec->type != KG_REC_MSG)
        return;
    if (rec->kind == KG_KIND_REPLY) {
        exit_told(r, &body);
        return;
    }
    kg_run_keep_output(r, rec, &body);
    kg_run_wake(r);
}

static void on_gone(void *user, const char *why, bool oom)
{
    struct kg_run *r = user;
    r->box = NULL;
    if (oom)
        ended(r, KG_R_EXITED,
              json_pack("{s:s,s:n,s:i,s:s,s:s,s:s}", "status", "error", "exit_code", "signal",
                        SIGKILL, "reason", "oom", "phase", "run", "evalue",
                        "out of memory: the box was ended"));
    else
        kg_run_lost(r, why);
}

const struct pl_box_events kg_run_box_events = {.record = on_record, .gone = on_gone};

bool kg_run_refused(const json_t *reply, const struct kg_err *err, char *why, size_t n)
{
    if (!err && !json_is_false(json_object_get(reply, "ok")))
        return false;
    const char *text = err ? err->text : json_string_value(json_object_get(reply, "error"));
    snprintf(why, n, "%s", text ? text : "refused by the box");
    return true;
}

struct sending {
    struct kg_run *run;
    bool eof;
    kg_run_stdin_done *done;
    void *user;
};

static void stdin_sent(void *user, const json_t *reply, const struct kg_err *err)
{
    struct sending *s = user;
    struct kg_run *r = s->run;
    struct kg_err told;
    char why[200];
    bool taken = !kg_run_refused(reply, err, why, sizeof why);
    if (!taken) {
        const char *code = json_string_value(json_object_get(reply, "code"));
        int rc = kg_run_ended(r) || r->exit_due        ? -ESRCH
                 : code && strcmp(code, "ENOSPC") == 0 ? -ENOSPC
                                                       : -EIO;
        kg_err_set(&told, rc, "run %s did not take the input: %s", r->id, why);
        if (s->eof)
            r->input_ended = false; /* the program has not seen it */
        if (rc == -EIO)
            kg_log(KG_WARN, "run", "stdin not taken", "id=%s why=%s", r->id, why);
    }
    if (s->done)
        s->done(s->user, taken ? NULL : &told);
    free(s);
    kg_run_unref(r);
}

void kg_run_send_input(struct kg_run *r, const void *data, size_t n, bool eof,
                       kg_run_stdin_done *done, void *user)
{
    json_t *req = json_pack("{s:s,s:b}", "run_id", r->id, "eof", eof);
    struct sending *s = kg_malloc(sizeof *s);
    *s = (struct sending){.run = r, .eof = eof, .done = done, .user = user};
    r->refs++;
    /* NULL would mean a request without data, for which the agent would wait */
    pl_box_request(r->box, "run.stdin", req, data ? data : "", n, stdin_sent, s);
}

/* A run in the table. Takes *spec over. */
static struct kg_run *add(struct kg_core *core, const char *id, struct kg_run_spec *spec)
{
    struct kg_run *r = kg_calloc(1, sizeof *r);
    snprintf(r->id, sizeof r->id, "%s", id);
    r->core = core;
    r->spec = *spec;
    *spec = (struct kg_run_spec){0};
    if (!r->spec.session)
        r->spec.session = kg_strdup(r->id);
    r->refs = 1;
    r->created_us = kg_clock_wall_us();
    r->phase = kg_run_first_phase(&r->spec);
    kg_journal_init(&r->journal, kg_run_kept_bytes(r), KG_JOURNAL_CONTROL_BYTES, UINT64_MAX);
    HASH_ADD_STR(core->runs, id, r);
    return r;
}

/* One without a name is in a workspace of its own. */
static bool join_workspace(struct kg_run *r, struct kg_err *err)
{
    const struct kg_run_spec *s = &r->spec;
    bool passing = strcmp(s->session, r->id) == 0;
    r->workspace = kg_workspace_get(r->core, s->owner, s->session, passing, err);
    if (r->workspace)
        kg_workspace_run_begun(r->workspace, r);
    return r->workspace != NULL;
}

static void refilled(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    (void)reply;
    (void)err;
    kg_journal_refilled(&r->journal);
    kg_run_wake(r);
    kg_run_unref(r);
}

static void adopted(void *user, struct pl_box *box, const json_t *info, const struct kg_err *err)
{
    (void)info;
    struct kg_run *r = user;
    r->claim = 0;
    if (r->deleted) {
        if (box)
            pl_box_destroy(box);
    } else if (!box) {
        kg_run_lost(r, err->text);
    } else {
        r->box = box;
        pl_box_set_events(box, &kg_run_box_events, r);
        kg_run_carry_adopted(r);
        kg_run_catch_up(r);
        r->refs++;
        pl_box_request(box, "ping", json_object(), NULL, 0, refilled, r);
    }
    kg_run_unref(r);
}

void kg_run_adopt(struct kg_core *core, const struct kg_run_kept *kept, struct kg_run_spec *spec)
{
    struct kg_run *r = add(core, kept->id, spec);
    struct pl_claim claim;
    r->state = KG_R_RUNNING;
    r->box_seq = kept->box_seq;
    bool named = strcmp(r->spec.session, r->id) != 0;
    if ((named || r->spec.network) && !join_workspace(r, NULL))
        r->spec.network = false; /* there are too many: it goes on with what its box has */
    if (r->spec.network)
        kg_workspace_take_net(r->workspace, kept->net);
    r->created_us = kept->created_us;
    r->started_us = kept->started_us;
    r->input_ended = kept->input_ended;
    r->journal.refilling = true;
    int64_t gone_ms = (kg_clock_wall_us() - kept->started_us) / 1000;
    uint64_t most = kg_run_most_ms(&r->spec);
    uint64_t left = gone_ms > 0 && (uint64_t)gone_ms < most ? most - (uint64_t)gone_ms : 0;
    r->deadline_ms = most ? kg_clock_ms() + left + KG_RUN_GRACE_MS : 0;
    kg_run_claim(&claim, r);
    r->refs++;
    r->claim = pl_adopt(core->pool, kept->box, &claim, adopted, r);
}

void kg_run_leave(struct kg_run *r)
{
    if (r->exit_due) /* nobody will be told again */
        kg_run_lost(r, "");
    if (r->state != KG_R_RUNNING || !r->box) {
        kg_run_delete(r);
        return;
    }
    kg_keep_run(r);
    pl_box_set_events(r->box, NULL, NULL);
    kg_carry_end(&r->carry);
    r->box = NULL;
    r->deleted = true;
    HASH_DEL(r->core->runs, r);
    kg_queue_remove(r);
    if (r->workspace)
        kg_workspace_run_ended(kg_steal(&r->workspace), r);
    kg_run_wake(r);
    kg_run_unref(r);
}

/* Runs that name no session share a turn: asking for many is no way to be served before others. */
static char *flow_key(const struct kg_run_spec *spec)
{
    return kg_asprintf("%s\n%s", spec->owner ? spec->owner : "",
                       spec->session ? spec->session : "");
}

/* It never was. */
static void refused(struct kg_run *r)
{
    r->state = KG_R_LOST;
    HASH_DEL(r->core->runs, r);
    if (r->workspace)
        kg_workspace_run_ended(kg_steal(&r->workspace), r);
    kg_run_unref(r);
}

int kg_run_start(struct kg_core *core, struct kg_run_spec *spec, struct kg_run **out,
                 struct kg_err *err)
{
    kg_autofree char *key = flow_key(spec);
    if (core->closing)
        return kg_err_set(err, -EAGAIN, "the server is shutting down");
    struct kg_account *account = kg_account_of(core, spec->owner);
    int rc = kg_queue_may_add(core, key, spec->owner, err);
    if (rc == 0)
        rc = kg_account_may(account, KG_Q_CPU_S, err);
    if (rc == 0)
        rc = kg_account_may(account, KG_Q_OUTPUT_MB, err);
    if (rc == 0)
        rc = kg_run_spec_entry(spec, core, err);
    if (rc < 0)
        return rc;
    char id[KG_UUID_SIZE];
    kg_uuid4(id);
    bool named = spec->session != NULL;
    struct kg_run *r = add(core, id, spec);
    if (!named && !r->spec.network)
        rc = 0; /* of no workspace */
    else if (!join_workspace(r, err) || kg_workspace_may_run(r->workspace, err) < 0)
        rc = err->code;
    if (rc < 0) {
        *spec = r->spec; /* is the caller's again */
        r->spec = (struct kg_run_spec){0};
        refused(r);
        return rc;
    }
    core->last_activity_us = r->created_us;
    core->counters.runs_started++;
    if (r->spec.stdin_text)
        kg_run_stdin(r, r->spec.stdin_text, r->spec.stdin_len, true, NULL, NULL, NULL);
    kg_log(KG_INFO, "run", "start", "id=%s runtime=%s files=%zu", r->id, r->spec.runtime->name,
           r->spec.file_count);
    kg_queue_add(r, key);
    *out = r;
    kg_queue_pump(core);
    return 0;
}

struct kg_run *kg_run_find(struct kg_core *core, const char *id)
{
    struct kg_run *r = NULL;
    HASH_FIND_STR(core->runs, id, r);
    return r;
}

int kg_run_stdin(struct kg_run *r, const void *data, size_t n, bool eof, kg_run_stdin_done *done,
                 void *user, struct kg_err *err)
{
    if (kg_run_ended(r))
        return kg_err_set(err, -ESRCH, "run %s has ended", r->id);
    if (r->input_ended)
        return kg_err_set(err, -EPIPE, "the input of run %s has been ended", r->id);
    if (r->state == KG_R_RUNNING && r->box) {
        r->input_ended = eof && !r->spec.tty.on;
        kg_run_send_input(r, data, n, eof, done, user);
        return 1;
    }
    if (r->input_bytes + n > KG_RUN_STDIN_BYTES)
        return kg_err_set(err, -ENOSPC, "more than %d bytes of input wait for run %s",
                          KG_RUN_STDIN_BYTES, r->id);
    struct kg_run_input *in = kg_malloc(sizeof *in + n);
    in->next = NULL;
    in->eof = eof;
    in->len = n;
    if (n)
        memcpy(in->data, data, n);
    LL_APPEND(r->input, in);
    r->input_bytes += n;
    r->input_ended = eof && !r->spec.tty.on;
    return 0;
}

static void signalled(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    char why[200];
    if (kg_run_refused(reply, err, why, sizeof why) && !kg_run_ended(r))
        kg_log(KG_WARN, "run", "signal not taken", "id=%s why=%s", r->id, why);
    kg_run_unref(r);
}

int kg_run_signal(struct kg_run *r, const char *name, struct kg_err *err)
{
    bool kill = strcmp(name, "KILL") == 0;
    bool term = strcmp(name, "TERM") == 0;
    if (!kill && !term && strcmp(name, "INT") != 0)
        return kg_err_set(err, -EINVAL, "signal must be INT, TERM or KILL, not \"%.20s\"", name);
    if (kg_run_ended(r))
        return kg_err_set(err, -ESRCH, "run %s has ended", r->id);
    if (r->state == KG_R_QUEUED) {
        if (r->claim)
            pl_claim_cancel(r->core->pool, r->claim);
        stopped_before_start(r);
        return 0;
    }
    if (r->state == KG_R_STARTING || !r->box) { /* or is just being taken over */
        r->stopping = true;
        return 0;
    }
    if (r->exit_due)
        return 0;
    json_t *req = json_pack("{s:s,s:s,s:s*}", "run_id", r->id, "signal", name, "reason",
                            kill || term ? "stopped" : NULL);
    r->refs++;
    pl_box_request(r->box, "run.signal", req, NULL, 0, signalled, r);
    return 0;
}

void kg_run_stop_now(struct kg_run *r)
{
    if (kg_run_ended(r))
        return;
    r->stopping = true;
    if (r->claim)
        pl_claim_cancel(r->core->pool, r->claim);
    if (r->box)
        pl_box_destroy(kg_steal(&r->box));
    if (r->started_us)
        ended(r, KG_R_EXITED,
              json_pack("{s:s,s:n,s:i,s:s,s:s,s:I}", "status", "error", "exit_code", "signal",
                        SIGKILL, "reason", "stopped", "phase", kg_run_phase_name(r), "wall_ms",
                        (json_int_t)((kg_clock_wall_us() - r->started_us) / 1000)));
    else
        stopped_before_start(r);
}

void kg_run_delete(struct kg_run *r)
{
    r->deleted = true;
    HASH_DEL(r->core->runs, r);
    if (r->claim)
        pl_claim_cancel(r->core->pool, r->claim);
    if (!kg_run_ended(r))
        kg_run_lost(r, "deleted");
    kg_run_unref(r);
}

void kg_run_watch(struct kg_run *r, struct kg_run_watch *w)
{
    r->refs++;
    DL_APPEND(r->watches, w);
}

void kg_run_unwatch(struct kg_run *r, struct kg_run_watch *w)
{
    DL_DELETE(r->watches, w);
    kg_run_unref(r);
}

const char *kg_run_step(const struct kg_run *r)
{
    switch (r->state) {
    case KG_R_QUEUED: return r->waits ? "queue" : "box";
    case KG_R_STARTING: return r->steps_due ? "files" : "start";
    case KG_R_RUNNING: return kg_run_phase_name(r);
    default: return NULL;
    }
}

static void model_time(struct kg_json *j, const char *key, int64_t us)
{
    char when[KG_ISO_SIZE];
    if (us)
        kg_clock_iso(when, us);
    kg_json_kstr(j, key, us ? when : NULL);
}

void kg_run_model(const struct kg_run *r, struct kg_json *j)
{
    kg_json_object_begin(j);
    kg_json_kstr(j, "run_id", r->id);
    kg_json_kstr(j, "session", r->spec.session);
    kg_json_kstr(j, "console", r->spec.entry);
    kg_json_kstr(j, "language", r->spec.runtime->language);
    kg_json_kstr(j, "entry", r->spec.entry);
    kg_json_kstr(j, "state", state_names[r->state]);
    if (r->state == KG_R_QUEUED)
        kg_json_kint(j, "position", kg_queue_position(r));
    if (!kg_run_ended(r))
        kg_json_kstr(j, "step", kg_run_step(r));
    kg_json_kstr(j, "network", r->spec.network ? "session" : "none");
    kg_json_kbool(j, "tty", r->spec.tty.on);
    model_time(j, "created", r->created_us);
    model_time(j, "started", r->started_us);
    model_time(j, "ended", r->ended_us);
    static const char *const fields[] = {"exit_code",    "signal",      "reason", "phase",
                                         "wall_ms",      "cpu_ms",      "rss_kb", "evalue",
                                         "stdout_bytes", "stderr_bytes"};
    for (size_t i = 0; i < KG_COUNT(fields); i++) {
        const json_t *v = json_object_get(r->exit, fields[i]);
        if (!v && i > 3)
            continue;
        kg_json_key(j, fields[i]);
        if (i == 3 && r->state == KG_R_RUNNING) {
            kg_json_str(j, kg_run_phase_name(r));
            continue;
        }
        if (json_is_integer(v))
            kg_json_int(j, json_integer_value(v));
        else
            kg_json_str(j, json_string_value(v)); /* NULL: null */
    }
    const json_t *files = json_object_get(r->exit, "files");
    if (files) {
        kg_autofree char *text = json_dumps(files, JSON_COMPACT);
        kg_json_key(j, "files");
        kg_json_raw(j, text, strlen(text));
    }
    if (r->state == KG_R_LOST)
        kg_json_kstr(j, "message", r->why);
    kg_json_object_end(j);
}

static uint64_t kept_bytes(const struct kg_run *r)
{
    return r->journal.lane[KG_LANE_OUTPUT].bytes + r->journal.lane[KG_LANE_CONTROL].bytes;
}

/* Forgets ended runs, oldest first, that are too old, too many or hold too much output. */
static void forget_ended(struct kg_core *core, uint64_t now_ms)
{
    size_t count = 0; /* of ended ones: those that live, however many, drive none of them out */
    uint64_t bytes = 0;
    const struct kg_run *newest = NULL;
    struct kg_run *r, *following;
    for (r = core->runs; r; r = r->hh.next)
        if (kg_run_ended(r)) {
            bytes += kept_bytes(r);
            count++;
            newest = r;
        }
    size_t over = count > KG_RUNS_KEPT ? count - KG_RUNS_KEPT : 0;
    HASH_ITER(hh, core->runs, r, following) {
        bool old = now_ms - r->ended_ms > KG_RUNS_KEPT_MS;
        bool large = bytes > KG_RUNS_KEPT_BYTES && r != newest;
        if (!kg_run_ended(r) || r->watches || !(old || over || large))
            continue;
        bytes -= kept_bytes(r);
        over -= over > 0;
        kg_run_delete(r);
    }
}

void kg_runs_tick(struct kg_core *core, uint64_t now_ms)
{
    struct kg_run *r, *following;
    HASH_ITER(hh, core->runs, r, following)
        if (!kg_run_ended(r) && r->deadline_ms && now_ms > r->deadline_ms)
            kg_run_lost(r, "the box did not end the run in time and was destroyed");
    forget_ended(core, now_ms);
}

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtimes/agent/reply.h"
#include "runtimes/agent/spawn.h"
#include "runtimes/kernelkit/death.h"
#include "runtimes/kernelkit/kit_inside.h"

enum { ARGV_MAX = 256 };

int kk_kit_spec_read(struct kk_kit_spec *s, const struct kk_options *o, const json_t *req,
                     struct kg_err *err)
{
    const char *cwd = json_string_value(json_object_get(req, "cwd"));
    const char *warm = json_string_value(json_object_get(req, "warm_code"));
    json_t *env = json_object_get(req, "env");
    json_int_t ready = json_integer_value(json_object_get(req, "ready_ms"));
    *s = (struct kk_kit_spec){
        .argv = kk_argv_from_json(json_object_get(req, "argv"), ARGV_MAX),
        .env = json_is_object(env) ? json_copy(env) : json_object(),
        .cwd = !cwd || !*cwd ? kg_strdup(o->work)
               : *cwd == '/' ? kg_strdup(cwd)
                             : kg_asprintf("%s/%s", o->work, cwd),
        .warm_code = warm && *warm ? kg_strdup(warm) : NULL,
        .ready_ms = ready > 0 ? (uint64_t)ready : KK_KIT_READY_MS,
    };
    kg_autofree char **envp = kk_env_from_json(env, o);
    if (!s->argv)
        return kg_err_set(err, -EINVAL, "argv must be a list of 1 to %d strings", ARGV_MAX);
    if (!envp)
        return kg_err_set(err, -EINVAL, "env must be an object of strings, 128 KiB in all at most");
    return 0;
}

void kk_kit_spec_release(struct kk_kit_spec *s)
{
    free(s->argv);
    json_decref(s->env);
    free(s->cwd);
    free(s->warm_code);
    *s = (struct kk_kit_spec){0};
}

static void on_not_ready(uv_timer_t *timer)
{
    struct kk_kit *k = timer->data;
    char why[96];
    snprintf(why, sizeof why, "the evaluator was not ready within %llu ms",
             (unsigned long long)k->spec.ready_ms);
    kk_kit_kill(k, why);
}

static void limit_start(struct kk_kit *k)
{
    uint64_t gone = kg_clock_ms() - k->began_ms;
    uv_timer_start(&k->timer, on_not_ready, gone < k->spec.ready_ms ? k->spec.ready_ms - gone : 1,
                   0);
}

/* The user may have removed the directory that a fresh evaluator would be started in. */
static const char *directory(const struct kk_kit *k)
{
    kk_user_begin(k->options);
    bool there = faccessat(AT_FDCWD, k->spec.cwd, X_OK, AT_EACCESS) == 0;
    kk_user_end(k->options);
    return there || k->start_due ? k->spec.cwd : k->options->work;
}

int kk_kit_launch(struct kk_kit *k, struct kg_err *err)
{
    kg_autofree char **envp = kk_env_from_json(k->spec.env, k->options);
    if (!envp)
        return kg_err_set(err, -E2BIG, "the evaluator's environment is above 128 KiB");
    k->quiet = true;
    k->fruitful = k->ended = false;
    k->failure[0] = 0;
    k->job = KK_JOB_NONE;
    k->began_ms = kg_clock_ms();
    k->oom_before = kk_death_oom_kills(k->options->link);
    kg_buf_clear(&k->noise);
    int rc = kk_evaluator_open(&k->evaluator,
                               &(struct kk_evaluator_config){
                                   .loop = k->loop,
                                   .options = k->options,
                                   .strict = k->strict,
                                   .argv = k->spec.argv,
                                   .envp = envp,
                                   .cwd = directory(k),
                                   .line = kk_kit_line,
                                   .text = kk_kit_text,
                                   .broken = kk_kit_broken,
                                   .closed = kk_kit_closed,
                                   .user = k,
                               },
                               err);
    if (rc < 0)
        return rc;
    if (k->state != KIT_STARTING)
        kk_kit_enter(k, KIT_STARTING, "asked to");
    kk_children_watch(k->children, kk_evaluator_pid(k->evaluator), kk_kit_main_ended, k);
    limit_start(k);
    return 0;
}

/* The content of kernel_info_reply. */
static void write_info(struct kg_buf *out, const struct kk_said *said)
{
    struct kg_json j;
    kg_buf_clear(out);
    kg_json_init(&j, out);
    kg_json_object_begin(&j);
    kg_json_kstr(&j, "status", "ok");
    kg_json_kstr(&j, "protocol_version", JY_PROTOCOL_VERSION);
    kg_json_key(&j, "implementation");
    kk_json_text(&j, said->implementation);
    kg_json_key(&j, "implementation_version");
    kk_json_text(&j, said->implementation_version);
    kk_json_kraw(&j, "language_info", said->language_info, "{}");
    kg_json_key(&j, "banner");
    kk_json_text(&j, said->banner);
    kk_json_kraw(&j, "help_links", said->help_links, "[]");
    kg_json_kbool(&j, "debugger", false);
    kk_json_kraw(&j, "supported_features", (struct kg_span){0}, "[]");
    kg_json_object_end(&j);
}

static void warm_up(struct kk_kit *k)
{
    kg_autobuf line = {0};
    struct kg_json json;
    struct kg_json *j = kk_kit_op_begin(k, &line, &json, "execute");
    struct kg_err err = {0};
    kg_json_kstr(j, "code", k->spec.warm_code);
    kg_json_kbool(j, "silent", true);
    kg_json_kbool(j, "store_history", false);
    kg_json_kbool(j, "allow_stdin", false);
    kg_json_kint(j, "execution_count", 0);
    kk_json_kraw(j, "user_expressions", (struct kg_span){0}, "{}");
    kk_kit_enter(k, KIT_WARMING, "it is ready");
    limit_start(k);
    if (kk_kit_op_send(k, &line, j, KK_JOB_WARM, &err) < 0)
        kk_kit_kill(k, err.text);
}

void kk_kit_take_ready(struct kk_kit *k, const struct kk_said *said)
{
    struct kg_span name = {0};
    const struct kk_field field = {"name", KK_TEXT, &name, true};
    if (k->state != KIT_STARTING)
        return;
    if (!said->implementation.len || !said->language_info.len ||
        kk_content_read(said->language_info, &field, 1, NULL) < 0) {
        kk_kit_kill(k, "the evaluator is ready without an implementation and language_info.name");
        return;
    }
    write_info(&k->info, said);
    k->helps = said->help;
    if (k->spec.warm_code)
        warm_up(k);
    else
        kk_kit_be_ready(k);
}

void kk_kit_be_ready(struct kk_kit *k)
{
    uint64_t ms = kg_clock_ms() - k->began_ms;
    kk_evaluator_drain(k->evaluator); /* the last of the noise */
    k->quiet = false;
    kg_buf_release(&k->noise);
    kk_kit_enter(k, KIT_READY, "it is ready");
    kg_log(KG_INFO, "kit", "evaluator ready", "pid=%d ms=%llu", (int)kk_evaluator_pid(k->evaluator),
           (unsigned long long)ms);
    kk_evaluator_hold(k->evaluator, k->held);
    if (k->start_due) {
        struct kk_reply r;
        k->start_due = false;
        kk_reply_begin(&r, k->start_id);
        kg_json_key(&r.json, "kernel_info");
        kg_json_raw(&r.json, k->info.data, k->info.len);
        kg_json_kint(&r.json, "pid", kk_evaluator_pid(k->evaluator));
        kg_json_kint(&r.json, "ms", (int64_t)ms);
        kk_reply_send(&r, k->link);
    }
    kk_kit_next(k);
}

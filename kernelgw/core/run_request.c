#include "kernelgw/core/run_request.h"

#include <errno.h>
#include <string.h>

#include "kernelgw/core/account.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/run_tty.h"
#include "kernelgw/core/workspace.h"

enum { COMPILE_MS = 60 * 1000 };

uint64_t kg_run_most_ms(const struct kg_run_spec *s)
{
    if (s->terminal)
        return 0;
    return (uint64_t)s->wall_s * 1000 + (s->runtime->program->phase_count - 1) * COMPILE_MS;
}

uint64_t kg_run_kept_bytes(const struct kg_run *r)
{
    /* all that its limit lets it say: a byte that is no UTF-8 becomes three (U+FFFD), and each message has one more */
    uint64_t most = ((uint64_t)r->core->config.run_output_mb << 20) * 3 + KG_JOURNAL_CONTROL_BYTES;
    return r->spec.terminal && most > KG_TERMINAL_KEPT_BYTES ? KG_TERMINAL_KEPT_BYTES : most;
}

size_t kg_run_first_phase(const struct kg_run_spec *s)
{
    return s->terminal ? s->runtime->program->phase_count - 1 : 0;
}

/* The image's best shell. */
static json_t *shell_phases(void)
{
    return json_pack("[{s:s,s:[s,s,s],s:i}]", "name", "run", "argv", "sh", "-c",
                     "command -v bash >/dev/null && exec bash; exec sh", "wall_ms", 0);
}

/* Bytes that it may write; 0: any number. */
static json_int_t output_most(struct kg_run *r)
{
    uint64_t most = r->spec.terminal ? UINT64_MAX : (uint64_t)r->core->config.run_output_mb << 20;
    uint64_t user = kg_account_output_left(kg_account_of(r->core, r->spec.owner));
    uint64_t session = r->workspace ? kg_workspace_output_left(r->workspace) : UINT64_MAX;
    r->output_of = KG_OUT_OWN;
    if (user < most) {
        r->output_of = KG_OUT_USER;
        most = user;
    }
    if (session < most) {
        r->output_of = KG_OUT_SESSION;
        most = session;
    }
    if (most == 0)
        most = 1; /* 0 would be no limit */
    return most == UINT64_MAX ? 0 : (json_int_t)most;
}

void kg_run_name_quota(const struct kg_run *r, json_t *exit)
{
    const char *reason = json_string_value(json_object_get(exit, "reason"));
    struct kg_err why;
    bool flooded = r->output_of != KG_OUT_OWN && reason && strcmp(reason, "output_limit") == 0;
    if (!flooded && !(r->over[0] && reason && strcmp(reason, "stopped") == 0))
        return;
    if (flooded && r->output_of == KG_OUT_SESSION)
        kg_err_set(&why, -EDQUOT, "session %s has written its %u MB of output", r->spec.session,
                   r->core->config.session_output_mb);
    else if (flooded)
        kg_err_set(&why, -EDQUOT, "user %s has used up the quota %s", r->spec.owner,
                   kg_quota_name(KG_Q_OUTPUT_MB));
    json_object_set_new(exit, "reason", json_string("quota"));
    json_object_set_new(exit, "evalue", json_string(flooded ? why.text : r->over));
}

json_t *kg_run_request(struct kg_run *r)
{
    const struct kg_run_spec *s = &r->spec;
    const struct kg_program *p = s->runtime->program;
    json_t *phases =
        s->terminal ? shell_phases()
                    : kg_program_start(p, s->entry, s->args, (int64_t)s->wall_s * 1000, COMPILE_MS);
    json_t *env = json_copy(p->env);
    kg_tty_env(&s->tty, env);
    if (s->env)
        json_object_update(env, s->env);
    if (s->options)
        json_object_update(env, s->options);
    json_int_t output = output_most(r);
    json_t *req =
        json_pack("{s:s,s:o,s:o,s:n,s:b,s:I,s:I,s:s,s:s}", "run_id", r->id, "phases", phases, "env",
                  env, "cwd", "stdin", true, "wall_ms", (json_int_t)kg_run_most_ms(s),
                  "output_bytes", output, "username", "user", "session", r->id);
    if (p->display && !s->terminal) {
        json_object_set_new(req, "display", json_true());
        json_object_set_new(json_object_get(req, "env"), "KERNELGW_DISPLAY", json_string("3"));
    }
    if (s->tty.on)
        json_object_set_new(
            req, "tty", json_pack("{s:i,s:i}", "rows", (int)s->tty.rows, "cols", (int)s->tty.cols));
    return req;
}

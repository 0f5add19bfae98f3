#include "kernelgw/core/run_tty.h"

#include <errno.h>

#include "base/log.h"
#include "kernelgw/core/checks.h"

int kg_tty_parse(struct kg_tty *tty, const json_t *v, bool needed, struct kg_err *err)
{
    static const char *const names[] = {"rows", "cols", NULL};
    if (!needed && (!v || json_is_null(v)))
        return 0;
    if (!json_is_object(v))
        return kg_err_set(err, -EINVAL, "tty must be null or an object with rows and cols");
    uint32_t rows = tty->on ? tty->rows : KG_TTY_ROWS;
    uint32_t cols = tty->on ? tty->cols : KG_TTY_COLS;
    int rc = kg_check_only(v, "tty.", names, err);
    if (rc == 0)
        rc = kg_check_number(&rows, v, "tty.", "rows", 1, KG_TTY_SIDE_MAX, err);
    if (rc == 0)
        rc = kg_check_number(&cols, v, "tty.", "cols", 1, KG_TTY_SIDE_MAX, err);
    if (rc == 0)
        *tty = (struct kg_tty){true, (uint16_t)rows, (uint16_t)cols};
    return rc;
}

void kg_tty_env(const struct kg_tty *tty, json_t *env)
{
    if (!tty->on)
        return;
    json_object_set_new(env, "TERM", json_string("xterm-256color"));
    json_object_set_new(env, "COLORTERM", json_string("truecolor"));
}

static void resized(void *user, const json_t *reply, const struct kg_err *err)
{
    struct kg_run *r = user;
    char why[200];
    if (kg_run_refused(reply, err, why, sizeof why) && !kg_run_ended(r))
        kg_log(KG_WARN, "run", "size not taken", "id=%s why=%s", r->id, why);
    kg_run_unref(r);
}

static void tell_size(struct kg_run *r)
{
    json_t *req = json_pack("{s:s,s:i,s:i}", "run_id", r->id, "rows", (int)r->spec.tty.rows, "cols",
                            (int)r->spec.tty.cols);
    r->refs++;
    pl_box_request(r->box, "run.resize", req, NULL, 0, resized, r);
}

int kg_run_resize(struct kg_run *r, const struct kg_tty *size, struct kg_err *err)
{
    if (kg_run_ended(r))
        return kg_err_set(err, -ESRCH, "run %s has ended", r->id);
    if (!r->spec.tty.on)
        return kg_err_set(err, -EINVAL, "run %s has no terminal: it was started without \"tty\"",
                          r->id);
    r->spec.tty = *size;
    if (r->state == KG_R_RUNNING && r->box)
        tell_size(r);
    else
        r->resized = true;
    return 0;
}

void kg_run_tty_started(struct kg_run *r)
{
    if (r->resized)
        tell_size(r);
    r->resized = false;
}

#include "kernelgw/api/start.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernelgw/core/checks.h"
#include "kernelgw/core/limits.h"
#include "kernelgw/core/session.h"
#include "kernelgw/core/workspace.h"

struct waiting {
    struct kg_api *api;
    struct kg_http *req;      /* NULL once answered or gone */
    struct kg_kernel *kernel; /* NULL once it has told its outcome */
    kg_start_answer *answer;
    void *user;
    bool passing; /* the kernel is made for this answer, under no name that the client chose */
    uv_timer_t timer;
};

static void free_waiting(uv_handle_t *h)
{
    struct waiting *w = h->data;
    free(w->user);
    free(w);
}

static void finish(struct waiting *w)
{
    if (w->kernel)
        kg_kernel_forget_waiter(w->kernel, w);
    w->kernel = NULL;
    if (!uv_is_closing((uv_handle_t *)&w->timer))
        uv_close((uv_handle_t *)&w->timer, free_waiting);
}

/* Whether somebody else could miss it: it was in the list from its first moment. */
static bool is_known(const struct kg_kernel *k)
{
    if (k->clients || (k->workspace && !k->workspace->passing))
        return true;
    for (const struct kg_session *s = k->core->sessions; s; s = s->hh.next)
        if (s->kernel == k)
            return true;
    return false;
}

/* A kernel whose id nobody was told would only be in the way. */
static void client_gone(void *user)
{
    struct waiting *w = user;
    struct kg_kernel *k = w->passing ? w->kernel : NULL;
    w->req = NULL;
    finish(w);
    if (k && !is_known(k))
        kg_kernel_delete(k);
}

static void outcome(void *user, struct kg_kernel *k, const struct kg_err *err)
{
    struct waiting *w = user;
    struct kg_http *req = w->req;
    struct kg_kernel *failed = w->kernel;
    w->req = NULL;
    w->kernel = NULL; /* the waiter is used up */
    if (!err) {
        w->answer(w->api, req, k, w->user);
    } else {
        kg_reply_err(w->api, req, err);
        /* a kernel that never was is not left in the list as a dead one */
        if (failed && failed->state == KG_K_DEAD && failed->up_ms == 0)
            kg_kernel_delete(failed);
    }
    finish(w);
}

static void too_long(uv_timer_t *timer)
{
    struct waiting *w = timer->data;
    struct kg_http *req = w->req;
    struct kg_kernel *k = w->kernel;
    w->req = NULL;
    kg_kernel_promise(k);
    w->answer(w->api, req, k, w->user);
    finish(w);
}

static struct waiting *wait_for(struct kg_api *api, struct kg_http *req, kg_start_answer *answer,
                                void *user)
{
    struct waiting *w = kg_calloc(1, sizeof *w);
    *w = (struct waiting){.api = api, .req = req, .answer = answer, .user = user};
    uv_timer_init(kg_api_core(api)->loop, &w->timer);
    w->timer.data = w;
    kg_http_on_close(req, client_gone, w);
    return w;
}

/* False, with *err, when a field is there and is no string: a wish that is not understood is not passed over. */
static bool strings_only(const json_t *body, struct kg_err *err)
{
    static const char *const names[] = {"name", "kernel_id", "path"};
    for (size_t i = 0; i < KG_COUNT(names); i++) {
        const json_t *v = json_object_get(body, names[i]);
        if (v && !json_is_null(v) && !json_is_string(v)) {
            kg_err_set(err, -EINVAL, "%s must be a string", names[i]);
            return false;
        }
    }
    return true;
}

/* {"kernelgw":{"limits":{...},"session":...}}: what no Jupyter server has. */
static bool own_wishes(const json_t *body, const json_t **limits, struct kg_err *err)
{
    static const char *const names[] = {"limits", "session", "network", "aliases", NULL};
    const json_t *own = json_object_get(body, "kernelgw");
    if (own && !json_is_null(own) && !json_is_object(own)) {
        kg_err_set(err, -EINVAL, "kernelgw must be an object");
        return false;
    }
    *limits = json_object_get(own, "limits");
    return kg_check_only(own, "kernelgw.", names, err) == 0;
}

void kg_start_kernel(struct kg_api *api, struct kg_http *req, const char *owner, const json_t *body,
                     kg_start_answer *answer, void *user)
{
    struct kg_err err;
    const json_t *limits = NULL;
    if (!strings_only(body, &err) || !own_wishes(body, &limits, &err)) {
        kg_reply_err(api, req, &err);
        free(user);
        return;
    }
    struct kg_kernel_start start = {.name = json_string_value(json_object_get(body, "name")),
                                    .kernel_id =
                                        json_string_value(json_object_get(body, "kernel_id")),
                                    .env = json_object_get(body, "env"),
                                    .limits = limits,
                                    .owner = owner,
                                    .own = json_object_get(body, "kernelgw")};
    if (json_is_null(start.env))
        start.env = NULL;
    struct waiting *w = wait_for(api, req, answer, user);
    w->passing = !start.kernel_id;
    int rc = kg_kernel_start(kg_api_core(api), &start, &w->kernel, outcome, w, &err);
    if (rc < 0) {
        w->req = NULL;
        kg_reply_err(api, req, &err);
        finish(w);
        return;
    }
    uv_timer_start(&w->timer, too_long, KG_START_ANSWER_MS, 0);
}

void kg_restart_kernel(struct kg_api *api, struct kg_http *req, struct kg_kernel *k,
                       kg_start_answer *answer, void *user)
{
    struct waiting *w = wait_for(api, req, answer, user);
    w->kernel = k;
    kg_kernel_restart(k, outcome, w);
}

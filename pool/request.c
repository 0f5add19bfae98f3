#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/inside.h"

enum { DATA_PART = 1024 * 1024 };

/* An answer that is given at the end of the turn. */
struct late {
    struct pl_task task;
    pl_reply *done;
    void *user;
    struct kg_err err;
};

static void on_late(struct pl_task *task)
{
    struct late *late = kg_container_of(task, struct late, task);
    late->done(late->user, NULL, &late->err);
    free(late);
}

static void fail_soon(struct pl_pool *p, pl_reply *done, void *user, const struct kg_err *err)
{
    struct late *late = kg_calloc(1, sizeof *late);
    late->task.run = on_late;
    late->done = done;
    late->user = user;
    late->err = *err;
    pl_turn_soon(&p->turn, &late->task);
}

static int dump(const char *text, size_t n, void *buf)
{
    kg_buf_add(buf, text, n);
    return 0;
}

static int send_request(struct pl_box *b, uint64_t id, const json_t *req, const void *data,
                        size_t n, struct kg_err *err)
{
    if (!b->link)
        return kg_err_set(err, -ENOTCONN, "box %.12s is gone", b->id);
    kg_autobuf body = {0};
    json_dump_callback(req, dump, &body, JSON_COMPACT);
    struct kg_rec rec = {.type = KG_REC_REQ, .channel = KG_CH_NONE};
    int rc = pl_link_send(b->link, &rec, body.data, body.len, err);
    const uint8_t *from = data;
    for (bool more = data != NULL; rc == 0 && more;) {
        size_t part = n < DATA_PART ? n : DATA_PART;
        more = part < n;
        rec = (struct kg_rec){.type = KG_REC_DATA, .channel = KG_CH_NONE, .seq = id};
        rec.flags = more ? 0 : KG_REC_F_END;
        rc = pl_link_send(b->link, &rec, from, part, err);
        from += part;
        n -= part;
    }
    return rc;
}

void pl_box_request(struct pl_box *b, const char *op, json_t *req, const void *data, size_t n,
                    pl_reply *done, void *user)
{
    struct kg_err err = {0};
    uint64_t id = ++b->next_request;
    if (!req)
        req = json_object();
    json_object_set_new(req, "id", json_integer((json_int_t)id));
    json_object_set_new(req, "op", json_string(op));
    int rc = 0;
    /* Refused as a whole, before its first byte is queued: half a request would confuse the agent. */
    if (data && n > PL_LINK_OUT_MAX)
        rc = kg_err_set(&err, -EMSGSIZE, "%zu bytes at once are above the link's limit of %d", n,
                        PL_LINK_OUT_MAX);
    else
        rc = send_request(b, id, req, data, n, &err);
    json_decref(req);
    if (rc < 0) {
        kg_err_wrap(&err, "%s", op);
        fail_soon(b->pool, done, user, &err);
        return;
    }
    struct pl_pending *pending = kg_calloc(1, sizeof *pending);
    pending->id = id;
    pending->done = done;
    pending->user = user;
    TAILQ_INSERT_TAIL(&b->pending, pending, entry);
}

void pl_request_reply(struct pl_box *b, struct kg_slice body)
{
    json_error_t bad;
    json_t *reply = json_loadb((const char *)body.data, body.len, 0, &bad);
    json_t *id = json_object_get(reply, "id");
    if (!json_is_integer(id)) {
        struct kg_err err = {0};
        kg_err_set(&err, -EPROTO, "the agent's reply can't be read: %s",
                   reply ? "it has no id" : bad.text);
        json_decref(reply);
        pl_box_fail(b, &err, false);
        return;
    }
    struct pl_pending *pending = NULL;
    TAILQ_FOREACH(pending, &b->pending, entry)
    if (pending->id == (uint64_t)json_integer_value(id))
        break;
    if (pending) {
        TAILQ_REMOVE(&b->pending, pending, entry);
        pending->done(pending->user, reply, NULL);
        free(pending);
    } else {
        kg_log(KG_DEBUG, "pool", "reply to no request", "box=%.12s", b->id);
    }
    json_decref(reply);
}

void pl_request_fail_all(struct pl_box *b, const struct kg_err *err)
{
    struct pl_pendings all = TAILQ_HEAD_INITIALIZER(all);
    TAILQ_CONCAT(&all, &b->pending, entry);
    struct pl_pending *pending;
    while ((pending = TAILQ_FIRST(&all))) {
        TAILQ_REMOVE(&all, pending, entry);
        pending->done(pending->user, NULL, err);
        free(pending);
    }
}

void pl_request_fail_all_soon(struct pl_box *b, const struct kg_err *err)
{
    struct pl_pending *pending;
    while ((pending = TAILQ_FIRST(&b->pending))) {
        TAILQ_REMOVE(&b->pending, pending, entry);
        fail_soon(b->pool, pending->done, pending->user, err);
        free(pending);
    }
}

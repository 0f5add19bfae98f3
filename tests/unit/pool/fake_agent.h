#ifndef FAKE_AGENT_H
#define FAKE_AGENT_H
/*
 * Agents that live in the test itself: sockets of this process that speak records. Each behaves as its mood says.
 */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pool/inside.h"
#include "pool/reader.h"

enum mood {
    WELL,
    SILENT,       /* dials, never says hello */
    ABSENT,       /* never dials */
    WRONG_BOX,    /* hello of another box */
    WRONG_UID,    /* the engine says another uid */
    GARBAGE,      /* hello, then bytes that are no record */
    OVERSIZE,     /* hello, then a record above the limit */
    NO_KERNEL,    /* kernel.start is refused */
    SLOW_KERNEL,  /* kernel.start is never answered */
    NO_CONFIGURE, /* kernel.configure is refused */
    NO_SERVICE,   /* service.start is refused */
    SLOW_SERVICE, /* service.start is never answered */
    NO_BOX,       /* the engine can't make it */
};

struct fake_agent {
    char id[65];
    char owner[64];
    uint64_t age_ms;
    enum mood mood;
    int fd;
    int listen_fd; /* a copy, to be able to dial again */
    char path[108];
    struct pl_reader reader;
    bool welcome;
    uint64_t from_seq;
    uint64_t next_seq;
    uint64_t acked;
    struct kg_buf messages; /* bodies of MSG, one after the other */
    struct kg_buf data;     /* of DATA */
    json_t *configured;     /* the last kernel.configure */
    json_t *started;        /* the last kernel.start */
    json_t *service;        /* the last service.start */
    int starts, stops, services;
    int starts_before_service;
    struct pl_limits limits; /* in force */
    char net[65];
    bool used;
};

static inline void fake_send(struct fake_agent *a, uint8_t type, uint8_t channel, uint64_t seq,
                             const void *body, size_t n)
{
    kg_autobuf out = {0};
    struct kg_rec rec = {.type = type, .channel = channel, .seq = seq};
    kg_rec_append(&out, &rec, body, n);
    size_t at = 0;
    while (a->fd >= 0 && at < out.len) {
        ssize_t sent = send(a->fd, out.data + at, out.len - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += (size_t)sent;
    }
}

static inline void fake_say(struct fake_agent *a, uint8_t type, const char *body)
{
    bool numbered = type == KG_REC_EVENT || type == KG_REC_MSG;
    fake_send(a, type, type == KG_REC_MSG ? KG_CH_IOPUB : KG_CH_NONE, numbered ? ++a->next_seq : 0,
              body, strlen(body));
}

static inline void fake_dial(struct fake_agent *a)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, a->path, strlen(a->path) + 1);
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(a->fd, (struct sockaddr *)&address, sizeof address), 0);
    if (a->mood == SILENT)
        return;
    kg_autofree char *hello =
        kg_asprintf("{\"box\":\"%s\",\"version\":\"0\",\"first_seq\":1,\"last_seq\":%llu}",
                    a->mood == WRONG_BOX ? "ffff" : a->id, (unsigned long long)a->next_seq);
    fake_say(a, KG_REC_HELLO, hello);
}

static inline void fake_hang_up(struct fake_agent *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    a->welcome = false;
    pl_reader_release(&a->reader);
}

static inline void fake_end(struct fake_agent *a)
{
    fake_hang_up(a);
    unlink(a->path);
    kg_buf_release(&a->messages);
    kg_buf_release(&a->data);
    json_decref(a->configured);
    json_decref(a->started);
    json_decref(a->service);
    memset(a, 0, sizeof *a);
}

static inline void fake_answer(struct fake_agent *a, json_int_t id, bool ok, const char *more)
{
    kg_autofree char *body =
        kg_asprintf("{\"id\":%lld,\"ok\":%s%s}", (long long)id, ok ? "true" : "false", more);
    fake_send(a, KG_REC_REPLY, KG_CH_NONE, 0, body, strlen(body));
}

static inline void fake_request(struct fake_agent *a, struct kg_slice body)
{
    json_t *req = json_loadb((const char *)body.data, body.len, 0, NULL);
    assert_non_null(req);
    json_int_t id = json_integer_value(json_object_get(req, "id"));
    const char *op = json_string_value(json_object_get(req, "op"));
    assert_non_null(op);
    if (strcmp(op, "kernel.start") == 0) {
        a->starts++;
        json_decref(a->started);
        a->started = json_incref(req);
        if (a->mood == NO_KERNEL)
            fake_answer(a, id, false, ",\"error\":\"no module named ipykernel\"");
        else if (a->mood != SLOW_KERNEL)
            fake_answer(a, id, true, ",\"kernel_info\":{\"implementation\":\"fake\"},\"pid\":7");
    } else if (strcmp(op, "service.start") == 0) {
        a->services++;
        a->starts_before_service = a->starts;
        json_decref(a->service);
        a->service = json_incref(req);
        if (a->mood == NO_SERVICE)
            fake_answer(a, id, false, ",\"error\":\"mariadbd ended with status 1\"");
        else if (a->mood != SLOW_SERVICE)
            fake_answer(a, id, true, "");
    } else if (strcmp(op, "kernel.configure") == 0) {
        json_decref(a->configured);
        a->configured = json_incref(req);
        if (a->mood == NO_CONFIGURE)
            fake_answer(a, id, false, ",\"code\":\"ENOTSUP\",\"error\":\"no way\"");
        else
            fake_answer(a, id, true, "");
    } else if (strcmp(op, "never") != 0) {
        a->stops += strcmp(op, "kernel.stop") == 0;
        fake_answer(a, id, strcmp(op, "refuse") != 0, ",\"error\":\"so\"");
    }
    json_decref(req);
}

static inline void fake_welcomed(struct fake_agent *a, struct kg_slice body)
{
    json_t *doc = json_loadb((const char *)body.data, body.len, 0, NULL);
    a->from_seq = (uint64_t)json_integer_value(json_object_get(doc, "from_seq"));
    json_decref(doc);
    a->welcome = true;
    if (a->mood == GARBAGE)
        assert_true(send(a->fd, "this is not a record at all", 27, MSG_NOSIGNAL) == 27);
    if (a->mood == OVERSIZE) {
        uint8_t head[KG_REC_HEAD];
        struct kg_rec rec = {.type = KG_REC_MSG, .body_len = KG_REC_BODY_MAX + 1, .seq = 1};
        kg_rec_encode(head, &rec);
        assert_true(send(a->fd, head, sizeof head, MSG_NOSIGNAL) == sizeof head);
    }
}

static inline void fake_take(struct fake_agent *a, const struct kg_rec *rec, struct kg_slice body)
{
    switch (rec->type) {
    case KG_REC_WELCOME: fake_welcomed(a, body); break;
    case KG_REC_REQ: fake_request(a, body); break;
    case KG_REC_MSG: kg_buf_add(&a->messages, body.data, body.len); break;
    case KG_REC_DATA: kg_buf_add(&a->data, body.data, body.len); break;
    case KG_REC_ACK: a->acked = rec->seq; break;
    default: fail_msg("record of type %u", rec->type);
    }
}

static inline void fake_read(struct fake_agent *a)
{
    while (a->fd >= 0) {
        struct iovec iov[2];
        int n = pl_reader_room(&a->reader, iov);
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
        ssize_t got = recvmsg(a->fd, &msg, MSG_DONTWAIT);
        if (got < 0)
            return;
        if (got == 0) {
            fake_hang_up(a);
            return;
        }
        pl_reader_took(&a->reader, (size_t)got);
        struct kg_rec rec;
        struct kg_slice body;
        while (a->fd >= 0 && pl_reader_next(&a->reader, &rec, &body, NULL) > 0)
            fake_take(a, &rec, body);
    }
}

#endif

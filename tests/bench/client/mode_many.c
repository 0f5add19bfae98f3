/* loop: K kernels, each with one request always under way. hold: many kernels and sockets, then silence. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/kernel.h"
#include "tests/bench/client/stat.h"

enum { ANSWER_MS = 30000, PROBES = 200, EVENTS = 64 };

struct lane {
    char id[BC_ID_SIZE];
    uint64_t sent_us;
    bool replied, idle;
};

struct loop {
    const struct bc_config *cfg;
    struct bc_kernel *kernels;
    struct bc_link *links;
    struct lane *lanes;
    unsigned n;
    struct bc_samples us;
    unsigned long messages;
    bool over; /* no new requests: what is under way ends */
    unsigned busy;
    int epoll;
};

static void ask(struct loop *s, unsigned i)
{
    static char content[512];
    struct lane *lane = &s->lanes[i];
    lane->replied = lane->idle = false;
    lane->sent_us = bc_now_us();
    bc_link_send(&s->links[i], KG_CH_SHELL, "execute_request", bc_execute(content, "pass", true),
                 NULL, 0, lane->id);
    s->busy++;
}

/* Takes everything that is there on link i. Negative when it is lost. */
static int take(struct loop *s, unsigned i)
{
    struct lane *lane = &s->lanes[i];
    struct bc_msg m;
    int rc;
    while ((rc = bc_link_receive(&s->links[i], &m, 0)) == 1) {
        s->messages++;
        if (!bc_msg_parent(&m, lane->id))
            continue;
        lane->replied |= m.channel == KG_CH_SHELL;
        lane->idle |= bc_msg_status(&m, "idle");
        if (!lane->replied || !lane->idle)
            continue;
        bc_sample(&s->us, (double)(bc_now_us() - lane->sent_us));
        s->busy--;
        if (!s->over)
            ask(s, i);
    }
    return rc;
}

static int wait_and_take(struct loop *s)
{
    if (s->cfg->way == BC_DIRECT) {
        static bool ready[4096];
        if (bc_direct_wait(s->links, s->n, ready, ANSWER_MS) <= 0)
            return -ETIMEDOUT;
        for (unsigned i = 0; i < s->n; i++)
            if (ready[i] && take(s, i) < 0)
                return -EPIPE;
        return 0;
    }
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(s->epoll, ev, EVENTS, ANSWER_MS);
    for (int e = 0; e < n; e++)
        if (take(s, ev[e].data.u32) < 0)
            return -EPIPE;
    return n > 0 ? 0 : -ETIMEDOUT;
}

int bc_mode_loop(const struct bc_config *cfg)
{
    struct loop s = {.cfg = cfg, .n = cfg->kernels, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    s.kernels = kg_calloc(s.n, sizeof *s.kernels);
    s.links = kg_calloc(s.n, sizeof *s.links);
    s.lanes = kg_calloc(s.n, sizeof *s.lanes);
    uint64_t open_us = 0;
    for (unsigned i = 0; i < s.n; i++) {
        uint64_t t0 = bc_now_us();
        bc_open_or_die(cfg, &s.kernels[i], &s.links[i]);
        open_us += bc_now_us() - t0;
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
        if (cfg->way != BC_DIRECT)
            epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.links[i].fd, &ev);
    }
    uint64_t cpu_us = bc_cpu_us();
    uint64_t t0 = bc_now_us();
    uint64_t end_us = t0 + (uint64_t)(cfg->seconds * 1e6);
    for (unsigned i = 0; i < s.n; i++)
        ask(&s, i);
    int rc = 0;
    while (s.busy > 0 && rc == 0) {
        s.over = bc_now_us() >= end_us;
        rc = wait_and_take(&s);
    }
    double seconds = (double)(bc_now_us() - t0) / 1e6;
    cpu_us = bc_cpu_us() - cpu_us;

    struct bc_report r;
    bc_report_begin(&r, "loop");
    kg_json_kbool(&r.j, "ok", rc == 0);
    kg_json_kint(&r.j, "kernels", s.n);
    kg_json_kint(&r.j, "requests", (int64_t)s.us.n);
    kg_json_key(&r.j, "requests_s");
    kg_json_real(&r.j, (double)s.us.n / seconds);
    kg_json_key(&r.j, "messages_s");
    kg_json_real(&r.j, (double)s.messages / seconds);
    kg_json_key(&r.j, "client_cpu_share");
    kg_json_real(&r.j, (double)cpu_us / 1e6 / seconds);
    kg_json_kint(&r.j, "open_ms", (int64_t)(open_us / 1000));
    bc_samples_json(&s.us, &r.j, "us");
    bc_report_end(&r);
    for (unsigned i = 0; i < s.n; i++) {
        bc_link_close(&s.links[i], false);
        bc_kernel_stop(cfg, &s.kernels[i]);
    }
    bc_samples_release(&s.us);
    free(s.kernels);
    free(s.links);
    free(s.lanes);
    close(s.epoll);
    return rc == 0 ? 0 : 1;
}

/* Waits for a line on stdin: whoever runs us measures meanwhile. */
static void wait_for_line(void)
{
    char line[16];
    if (!fgets(line, sizeof line, stdin))
        return;
}

struct held {
    struct bc_kernel *kernels;
    struct bc_link *links;
    unsigned started, open, refused, kernels_refused;
    struct kg_err first_error;
};

static void open_all(const struct bc_config *cfg, struct held *h)
{
    h->kernels = kg_calloc(cfg->kernels, sizeof *h->kernels);
    h->links = kg_calloc(cfg->sockets + 1, sizeof *h->links);
    for (unsigned i = 0; i < cfg->kernels; i++) {
        struct kg_err err = {0};
        if (bc_kernel_start(cfg, &h->kernels[h->started], &err) == 0)
            h->started++;
        else if (h->kernels_refused++ == 0)
            h->first_error = err;
    }
    for (unsigned i = 0; i < cfg->sockets && h->started; i++) {
        struct kg_err err = {0};
        char session[33];
        kg_random_hex(session, 16);
        const struct bc_kernel *k = &h->kernels[i % h->started];
        /* kernel_info is asked on the first socket of each kernel; the others only open. */
        int rc = i < h->started ? bc_kernel_link(cfg, k, session, &h->links[h->open], &err)
                                : bc_link_open(&h->links[h->open], cfg, k->id, session, &err);
        if (rc == 0)
            h->open++;
        else if (h->refused++ == 0)
            h->first_error = err;
    }
}

int bc_mode_hold(const struct bc_config *cfg)
{
    struct held h = {0};
    struct bc_samples us = {0};
    struct bc_report r;
    bc_report_begin(&r, "before");
    bc_report_end(&r);
    wait_for_line();
    uint64_t t0 = bc_now_us();
    open_all(cfg, &h);
    double open_s = (double)(bc_now_us() - t0) / 1e6;

    unsigned lost = 0;
    for (unsigned i = 0; i < PROBES && h.open; i++) {
        struct bc_link *l = &h.links[(i * 37) % h.open];
        t0 = bc_now_us();
        if (bc_link_ask(l, KG_CH_SHELL, "kernel_info_request", "{}", ANSWER_MS) == 1)
            bc_sample(&us, (double)(bc_now_us() - t0));
        else
            lost++;
    }
    bc_report_begin(&r, "held");
    kg_json_kint(&r.j, "kernels", h.started);
    kg_json_kint(&r.j, "kernels_refused", h.kernels_refused);
    kg_json_kint(&r.j, "sockets", h.open);
    kg_json_kint(&r.j, "refused", h.refused);
    kg_json_kint(&r.j, "unanswered", lost);
    kg_json_kstr(&r.j, "first_error", h.first_error.text);
    kg_json_key(&r.j, "open_s");
    kg_json_real(&r.j, open_s);
    bc_samples_json(&us, &r.j, "us");
    bc_report_end(&r);
    wait_for_line();
    for (unsigned i = 0; i < h.open; i++)
        bc_link_close(&h.links[i], false);
    for (unsigned i = 0; i < h.started; i++)
        bc_kernel_stop(cfg, &h.kernels[i]);
    bc_report_begin(&r, "after");
    bc_report_end(&r);
    wait_for_line();
    free(h.kernels);
    free(h.links);
    bc_samples_release(&us);
    return 0;
}

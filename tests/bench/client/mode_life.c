/* start, interrupt, restart, death: what a kernel's life costs. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/kernel.h"
#include "tests/bench/client/stat.h"

enum { ANSWER_MS = 30000, STEP_MS = 50, DEATH_MS = 15000 };

struct starter {
    const struct bc_config *cfg;
    pthread_barrier_t *all; /* kernels that we fork die with their thread: none leaves early */
    pthread_t thread;
    struct bc_kernel kernel;
    double ready_ms, executed_ms;
    struct kg_err err;
    int rc;
};

static void *start_one(void *arg)
{
    struct starter *s = arg;
    struct bc_link l = {.fd = -1};
    char content[512];
    pthread_barrier_wait(s->all);
    uint64_t t0 = bc_now_us();
    s->rc = bc_kernel_start(s->cfg, &s->kernel, &s->err);
    if (s->rc == 0)
        s->rc = bc_kernel_link(s->cfg, &s->kernel, NULL, &l, &s->err);
    if (s->rc == 0) {
        s->ready_ms = (double)(bc_now_us() - t0) / 1e3;
        bc_execute(content, s->cfg->code ? s->cfg->code : "pass", false);
        if (bc_link_ask(&l, KG_CH_SHELL, "execute_request", content, ANSWER_MS) != 1)
            s->rc = kg_err_set(&s->err, -EIO, "execute was not answered");
        s->executed_ms = (double)(bc_now_us() - t0) / 1e3;
        bc_link_close(&l, false);
    }
    pthread_barrier_wait(s->all);
    bc_kernel_stop(s->cfg, &s->kernel);
    return NULL;
}

int bc_mode_start(const struct bc_config *cfg)
{
    struct bc_samples ready = {0};
    struct bc_samples executed = {0};
    struct bc_samples wall = {0};
    struct kg_err first = {0};
    unsigned failed = 0;
    struct starter *s = kg_calloc(cfg->parallel, sizeof *s);
    for (unsigned round = 0; round < cfg->rounds; round++) {
        pthread_barrier_t all;
        pthread_barrier_init(&all, NULL, cfg->parallel + 1);
        for (unsigned i = 0; i < cfg->parallel; i++) {
            s[i] = (struct starter){.cfg = cfg, .all = &all};
            pthread_create(&s[i].thread, NULL, start_one, &s[i]);
        }
        pthread_barrier_wait(&all);
        uint64_t t0 = bc_now_us();
        pthread_barrier_wait(&all);
        bc_sample(&wall, (double)(bc_now_us() - t0) / 1e3);
        for (unsigned i = 0; i < cfg->parallel; i++) {
            pthread_join(s[i].thread, NULL);
            if (s[i].rc < 0 && failed++ == 0)
                first = s[i].err;
            if (s[i].rc == 0) {
                bc_sample(&ready, s[i].ready_ms);
                bc_sample(&executed, s[i].executed_ms);
            }
        }
        pthread_barrier_destroy(&all);
        if (cfg->pause > 0)
            usleep((useconds_t)(cfg->pause * 1e6)); /* a warm stock fills up again */
    }
    struct bc_report r;
    bc_report_begin(&r, "start");
    kg_json_kint(&r.j, "parallel", cfg->parallel);
    kg_json_kint(&r.j, "failed", failed);
    kg_json_kstr(&r.j, "first_error", first.text);
    bc_samples_json(&ready, &r.j, "ready_ms");
    bc_samples_json(&executed, &r.j, "executed_ms");
    bc_samples_json(&wall, &r.j, "wall_ms");
    bc_report_end(&r);
    bc_samples_release(&ready);
    bc_samples_release(&executed);
    bc_samples_release(&wall);
    free(s);
    return failed ? 1 : 0;
}

/* Reads until a message about request id satisfies what is asked for: its reply, or its busy status. */
static int await(struct bc_link *l, const char *id, bool reply)
{
    for (;;) {
        struct bc_msg m;
        int rc = bc_link_receive(l, &m, ANSWER_MS);
        if (rc <= 0)
            return rc;
        if (bc_msg_parent(&m, id) && (reply ? m.channel == KG_CH_SHELL : bc_msg_status(&m, "busy")))
            return 1;
    }
}

int bc_mode_interrupt(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    struct bc_samples ms = {0};
    struct kg_err err = {0};
    char content[512];
    bc_open_or_die(cfg, &k, &l);
    bc_execute(content, cfg->code ? cfg->code : "spin", false);
    int rc = 1;
    for (unsigned i = 0; i < cfg->rounds && rc == 1; i++) {
        char id[BC_ID_SIZE];
        bc_link_send(&l, KG_CH_SHELL, "execute_request", content, NULL, 0, id);
        rc = await(&l, id, false);
        usleep(100000); /* busy is said before the code begins */
        uint64_t t0 = bc_now_us();
        if (rc == 1 && bc_kernel_interrupt(cfg, &k, &err) < 0)
            rc = -EIO;
        if (rc == 1)
            rc = await(&l, id, true);
        if (rc == 1)
            bc_sample(&ms, (double)(bc_now_us() - t0) / 1e3);
    }
    struct bc_report r;
    bc_report_begin(&r, "interrupt");
    kg_json_kbool(&r.j, "ok", rc == 1);
    kg_json_kstr(&r.j, "first_error", err.text);
    bc_samples_json(&ms, &r.j, "ms");
    bc_report_end(&r);
    bc_samples_release(&ms);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return rc == 1 ? 0 : 1;
}

/* Asks for kernel_info until it is answered, again every `step`; sets *silent to how often it was in vain. */
static int usable(struct bc_link *l, int step_ms, int limit_ms, unsigned *in_vain)
{
    uint64_t end_us = bc_now_us() + (uint64_t)limit_ms * 1000;
    while (bc_now_us() < end_us) {
        int rc = bc_link_ask(l, KG_CH_SHELL, "kernel_info_request", "{}", step_ms);
        if (rc != 0)
            return rc;
        (*in_vain)++;
    }
    return 0;
}

/* Without a server there is no socket that outlives the kernel. */
static int connect_again(const struct bc_config *cfg, struct bc_kernel *k, struct bc_link *l,
                         struct kg_err *err)
{
    bc_link_close(l, false);
    return bc_kernel_link(cfg, k, NULL, l, err) == 0 ? 1 : -EIO;
}

int bc_mode_restart(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    struct bc_samples ms = {0};
    struct kg_err err = {0};
    unsigned hangs = 0;
    bc_open_or_die(cfg, &k, &l);
    int rc = 1;
    for (unsigned i = 0; i < cfg->rounds && rc == 1; i++) {
        uint64_t t0 = bc_now_us();
        if (bc_kernel_restart(cfg, &k, &err) < 0)
            rc = -EIO;
        else if (cfg->way == BC_DIRECT)
            rc = connect_again(cfg, &k, &l, &err);
        /* A server answers the first request after its restart; one that never does is a hang. */
        else
            rc = usable(&l, 5000, 15000, &hangs);
        if (rc == 1)
            bc_sample(&ms, (double)(bc_now_us() - t0) / 1e3);
    }
    struct bc_report r;
    bc_report_begin(&r, "restart");
    kg_json_kbool(&r.j, "ok", rc == 1);
    kg_json_kint(&r.j, "hangs", hangs);
    kg_json_kstr(&r.j, "first_error", err.text);
    bc_samples_json(&ms, &r.j, "ms");
    bc_report_end(&r);
    bc_samples_release(&ms);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return rc == 1 ? 0 : 1;
}

int bc_mode_death(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    struct bc_samples noticed = {0};
    struct bc_samples again = {0};
    unsigned unnoticed = 0;
    unsigned unusable = 0;
    char content[512];
    bc_execute(content, cfg->code ? cfg->code : "die", false);
    for (unsigned i = 0; i < cfg->rounds; i++) {
        char id[BC_ID_SIZE];
        bc_open_or_die(cfg, &k, &l);
        uint64_t t0 = bc_now_us();
        uint64_t end_us = t0 + (uint64_t)DEATH_MS * 1000;
        bool told = false;
        bc_link_send(&l, KG_CH_SHELL, "execute_request", content, NULL, 0, id);
        while (!told && bc_now_us() < end_us) {
            struct bc_msg m;
            int rc = bc_link_receive(&l, &m, 1000);
            if (rc < 0)
                break;
            told = rc == 1 && (bc_msg_status(&m, "restarting") || bc_msg_status(&m, "dead"));
        }
        if (told)
            bc_sample(&noticed, (double)(bc_now_us() - t0) / 1e3);
        else
            unnoticed++;
        unsigned in_vain = 0;
        if (told && usable(&l, STEP_MS, DEATH_MS, &in_vain) == 1)
            bc_sample(&again, (double)(bc_now_us() - t0) / 1e3);
        else
            unusable++;
        bc_link_close(&l, false);
        bc_kernel_stop(cfg, &k);
    }
    struct bc_report r;
    bc_report_begin(&r, "death");
    kg_json_kint(&r.j, "unnoticed", unnoticed);
    kg_json_kint(&r.j, "unusable", unusable);
    bc_samples_json(&noticed, &r.j, "noticed_ms");
    bc_samples_json(&again, &r.j, "usable_ms");
    bc_report_end(&r);
    bc_samples_release(&noticed);
    bc_samples_release(&again);
    return 0;
}

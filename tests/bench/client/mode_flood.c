/* flood: a reader that keeps up. slow: one that reads nothing for a while. reconnect: one that leaves and comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "tests/bench/client/kernel.h"
#include "tests/bench/client/stat.h"
#include "tests/bench/client/tally.h"

enum { QUIET_MS = 20000, RECONNECT_QUIET_MS = 3000 };

static int start_flood(struct bc_link *l, const struct bc_config *cfg, char id[BC_ID_SIZE])
{
    char content[512];
    char code[96];
    if (cfg->rate)
        snprintf(code, sizeof code, "paced %lu %lu %u", cfg->count, cfg->size, cfg->rate);
    else
        snprintf(code, sizeof code, "flood %lu %lu", cfg->count, cfg->size);
    return bc_link_send(l, KG_CH_SHELL, "execute_request",
                        bc_execute(content, cfg->code ? cfg->code : code, false), NULL, 0, id);
}

static void real(struct kg_json *j, const char *key, double v)
{
    kg_json_key(j, key);
    kg_json_real(j, v);
}

int bc_mode_flood(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    char id[BC_ID_SIZE];
    struct bc_tally t;
    bc_open_or_die(cfg, &k, &l);
    bc_tally_init(&t, cfg->count);
    uint64_t cpu_us = bc_cpu_us();
    start_flood(&l, cfg, id);
    bc_tally_read(&t, &l, id, QUIET_MS);
    cpu_us = bc_cpu_us() - cpu_us;

    double seconds = (double)(t.last_us - t.first_us) / 1e6;
    struct bc_report r;
    bc_report_begin(&r, "flood");
    bc_tally_json(&t, &r.j);
    real(&r.j, "seconds", seconds);
    real(&r.j, "messages_s", seconds > 0 ? (double)t.received / seconds : 0);
    real(&r.j, "mb_s", seconds > 0 ? (double)t.bytes / seconds / 1e6 : 0);
    real(&r.j, "client_cpu_share", seconds > 0 ? (double)cpu_us / 1e6 / seconds : 0);
    bc_report_end(&r);
    bc_tally_release(&t);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return 0;
}

/* A paces nothing and reads nothing while B, on another kernel, asks every 50 ms. */
int bc_mode_slow(const struct bc_config *cfg)
{
    struct bc_kernel slow_k;
    struct bc_kernel other_k;
    struct bc_link slow;
    struct bc_link other;
    struct bc_samples us = {0};
    struct bc_tally t;
    char id[BC_ID_SIZE];
    char content[512];
    bc_open_or_die(cfg, &slow_k, &slow);
    bc_open_or_die(cfg, &other_k, &other);
    bc_tally_init(&t, cfg->count);
    start_flood(&slow, cfg, id);
    uint64_t end_us = bc_now_us() + (uint64_t)(cfg->pause * 1e6);
    bc_execute(content, "pass", true);
    int rc = 1;
    while (bc_now_us() < end_us && rc == 1) {
        uint64_t t0 = bc_now_us();
        rc = bc_link_ask(&other, KG_CH_SHELL, "execute_request", content, QUIET_MS);
        if (rc == 1)
            bc_sample(&us, (double)(bc_now_us() - t0));
        usleep(50000);
    }
    rc = bc_tally_read(&t, &slow, id, QUIET_MS);

    struct bc_report r;
    bc_report_begin(&r, "slow");
    bc_tally_json(&t, &r.j);
    kg_json_kint(&r.j, "close_code", slow.close_code);
    kg_json_kbool(&r.j, "cut", rc < 0);
    bc_samples_json(&us, &r.j, "other_us");
    bc_report_end(&r);
    bc_samples_release(&us);
    bc_tally_release(&t);
    bc_link_close(&slow, true);
    bc_link_close(&other, false);
    bc_kernel_stop(cfg, &slow_k);
    bc_kernel_stop(cfg, &other_k);
    return 0;
}

/*
 * What has reached our side was not lost by the server: it is counted to the end of the closing handshake. Before an
 * RST all that is there is read, but a message may still come between the two.
 */
static void leave(struct bc_link *l, struct bc_tally *t, const char *id, bool abrupt)
{
    struct bc_msg m;
    if (!abrupt)
        bc_link_say_close(l);
    while (bc_link_receive(l, &m, abrupt ? 0 : 2000) == 1)
        bc_tally_take(t, &m, id);
    bc_link_close(l, abrupt);
}

int bc_mode_reconnect(const struct bc_config *cfg)
{
    struct bc_kernel k;
    struct bc_link l;
    struct bc_link other = {.fd = -1};
    struct bc_tally t;
    struct kg_err err = {0};
    char session[33];
    char id[BC_ID_SIZE];
    bc_open_or_die(cfg, &k, &l);
    if (cfg->other && bc_kernel_link(cfg, &k, NULL, &other, &err) < 0)
        fprintf(stderr, "bench-client: %s\n", err.text);
    memcpy(session, l.session, sizeof session);
    bc_tally_init(&t, cfg->count);
    start_flood(&l, cfg, id);
    int rc = 1;
    while (rc == 1 && t.received < cfg->count / 4) {
        struct bc_msg m;
        rc = bc_link_receive(&l, &m, QUIET_MS);
        if (rc == 1)
            bc_tally_take(&t, &m, id);
    }
    leave(&l, &t, id, cfg->abrupt);
    usleep((useconds_t)(cfg->pause * 1e6));
    uint64_t t0 = bc_now_us();
    rc = bc_link_open(&l, cfg, k.id, session, &err);
    uint64_t open_us = bc_now_us() - t0;
    if (rc == 0)
        bc_tally_read(&t, &l, id, RECONNECT_QUIET_MS);
    else
        fprintf(stderr, "bench-client: %s\n", err.text);

    struct bc_report r;
    bc_report_begin(&r, "reconnect");
    bc_tally_json(&t, &r.j);
    kg_json_kint(&r.j, "open_us", (int64_t)open_us);
    kg_json_kbool(&r.j, "other", cfg->other);
    bc_report_end(&r);
    bc_tally_release(&t);
    bc_link_close(&other, false);
    bc_link_close(&l, false);
    bc_kernel_stop(cfg, &k);
    return 0;
}
